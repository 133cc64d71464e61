// LITESMITH_RNN: every cell and function, one result or those of all steps,
// with the states that it begins with and without, and its gradient.
#include <fmt/core.h>

#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

using kernels::Cell;
using kernels::CellFunction;
using kernels::CellKind;

struct Form {
  const char* name;
  Cell cell;
  bool bias = true;
  bool states = false;  // given to begin with
  bool cells = false;   // given as a second output
  bool masked = false;  // steps are left out
};

Cell CellLike(CellKind kind, CellFunction in, CellFunction re,
              bool all_steps = true, bool reset_after = true) {
  Cell cell;
  cell.kind = kind;
  cell.activation = in;
  cell.recurrent_activation = re;
  cell.all_steps = all_steps;
  cell.reset_after = reset_after;
  cell.steps = 5;
  cell.inputs = 3;
  cell.units = 7;
  return cell;
}

constexpr auto kTanh = CellFunction::kTanh;
constexpr auto kLogistic = CellFunction::kLogistic;

const Form kForms[] = {
    {"simple", CellLike(CellKind::kSimple, kTanh, kLogistic)},
    {"simple_linear",
     CellLike(CellKind::kSimple, CellFunction::kLinear, kLogistic, false)},
    {"simple_elu", CellLike(CellKind::kSimple, CellFunction::kElu, kLogistic)},
    {"simple_softsign",
     CellLike(CellKind::kSimple, CellFunction::kSoftsign, kLogistic), false},
    {"gru", CellLike(CellKind::kGru, kTanh, kLogistic)},
    {"gru_last", CellLike(CellKind::kGru, kTanh, kLogistic, false), true, true},
    {"gru_no_bias", CellLike(CellKind::kGru, kTanh, kLogistic), false},
    {"gru_before", CellLike(CellKind::kGru, kTanh, kLogistic, true, false)},
    {"gru_before_last",
     CellLike(CellKind::kGru, CellFunction::kSoftsign, kLogistic, false, false),
     false, true},
    {"lstm", CellLike(CellKind::kLstm, kTanh, kLogistic)},
    {"lstm_states", CellLike(CellKind::kLstm, kTanh, kLogistic), true, true,
     true},
    {"lstm_last", CellLike(CellKind::kLstm, kTanh, kLogistic, false), true,
     false, true},
    {"lstm_softsign",
     CellLike(CellKind::kLstm, CellFunction::kSoftsign, kLogistic), false},
    {"simple_masked", CellLike(CellKind::kSimple, kTanh, kLogistic), true,
     false, false, true},
    {"gru_masked", CellLike(CellKind::kGru, kTanh, kLogistic), true, true,
     false, true},
    {"gru_before_masked",
     CellLike(CellKind::kGru, kTanh, kLogistic, true, false), true, false,
     false, true},
    {"lstm_masked", CellLike(CellKind::kLstm, kTanh, kLogistic, false), true,
     true, true, true},
};

// Functions with kinks, which the kernel test takes.
const Form kKinked[] = {
    {"simple_relu", CellLike(CellKind::kSimple, CellFunction::kRelu, kTanh)},
    {"simple_relu6", CellLike(CellKind::kSimple, CellFunction::kRelu6, kTanh)},
    {"gru_hard", CellLike(CellKind::kGru, kTanh, CellFunction::kHardSigmoid)},
    {"lstm_hard",
     CellLike(CellKind::kLstm, kTanh, CellFunction::kHardSigmoid6)},
};

// Keyword spotting: 25 frames of 10 features.
Form Timed() {
  Form form = {"keyword", CellLike(CellKind::kGru, kTanh, kLogistic)};
  form.cell.steps = 25;
  form.cell.inputs = 10;
  form.cell.units = 64;
  return form;
}

Graph Build(const Form& form, Rng* rng) {
  GraphBuilder build(rng);
  const Cell& cell = form.cell;
  const auto parameter = [&](const char* name, const Shape& shape, bool has) {
    return has ? build.Random(name, DType::kFloat32, shape, {},
                              TensorKind::kParameter)
               : kNoTensor;
  };
  const int n = cell.units;
  std::vector<TensorId> inputs(rnn::kInitialC + 1, kNoTensor);
  inputs[rnn::kX] =
      build.Input("x", DType::kFloat32, {cell.steps, cell.inputs});
  inputs[rnn::kKernel] =
      parameter("kernel", {cell.gates() * n, cell.inputs}, true);
  inputs[rnn::kRecurrentKernel] =
      parameter("recurrent", {cell.gates() * n, n}, true);
  const bool two = cell.kind == CellKind::kGru && cell.reset_after;
  inputs[rnn::kBias] = parameter(
      "bias", two ? Shape{2, cell.gates() * n} : Shape{cell.gates() * n},
      form.bias);
  if (form.states) {
    inputs[rnn::kInitialH] = build.Input("h", DType::kFloat32, {n});
    if (cell.kind == CellKind::kLstm)
      inputs[rnn::kInitialC] = build.Input("c", DType::kFloat32, {n});
  }
  if (form.masked) {
    inputs.resize(rnn::kMask, kNoTensor);
    inputs.push_back(build.Input("mask", DType::kBool, {cell.steps}));
  }
  std::vector<std::string> names = {"y"};
  if (form.cells) names.push_back("cells");
  Node& node = build.AddMany(kRnn, names, inputs);
  Put(RnnAttrs{.cell = cell.kind,
               .activation = cell.activation,
               .recurrent_activation = cell.recurrent_activation,
               .reset_after = cell.reset_after,
               .return_sequences = cell.all_steps},
      &node);
  const std::vector<TensorId> outputs = node.outputs;
  return build.Finish(outputs);
}

Case CaseOf(const Form& form) {
  Case c;
  c.name = fmt::format("rnn_{}", form.name);
  c.build = [form](Rng* rng) { return Build(form, rng); };
  return c;
}

}  // namespace

std::vector<Case> RnnCases() {
  std::vector<Case> cases;
  for (const Form& form : kForms) {
    Case& c = cases.emplace_back(CaseOf(form));
    c.gradient = Gradient{.step = 1.0f / 64, .tolerance = 0.01};
  }
  for (const Form& form : kKinked) cases.push_back(CaseOf(form));
  cases.push_back(CaseOf(Timed()));
  cases.back().timed = true;
  return cases;
}

std::vector<RandomKind> RnnRandom() { return {}; }

}  // namespace litesmith
