// FAKE_QUANT: float values snapped to the grid that an integer file will have,
// with a straight-through gradient inside the range (Jacob et al. 2018;
// specs/tfmot.md 3, specs/tflite.md 5.4). On a weight it runs once a step with
// the range of the weights as they are (kLastValue); on an activation the range
// follows the batch through a statistics phase.
#include "src/kernels/train/fake_quant.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"
#include "src/ops/train/fake_quant_range.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using namespace fake_quant;  // NOLINT: positions of the attributes

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& min = graph->tensor(node.inputs[1]);
  const Tensor& max = graph->tensor(node.inputs[2]);
  if (x.dtype != DType::kFloat32 || min.dtype != DType::kFloat32 ||
      max.dtype != DType::kFloat32) {
    Fail(ErrorKind::kCorrupt,
         "fake quantization wants float32 values and ranges");
  }
  if (!(min.shape == max.shape) || !SlicesOf(x.shape, min.shape)) {
    Fail(ErrorKind::kCorrupt,
         "its ranges of shape {} and {} do not fit its input {}",
         min.shape.ToString(), max.shape.ToString(), x.shape.ToString());
  }
  if (node.input(3) != kNoTensor) {
    const Tensor& count = graph->tensor(node.inputs[3]);
    if (count.dtype != DType::kInt32 || !(count.shape == Shape{1})) {
      Fail(ErrorKind::kCorrupt, "its count is {} {}; int32 [1] is wanted",
           Name(count.dtype), count.shape.ToString());
    }
  }
  if (node.input(4) != kNoTensor) {
    const Tensor& parts = graph->tensor(node.inputs[4]);
    const int rank = x.shape.rank();
    if (parts.dtype != DType::kFloat32 || rank < 1 ||
        !(parts.shape == Shape{x.shape[rank - 1]})) {
      Fail(ErrorKind::kCorrupt, "its parts are {} {}; float32 [{}] is wanted",
           Name(parts.dtype), parts.shape.ToString(),
           rank < 1 ? 1 : x.shape[rank - 1]);
    }
  }
  if (node.Get<&FakeQuantAttrs::bits>() < 2 ||
      node.Get<&FakeQuantAttrs::bits>() > 16) {
    Fail(ErrorKind::kCorrupt, "it has {} bits; 2 to 16 are wanted",
         node.Get<&FakeQuantAttrs::bits>());
  }
  const auto rounding = node.Get<&FakeQuantAttrs::rounding>();
  if (rounding < kAsTrained || rounding > kFromIntegerZero ||
      (rounding != kAsTrained && min.shape.NumElements() != 1)) {
    Fail(ErrorKind::kCorrupt,
         "its rounding is {} with ranges of shape {}; 0, or with one range 0 "
         "to 2 is wanted",
         static_cast<int>(rounding), min.shape.ToString());
  }
  if (!(node.Get<&FakeQuantAttrs::rate>() > 0.0f &&
        node.Get<&FakeQuantAttrs::rate>() <= 1.0f)) {
    Fail(ErrorKind::kCorrupt,
         "its moving average has the rate {}; (0, 1] is "
         "wanted",
         node.Get<&FakeQuantAttrs::rate>());
  }
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = x.shape;
  y.dtype = DType::kFloat32;
}

class FakeQuantKernel : public TrainKernel {
 public:
  explicit FakeQuantKernel(const PrepareContext& c)
      : slices_(*SlicesOf(c.input(0).shape, c.input(1).shape)),
        quant_min_(c.node.Get<&FakeQuantAttrs::narrow_range>() ? 1 : 0),
        quant_max_((1 << c.node.Get<&FakeQuantAttrs::bits>()) - 1),
        range_(c.node.Get<&FakeQuantAttrs::range_update>(),
               c.node.Get<&FakeQuantAttrs::rate>()) {
    per_sample_ = static_cast<size_t>(ElementsPerSample(c));
    if (range_.Follows()) forward_partials = 2;
  }

  void Run(const KernelArgs& a) const override {
    const size_t n = Count(a.batch);
    if (slices_.count == 1) {
      kernels::FakeQuantF32(a.in<float>(0), n, *a.in<float>(1), *a.in<float>(2),
                            quant_min_, quant_max_, a.out<float>());
    } else {
      kernels::FakeQuantF32c(a.in<float>(0), slices_.outer, slices_.count,
                             slices_.inner, a.in<float>(1), a.in<float>(2),
                             quant_min_, quant_max_, a.out<float>());
    }
  }

  void Backward(const BackwardArgs& a) const override {
    const size_t n = Count(a.batch);
    const auto in = [&](size_t i) {
      return static_cast<const float*>(a.inputs[i]);
    };
    if (slices_.count == 1) {
      kernels::FakeQuantGradF32(in(0), a.output_grads[0], n, *in(1), *in(2),
                                quant_min_, quant_max_, a.input_grads[0]);
    } else {
      kernels::FakeQuantGradF32c(in(0), a.output_grads[0], slices_.outer,
                                 slices_.count, slices_.inner, in(1), in(2),
                                 quant_min_, quant_max_, a.input_grads[0]);
    }
  }

  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    float low;
    float high;
    kernels::MinMaxF32(a.in<float>(0), Count(a.batch), &low, &high);
    partial[0] = double{low};
    partial[1] = double{high};
  }

  void Combine(Phase, std::span<const double> partials, void* const* inputs,
               std::byte*) const override {
    range_.Combine(partials, static_cast<float*>(inputs[1]),
                   static_cast<float*>(inputs[2]),
                   static_cast<int32_t*>(inputs[3]));
  }

 protected:
  size_t Count(int batch) const {
    return per_sample_ * static_cast<size_t>(batch);
  }
  int quant_min() const { return quant_min_; }
  int quant_max() const { return quant_max_; }

 private:
  Slices slices_;  // with a range each; of the whole tensor, weights
  int quant_min_;
  int quant_max_;
  FakeQuantRange range_;
  size_t per_sample_ = 0;
};

// Outside training, of an activation.
class FakeQuantInference final : public FakeQuantKernel {
 public:
  explicit FakeQuantInference(const PrepareContext& c)
      : FakeQuantKernel(c),
        rounding_(c.node.Get<&FakeQuantAttrs::rounding>()),
        offset_(std::ldexp(1.0f, c.node.Get<&FakeQuantAttrs::bits>() - 1)),
        parts_(c.has_input(4)) {
    const Shape& shape = c.input(0).shape;
    if (shape.rank() > 0)
      channels_ = static_cast<size_t>(shape[shape.rank() - 1]);
  }

  void Run(const KernelArgs& a) const override {
    if (rounding_ == kAsTrained) return FakeQuantKernel::Run(a);
    const float min = *a.in<float>(1);
    const float max = *a.in<float>(2);
    kernels::IntegerRounding rounding;
    if (parts_) rounding.parts = a.in<float>(4);
    if (rounding_ == kFromIntegerZero) {
      // Zero's integer: it is the distance from the real zero to the integer's.
      const kernels::NudgedRange range =
          kernels::NudgeRange(min, max, quant_min(), quant_max());
      rounding.centre = static_cast<float>(quant_min()) -
                        std::round(range.min / range.scale) - offset_;
    }
    kernels::FakeQuantAsIntegersF32(a.in<float>(0), Count(a.batch) / channels_,
                                    channels_, min, max, quant_min(),
                                    quant_max(), rounding, a.out<float>());
  }

 private:
  Rounding rounding_;
  float offset_;  // of int8 from uint8
  bool parts_;
  size_t channels_ = 1;
};

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "min", .role = Role::kState},
    {.name = "max", .role = Role::kState},
    {.name = "count", .role = Role::kState, .optional = true},
    {.name = "parts", .role = Role::kState, .optional = true},
};

constexpr KernelRow kRows[] = {
    {"FakeQuantF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<FakeQuantKernel>},
    {"FakeQuantF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<FakeQuantInference>},
};

// The symmetric range of the weights as they are now (LastValueQuantizer).
void LastValueRange(const float* w, const Slices& slices, bool narrow,
                    int64_t bits, float* min, float* max) {
  const auto steps = static_cast<float>(int64_t{1} << bits);
  for (size_t c = 0; c < slices.count; ++c) {
    float low;
    float high;
    kernels::MinMaxF32(w + c * slices.inner, slices.inner, &low, &high);
    for (size_t o = 1; o < slices.outer; ++o) {
      float least;
      float most;
      kernels::MinMaxF32(w + (o * slices.count + c) * slices.inner,
                         slices.inner, &least, &most);
      low = std::min(low, least);
      high = std::max(high, most);
    }
    low = std::min(low, 0.0f);
    high = std::max(high, 0.0f);
    // One step more below zero unless the range is narrow; the ratio is that
    // of the two ends.
    const float ratio = narrow ? -1.0f : 2.0f / steps - 1.0f;
    min[c] = std::min(low, high / ratio);
    max[c] = std::max(high, low * ratio);
  }
}

void Update(const UpdateArgs& a) {
  if (a.node.Get<&FakeQuantAttrs::range_update>() != kLastValue) return;
  const auto shape = [&](size_t i) {
    return a.graph.tensor(a.node.inputs[i]).shape;
  };
  LastValueRange(
      static_cast<const float*>(a.inputs[0]), *SlicesOf(shape(0), shape(1)),
      a.node.Get<&FakeQuantAttrs::narrow_range>(),
      a.node.Get<&FakeQuantAttrs::bits>(), static_cast<float*>(a.inputs[1]),
      static_cast<float*>(a.inputs[2]));
}

// The integers that the node stands for. The stored range is moved so that zero
// lies on the grid, as in training.
Quantization QuantizationOf(std::span<const float> min,
                            std::span<const float> max, int low, int bits) {
  const int high = (1 << bits) - 1;
  const auto offset = int64_t{1} << (bits - 1);
  Quantization q;
  for (size_t c = 0; c < min.size(); ++c) {
    const kernels::NudgedRange range =
        kernels::NudgeRange(min[c], max[c], low, high);
    const bool empty = !(range.scale > 0.0f);
    q.scale.push_back(empty ? 0.0f : range.scale);
    const auto zero =
        empty
            ? offset
            : static_cast<int64_t>(std::lround(low - range.min / range.scale));
    q.zero_point.push_back(zero - offset);
  }
  // An empty range (a channel of zeros) still needs a positive scale; the
  // widest keeps its bias small.
  const float widest =
      std::max(*std::max_element(q.scale.begin(), q.scale.end()), 1e-6f);
  std::replace(q.scale.begin(), q.scale.end(), 0.0f, widest);
  return q;
}

// Weights take the grid's values; the tensor carries the grid's scale and zero
// point, in int8 terms, though it stays float.
void Fold(Graph* graph, const Node& node) {
  const auto attrs = Get<FakeQuantAttrs>(node);
  const Tensor min = graph->tensor(node.inputs[1]);
  const Tensor max = graph->tensor(node.inputs[2]);
  const int low = attrs.narrow_range ? 1 : 0;
  Tensor& x = graph->tensor(node.inputs[0]);
  const Slices slices = *SlicesOf(x.shape, min.shape);
  x.quant = QuantizationOf(min.As<float>(), max.As<float>(), low, attrs.bits);
  x.quant.axis = slices.axis;
  if (!x.has_data()) return;
  const int high = (1 << attrs.bits) - 1;
  const auto w = x.MutableAs<float>();
  const float* mins = min.As<float>().data();
  const float* maxs = max.As<float>().data();
  if (slices.count == 1) {
    kernels::FakeQuantF32(w.data(), w.size(), *mins, *maxs, low, high,
                          w.data());
  } else {
    kernels::FakeQuantF32c(w.data(), slices.outer, slices.count, slices.inner,
                           mins, maxs, low, high, w.data());
  }
}

constexpr TrainingFacts kTraining = {
    .simulates_integers = true, .update = Update, .fold = Fold};

}  // namespace

const OpDef kFakeQuant = {
    .name = "LITESMITH_FAKE_QUANT",
    .summary =
        "training: snaps values to an integer grid, straight-through gradient",
    .attrs = kAttrs<FakeQuantAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .training = &kTraining,
};

}  // namespace litesmith
