// CAST: every pair of types, with numbers beyond the other's range.
#include <fmt/core.h>

#include "src/ops/map/cast.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat16, DType::kFloat64,
                            DType::kBool,    DType::kInt8,    DType::kUInt8,
                            DType::kInt16,   DType::kInt32,   DType::kInt64};

Graph AddCast(DType from, DType to, TensorId x, GraphBuilder* build) {
  Put(CastAttrs{from, to}, &build->Add(kCast, "y", {x}, {}, to));
  return build->Finish();
}

// Small ones with parts, and some that no integer or no half holds.
void FillWide(Rng* rng, std::span<float> values) {
  for (float& v : values) {
    v = rng->Uniform(-9, 9);
    if (rng->Below(4) == 0) v *= 100;
    if (rng->Below(8) == 0) v *= 1e5f;
    if (rng->Below(16) == 0) v *= 1e9f;
  }
}

// What tflite-micro has.
bool IsSmall(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kBool ||
         dtype == DType::kInt8 || dtype == DType::kInt16 ||
         dtype == DType::kInt32;
}

}  // namespace

std::vector<Case> CastCases() {
  std::vector<Case> cases;
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      Case c;
      c.name = fmt::format("cast_{}_{}", Name(from), Name(to));
      c.build = [=](Rng* rng) {
        GraphBuilder build(rng);
        const TensorId x = build.Input("x", from, {5, 20});
        return AddCast(from, to, x, &build);
      };
      c.fill = FillWide;
      if (!IsSmall(from) || !IsSmall(to))
        c.tflm_fails = "its CAST has no such types";
      cases.push_back(std::move(c));
    }
  }
  const auto add_float = [&](const char* name, std::vector<int32_t> shape) {
    Case& c = cases.emplace_back();
    c.name = fmt::format("cast_{}", name);
    c.build = [shape](Rng* rng) {
      GraphBuilder build(rng);
      const TensorId x = build.Input("x", DType::kFloat32, shape);
      return AddCast(DType::kFloat32, DType::kFloat32, x, &build);
    };
    c.fill = GridFill(4);
    return &c;
  };
  add_float("gradient", {5, 20})->gradient = Gradient();
  add_float("resnet_8", {32, 32, 16})->timed = true;
  return cases;
}

// Kinds that tflite-micro has, and those that it does not have.
std::vector<RandomKind> CastRandom() {
  std::vector<RandomKind> kinds;
  for (const DType from : kTypes) {
    for (const bool small : {true, false}) {
      if (small && !IsSmall(from)) continue;
      const auto build = [=](GraphBuilder* build) {
        Rng* rng = build->rng();
        const TensorId x =
            build->Fixed("x", from, DrawShape(rng, Draw(rng, 1, 5)));
        DType to = DType::kFloat64;
        do {
          to = kTypes[rng->Below(std::size(kTypes))];
        } while (IsSmall(from) && IsSmall(to) != small);
        return AddCast(from, to, x, build);
      };
      kinds.push_back({fmt::format("{}{}", Name(from), small ? "" : "_wide"),
                       build, "", small ? "" : "its CAST has no such types"});
    }
  }
  return kinds;
}

}  // namespace litesmith
