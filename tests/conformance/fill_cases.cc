// FILL, RANGE, RANK and BROADCAST_ARGS, as they are written: what they give
// becomes an operand of another op, or is added to an input.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct FillRow {
  const char* name;
  std::vector<int32_t> dims;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<FillRow> kFillRows = {
    {"matrix", {3, 4}},
    {"one", {1}},
    {"timed", {32, 32, 16}},
};

Graph BuildFill(const FillRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId value = build.Fixed("value", type.dtype, Shape(), type.quant);
  build.Add(kFill, "y", {Indices("dims", row.dims, &build), value}, type.quant,
            type.dtype);
  return build.Finish();
}

// A progression added to an input as long as it.
template <typename T>
Graph BuildRange(T start, T limit, T delta, int count, Rng* rng) {
  GraphBuilder build(rng);
  const DType dtype = DTypeOf<T>::value;
  const TensorId x = build.Fixed("x", dtype, {count});
  build.Add(kRange, "range",
            {build.Values<T>("start", Shape(), {start}),
             build.Values<T>("limit", Shape(), {limit}),
             build.Values<T>("delta", Shape(), {delta})},
            {}, dtype);
  build.Add(kAdd, "y", {x, build.last()}, {}, dtype);
  return build.Finish();
}

Graph BuildRank(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Fixed("x", DType::kFloat32, {2, 3, 4});
  const TensorId to = build.Fixed("to", DType::kInt32, {3});
  build.Add(kRank, "rank", {x}, {}, DType::kInt32);
  build.Add(kAdd, "y", {to, build.last()}, {}, DType::kInt32);
  return build.Finish();
}

template <typename T>
Graph BuildBroadcastArgs(const std::vector<T>& a, const std::vector<T>& b,
                         const Shape& y, Rng* rng) {
  GraphBuilder build(rng);
  const auto shape = [&](const char* name, const std::vector<T>& values) {
    return build.Values<T>(name, {static_cast<int32_t>(values.size())}, values);
  };
  const TensorId x = build.Fixed("x", DType::kFloat32, {3, 1});
  build.Add(kBroadcastArgs, "shape", {shape("a", a), shape("b", b)}, {},
            DTypeOf<T>::value);
  build.Add(kBroadcastTo, "y", {x, build.last()});
  build.tensor(build.last()).shape = y;  // files say it
  return build.Finish();
}

Case Named(const char* name, std::function<Graph(Rng*)> build) {
  Case c;
  c.name = name;
  c.build = std::move(build);
  return c;
}

const MoveRuntimes kFillRuntimes = {kAllMoveTypes, {"f32", "s8", "i32"}};

Graph DrawFill(GraphBuilder* build, const MoveType& type) {
  const Shape y = DrawShape(build->rng(), Draw(build->rng(), 1, 5));
  const TensorId value = build->Fixed("value", type.dtype, Shape(), type.quant);
  build->Add(kFill, "y", {Indices("dims", y.ToVector(), build), value},
             type.quant, type.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> FillCases() {
  return MoveCases("fill", kFillRows, BuildFill, kFillRuntimes);
}

std::vector<Case> RangeCases() {
  std::vector<Case> cases = {
      Named("range_s32",
            [](Rng* rng) { return BuildRange<int32_t>(3, 17, 4, 4, rng); }),
      Named("range_s32_down",
            [](Rng* rng) { return BuildRange<int32_t>(5, -5, -5, 2, rng); }),
      Named("range_s64",
            [](Rng* rng) { return BuildRange<int64_t>(-7, 6, 3, 5, rng); }),
      Named("range_f32",
            [](Rng* rng) { return BuildRange<float>(0.5f, 2, 0.3f, 5, rng); }),
  };
  for (Case& c : cases) c.tflm_fails = "it has no RANGE";
  cases[2].litert_fails = "its reference kernels stop at version 1";
  return cases;
}

std::vector<Case> RankCases() {
  Case c = Named("rank", BuildRank);
  c.tflm_fails = "it has no RANK";
  return {c};
}

std::vector<Case> BroadcastArgsCases() {
  std::vector<Case> cases = {
      Named("broadcast_args_s32",
            [](Rng* rng) {
              return BuildBroadcastArgs<int32_t>({3, 1}, {2, 1, 5}, {2, 3, 5},
                                                 rng);
            }),
      Named(
          "broadcast_args_s64",
          [](Rng* rng) {
            return BuildBroadcastArgs<int64_t>({4, 3, 2}, {2}, {4, 3, 2}, rng);
          }),
  };
  for (Case& c : cases)
    c.tflm_fails = "its BROADCAST_TO wants a constant shape";
  return cases;
}

std::vector<RandomKind> FillRandom() {
  return MoveRandom(DrawFill, kFillRuntimes);
}

}  // namespace litesmith
