// DROPOUT: in training zeroes each value with a probability and scales the
// others, so that their expectation stays (inverted dropout; Srivastava et al.
// 2014, as Keras has it), or disturbs values as Keras's other layers of noise
// do. Outside training the output is the input.
//
// What is dropped follows from the training's seed, the step, the place of the
// sample in the batch, the element, and which dropout of the graph it is, so
// that no thread or shard changes a bit.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/kernels/train/keep_some.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/copy.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using namespace dropout;  // NOLINT: positions of the attributes

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype != DType::kFloat32 || x.shape.rank() < 1) {
    Fail(ErrorKind::kCorrupt,
         "dropout takes a float32 batch; its input '{}' is {} {}", x.name,
         Name(x.dtype), x.shape.ToString());
  }
  const float rate = node.Get<&DropoutAttrs::rate>();
  const Noise kind = node.Get<&DropoutAttrs::noise>();
  if (kind < kZeros || kind > kNothing)
    Fail(ErrorKind::kCorrupt, "its noise is {}", static_cast<int>(kind));
  if (kind == kOffsets) {
    if (!(rate >= 0.0f && rate <= 1e30f)) {
      Fail(ErrorKind::kCorrupt, "its standard deviation is {}", rate);
    }
  } else if (!(rate >= 0.0f && rate < 1.0f)) {
    Fail(ErrorKind::kCorrupt, "its rate is {}; [0, 1) is wanted", rate);
  }
  const std::vector<int32_t>& noise = node.Get<&DropoutAttrs::noise_shape>();
  bool fits =
      noise.empty() ||
      (kind == kZeros && noise.size() == static_cast<size_t>(x.shape.rank()));
  for (size_t d = 1; fits && d < noise.size(); ++d) {
    fits = noise[d] == kWholeDimension || noise[d] == 1 ||
           noise[d] == x.shape[static_cast<int>(d)];
  }
  if (!fits) {
    Fail(ErrorKind::kCorrupt,
         "its noise_shape ({}) does not fit its input '{}' {}",
         fmt::join(noise, ", "), x.name, x.shape.ToString());
  }
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = x.shape;
  y.dtype = DType::kFloat32;
}

// Which dropout of the graph the node is, counted from 0.
uint64_t Ordinal(const PrepareContext& context) {
  uint64_t before = 0;
  for (const Node& node : context.graph.nodes) {
    if (&node == &context.node) break;
    before += node.op == &kDropout;
  }
  return before;
}

// A stream of random numbers for each row of a step.
uint64_t SaltOf(const PrepareContext& c) {
  const bool own = c.node.Get<&DropoutAttrs::has_seed>();
  return Rng(own ? static_cast<uint64_t>(c.node.Get<&DropoutAttrs::seed>()) : 0,
             2 * Ordinal(c) + (own ? 1 : 0))
      .Next();
}
Rng RngOf(const DrawKey& key, uint64_t salt, uint64_t row) {
  // A batch has at most 2^16 samples; a stream a step and a row.
  constexpr int kRowBits = 24;
  return Rng(key.seed ^ salt,
             (static_cast<uint64_t>(key.step) << kRowBits) + row);
}

class DropoutKernel final : public TrainKernel {
 public:
  explicit DropoutKernel(const PrepareContext& c)
      : scale_(1.0f / (1.0f - c.node.Get<&DropoutAttrs::rate>())),
        // Of 2^24 equally likely numbers, those below are dropped.
        dropped_(static_cast<uint64_t>(
            std::lround(double{c.node.Get<&DropoutAttrs::rate>()} * 0x1p24))) {
    const Shape& shape = c.input(0).shape;
    rows_ = static_cast<size_t>(PerSample(c, shape[0]));
    elements_ = noise_ = static_cast<size_t>(shape.NumElementsPerSample());
    SetNoise(shape, c.node.Get<&DropoutAttrs::noise_shape>());
    salt_ = SaltOf(c);
    saved_bytes = static_cast<size_t>(shape[0]) * noise_;
  }

  void Run(const KernelArgs& a) const override {
    const auto* x = a.in<float>(0);
    auto* y = a.out<float>();
    const size_t rows = static_cast<size_t>(a.batch) * rows_;
    auto* keep = reinterpret_cast<uint8_t*>(a.saved);
    const uint64_t first = static_cast<uint64_t>(a.draw.first_sample) * rows_;
    for (size_t r = 0; r < rows; r += kDrawn) {
      const size_t end = std::min(rows, r + kDrawn);
      Draw(a.draw, first + r, end - r, keep + r * noise_);
      for (size_t k = r; k < end; ++k)
        Apply(keep + k * noise_, x + k * elements_, y + k * elements_);
    }
  }

  void Backward(const BackwardArgs& a) const override {
    const auto* keep = reinterpret_cast<const uint8_t*>(a.saved);
    const size_t rows = static_cast<size_t>(a.batch) * rows_;
    for (size_t r = 0; r < rows; ++r) {
      Apply(keep + r * noise_, a.output_grads[0] + r * elements_,
            a.input_grads[0] + r * elements_);
    }
  }

 private:
  // Rows whose numbers are drawn at once, each from its own generator.
  static constexpr size_t kDrawn = 8;

  // The noise of a row, and which of it each element takes.
  void SetNoise(const Shape& shape, const std::vector<int32_t>& noise) {
    if (noise.empty()) return;
    same_for_all_ = noise[0] == 1;
    index_.assign(elements_, 0);
    size_t inner = 1;  // elements of the dimensions behind
    noise_ = 1;
    for (int d = shape.rank() - 1; d > 0; --d) {
      const auto size = static_cast<size_t>(shape[d]);
      if (noise[static_cast<size_t>(d)] != 1) {
        for (size_t i = 0; i < elements_; ++i)
          index_[i] += i / inner % size * noise_;
        noise_ *= size;
      }
      inner *= size;
    }
  }

  void Draw(const DrawKey& key, uint64_t first, size_t rows,
            uint8_t* keep) const {
    std::array<std::array<uint64_t, 4>, kDrawn> generators;
    for (size_t k = 0; k < rows; ++k) {
      generators[k] = RngOf(key, salt_, same_for_all_ ? 0 : first + k).state();
    }
    kernels::DrawKept(std::span(generators).first(rows), noise_, dropped_,
                      keep);
  }

  void Apply(const uint8_t* keep, const float* from, float* to) const {
    if (index_.empty()) {
      kernels::KeepSome(keep, from, elements_, scale_, to);
    } else {
      for (size_t i = 0; i < elements_; ++i)
        to[i] = keep[index_[i]] != 0 ? from[i] * scale_ : 0.0f;
    }
  }

  float scale_;
  uint64_t dropped_;
  uint64_t salt_ = 0;
  size_t rows_ = 1;      // of the first dimension, for a sample
  size_t elements_ = 0;  // of a row
  size_t noise_ = 0;     // drawn for a row
  bool same_for_all_ = false;
  std::vector<size_t> index_;  // by element; empty: the same
};

// The other kinds: y = x * factor + offset, each drawn for each value; the
// factors are kept for the gradient.
class NoiseKernel final : public TrainKernel {
 public:
  explicit NoiseKernel(const PrepareContext& c)
      : kind_(c.node.Get<&DropoutAttrs::noise>()),
        rate_(c.node.Get<&DropoutAttrs::rate>()),
        salt_(SaltOf(c)) {
    const Shape& shape = c.input(0).shape;
    rows_ = static_cast<size_t>(PerSample(c, shape[0]));
    elements_ = static_cast<size_t>(shape.NumElementsPerSample());
    saved_bytes = static_cast<size_t>(shape[0]) * elements_ * sizeof(float);
    // Klambauer et al. 2017, as Keras has it: the lowest value of SELU is
    // -scale * alpha; a * x + b keeps mean and variance.
    constexpr double kLow = -1.7580993408473766;
    const double keep = 1 - double{rate_};
    const double a = 1 / std::sqrt(keep * (1 + double{rate_} * kLow * kLow));
    const double b = -a * kLow * double{rate_};
    scale_ = static_cast<float>(a);
    offset_ = static_cast<float>(b);
    lowest_ = static_cast<float>(a * kLow + b);
    deviation_ = kind_ == kFactors
                     ? static_cast<float>(std::sqrt(double{rate_} / keep))
                     : rate_;
  }

  void Run(const KernelArgs& a) const override {
    const auto* x = a.in<float>(0);
    auto* y = a.out<float>();
    auto* factors = reinterpret_cast<float*>(a.saved);
    const size_t rows = static_cast<size_t>(a.batch) * rows_;
    const uint64_t first = static_cast<uint64_t>(a.draw.first_sample) * rows_;
    for (size_t r = 0; r < rows; ++r) {
      Rng rng = RngOf(a.draw, salt_, first + r);
      for (size_t i = r * elements_; i < (r + 1) * elements_; ++i) {
        float offset = 0;
        factors[i] = Draw(&rng, &offset);
        y[i] = x[i] * factors[i] + offset;
      }
    }
  }

  void Backward(const BackwardArgs& a) const override {
    const auto* factors = reinterpret_cast<const float*>(a.saved);
    const size_t n = static_cast<size_t>(a.batch) * rows_ * elements_;
    for (size_t i = 0; i < n; ++i)
      a.input_grads[0][i] = a.output_grads[0][i] * factors[i];
  }

 private:
  float Draw(Rng* rng, float* offset) const {
    switch (kind_) {
      case kFactors:
        return 1 + deviation_ * rng->Normal();
      case kOffsets:
        *offset = deviation_ * rng->Normal();
        return 1;
      case kLowest: {
        const bool keep = rng->Uniform() >= rate_;
        *offset = keep ? offset_ : lowest_;
        return keep ? scale_ : 0;
      }
      default:
        return 1;
    }
  }

  Noise kind_;
  float rate_;
  uint64_t salt_;
  size_t rows_ = 1;
  size_t elements_ = 0;  // of a row
  float scale_, offset_, lowest_, deviation_;
};

KernelPtr MakeDropout(const PrepareContext& context) {
  if (context.node.Get<&DropoutAttrs::noise>() == kZeros)
    return std::make_unique<DropoutKernel>(context);
  return std::make_unique<NoiseKernel>(context);
}

constexpr Operand kOperands[] = {{.name = "x"}};

constexpr KernelRow kRows[] = {
    {"DropoutF32Train", Purpose::kTrain, {DType::kFloat32}, MakeDropout},
    {"DropoutF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<CopyKernel>},
};

constexpr TrainingFacts kTraining = {.in_keras = true,
                                     .only_in_training = true};

}  // namespace

const OpDef kDropout = {
    .name = "LITESMITH_DROPOUT",
    .summary = "training: zeroes values at random, or adds other noise",
    .attrs = kAttrs<DropoutAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .training = &kTraining,
};

}  // namespace litesmith
