// Variables by name, and graphs run node by node.
#include "src/runtime/session.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "src/base/error.h"
#include "src/base/progress.h"

namespace litesmith {
namespace {

class SessionImpl final : public PlanSession {
 public:
  explicit SessionImpl(Numerics numerics) : numerics_(numerics) {}

  Value* Variable(const std::string& name) override {
    return &variables_[name];
  }
  bool FirstTime(const Graph& subgraph) override {
    return called_.insert(&subgraph).second;
  }
  std::vector<Value> Run(const Graph& subgraph,
                         std::vector<Value> inputs) override;
  // Kernels hold pointers to the variables, which stay, as their memory does.
  void Reset() override {
    for (auto& [name, value] : variables_) {
      std::fill_n(value.data.MutableData(), value.data.size(), std::byte{0});
    }
    called_.clear();
  }

 private:
  void RunNode(Graph* graph, const GraphFacts& facts, const Graph& file,
               const Node& node);

  Numerics numerics_;
  std::map<std::string, Value> variables_;
  std::set<const Graph*> called_;
};

// Makes the tensor a constant of these values.
void Set(Value value, Tensor* tensor) {
  tensor->kind = TensorKind::kConstant;
  tensor->dtype = value.dtype;
  tensor->shape = value.shape;
  tensor->data = std::move(value.data);
}

std::vector<Value> SessionImpl::Run(const Graph& subgraph,
                                    std::vector<Value> inputs) {
  Graph graph = subgraph;
  // Of the graph that stays: a subgraph of it is known by its address.
  graph.subgraphs.clear();
  if (inputs.size() != graph.inputs.size()) {
    Fail(ErrorKind::kCorrupt, "a subgraph of {} inputs is given {}",
         graph.inputs.size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor& input = graph.tensor(graph.inputs[i]);
    if (inputs[i].dtype != input.dtype) {
      Fail(ErrorKind::kCorrupt, "the subgraph's input '{}' is {}, not {}",
           input.name, Name(input.dtype), Name(inputs[i].dtype));
    }
    Set(std::move(inputs[i]), &input);
  }
  for (Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kVariable)
      tensor.data = InitialValue(tensor);
  }
  const GraphFacts facts = FactsOf(graph, {}, /*as_written=*/true);
  for (const Node& node : subgraph.nodes)
    RunNode(&graph, facts, subgraph, node);
  std::vector<Value> outputs;
  for (const TensorId id : graph.outputs) {
    const Tensor& tensor = graph.tensor(id);
    outputs.push_back({tensor.dtype, tensor.shape, tensor.data});
  }
  return outputs;
}

void SessionImpl::RunNode(Graph* graph, const GraphFacts& facts,
                          const Graph& file, const Node& node) {
  try {
    if (node.op->run != nullptr) {
      std::vector<Value> values;
      for (const TensorId id : node.inputs) {
        const Tensor& tensor = graph->tensor(id);
        values.push_back({tensor.dtype, tensor.shape, tensor.data});
      }
      std::vector<Value> results =
          node.op->run({file, node, facts, numerics_, this}, std::move(values));
      for (size_t o = 0; o < results.size(); ++o)
        Set(std::move(results[o]), &graph->tensor(node.outputs[o]));
      return;
    }
    node.op->infer(graph, node);
    if (node.op->fold_constant != nullptr) {
      Tensor& out = graph->tensor(node.outputs[0]);
      TensorData data = node.op->fold_constant(*graph, node);
      if (!data.empty()) {
        Set({out.dtype, out.shape, std::move(data)}, &out);
        return;
      }
    }
    std::vector<TensorData> results =
        RunOnData({*graph, node, facts, numerics_, this}, Purpose::kReference);
    for (size_t o = 0; o < results.size(); ++o) {
      Tensor& out = graph->tensor(node.outputs[o]);
      Set({out.dtype, out.shape, std::move(results[o])}, &out);
    }
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", Describe(*graph, node), error.what());
  }
}

}  // namespace

std::unique_ptr<PlanSession> MakeSession(Numerics numerics) {
  return std::make_unique<SessionImpl>(numerics);
}

std::vector<TensorData> RunOnData(const PrepareContext& context,
                                  Purpose purpose) {
  const Graph& graph = context.graph;
  const Node& node = context.node;
  const KernelPtr kernel = ChooseKernel(context, purpose).prepare(context);
  std::vector<const void*> inputs;
  for (const TensorId id : node.inputs) {
    inputs.push_back(id == kNoTensor ? nullptr : graph.tensor(id).data.data());
  }
  inputs.resize(std::max(node.inputs.size(), node.op->operands.size()),
                nullptr);
  std::vector<TensorData> results;
  std::vector<void*> outputs;
  for (const TensorId id : node.outputs) {
    results.emplace_back(graph.tensor(id).Bytes());
    outputs.push_back(results.back().MutableData());
  }
  TensorData workspace(kernel->workspace_bytes + 64);
  KernelArgs args{};
  args.inputs = inputs.data();
  args.outputs = outputs.data();
  args.workspace = workspace.MutableData();
  args.batch = 1;
  kernel->Run(args);
  return results;
}

TensorData InitialValue(const Tensor& variable) {
  TensorData data(variable.Bytes());
  if (!IsInteger(variable.dtype) || SizeOf(variable.dtype) != 1 ||
      variable.quant.empty())
    return data;  // zero points of wider types are 0
  std::byte* bytes = data.MutableData();
  std::fill_n(bytes, data.size(),
              static_cast<std::byte>(variable.quant.zero_point[0]));
  return data;
}

bool KeepsState(const Graph& graph) {
  return std::any_of(graph.tensors.begin(), graph.tensors.end(),
                     [](const Tensor& tensor) {
                       return tensor.kind == TensorKind::kVariable;
                     }) ||
         std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op->effects; }) ||
         std::any_of(graph.subgraphs.begin(), graph.subgraphs.end(),
                     KeepsState);
}

}  // namespace litesmith
