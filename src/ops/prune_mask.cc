// PRUNE_MASK: w * mask, where the mask keeps the largest magnitudes (Zhu and
// Gupta 2017; specs/tfmot.md 1). The update recomputes the mask by a schedule
// and overwrites the weights; the gradient is not masked, so that a pruned
// weight may grow back, unless the mask is fixed to preserve sparsity.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "src/base/error.h"
#include "src/ops/attributes.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using namespace prune_mask;  // NOLINT: positions of the attributes

constexpr AttrDef kAttrs[] = {
    {"schedule", AttrType::kEnum, kFixedMask, -1},
    {"initial_sparsity", AttrType::kFloat, 0, -1},
    {"final_sparsity", AttrType::kFloat, 0.5, -1},
    {"begin_step", AttrType::kInt, 0, -1},
    {"end_step", AttrType::kInt, -1, -1},
    {"frequency", AttrType::kInt, 100, -1},
    {"power", AttrType::kFloat, 3, -1},
    {"block_height", AttrType::kInt, 1, -1},
    {"block_width", AttrType::kInt, 1, -1},
    {"block_pooling", AttrType::kEnum, kAverage, -1},
    {"mask_gradient", AttrType::kBool, 0, -1},
};

void Infer(Graph* graph, const Node& node) {
  const Tensor& w = graph->tensor(node.inputs[0]);
  const Tensor& mask = graph->tensor(node.inputs[1]);
  if (w.dtype != DType::kFloat32 || mask.dtype != DType::kFloat32 ||
      !(w.shape == mask.shape)) {
    Fail(ErrorKind::kCorrupt, "its mask {} {} does not fit its weights {} {}",
         Name(mask.dtype), mask.shape.ToString(), Name(w.dtype),
         w.shape.ToString());
  }
  const auto sparsity_ok = [](float s) { return s >= 0.0f && s < 1.0f; };
  if (!sparsity_ok(node.Float(kInitialSparsity)) ||
      !sparsity_ok(node.Float(kFinalSparsity))) {
    Fail(ErrorKind::kInvalidArgument,
         "sparsities of {} and {}; [0, 1) is wanted",
         node.Float(kInitialSparsity), node.Float(kFinalSparsity));
  }
  if (node.Int(kFrequency) < 1 || node.Int(kBlockHeight) < 1 ||
      node.Int(kBlockWidth) < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "a frequency of {} and blocks of {}x{}; 1 or more is wanted",
         node.Int(kFrequency), node.Int(kBlockHeight), node.Int(kBlockWidth));
  }
  if (node.Int(kSchedule) == kPolynomialDecay &&
      node.Int(kEndStep) <= node.Int(kBeginStep)) {
    Fail(ErrorKind::kInvalidArgument, "a polynomial decay from step {} to {}",
         node.Int(kBeginStep), node.Int(kEndStep));
  }
  const bool blocks = node.Int(kBlockHeight) > 1 || node.Int(kBlockWidth) > 1;
  if (blocks && w.shape.rank() != 2) {
    Fail(ErrorKind::kUnsupported,
         "block pruning of weights {}; only [out, in] is supported",
         w.shape.ToString());
  }
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = w.shape;
  y.dtype = DType::kFloat32;
}

class PruneMaskKernel : public Kernel {
 public:
  explicit PruneMaskKernel(const PrepareContext& c)
      : n_(static_cast<size_t>(c.input(0).shape.NumElements())),
        mask_gradient_(c.node.Bool(kMaskGradient)) {}

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

bool Matches(const PrepareContext&) { return true; }
KernelPtr Prepare(const PrepareContext& c) {
  return std::make_unique<PruneMaskKernel>(c);
}
constexpr KernelRow kKernels[] = {{"PruneMaskF32", true, Matches, Prepare}};

// The target at a step, or a negative number where the schedule does not ask
// for a new mask.
float SparsityAt(const Node& node, int64_t step) {
  const int64_t begin = node.Int(kBeginStep);
  const int64_t end = node.Int(kEndStep);
  if (node.Int(kSchedule) == kFixedMask) return -1.0f;
  if (node.Int(kSchedule) == kTwoOfFour) return step == 1 ? 0.5f : -1.0f;
  if (step < begin || (end >= 0 && step > end) ||
      (step - begin) % node.Int(kFrequency) != 0) {
    return -1.0f;
  }
  const float last = node.Float(kFinalSparsity);
  if (node.Int(kSchedule) == kConstant) return last;
  const double p = std::clamp(
      static_cast<double>(step - begin) / static_cast<double>(end - begin), 0.0,
      1.0);
  return static_cast<float>(last + (node.Float(kInitialSparsity) - last) *
                                       std::pow(1.0 - p, node.Float(kPower)));
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
  const auto before = [&](uint32_t a, uint32_t b) {
    return magnitude[a] != magnitude[b] ? magnitude[a] > magnitude[b] : a < b;
  };
  if (wanted < n) {
    std::nth_element(order.begin(),
                     order.begin() + static_cast<ptrdiff_t>(wanted),
                     order.end(), before);
  }
  keep->assign(n, 0);
  for (size_t i = 0; i < std::min(wanted, n); ++i) (*keep)[order[i]] = 1;
}

// Two of every four neighbours along the input channels, the larger; a short
// last group keeps its two largest.
void KeepTwoOfFour(const float* w, const Shape& shape, float* mask) {
  const int in = shape[shape.rank() - 1];
  const int64_t rows = shape.NumElements() / in;
  for (int64_t r = 0; r < rows; ++r, w += in, mask += in) {
    for (int g = 0; g < in; g += 4) {
      const int size = std::min(4, in - g);
      for (int i = 0; i < size; ++i) {
        int larger = 0;
        for (int j = 0; j < size; ++j) {
          const float a = std::fabs(w[g + i]);
          const float b = std::fabs(w[g + j]);
          larger += b > a || (b == a && j < i) ? 1 : 0;
        }
        mask[g + i] = larger < 2 ? 1.0f : 0.0f;
      }
    }
  }
}

void KeepBlocks(const Node& node, const float* w, const Shape& shape,
                float sparsity, float* mask) {
  // The user's block is [height, width] of Keras's kernel [in, out]; ours is
  // [out, in].
  const int bo = static_cast<int>(node.Int(kBlockWidth));
  const int bi = static_cast<int>(node.Int(kBlockHeight));
  const int out = shape[0];
  const int in = shape[1];
  const int rows = (in + bi - 1) / bi;
  const int cols = (out + bo - 1) / bo;
  std::vector<float> pooled(static_cast<size_t>(rows) *
                            static_cast<size_t>(cols));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) {
      float sum = 0.0f;
      float largest = 0.0f;
      int count = 0;
      for (int o = c * bo; o < std::min(out, (c + 1) * bo); ++o) {
        for (int i = r * bi; i < std::min(in, (r + 1) * bi); ++i, ++count) {
          const float v = std::fabs(w[static_cast<size_t>(o) * in + i]);
          sum += v;
          largest = std::max(largest, v);
        }
      }
      pooled[static_cast<size_t>(r) * cols + c] =
          node.Int(kBlockPooling) == kMax ? largest
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
  if (node.Int(kSchedule) == kTwoOfFour) {
    KeepTwoOfFour(w, shape, mask);
  } else if (node.Int(kBlockHeight) > 1 || node.Int(kBlockWidth) > 1) {
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

}  // namespace

const OpDef kPruneMask = {
    .name = "LITESMITH_PRUNE_MASK",
    .summary = "training: zeroes the smallest weights by a schedule",
    .attrs = kAttrs,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .kernels = kKernels,
    .differentiable = true,
    .update = Update,
    .fold = Fold,
};

}  // namespace litesmith
