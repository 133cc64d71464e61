// The loop's variables: the step, h, an LSTM's c, the results of all steps if
// they are wanted, and the products of x, which only pass through. Results are
// shifted in from the end, so that nothing has to know where the next one goes.
#include "src/transform/rnn_loop.h"

#include <algorithm>
#include <string>
#include <utility>

#include "src/ops/control/control.h"
#include "src/ops/move/move.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::Cell;
using kernels::CellKind;

// Larger zeros are filled in when the model runs.
constexpr int64_t kMostStoredZeros = 32;

// Values [rows, width] that a loop begins with.
TensorId Zeros(const std::string& name, int32_t rows, int32_t width,
               StepWriter* out) {
  const int64_t count = int64_t{rows} * width;
  if (count <= kMostStoredZeros) {
    const std::vector<float> zeros(static_cast<size_t>(count), 0.0f);
    return out->graph().AddConstant<float>(name, {rows, width}, zeros);
  }
  return out->Add(kFill, name, {out->Ints({rows, width}), out->Scalar(0.0f)});
}

TensorId Reshape(const std::string& name, TensorId x,
                 const std::vector<int32_t>& shape, StepWriter* out) {
  const TensorId y = out->Add(kReshape, name, {x, out->Ints(shape)});
  out->last().Set<&ReshapeAttrs::new_shape>(shape);
  return y;
}

// One of the loop's variables.
struct LoopVariable {
  std::string name;
  Tensor like;              // type and shape
  TensorId from;            // outside: what it begins with
  TensorId to = kNoTensor;  // outside: what is made of it at the end
};

class Loop {
 public:
  Loop(const Node& node, const Cell& cell, StepWriter* out)
      : node_(node), cell_(cell), out_(*out) {}

  void Write() {
    recurrent_bias_ = RnnBias(node_, 1, &out_);
    const std::vector<TensorId> products = RnnProducts(node_, cell_, &out_);
    AddVariables(products);
    Graph& graph = out_.graph();
    const auto cond = static_cast<int32_t>(graph.subgraphs.size());
    graph.subgraphs.push_back(Condition());
    graph.subgraphs.push_back(Body());
    std::vector<TensorId> inputs;
    for (const LoopVariable& variable : variables_)
      inputs.push_back(variable.from);
    const std::vector<TensorId> results = out_.AddMany(
        kWhile, Name("w"), inputs, static_cast<int>(variables_.size()));
    Put(WhileAttrs{{cond}, {cond + 1}}, &out_.last());
    for (size_t v = 0; v < results.size(); ++v) {
      graph.tensor(results[v]).dtype = variables_[v].like.dtype;
      graph.tensor(results[v]).shape = variables_[v].like.shape;
      Give(results[v], variables_[v].to);
    }
  }

 private:
  std::string Name(const std::string& letter) const {
    return node_.name + "/" + letter;
  }
  bool has_c() const { return cell_.kind == CellKind::kLstm; }

  void AddVariable(const std::string& name, DType dtype, const Shape& shape,
                   TensorId from, TensorId to = kNoTensor) {
    LoopVariable variable{name, {}, from, to};
    variable.like.dtype = dtype;
    variable.like.shape = shape;
    variables_.push_back(std::move(variable));
  }

  // The states, and the results of all steps where these are wanted.
  void AddState(const std::string& name, size_t given, TensorId to) {
    const int32_t n = cell_.units, steps = cell_.steps;
    const TensorId from = node_.input(given) != kNoTensor
                              ? node_.inputs[given]
                              : Zeros(Name(name + "0"), 1, n, &out_);
    AddVariable(name, DType::kFloat32, {1, n}, from,
                cell_.all_steps ? kNoTensor : to);
    if (!cell_.all_steps || to == kNoTensor) return;
    AddVariable(name + "s", DType::kFloat32, {steps, n},
                Zeros(Name(name + "s0"), steps, n, &out_), to);
  }

  void AddVariables(const std::vector<TensorId>& products) {
    AddVariable("t", DType::kInt32, {1}, out_.Ints({0}));
    AddState("h", rnn::kInitialH, node_.outputs[0]);
    if (has_c()) {
      AddState("c", rnn::kInitialC,
               node_.outputs.size() > 1 ? node_.outputs[1] : kNoTensor);
    }
    if (node_.input(rnn::kMask) != kNoTensor) {
      AddVariable("m", DType::kBool, {cell_.steps, 1},
                  Reshape(Name("m"), node_.inputs[rnn::kMask], {cell_.steps, 1},
                          &out_));
    }
    for (size_t p = 0; p < products.size(); ++p) {
      const int32_t width = cell_.units * (products.size() == 1 ? cell_.gates()
                                           : p == 0             ? 2
                                                                : 1);
      const std::string name = "x" + std::to_string(p);
      AddVariable(
          name, DType::kFloat32, {cell_.steps, width},
          Reshape(Name(name + "r"), products[p], {cell_.steps, width}, &out_));
    }
  }

  void Give(TensorId result, TensorId to) {
    if (to == kNoTensor) return;
    if (cell_.all_steps) {
      const TensorId y =
          Reshape(Name("y"), result, {1, cell_.steps, cell_.units}, &out_);
      out_.Rename(y, to);
    } else {
      out_.Give(result, to);
      out_.graph().tensor(to).shape = {1, cell_.units};  // said by no infer
    }
  }

  // The loop's variables as a subgraph's inputs.
  std::vector<TensorId> Inputs(Graph* graph) const {
    for (const LoopVariable& variable : variables_) {
      Tensor tensor = variable.like;
      tensor.name = variable.name;
      tensor.kind = TensorKind::kInput;
      graph->inputs.push_back(graph->AddTensor(std::move(tensor)));
    }
    return graph->inputs;
  }

  Graph Condition() const {
    Graph graph;
    StepWriter out(&graph);
    const TensorId t = Inputs(&graph)[0];
    graph.outputs = {out.Add(kLess, "l", {t, out.Ints({cell_.steps})})};
    InferShapes(&graph);
    return graph;
  }

  TensorId Copy(TensorId id, Graph* graph) const {
    return id == kNoTensor ? kNoTensor
                           : graph->AddTensor(out_.graph().tensor(id));
  }

  Graph Body() const {
    Graph graph;
    StepWriter out(&graph);
    const std::vector<TensorId> in = Inputs(&graph);
    const auto at = [&](const std::string& name) {
      for (size_t v = 0; v < variables_.size(); ++v)
        if (variables_[v].name == name) return in[v];
      return kNoTensor;
    };
    StepWeights weights;
    weights.recurrent = {Copy(node_.inputs[rnn::kRecurrentKernel], &graph)};
    weights.recurrent_bias = Copy(recurrent_bias_, &graph);
    StepInput input;
    for (const char* name : {"x0", "x1"}) {
      if (at(name) == kNoTensor) continue;
      input.x.push_back(
          out.Add(kGather, name + std::string("t"), {at(name), in[0]}));
    }
    if (at("m") != kNoTensor)
      input.mask = out.Add(kGather, "mt", {at("m"), in[0]});
    const StepState state =
        WriteStep(cell_, weights, input, {at("h"), at("c")}, "s", &out);
    for (size_t v = 0; v < variables_.size(); ++v) {
      const std::string& name = variables_[v].name;
      TensorId result = in[v];
      if (name == "t") result = out.Sum("n", in[v], out.Ints({1}));
      if (name == "h") result = state.h;
      if (name == "c") result = state.c;
      if (name == "hs") result = Shifted(in[v], state.h, "a", &out);
      if (name == "cs") result = Shifted(in[v], state.c, "e", &out);
      graph.outputs.push_back(result);
    }
    InferShapes(&graph);
    return graph;
  }

  // The results without the first, and the new one behind.
  TensorId Shifted(TensorId results, TensorId next, const std::string& name,
                   StepWriter* out) const {
    const TensorId rest =
        out->Add(kStridedSlice, name,
                 {results, out->Ints({1, 0}),
                  out->Ints({cell_.steps, cell_.units}), out->Ints({1, 1})});
    const TensorId y = out->Add(kConcatenation, name + "n", {rest, next});
    out->last().Set<&ConcatenationAttrs::axis>(0);
    return y;
  }

  const Node& node_;
  const Cell& cell_;
  StepWriter& out_;
  TensorId recurrent_bias_ = kNoTensor;
  std::vector<LoopVariable> variables_;
};

}  // namespace

std::vector<TensorId> RnnProducts(const Node& node, const Cell& cell,
                                  StepWriter* out) {
  const TensorId all = out->FullyConnected(
      node.name + "/x", node.inputs[rnn::kX], node.inputs[rnn::kKernel],
      RnnBias(node, 0, out), /*keep_dims=*/true);
  if (cell.kind != CellKind::kGru) return {all};
  return out->SplitSizes(node.name + "/z", all, {2 * cell.units, cell.units},
                         2);
}

TensorId RnnBias(const Node& node, int half, StepWriter* out) {
  const TensorId id = node.input(rnn::kBias);
  if (id == kNoTensor) return kNoTensor;
  Graph& graph = out->graph();
  const Shape shape = graph.tensor(id).shape;
  if (shape.rank() == 1) return half == 0 ? id : kNoTensor;
  const auto values = graph.tensor(id).As<float>();
  const auto begin = values.begin() + ptrdiff_t{half} * shape[1];
  return graph.AddConstant<float>(
      graph.tensor(id).name + (half == 0 ? "_x" : "_h"), {shape[1]},
      std::vector<float>(begin, begin + shape[1]));
}

void WriteRnnLoop(const Node& node, const Cell& cell, StepWriter* out) {
  Loop(node, cell, out).Write();
}

}  // namespace litesmith
