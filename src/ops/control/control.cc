// WHILE, IF and CALL_ONCE: subgraphs run on values (specs/ops.md 11).
#include "src/ops/control/control.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/progress.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The one bool that a condition gives.
bool IsTrue(const Value& value) {
  if (value.dtype != DType::kBool || value.data.size() != 1) {
    Fail(ErrorKind::kCorrupt,
         "its condition is {} of shape {}; one bool is wanted",
         Name(value.dtype), value.shape.ToString());
  }
  return value.data.data()[0] != std::byte{0};
}

class Control final : public Kernel {
 public:
  explicit Control(const PrepareContext& context)
      : graph_(context.graph),
        node_(context.node),
        facts_(context.facts),
        numerics_(context.numerics),
        session_(context.session) {
    LS_CHECK(session_ != nullptr);
  }

  void Run(const KernelArgs& args) const override {
    std::vector<Value> values;
    for (size_t i = 0; i < node_.inputs.size(); ++i) {
      const Tensor& tensor = graph_.tensor(node_.inputs[i]);
      values.push_back(
          {tensor.dtype, tensor.shape,
           TensorData(std::span(args.in<std::byte>(i), tensor.Bytes()))});
    }
    const std::vector<Value> results = node_.op->run(
        {graph_, node_, facts_, numerics_, session_}, std::move(values));
    for (size_t o = 0; o < node_.outputs.size(); ++o) {
      const Tensor& tensor = graph_.tensor(node_.outputs[o]);
      if (results[o].dtype != tensor.dtype ||
          results[o].data.size() != tensor.Bytes()) {
        Fail(ErrorKind::kUnsupported,
             "node '{}' ({}) gives '{}' the shape {}; it has {} in the file, "
             "and the shapes of a plan are fixed",
             node_.name, node_.op->name, tensor.name,
             results[o].shape.ToString(), tensor.shape.ToString());
      }
      std::copy_n(results[o].data.data(), results[o].data.size(),
                  args.out<std::byte>(o));
    }
  }

 private:
  const Graph& graph_;
  const Node& node_;
  const GraphFacts& facts_;
  Numerics numerics_;
  Session* session_;
};

constexpr KernelRow kRows[] = {
    {"ControlRef", Purpose::kReference, {}, PrepareControl},
};
constexpr Operand kValues[] = {{.name = "value"}};
constexpr Operand kIfOperands[] = {{.name = "condition"}, {.name = "value"}};

// ---- WHILE ----------------------------------------------------------------

// The loop's variables have the types of what they begin with; shapes are those
// of the file.
void InferWhile(Graph* graph, const Node& node) {
  const size_t count = node.inputs.size();
  if (node.outputs.size() != count) {
    Fail(ErrorKind::kCorrupt, "it has {} inputs and {} outputs", count,
         node.outputs.size());
  }
  const auto attrs = Get<WhileAttrs>(node);
  CheckSubgraph(graph->subgraphs[static_cast<size_t>(attrs.cond.value)],
                "condition", count, 1);
  CheckSubgraph(graph->subgraphs[static_cast<size_t>(attrs.body.value)], "body",
                count, count);
  for (size_t i = 0; i < count; ++i) {
    graph->tensor(node.outputs[i]).dtype = graph->tensor(node.inputs[i]).dtype;
  }
}

std::vector<Value> RunWhile(const PrepareContext& context,
                            std::vector<Value> values) {
  const Graph& cond = SubgraphOf<&WhileAttrs::cond>(context);
  const Graph& body = SubgraphOf<&WhileAttrs::body>(context);
  while (IsTrue(context.session->Run(cond, values)[0])) {
    ThrowIfStopRequested();  // it need not end
    values = context.session->Run(body, std::move(values));
  }
  return values;
}

// ---- IF -------------------------------------------------------------------

void InferIf(Graph* graph, const Node& node) {
  const Tensor& condition = graph->tensor(node.inputs[0]);
  if (condition.dtype != DType::kBool) {
    Fail(ErrorKind::kCorrupt, "the condition '{}' is {}; bool is wanted",
         condition.name, Name(condition.dtype));
  }
  const auto attrs = Get<IfAttrs>(node);
  for (const SubgraphIndex branch : {attrs.then_branch, attrs.else_branch}) {
    const Graph& subgraph = graph->subgraphs[static_cast<size_t>(branch.value)];
    CheckSubgraph(subgraph, "branch", node.inputs.size() - 1,
                  node.outputs.size());
    for (size_t o = 0; o < node.outputs.size(); ++o) {
      graph->tensor(node.outputs[o]).dtype =
          subgraph.tensor(subgraph.outputs[o]).dtype;
    }
  }
}

std::vector<Value> RunIf(const PrepareContext& context,
                         std::vector<Value> values) {
  const Graph& branch = IsTrue(values[0])
                            ? SubgraphOf<&IfAttrs::then_branch>(context)
                            : SubgraphOf<&IfAttrs::else_branch>(context);
  values.erase(values.begin());
  return context.session->Run(branch, std::move(values));
}

// ---- CALL_ONCE ------------------------------------------------------------

void InferCallOnce(Graph* graph, const Node& node) {
  const auto attrs = Get<CallOnceAttrs>(node);
  CheckSubgraph(graph->subgraphs[static_cast<size_t>(attrs.init.value)],
                "initialization", 0, 0);
  if (!node.inputs.empty() || !node.outputs.empty())
    Fail(ErrorKind::kCorrupt, "it has inputs or outputs");
}

std::vector<Value> RunCallOnce(const PrepareContext& context,
                               std::vector<Value>) {
  const Graph& init = SubgraphOf<&CallOnceAttrs::init>(context);
  if (context.session->FirstTime(init)) context.session->Run(init, {});
  return {};
}

constexpr Operand kNoOperands[] = {{.name = "none", .optional = true}};

}  // namespace

KernelPtr PrepareControl(const PrepareContext& context) {
  return std::make_unique<Control>(context);
}

void CheckSubgraph(const Graph& subgraph, const char* what, size_t inputs,
                   size_t outputs) {
  if (subgraph.inputs.size() == inputs && subgraph.outputs.size() == outputs)
    return;
  Fail(ErrorKind::kCorrupt,
       "its {} has {} inputs and {} outputs; {} and {} are wanted", what,
       subgraph.inputs.size(), subgraph.outputs.size(), inputs, outputs);
}

const OpDef kWhile = {
    .name = "WHILE",
    .summary = "a loop over a subgraph",
    .tflite = {.code = 119, .options = 93},
    .attrs = kAttrs<WhileAttrs>,
    .operands = kValues,
    .variadic = true,
    .outputs = kAnyOutputs,
    .infer = InferWhile,
    .rows = kRows,
    .effects = true,
    .run = RunWhile,
};

const OpDef kIf = {
    .name = "IF",
    .summary = "one of two subgraphs",
    .tflite = {.code = 118, .options = 92},
    .attrs = kAttrs<IfAttrs>,
    .operands = kIfOperands,
    .variadic = true,
    .outputs = kAnyOutputs,
    .infer = InferIf,
    .rows = kRows,
    .effects = true,
    .run = RunIf,
};

const OpDef kCallOnce = {
    .name = "CALL_ONCE",
    .summary = "a subgraph that sets variables before the first call",
    .tflite = {.code = 129, .options = 103},
    .attrs = kAttrs<CallOnceAttrs>,
    .operands = kNoOperands,
    .outputs = 0,
    .infer = InferCallOnce,
    .rows = kRows,
    .effects = true,
    .run = RunCallOnce,
};

}  // namespace litesmith
