// CLUSTER_LOOKUP: each weight becomes its nearest centroid (specs/tfmot.md 2).
// Both centroids and weights are trained: a centroid gets the sum (or mean) of
// its members' gradients, a weight its own, straight through; membership
// follows the drifting weights at every step.
//
// With a mask sparsity is preserved: masked weights and centroids that are
// exactly zero get no gradient, so neither ever moves. The original lets both
// drift and sets them back before every use, which gives the same results.
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/kernels/train/centroids.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

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

class ClusterLookupKernel final : public TrainKernel {
 public:
  explicit ClusterLookupKernel(const PrepareContext& c)
      : sizes_(SizesOf(c.graph, c.node)),
        average_(c.node.Get<&ClusterLookupAttrs::average_gradient>()) {
    saved_bytes = sizeof(uint16_t) * sizes_.slices * sizes_.weights;
    workspace_bytes = std::max(
        sizeof(uint16_t) * sizes_.weights,
        sizeof(double) * (kernels::kCentroidParts + 2) * sizes_.centroids);
  }

  void Run(const KernelArgs& a) const override {
    const auto [slices, n, k] = sizes_;
    for (size_t s = 0; s < slices; ++s) {
      // Only training keeps the indices.
      uint16_t* index = a.saved != nullptr
                            ? reinterpret_cast<uint16_t*>(a.saved) + s * n
                            : reinterpret_cast<uint16_t*>(a.workspace);
      kernels::NearestCentroids(a.in<float>(0) + s * n, n,
                                a.in<float>(1) + s * k, k, index,
                                a.out<float>() + s * n);
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
    double* counts = average_ ? sums + k : nullptr;
    double* work = sums + 2 * k;
    for (size_t s = 0; s < slices; ++s) {
      const uint16_t* index =
          reinterpret_cast<const uint16_t*>(a.saved) + s * n;
      kernels::CentroidSums(dy + s * n, index, n, k, work, sums, counts);
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

constexpr Operand kOperands[] = {
    {.name = "w"},
    {.name = "centroids"},
    {.name = "mask", .role = Role::kState, .optional = true}};

constexpr KernelRow kRows[] = {
    {"ClusterLookupF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<ClusterLookupKernel>},
    {"ClusterLookupF32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<ClusterLookupKernel>},
};

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
  std::vector<uint16_t> index(sizes.weights);
  for (size_t s = 0; s < sizes.slices; ++s) {
    float* values = w.data() + s * sizes.weights;
    kernels::NearestCentroids(
        values, sizes.weights,
        centroids.As<float>().data() + s * sizes.centroids, sizes.centroids,
        index.data(), values);
  }
}

constexpr TrainingFacts kTraining = {.update = Update, .fold = Fold};

}  // namespace

const OpDef kClusterLookup = {
    .name = "LITESMITH_CLUSTER_LOOKUP",
    .summary = "training: replaces each weight by its nearest trained centroid",
    .attrs = kAttrs<ClusterLookupAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .training = &kTraining,
};

}  // namespace litesmith
