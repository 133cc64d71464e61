// CLUSTER_LOOKUP: each weight becomes its nearest centroid (specs/tfmot.md 2).
// Both centroids and weights are trained: a centroid gets the sum (or mean) of
// its members' gradients, a weight its own, straight through; membership
// follows the drifting weights at every step.
//
// With a mask sparsity is preserved: masked weights and centroids that are
// exactly zero get no gradient, so neither ever moves. The original lets both
// drift and sets them back before every use, which gives the same results.
#include <algorithm>
#include <optional>
#include <vector>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/kernels/train/centroids.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// The weights' slices with centroids of their own: the whole, or one for each
// output channel. None if the centroids do not fit.
std::optional<Slices> SlicesWithCentroids(const Shape& weights,
                                          const Shape& centroids) {
  if (centroids.rank() < 1) return std::nullopt;
  if (centroids.rank() == 1) return SlicesAlong(weights, -1);
  return SlicesOf(
      weights,
      Shape(centroids.dims().first(static_cast<size_t>(centroids.rank()) - 1)));
}

struct Sizes {
  Slices slices;
  size_t centroids;  // of a slice
};

Sizes SizesOf(const Graph& graph, const Node& node) {
  const Shape& w = graph.tensor(node.inputs[0]).shape;
  const Shape& c = graph.tensor(node.inputs[1]).shape;
  return {*SlicesWithCentroids(w, c), static_cast<size_t>(c[c.rank() - 1])};
}

// A slice's elements one behind the other: where they are, if they lie so, else
// taken to `copy`.
const float* Gather(const float* elements, const Slices& slices, size_t c,
                    float* copy) {
  if (slices.outer == 1) return elements + c * slices.inner;
  for (size_t i = 0; i < slices.size(); ++i)
    copy[i] = elements[slices.At(c, i)];
  return copy;
}

// Each weight's nearest centroid and its index, slice by slice: index has a
// slice's one behind the other, and begins anew with each if `restart`. `copy`
// is for a slice whose elements are apart. y may be w.
void Look(const float* w, const float* centroids, const Sizes& sizes,
          float* copy, uint16_t* index, bool restart, float* y) {
  const Slices& slices = sizes.slices;
  const size_t n = slices.size();
  for (size_t c = 0; c < slices.count; ++c) {
    const float* own = Gather(w, slices, c, copy);
    float* to = slices.outer == 1 ? y + c * n : copy;
    kernels::NearestCentroids(own, n, centroids + c * sizes.centroids,
                              sizes.centroids, restart ? index : index + c * n,
                              to);
    if (slices.outer == 1) continue;
    for (size_t i = 0; i < n; ++i) y[slices.At(c, i)] = copy[i];
  }
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& w = graph->tensor(node.inputs[0]);
  const Tensor& c = graph->tensor(node.inputs[1]);
  const int rank = c.shape.rank();
  if (w.dtype != DType::kFloat32 || c.dtype != DType::kFloat32 ||
      !SlicesWithCentroids(w.shape, c.shape) || c.shape[rank - 1] < 1 ||
      c.shape[rank - 1] > 65536) {
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
    const size_t n = sizes_.slices.size();
    if (sizes_.slices.outer > 1)
      copy_bytes_ = (n * sizeof(float) + 63) / 64 * 64;
    saved_bytes = sizeof(uint16_t) * sizes_.slices.count * n;
    workspace_bytes =
        copy_bytes_ + std::max(sizeof(uint16_t) * n,
                               sizeof(double) * (kernels::kCentroidParts + 2) *
                                   sizes_.centroids);
  }

  void Run(const KernelArgs& a) const override {
    // Only training keeps the indices.
    const bool keep = a.saved != nullptr;
    Look(
        a.in<float>(0), a.in<float>(1), sizes_,
        reinterpret_cast<float*>(a.workspace),
        reinterpret_cast<uint16_t*>(keep ? a.saved : a.workspace + copy_bytes_),
        !keep, a.out<float>());
  }

  void Backward(const BackwardArgs& a) const override {
    const Slices& slices = sizes_.slices;
    const size_t n = slices.size();
    const size_t k = sizes_.centroids;
    const float* dy = a.output_grads[0];
    const auto* mask = static_cast<const float*>(a.inputs[2]);
    if (float* dw = a.input_grads[0]; dw != nullptr) {
      for (size_t i = 0; i < slices.count * n; ++i)
        dw[i] = mask == nullptr ? dy[i] : dy[i] * mask[i];
    }
    if (a.input_grads[1] == nullptr) return;
    const auto* centroids = static_cast<const float*>(a.inputs[1]);
    auto* copy = reinterpret_cast<float*>(a.workspace);
    auto* sums = reinterpret_cast<double*>(a.workspace + copy_bytes_);
    double* counts = average_ ? sums + k : nullptr;
    double* work = sums + 2 * k;
    for (size_t s = 0; s < slices.count; ++s) {
      const uint16_t* index =
          reinterpret_cast<const uint16_t*>(a.saved) + s * n;
      kernels::CentroidSums(Gather(dy, slices, s, copy), index, n, k, work,
                            sums, counts);
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
  size_t copy_bytes_ = 0;  // of a slice whose elements lie apart
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
  const auto n =
      static_cast<size_t>(a.graph.tensor(a.node.inputs[0]).shape.NumElements());
  auto* w = static_cast<float*>(a.inputs[0]);
  const auto* mask = static_cast<const float*>(a.inputs[2]);
  for (size_t i = 0; i < n; ++i) w[i] *= mask[i];
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
  std::vector<uint16_t> index(sizes.slices.size());
  std::vector<float> copy(sizes.slices.size());
  Look(w.data(), centroids.As<float>().data(), sizes, copy.data(), index.data(),
       true, w.data());
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
