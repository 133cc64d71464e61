// BATCH_MATMUL: every type over every form of operands.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Form {
  const char* name;
  // Without the batch, if there is one: of inputs, or of a constant y.
  std::vector<int32_t> x, y;
  bool adj_x = false, adj_y = false;
  bool constant = false;    // y
  bool as_written = false;  // no batch: fixed shapes
};

const Form kForms[] = {
    {"attention", {3, 6, 5}, {3, 5, 7}},
    {"scores", {2, 9, 4}, {2, 11, 4}, false, true},
    {"adj_x", {5, 3}, {5, 19}, true},
    {"both", {6, 4}, {8, 6}, true, true},
    {"constant", {4, 10}, {10, 34}, false, false, true},
    {"constant_adj", {2, 4, 10}, {2, 33, 10}, false, true, true},
    {"rows", {12}, {12, 5}, false, false, true},
    {"rank_5", {2, 1, 3, 4, 5}, {1, 4, 1, 5, 2}, false, false, false, true},
    {"ranks_2_4", {3, 8}, {2, 1, 8, 6}, false, false, false, true},
    {"ones", {1, 1}, {1, 1}, false, false, false, true},
    {"long", {1, 300}, {300, 3}, false, false, false, true},
};

const Form kTimed[] = {
    // Four heads of 32 over 64 places.
    {"heads", {4, 64, 32}, {4, 64, 32}, false, true},
};

struct Numbers {
  const char* name;
  DType x, y, out;
  bool asymmetric = false;
  bool per_column = false;

  bool hybrid() const { return x == DType::kFloat32 && y == DType::kInt8; }
  const char* tflm_fails() const {
    if (hybrid()) return "it has no hybrid kernels";
    if (out == DType::kInt32) return "it has no int32 output";
    if (x == DType::kInt16 && y == DType::kInt8) return "it wants int16 twice";
    return "";
  }
};

constexpr Numbers kNumbers[] = {
    {"f32", DType::kFloat32, DType::kFloat32, DType::kFloat32},
    {"s8", DType::kInt8, DType::kInt8, DType::kInt8},
    {"s16", DType::kInt16, DType::kInt16, DType::kInt16},
    {"s16s8", DType::kInt16, DType::kInt8, DType::kInt16},
    {"s8s32", DType::kInt8, DType::kInt8, DType::kInt32},
    {"f32s8", DType::kFloat32, DType::kInt8, DType::kFloat32},
    {"f32s8_asymmetric", DType::kFloat32, DType::kInt8, DType::kFloat32, true},
    {"f32s8c", DType::kFloat32, DType::kInt8, DType::kFloat32, true, true},
};

int DepthOf(const Form& form) {
  return form.x[form.x.size() - (form.adj_x ? 2 : 1)];
}

struct Scales {
  Quantization x, y, out;
};

// Outputs spread over their range; `gain` times as far.
Scales ScalesOf(const Form& form, const Numbers& numbers, float gain,
                GraphBuilder* build) {
  Rng* rng = build->rng();
  Scales s;
  if (numbers.hybrid()) {
    const size_t columns = form.y.size() - (form.adj_y ? 2 : 1);
    s.y = numbers.per_column
              ? PerAxis(form.y[columns], 0.01f, static_cast<int>(columns))
              : PerTensor(0.01f);
    return s;
  }
  if (numbers.x == DType::kFloat32) return s;
  s.x = DrawQuant(rng, numbers.x);
  s.y = DrawQuant(rng, numbers.y);
  if (numbers.x == DType::kInt16) s.y.zero_point = {0};
  if (numbers.out == DType::kInt32) return s;
  const auto spread = [](DType dtype) {
    return dtype == DType::kInt16 ? 19000.0f : 100.0f;
  };
  const float wanted = numbers.out == DType::kInt16 ? 8000.0f : 50.0f;
  const float sum = spread(numbers.x) * spread(numbers.y) *
                    std::sqrt(static_cast<float>(DepthOf(form)));
  s.out = DrawQuant(rng, numbers.out);
  s.out.scale[0] = s.x.scale[0] * s.y.scale[0] * sum / (wanted * gain);
  return s;
}

Graph Build(const Form& form, const Numbers& numbers, float gain,
            GraphBuilder* build) {
  const Scales scales = ScalesOf(form, numbers, gain, build);
  const auto input = [&](const char* name, DType dtype,
                         const std::vector<int32_t>& shape,
                         const Quantization& quant) {
    return form.as_written ? build->Fixed(name, dtype, Shape(shape), quant)
                           : build->Input(name, dtype, shape, quant);
  };
  const TensorId x = input("x", numbers.x, form.x, scales.x);
  const TensorId y =
      form.constant || numbers.hybrid()
          ? build->Random("y", numbers.y, Shape(form.y), scales.y)
          : input("y", numbers.y, form.y, scales.y);
  if (numbers.hybrid()) {
    for (int8_t& w : build->tensor(y).MutableAs<int8_t>())
      w = std::max<int8_t>(w, -127);
  }
  Node& node = build->Add(kBatchMatMul, "out", {x, y}, scales.out, numbers.out);
  Put(BatchMatMulAttrs{form.adj_x, form.adj_y, numbers.asymmetric}, &node);
  return build->Finish();
}

Case MakeCase(const Form& form, const Numbers& numbers) {
  Case c;
  c.name = fmt::format("batch_matmul_{}_{}", numbers.name, form.name);
  c.build = [&form, &numbers](Rng* rng) {
    GraphBuilder build(rng);
    return Build(form, numbers, 1, &build);
  };
  c.tflm_fails = numbers.tflm_fails();
  // LiteRT's hybrid one takes scales of other rows where matrices are counted
  // along two dimensions.
  c.fixed_batch = numbers.hybrid() && form.x.size() > 2;
  return c;
}

Form DrawForm(bool hybrid, Rng* rng) {
  Form form{};
  form.as_written = true;
  form.adj_x = Coin(rng), form.adj_y = Coin(rng);
  const int rows = Draw(rng, 1, 8);
  const int depth = Draw(rng, 1, 12);
  const int columns = Draw(rng, 1, 8);
  // Leading dimensions that are broadcast.
  const int x_rank = Draw(rng, 0, hybrid ? 1 : 2);
  const int y_rank = Draw(rng, 0, hybrid ? 1 : 2);
  for (int i = std::max(x_rank, y_rank); i > 0; --i) {
    const int size = Draw(rng, 1, 3);
    const int which = Draw(rng, 0, 2);
    if (i <= x_rank) form.x.push_back(which == 0 ? 1 : size);
    if (i <= y_rank) form.y.push_back(which == 1 ? 1 : size);
  }
  form.x.insert(form.x.end(),
                {form.adj_x ? depth : rows, form.adj_x ? rows : depth});
  form.y.insert(form.y.end(),
                {form.adj_y ? columns : depth, form.adj_y ? depth : columns});
  return form;
}

}  // namespace

std::vector<RandomKind> BatchMatMulRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    RandomKind kind{.name = numbers.name,
                    .build = {},
                    .litert_fails = {},
                    .tflm_fails = {}};
    kind.build = [&numbers](GraphBuilder* build) {
      const Form form = DrawForm(numbers.hybrid(), build->rng());
      return Build(form, numbers, DrawScale(build->rng(), 0.2f, 3.0f), build);
    };
    kind.tflm_fails = numbers.tflm_fails();
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

std::vector<Case> BatchMatMulCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Form& form : kForms) cases.push_back(MakeCase(form, numbers));
    if (numbers.hybrid() || numbers.x != numbers.y) continue;
    for (const Form& form : kTimed) {
      cases.push_back(MakeCase(form, numbers));
      cases.back().timed = true;
    }
  }
  for (const Form& form : kForms) {
    Case c = MakeCase(form, kNumbers[0]);
    c.name = fmt::format("batch_matmul_gradient_{}", form.name);
    c.fill = GridFill(3);
    c.gradient = Gradient{.tolerance = form.constant ? 1e-3 : 0};
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace litesmith
