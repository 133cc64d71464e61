// PRUNE_MASK: w * mask, where the mask keeps the largest magnitudes (Zhu and
// Gupta 2017; specs/tfmot.md 1). The update recomputes the mask by a schedule
// and overwrites the weights; the gradient is not masked, so that a pruned
// weight may grow back, unless the mask is fixed to preserve sparsity.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "src/base/error.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using namespace prune_mask;  // NOLINT: positions of the attributes

void Infer(Graph* graph, const Node& node) {
  const Tensor& w = graph->tensor(node.inputs[0]);
  const Tensor& mask = graph->tensor(node.inputs[1]);
  if (w.dtype != DType::kFloat32 || mask.dtype != DType::kFloat32 ||
      !(w.shape == mask.shape)) {
    Fail(ErrorKind::kCorrupt, "its mask {} {} does not fit its weights {} {}",
         Name(mask.dtype), mask.shape.ToString(), Name(w.dtype),
         w.shape.ToString());
  }
  if (node.Get<&PruneMaskAttrs::schedule>() < kFixedMask ||
      node.Get<&PruneMaskAttrs::schedule>() > kZerosInGroups) {
    Fail(ErrorKind::kInvalidArgument, "the schedule {} is none of 0 to {}",
         node.Get<&PruneMaskAttrs::schedule>(),
         static_cast<int>(kZerosInGroups));
  }
  const auto sparsity_ok = [](float s) { return s >= 0.0f && s < 1.0f; };
  if (!sparsity_ok(node.Get<&PruneMaskAttrs::initial_sparsity>()) ||
      !sparsity_ok(node.Get<&PruneMaskAttrs::final_sparsity>())) {
    Fail(ErrorKind::kInvalidArgument,
         "sparsities of {} and {}; [0, 1) is wanted",
         node.Get<&PruneMaskAttrs::initial_sparsity>(),
         node.Get<&PruneMaskAttrs::final_sparsity>());
  }
  if (node.Get<&PruneMaskAttrs::frequency>() < 1 ||
      node.Get<&PruneMaskAttrs::block_height>() < 1 ||
      node.Get<&PruneMaskAttrs::block_width>() < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "a frequency of {} and blocks of {}x{}; 1 or more is wanted",
         node.Get<&PruneMaskAttrs::frequency>(),
         node.Get<&PruneMaskAttrs::block_height>(),
         node.Get<&PruneMaskAttrs::block_width>());
  }
  if (node.Get<&PruneMaskAttrs::schedule>() == kPolynomialDecay &&
      node.Get<&PruneMaskAttrs::end_step>() <=
          node.Get<&PruneMaskAttrs::begin_step>()) {
    Fail(ErrorKind::kInvalidArgument, "a polynomial decay from step {} to {}",
         node.Get<&PruneMaskAttrs::begin_step>(),
         node.Get<&PruneMaskAttrs::end_step>());
  }
  const bool blocks = node.Get<&PruneMaskAttrs::block_height>() > 1 ||
                      node.Get<&PruneMaskAttrs::block_width>() > 1;
  if (blocks && w.shape.rank() != 2) {
    Fail(ErrorKind::kUnsupported,
         "block pruning of weights {}; only [out, in] is supported",
         w.shape.ToString());
  }
  if (node.Get<&PruneMaskAttrs::schedule>() == kZerosInGroups) {
    if (node.Get<&PruneMaskAttrs::group_zeros>() < 1 ||
        node.Get<&PruneMaskAttrs::group_zeros>() >=
            node.Get<&PruneMaskAttrs::group_size>()) {
      Fail(ErrorKind::kInvalidArgument,
           "{} zeros in every {}; at least one, and fewer than the group has, "
           "are wanted",
           node.Get<&PruneMaskAttrs::group_zeros>(),
           node.Get<&PruneMaskAttrs::group_size>());
    }
    if (w.shape.rank() != 2 && w.shape.rank() != 4) {
      Fail(ErrorKind::kUnsupported,
           "{}:{} pruning of weights {}; only [out, in] and [out, height, "
           "width, in] are supported",
           node.Get<&PruneMaskAttrs::group_zeros>(),
           node.Get<&PruneMaskAttrs::group_size>(), w.shape.ToString());
    }
  }
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = w.shape;
  y.dtype = DType::kFloat32;
}

class PruneMaskKernel final : public TrainKernel {
 public:
  explicit PruneMaskKernel(const PrepareContext& c)
      : n_(static_cast<size_t>(c.input(0).shape.NumElements())),
        mask_gradient_(c.node.Get<&PruneMaskAttrs::mask_gradient>()) {}

  void Run(const KernelArgs& a) const override {
    for (size_t i = 0; i < n_; ++i)
      a.out<float>()[i] = a.in<float>(0)[i] * a.in<float>(1)[i];
  }

  void Backward(const BackwardArgs& a) const override {
    const auto* mask = static_cast<const float*>(a.inputs[1]);
    for (size_t i = 0; i < n_; ++i) {
      a.input_grads[0][i] = mask_gradient_ ? a.output_grads[0][i] * mask[i]
                                           : a.output_grads[0][i];
    }
  }

 private:
  size_t n_;
  bool mask_gradient_;
};

constexpr Operand kOperands[] = {{.name = "w"},
                                 {.name = "mask", .role = Role::kState}};

constexpr KernelRow kRows[] = {
    {"PruneMaskF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<PruneMaskKernel>},
    {"PruneMaskF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<PruneMaskKernel>},
};

// The target at a step, or a negative number where the schedule does not ask
// for a new mask.
float SparsityAt(const Node& node, int64_t step) {
  const int64_t begin = node.Get<&PruneMaskAttrs::begin_step>();
  const int64_t end = node.Get<&PruneMaskAttrs::end_step>();
  if (node.Get<&PruneMaskAttrs::schedule>() == kFixedMask) return -1.0f;
  if (node.Get<&PruneMaskAttrs::schedule>() == kZerosInGroups) {
    return step == 1
               ? static_cast<float>(node.Get<&PruneMaskAttrs::group_zeros>()) /
                     static_cast<float>(node.Get<&PruneMaskAttrs::group_size>())
               : -1.0f;
  }
  if (step < begin || (end >= 0 && step > end) ||
      (step - begin) % node.Get<&PruneMaskAttrs::frequency>() != 0) {
    return -1.0f;
  }
  const float last = node.Get<&PruneMaskAttrs::final_sparsity>();
  if (node.Get<&PruneMaskAttrs::schedule>() == kConstant) return last;
  const double p = std::clamp(
      static_cast<double>(step - begin) / static_cast<double>(end - begin), 0.0,
      1.0);
  return static_cast<float>(
      last + (node.Get<&PruneMaskAttrs::initial_sparsity>() - last) *
                 std::pow(1.0 - p, node.Get<&PruneMaskAttrs::power>()));
}

// Marks exactly max(round(n * (1 - sparsity)), 1) of the largest, ties by
// index; round half to even.
void KeepLargest(const std::vector<float>& magnitude, float sparsity,
                 std::vector<char>* keep) {
  const size_t n = magnitude.size();
  const auto wanted = static_cast<size_t>(std::max(
      std::nearbyint(static_cast<float>(n) * (1.0f - sparsity)), 1.0f));
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  // By bits, which order floats that are not negative, and NaN after them: a
  // training that diverged must reach the trainer's check of the loss.
  const auto before = [&](uint32_t a, uint32_t b) {
    const auto x = std::bit_cast<uint32_t>(magnitude[a]);
    const auto y = std::bit_cast<uint32_t>(magnitude[b]);
    return x != y ? x > y : a < b;
  };
  if (wanted < n) {
    std::nth_element(order.begin(),
                     order.begin() + static_cast<ptrdiff_t>(wanted),
                     order.end(), before);
  }
  keep->assign(n, 0);
  for (size_t i = 0; i < std::min(wanted, n); ++i) (*keep)[order[i]] = 1;
}

// The larger weights of every group of neighbours along the input channels,
// ties by index. A short last group keeps as many as a whole one, if it has
// them: the weights that would fill it up count as its zeros.
void KeepInGroups(const Node& node, const float* w, const Shape& shape,
                  float* mask) {
  const auto group = static_cast<int>(node.Get<&PruneMaskAttrs::group_size>());
  const int kept =
      group - static_cast<int>(node.Get<&PruneMaskAttrs::group_zeros>());
  const int in = shape[shape.rank() - 1];
  const int64_t rows = shape.NumElements() / in;
  for (int64_t r = 0; r < rows; ++r, w += in, mask += in) {
    for (int begin = 0; begin < in; begin += group) {
      const int end = std::min(begin + group, in);
      for (int i = begin; i < end; ++i) {
        int before = 0;
        for (int j = begin; j < end; ++j) {
          const float a = std::fabs(w[i]);
          const float b = std::fabs(w[j]);
          before += b > a || (b == a && j < i) ? 1 : 0;
        }
        mask[i] = before < kept ? 1.0f : 0.0f;
      }
    }
  }
}

void KeepBlocks(const Node& node, const float* w, const Shape& shape,
                float sparsity, float* mask) {
  // The user's block is [height, width] of Keras's kernel [in, out]; ours is
  // [out, in].
  const int bo = static_cast<int>(node.Get<&PruneMaskAttrs::block_width>());
  const int bi = static_cast<int>(node.Get<&PruneMaskAttrs::block_height>());
  const int out = shape[0];
  const int in = shape[1];
  const int rows = (in + bi - 1) / bi;
  const int cols = (out + bo - 1) / bo;
  // The original pools with SAME padding, which is half before and half behind
  // the weights where blocks do not fill them, but lays the kept blocks out
  // from the first weight on. Then a block is judged by weights of which some
  // are its neighbours'; masks are to be the same, so this is copied.
  const int before_in = (rows * bi - in) / 2;
  const int before_out = (cols * bo - out) / 2;
  std::vector<float> pooled(static_cast<size_t>(rows) *
                            static_cast<size_t>(cols));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) {
      float sum = 0.0f;
      float largest = 0.0f;
      int count = 0;
      const int o0 = c * bo - before_out;
      const int i0 = r * bi - before_in;
      for (int o = std::max(o0, 0); o < std::min(out, o0 + bo); ++o) {
        for (int i = std::max(i0, 0); i < std::min(in, i0 + bi); ++i, ++count) {
          const float v = std::fabs(w[static_cast<size_t>(o) * in + i]);
          sum += v;
          largest = std::max(largest, v);
        }
      }
      pooled[static_cast<size_t>(r) * cols + c] =
          node.Get<&PruneMaskAttrs::block_pooling>() == kMax
              ? largest
              : sum / static_cast<float>(count);
    }
  }
  std::vector<char> keep;
  KeepLargest(pooled, sparsity, &keep);
  for (int o = 0; o < out; ++o) {
    for (int i = 0; i < in; ++i) {
      mask[static_cast<size_t>(o) * in + i] =
          keep[static_cast<size_t>(i / bi) * cols + o / bo] ? 1.0f : 0.0f;
    }
  }
}

void Remask(const Node& node, const Shape& shape, const float* w,
            float sparsity, float* mask) {
  const auto n = static_cast<size_t>(shape.NumElements());
  if (node.Get<&PruneMaskAttrs::schedule>() == kZerosInGroups) {
    KeepInGroups(node, w, shape, mask);
  } else if (node.Get<&PruneMaskAttrs::block_height>() > 1 ||
             node.Get<&PruneMaskAttrs::block_width>() > 1) {
    KeepBlocks(node, w, shape, sparsity, mask);
  } else {
    std::vector<float> magnitude(n);
    for (size_t i = 0; i < n; ++i) magnitude[i] = std::fabs(w[i]);
    std::vector<char> keep;
    KeepLargest(magnitude, sparsity, &keep);
    for (size_t i = 0; i < n; ++i) mask[i] = keep[i] ? 1.0f : 0.0f;
  }
}

void Update(const UpdateArgs& a) {
  auto* w = static_cast<float*>(a.inputs[0]);
  auto* mask = static_cast<float*>(a.inputs[1]);
  const Shape& shape = a.graph.tensor(a.node.inputs[0]).shape;
  const float sparsity = SparsityAt(a.node, a.step);
  if (sparsity >= 0.0f) Remask(a.node, shape, w, sparsity, mask);
  const auto n = static_cast<size_t>(shape.NumElements());
  for (size_t i = 0; i < n; ++i) w[i] *= mask[i];
}

// The final mask, applied: exactly as many weights stay as the mask keeps.
void Fold(Graph* graph, const Node& node) {
  const std::vector<float> mask(
      graph->tensor(node.inputs[1]).As<float>().begin(),
      graph->tensor(node.inputs[1]).As<float>().end());
  const auto w = graph->tensor(node.inputs[0]).MutableAs<float>();
  // A removed weight is +0, never -0: its bytes compress and compare.
  for (size_t i = 0; i < w.size(); ++i) w[i] = mask[i] == 0.0f ? 0.0f : w[i];
}

constexpr TrainingFacts kTraining = {.update = Update, .fold = Fold};

}  // namespace

const OpDef kPruneMask = {
    .name = "LITESMITH_PRUNE_MASK",
    .summary = "training: zeroes the smallest weights by a schedule",
    .attrs = kAttrs<PruneMaskAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .training = &kTraining,
};

}  // namespace litesmith
