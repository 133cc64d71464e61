// Random kinds of ops whose cases are of other forms than their family's.
#include <algorithm>

#include "src/ops/map/softmax.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Type {
  const char* name;
  DType dtype;
  const char* tflm_fails;
};

constexpr Type kQuantized[] = {{"f32", DType::kFloat32, ""},
                               {"s8", DType::kInt8, ""},
                               {"s16", DType::kInt16, ""}};

Quantization Shares(DType dtype) {
  return dtype == DType::kInt8    ? PerTensor(1.0f / 256, -128)
         : dtype == DType::kInt16 ? PerTensor(1.0f / 32768)
                                  : Quantization();
}

Graph Softmax(DType dtype, GraphBuilder* build) {
  Rng* rng = build->rng();
  const TensorId x =
      build->Fixed("x", dtype, DrawShape(rng, Draw(rng, 1, 4), 12),
                   DrawQuant(rng, dtype, 0.01f, 0.2f));
  build->Add(kSoftmax, "y", {x}, Shares(dtype), dtype)
      .Set<&SoftmaxAttrs::beta>(Coin(rng) ? 1.0f : DrawScale(rng, 0.3f, 3.0f));
  return build->Finish();
}

// One scale for all, as int8 wants.
Graph Concatenation(DType dtype, GraphBuilder* build) {
  Rng* rng = build->rng();
  const Quantization quant = DrawQuant(rng, dtype);
  Shape shape = DrawShape(rng, Draw(rng, 1, 5));
  const int axis = Draw(rng, 0, shape.rank() - 1);
  std::vector<TensorId> values;
  for (int i = Draw(rng, 1, 4); i >= 0; --i) {
    shape[axis] = Draw(rng, 1, 5);
    values.push_back(
        build->Fixed("x" + std::to_string(i), dtype, shape, quant));
  }
  build->Add(kConcatenation, "y", values, quant, dtype)
      .Set<&ConcatenationAttrs::axis>(Coin(rng) ? axis : axis - shape.rank());
  return build->Finish();
}

// The dimensions backwards, one of them left open.
Graph Reshape(DType dtype, GraphBuilder* build) {
  Rng* rng = build->rng();
  const Quantization quant = DrawQuant(rng, dtype);
  const Shape shape = DrawShape(rng, Draw(rng, 1, 5));
  const TensorId x = build->Fixed("x", dtype, shape, quant);
  std::vector<int32_t> target(shape.dims().rbegin(), shape.dims().rend());
  if (Coin(rng)) target[target.size() - 1] = -1;
  const auto rank = static_cast<int32_t>(target.size());
  const TensorId to = build->Values<int32_t>("shape", {rank}, target);
  build->Add(kReshape, "y", {x, to}, quant, dtype);
  // Files say it.
  std::replace(target.begin(), target.end(), -1, shape[0]);
  build->tensor(build->last()).shape = Shape(target);
  return build->Finish();
}

Graph LogicalNot(DType, GraphBuilder* build) {
  Rng* rng = build->rng();
  const TensorId x =
      build->Fixed("x", DType::kBool, DrawShape(rng, Draw(rng, 0, 5)));
  build->Add(kLogicalNot, "y", {x}, {}, DType::kBool);
  return build->Finish();
}

std::vector<RandomKind> Kinds(std::span<const Type> types,
                              Graph (*build)(DType, GraphBuilder*)) {
  std::vector<RandomKind> kinds;
  for (const Type& type : types) {
    kinds.push_back({type.name,
                     [build, dtype = type.dtype](GraphBuilder* builder) {
                       return build(dtype, builder);
                     },
                     "", type.tflm_fails});
  }
  return kinds;
}

constexpr Type kBools[] = {{"bool", DType::kBool, ""}};

}  // namespace

std::vector<RandomKind> SoftmaxRandom() { return Kinds(kQuantized, Softmax); }
std::vector<RandomKind> ConcatenationRandom() {
  return Kinds(kQuantized, Concatenation);
}
std::vector<RandomKind> ReshapeRandom() { return Kinds(kQuantized, Reshape); }
std::vector<RandomKind> LogicalNotRandom() { return Kinds(kBools, LogicalNot); }

// What is known when a plan is made is drawn with the ops that read it.
std::vector<RandomKind> ShapeRandom() { return {}; }
std::vector<RandomKind> RankRandom() { return {}; }
std::vector<RandomKind> RangeRandom() { return {}; }
std::vector<RandomKind> BroadcastArgsRandom() { return {}; }

// No file holds these.
std::vector<RandomKind> FakeQuantRandom() { return {}; }
std::vector<RandomKind> PruneMaskRandom() { return {}; }
std::vector<RandomKind> ClusterLookupRandom() { return {}; }
std::vector<RandomKind> DropoutRandom() { return {}; }
std::vector<RandomKind> BatchNormRandom() { return {}; }

}  // namespace litesmith
