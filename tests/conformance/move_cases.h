// What the cases of ops that only move values share: every row in float32 and
// int8, the first row in each other type, and gradients.
#ifndef LITESMITH_TESTS_CONFORMANCE_MOVE_CASES_H_
#define LITESMITH_TESTS_CONFORMANCE_MOVE_CASES_H_

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {

struct MoveType {
  const char* name;
  DType dtype;
  Quantization quant;
};
inline const MoveType kMoveTypes[] = {
    {"f32", DType::kFloat32, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125)},
    {"s16", DType::kInt16, PerTensor(0.0007f)},
    {"i32", DType::kInt32, {}},
    {"i64", DType::kInt64, {}},
    {"bool", DType::kBool, {}},
};

// The types that kernels have, by name.
using MoveTypeNames = std::vector<std::string_view>;
inline const MoveTypeNames kAllMoveTypes = {"f32", "s8",  "u8",  "s16",
                                            "i32", "i64", "bool"};
struct MoveRuntimes {
  MoveTypeNames litert;
  MoveTypeNames tflm;
};
inline bool HasType(const MoveTypeNames& names, const MoveType& type) {
  return std::find(names.begin(), names.end(), type.name) != names.end();
}

template <class Row>
bool IsTimed(const Row& row) {
  return std::string(row.name) == "timed";
}

// A constant int32 vector.
inline TensorId Indices(const std::string& name,
                        const std::vector<int32_t>& values,
                        GraphBuilder* build) {
  return build->Values<int32_t>(name, {static_cast<int32_t>(values.size())},
                                values);
}

// `Row` has name, litert and tflm: why a runtime fails it whatever the type.
// The one with the name "timed" has the size that the op has in a real network.
// `build` makes the graph.
template <class Row>
std::vector<Case> MoveCases(const std::string& op, const std::vector<Row>& rows,
                            Graph (*build)(const Row&, const MoveType&, Rng*),
                            const MoveRuntimes& has, bool gradients = true) {
  std::vector<Case> cases;
  const auto add = [&](const Row& row, const MoveType& type,
                       const char* kind) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("{}_{}_{}", op, kind, row.name);
    c.build = [&row, &type, build](Rng* rng) { return build(row, type, rng); };
    return c;
  };
  std::string upper = op;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  const auto missing = [&](const MoveTypeNames& names, const MoveType& type) {
    return HasType(names, type)
               ? std::string()
               : fmt::format("its {} has no {}", upper, Name(type.dtype));
  };
  for (const Row& row : rows) {
    for (const MoveType& type : kMoveTypes) {
      const bool both =
          type.dtype == DType::kFloat32 || type.dtype == DType::kInt8;
      if (!both && &row != &rows[0]) continue;
      if (IsTimed(row) && type.dtype != DType::kFloat32) continue;
      Case& c = add(row, type, type.name);
      c.timed = IsTimed(row);
      c.litert_fails = row.litert;
      if (c.litert_fails.empty()) c.litert_fails = missing(has.litert, type);
      c.tflm_fails = row.tflm;
      if (c.tflm_fails.empty()) c.tflm_fails = missing(has.tflm, type);
    }
  }
  for (const Row& row : rows) {
    if (!gradients || IsTimed(row)) continue;
    Case& c = add(row, kMoveTypes[0], "gradient");
    c.fill = GridFill(4);
    c.gradient = Gradient{};
    c.litert_fails = row.litert;
    c.tflm_fails = row.tflm;
  }
  return cases;
}

// A random kind for each type that LiteRT's kernel has. `build` draws shapes
// and operands; the type comes with a drawn scale.
inline std::vector<RandomKind> MoveRandom(Graph (*build)(GraphBuilder*,
                                                         const MoveType&),
                                          const MoveRuntimes& has) {
  std::vector<RandomKind> kinds;
  for (const MoveType& type : kMoveTypes) {
    if (!HasType(has.litert, type)) continue;
    RandomKind& kind = kinds.emplace_back();
    kind.name = type.name;
    kind.build = [build, &type](GraphBuilder* builder) {
      MoveType drawn = type;
      drawn.quant = DrawQuant(builder->rng(), type.dtype);
      return build(builder, drawn);
    };
    if (!HasType(has.tflm, type)) kind.tflm_fails = "it has no such type";
  }
  return kinds;
}

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_MOVE_CASES_H_
