// ADD_N, CUMSUM and TOPK_V2.
#include <fmt/core.h>

#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  Quantization x, y;
};

// Without zero points int8 is what tflite-micro gives: with one it begins its
// totals beside zero.
const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.05f, 0), PerTensor(0.13f, 4)},
    {"s8_zero", DType::kInt8, PerTensor(0.05f, -20), PerTensor(0.13f, 4)},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};

std::string LitertFails(const OpDef& op, DType dtype) {
  return dtype == DType::kInt8 ? fmt::format("its {} has no int8", op.name)
                               : "";
}

std::string TflmFails(const OpDef& op, const Numbers& numbers) {
  if (numbers.dtype == DType::kFloat32) return "";
  if (numbers.dtype != DType::kInt8)
    return fmt::format("its {} has no {}", op.name, Name(numbers.dtype));
  return numbers.x.zero_point[0] == 0
             ? ""
             : fmt::format("its {} of int8 begins beside zero", op.name);
}

// ---- ADD_N ----------------------------------------------------------------

bool AddsUp(const Numbers& numbers) { return numbers.dtype != DType::kInt64; }

Graph BuildAddN(const Numbers& numbers, int count, GraphBuilder* build,
                const std::function<TensorId(const std::string&)>& input) {
  std::vector<TensorId> inputs;
  for (int i = 0; i < count; ++i)
    inputs.push_back(input(fmt::format("x{}", i)));
  build->Add(kAddN, "y", inputs, numbers.y, numbers.dtype);
  return build->Finish();
}

// ---- CUMSUM ---------------------------------------------------------------

struct Way {
  const char* name;
  bool exclusive, reverse;
};
const Way kWays[] = {{"plain", false, false},
                     {"exclusive", true, false},
                     {"reverse", false, true},
                     {"both", true, true}};

Graph BuildCumsum(const Numbers& numbers, const Way& way, TensorId x,
                  int32_t axis, GraphBuilder* build) {
  const TensorId of = build->Values<int32_t>("axis", {}, {axis});
  Node& node = build->Add(kCumsum, "y", {x, of}, numbers.y, numbers.dtype);
  Put(CumsumAttrs{way.exclusive, way.reverse}, &node);
  return build->Finish();
}

// ---- TOPK_V2 --------------------------------------------------------------

const Numbers kTopKNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.05f, -20), PerTensor(0.05f, -20)},
    {"u8", DType::kUInt8, PerTensor(0.05f, 100), PerTensor(0.05f, 100)},
    {"s16", DType::kInt16, PerTensor(0.0005f), PerTensor(0.0005f)},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};

Graph BuildTopK(const Numbers& numbers, TensorId x, int32_t count,
                GraphBuilder* build) {
  const TensorId k = build->Values<int32_t>("k", {}, {count});
  const Node node =
      build->AddMany(kTopKV2, {"y", "where"}, {x, k}, numbers.y, numbers.dtype);
  build->tensor(node.outputs[1]).quant = {};
  build->tensor(node.outputs[1]).dtype = DType::kInt32;
  return build->Finish(node.outputs);
}

constexpr char kNoTopK[] = "it has no TOPK_V2";

}  // namespace

std::vector<Case> AddNCases() {
  std::vector<Case> cases;
  const auto add_floats = [&](const char* name,
                              const std::vector<int32_t>& shape) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("add_n_{}", name);
    c.build = [shape](Rng* rng) {
      GraphBuilder build(rng);
      return BuildAddN(kNumbers[0], 3, &build, [&](const std::string& input) {
        return build.Input(input, DType::kFloat32, shape);
      });
    };
    c.fill = GridFill(4);
    return c;
  };
  add_floats("gradient", {3, 5}).gradient = Gradient();
  add_floats("resnet_8", {32, 32, 16}).timed = true;
  for (const Numbers& numbers : kNumbers) {
    if (!AddsUp(numbers)) continue;
    for (const int count : {2, 5}) {
      Case& c = cases.emplace_back();
      c.name = fmt::format("add_n_{}_{}", numbers.name, count);
      c.build = [&numbers, count](Rng* rng) {
        GraphBuilder build(rng);
        return BuildAddN(numbers, count, &build, [&](const std::string& name) {
          return build.Input(name, numbers.dtype, {3, 5}, numbers.x);
        });
      };
      c.litert_fails = LitertFails(kAddN, numbers.dtype);
      c.tflm_fails = TflmFails(kAddN, numbers);
    }
  }
  return cases;
}

std::vector<Case> CumsumCases() {
  std::vector<Case> cases;
  const auto add_floats = [&](const Way& way,
                              const std::vector<int32_t>& shape) -> Case& {
    Case& c = cases.emplace_back();
    c.build = [&way, shape](Rng* rng) {
      GraphBuilder build(rng);
      const TensorId x = build.Input("x", DType::kFloat32, shape);
      return BuildCumsum(kNumbers[0], way, x, 2, &build);
    };
    c.fill = GridFill(4);
    return c;
  };
  for (const Way& way : kWays) {
    Case& c = add_floats(way, {4, 5, 3});
    c.name = fmt::format("cumsum_gradient_{}", way.name);
    c.gradient = Gradient();
  }
  Case& timed = add_floats(kWays[0], {32, 32, 16});
  timed.name = "cumsum_resnet_8";
  timed.timed = true;
  for (const Numbers& numbers : kNumbers) {
    for (const Way& way : kWays) {
      if (&numbers != kNumbers && &way != &kWays[3]) continue;
      Case& c = cases.emplace_back();
      c.name = fmt::format("cumsum_{}_{}", numbers.name, way.name);
      c.build = [&](Rng* rng) {
        GraphBuilder build(rng);
        const TensorId x =
            build.Input("x", numbers.dtype, {4, 5, 3}, numbers.x);
        return BuildCumsum(numbers, way, x, way.reverse ? 2 : -1, &build);
      };
      c.litert_fails = LitertFails(kCumsum, numbers.dtype);
      c.tflm_fails = TflmFails(kCumsum, numbers);
    }
  }
  return cases;
}

std::vector<Case> TopKV2Cases() {
  std::vector<Case> cases;
  const auto add_floats = [&](const char* name, const std::vector<int32_t>& x,
                              int32_t count) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("topk_v2_{}", name);
    c.build = [x, count](Rng* rng) {
      GraphBuilder build(rng);
      return BuildTopK(kTopKNumbers[0], build.Input("x", DType::kFloat32, x),
                       count, &build);
    };
    c.fill = DistinctFill();
    c.tflm_fails = kNoTopK;
    return c;
  };
  add_floats("gradient", {3, 9}, 4).gradient = Gradient{.step = 1.0f / 512};
  add_floats("classes", {1000}, 5).timed = true;
  for (const Numbers& numbers : kTopKNumbers) {
    for (const int32_t count : {1, 4, 9}) {
      if (&numbers != kTopKNumbers && count != 4) continue;
      Case& c = cases.emplace_back();
      c.name = fmt::format("topk_v2_{}_{}", numbers.name, count);
      c.build = [&numbers, count](Rng* rng) {
        GraphBuilder build(rng);
        const TensorId x = build.Input("x", numbers.dtype, {3, 9}, numbers.x);
        return BuildTopK(numbers, x, count, &build);
      };
      c.fill = GridFill(3);  // equal ones among them
      c.tflm_fails = kNoTopK;
    }
  }
  return cases;
}

std::vector<RandomKind> AddNRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    if (!AddsUp(numbers)) continue;
    kinds.push_back(
        {numbers.name,
         [&numbers](GraphBuilder* build) {
           Rng* rng = build->rng();
           const Shape shape = DrawShape(rng, Draw(rng, 0, 5), 5);
           return BuildAddN(
               numbers, Draw(rng, 2, 6), build, [&](const std::string& name) {
                 return build->Fixed(name, numbers.dtype, shape, numbers.x);
               });
         },
         LitertFails(kAddN, numbers.dtype), TflmFails(kAddN, numbers)});
  }
  return kinds;
}

std::vector<RandomKind> CumsumRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    kinds.push_back(
        {numbers.name,
         [&numbers](GraphBuilder* build) {
           Rng* rng = build->rng();
           const Shape shape = DrawShape(rng, Draw(rng, 1, 5), 5);
           const TensorId x =
               build->Fixed("x", numbers.dtype, shape, numbers.x);
           return BuildCumsum(numbers, kWays[rng->Below(4)], x,
                              Draw(rng, -shape.rank(), shape.rank() - 1),
                              build);
         },
         LitertFails(kCumsum, numbers.dtype), TflmFails(kCumsum, numbers)});
  }
  return kinds;
}

std::vector<RandomKind> TopKV2Random() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kTopKNumbers) {
    kinds.push_back({numbers.name,
                     [&numbers](GraphBuilder* build) {
                       Rng* rng = build->rng();
                       const Shape shape = DrawShape(rng, Draw(rng, 1, 4), 9);
                       const TensorId x =
                           build->Fixed("x", numbers.dtype, shape, numbers.x);
                       return BuildTopK(numbers, x,
                                        Draw(rng, 1, shape[shape.rank() - 1]),
                                        build);
                     },
                     "", kNoTopK});
  }
  return kinds;
}

}  // namespace litesmith
