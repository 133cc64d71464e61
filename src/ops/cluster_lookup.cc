// CLUSTER_LOOKUP: each weight becomes its nearest centroid (specs/tfmot.md 2).
// Both centroids and weights are trained: a centroid gets the sum (or mean) of
// its members' gradients, a weight its own, straight through; membership
// follows the drifting weights at every step.
//
// With a mask sparsity is preserved: masked weights and centroids that are
// exactly zero get no gradient, so neither ever moves. The original lets both
// drift and sets them back before every use, which gives the same results.
#include <algorithm>
#include <cmath>
#include <vector>

#include "src/base/error.h"
#include "src/ops/attributes.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using namespace cluster_lookup;  // NOLINT: positions of the attributes

constexpr AttrDef kAttrs[] = {{"average_gradient", AttrType::kBool, 0, -1}};

// Slices of the weights with centroids of their own: the whole, or one an
// output channel.
struct Sizes {
  size_t slices;
  size_t weights;    // in a slice
  size_t centroids;  // of a slice
};

Sizes SizesOf(const Graph& graph, const Node& node) {
  const Shape& w = graph.tensor(node.inputs[0]).shape;
  const Shape& c = graph.tensor(node.inputs[1]).shape;
  const size_t slices = c.rank() == 2 ? static_cast<size_t>(c[0]) : 1;
  return {slices, static_cast<size_t>(w.NumElements()) / slices,
          static_cast<size_t>(c[c.rank() - 1])};
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& w = graph->tensor(node.inputs[0]);
  const Tensor& c = graph->tensor(node.inputs[1]);
  const int rank = c.shape.rank();
  if (w.dtype != DType::kFloat32 || c.dtype != DType::kFloat32 ||
      (rank != 1 && rank != 2) || c.shape[rank - 1] < 1 ||
      c.shape[rank - 1] > 65536 ||
      (rank == 2 &&
       (w.shape.rank() < 1 || c.shape[0] != w.shape[0] || c.shape[0] < 1))) {
    Fail(ErrorKind::kCorrupt, "its centroids {} do not fit its weights {}",
         c.shape.ToString(), w.shape.ToString());
  }
  if (node.input(2) != kNoTensor &&
      !(graph->tensor(node.inputs[2]).shape == w.shape)) {
    Fail(ErrorKind::kCorrupt, "its mask does not fit its weights {}",
         w.shape.ToString());
  }
  Tensor& y = graph->tensor(node.outputs[0]);
  y.shape = w.shape;
  y.dtype = DType::kFloat32;
}

// The nearest centroid of each weight of a slice; ties: the first. A plain
// loop over centroids outside keeps the inner one in vectors.
void Associate(const float* w, size_t n, const float* centroids, size_t k,
               float* best, uint16_t* index) {
  for (size_t i = 0; i < n; ++i) {
    best[i] = std::fabs(w[i] - centroids[0]);
    index[i] = 0;
  }
  for (size_t c = 1; c < k; ++c) {
    const float centroid = centroids[c];
    for (size_t i = 0; i < n; ++i) {
      const float distance = std::fabs(w[i] - centroid);
      const bool nearer = distance < best[i];
      best[i] = nearer ? distance : best[i];
      index[i] = nearer ? static_cast<uint16_t>(c) : index[i];
    }
  }
}

class ClusterLookupKernel : public Kernel {
 public:
  explicit ClusterLookupKernel(const PrepareContext& c)
      : sizes_(SizesOf(c.graph, c.node)),
        average_(c.node.Bool(kAverageGradient)) {
    saved_bytes = sizeof(uint16_t) * sizes_.slices * sizes_.weights;
    workspace_bytes = sizeof(float) * sizes_.weights +
                      sizeof(uint16_t) * sizes_.weights +
                      sizeof(double) * 2 * sizes_.centroids;
  }

  void Run(const KernelArgs& a) const override {
    const auto [slices, n, k] = sizes_;
    auto* best = reinterpret_cast<float*>(a.workspace);
    auto* scratch = reinterpret_cast<uint16_t*>(best + n);
    for (size_t s = 0; s < slices; ++s) {
      // Only training keeps the indices.
      uint16_t* index = a.saved != nullptr
                            ? reinterpret_cast<uint16_t*>(a.saved) + s * n
                            : scratch;
      const float* centroids = a.in<float>(1) + s * k;
      Associate(a.in<float>(0) + s * n, n, centroids, k, best, index);
      float* y = a.out<float>() + s * n;
      for (size_t i = 0; i < n; ++i) y[i] = centroids[index[i]];
    }
  }

  void Backward(const BackwardArgs& a) const override {
    const auto [slices, n, k] = sizes_;
    const float* dy = a.output_grads[0];
    const auto* mask = static_cast<const float*>(a.inputs[2]);
    if (float* dw = a.input_grads[0]; dw != nullptr) {
      for (size_t i = 0; i < slices * n; ++i)
        dw[i] = mask == nullptr ? dy[i] : dy[i] * mask[i];
    }
    if (a.input_grads[1] == nullptr) return;
    const auto* centroids = static_cast<const float*>(a.inputs[1]);
    auto* sums = reinterpret_cast<double*>(a.workspace);
    double* counts = sums + k;
    for (size_t s = 0; s < slices; ++s) {
      const uint16_t* index =
          reinterpret_cast<const uint16_t*>(a.saved) + s * n;
      std::fill_n(sums, 2 * k, 0.0);
      for (size_t i = 0; i < n; ++i) {
        sums[index[i]] += dy[s * n + i];
        counts[index[i]] += 1.0;
      }
      for (size_t c = 0; c < k; ++c) {
        const double divisor = average_ ? std::max(counts[c], 1.0) : 1.0;
        const bool held = mask != nullptr && centroids[s * k + c] == 0.0f;
        a.input_grads[1][s * k + c] =
            held ? 0.0f : static_cast<float>(sums[c] / divisor);
      }
    }
  }

 private:
  Sizes sizes_;
  bool average_;
};

bool Matches(const PrepareContext&) { return true; }
KernelPtr Prepare(const PrepareContext& c) {
  return std::make_unique<ClusterLookupKernel>(c);
}
constexpr KernelRow kKernels[] = {{"ClusterLookupF32", true, Matches, Prepare}};

void Update(const UpdateArgs& a) {
  if (a.node.input(2) == kNoTensor) return;
  const Sizes sizes = SizesOf(a.graph, a.node);
  auto* w = static_cast<float*>(a.inputs[0]);
  const auto* mask = static_cast<const float*>(a.inputs[2]);
  for (size_t i = 0; i < sizes.slices * sizes.weights; ++i) w[i] *= mask[i];
}

// Weights become their centroids for good, after one more association.
void Fold(Graph* graph, const Node& node) {
  const Sizes sizes = SizesOf(*graph, node);
  const Tensor centroids = graph->tensor(node.inputs[1]);
  const auto w = graph->tensor(node.inputs[0]).MutableAs<float>();
  if (node.input(2) != kNoTensor) {
    const auto mask = graph->tensor(node.inputs[2]).As<float>();
    for (size_t i = 0; i < w.size(); ++i) w[i] *= mask[i];
  }
  std::vector<float> best(sizes.weights);
  std::vector<uint16_t> index(sizes.weights);
  for (size_t s = 0; s < sizes.slices; ++s) {
    const float* slice = centroids.As<float>().data() + s * sizes.centroids;
    float* values = w.data() + s * sizes.weights;
    Associate(values, sizes.weights, slice, sizes.centroids, best.data(),
              index.data());
    for (size_t i = 0; i < sizes.weights; ++i) values[i] = slice[index[i]];
  }
}

}  // namespace

const OpDef kClusterLookup = {
    .name = "LITESMITH_CLUSTER_LOOKUP",
    .summary = "training: replaces each weight by its nearest trained centroid",
    .attrs = kAttrs,
    .min_inputs = 2,
    .max_inputs = 3,
    .infer = Infer,
    .kernels = kKernels,
    .differentiable = true,
    .update = Update,
    .fold = Fold,
};

}  // namespace litesmith
