// LITESMITH_RNN: checks, shapes, and its kernel for inference and training.
#include "src/ops/layer/layer.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::Cell;
using kernels::CellFunction;
using kernels::CellKind;

constexpr Operand Weights(const char* name) {
  return {
      .name = name, .role = Role::kWeight, .channel_axis = 0, .input_axis = 1};
}
constexpr Operand kOperands[] = {
    {.name = "input"},
    Weights("kernel"),
    Weights("recurrent_kernel"),
    // No kBias: that is a layer's whose output is a sum of products.
    {.name = "bias", .role = Role::kParameter, .optional = true},
    {.name = "initial_state", .optional = true},
    {.name = "initial_cell", .optional = true},
    {.name = "mask", .optional = true},
};

template <class Enum>
void CheckEnum(Enum value, Enum last, const char* what) {
  if (value <= last) return;
  Fail(ErrorKind::kCorrupt, "its {} is {}; 0 to {} are known", what,
       static_cast<int>(value), static_cast<int>(last));
}

bool HasTwoBiases(const Cell& cell) {
  return cell.kind == CellKind::kGru && cell.reset_after;
}

void CheckOperands(const Graph& graph, const Node& node, const Cell& cell) {
  const Tensor& x = graph.tensor(node.inputs[rnn::kX]);
  const int32_t n = cell.units;
  const Shape shapes[] = {
      {},
      {cell.gates() * n, cell.inputs},
      {cell.gates() * n, n},
      HasTwoBiases(cell) ? Shape{2, cell.gates() * n} : Shape{cell.gates() * n},
      {x.shape[0], n},
      {x.shape[0], n},
      {x.shape[0], x.shape[1]},
  };
  for (size_t i = rnn::kKernel; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoTensor) continue;
    const Tensor& tensor = graph.tensor(node.inputs[i]);
    CheckDType(tensor, kOperands[i].name,
               {i == rnn::kMask ? DType::kBool : DType::kFloat32});
    CheckRank(tensor, kOperands[i].name, shapes[i].rank());
    for (int d = 0; d < shapes[i].rank(); ++d) {
      if (tensor.shape[d] == shapes[i][d] ||
          (d == 0 && i >= rnn::kInitialH &&
           (tensor.shape[d] == kDynamic || shapes[i][d] == kDynamic)))
        continue;
      Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; {} is wanted",
           kOperands[i].name, tensor.name, tensor.shape.ToString(),
           shapes[i].ToString());
    }
  }
}

void Infer(Graph* graph, const Node& node) {
  const auto attrs = Get<RnnAttrs>(node);
  CheckEnum(attrs.cell, CellKind::kLstm, "cell");
  CheckEnum(attrs.activation, CellFunction::kExp, "activation");
  CheckEnum(attrs.recurrent_activation, CellFunction::kExp,
            "recurrent activation");
  const Tensor& x = graph->tensor(node.inputs[rnn::kX]);
  CheckDType(x, "input", {DType::kFloat32});
  CheckRank(x, "input", 3);
  CheckRank(graph->tensor(node.inputs[rnn::kRecurrentKernel]),
            "recurrent_kernel", 2);
  const Cell cell = CellOf(*graph, node);
  if (cell.kind != CellKind::kLstm && node.input(rnn::kInitialC) != kNoTensor)
    Fail(ErrorKind::kCorrupt, "an initial_cell goes with an LSTM alone");
  CheckOperands(*graph, node, cell);
  const size_t most = cell.kind == CellKind::kLstm ? 2 : 1;
  if (node.outputs.empty() || node.outputs.size() > most) {
    Fail(ErrorKind::kCorrupt, "it has {} outputs; this cell has {}",
         node.outputs.size(), most);
  }
  const Shape shape = cell.all_steps ? Shape{x.shape[0], x.shape[1], cell.units}
                                     : Shape{x.shape[0], cell.units};
  for (const TensorId id : node.outputs) {
    graph->tensor(id).dtype = DType::kFloat32;
    graph->tensor(id).shape = shape;
    (void)shape.NumElementsPerSample();  // throws if too large
  }
}

// Both for inference, where what backward needs lies in the workspace, and for
// training.
class Rnn final : public TrainKernel {
 public:
  Rnn(const PrepareContext& context, bool training)
      : cell_(CellOf(context.graph, context.node)),
        training_(training),
        two_outputs_(context.node.outputs.size() > 1) {
    for (size_t i = 0; i < std::size(has_); ++i) has_[i] = context.has_input(i);
    const int batch = context.input(rnn::kX).shape[0];
    rows_ = static_cast<int>(PerSample(context, batch));
    RequireBatched(context, rnn::kInitialH);
    RequireBatched(context, rnn::kInitialC);
    RequireBatched(context, rnn::kMask);
    saved_floats_ = kernels::SavedFloats(cell_, batch);
    const size_t saved = saved_floats_ * sizeof(float);
    workspace_bytes = kernels::WorkspaceFloats(cell_, batch) * sizeof(float);
    if (training) {
      saved_bytes = saved;
    } else {
      workspace_bytes += saved;
    }
  }

  void Run(const KernelArgs& args) const override {
    auto* workspace = reinterpret_cast<float*>(args.workspace);
    auto* saved = workspace;
    if (training_) {
      saved = reinterpret_cast<float*>(args.saved);
    } else {
      workspace += saved_floats_;
    }
    kernels::Forward(cell_, Weights(args.inputs), args.batch * rows_,
                     args.in<float>(rnn::kX), In(args.inputs, rnn::kInitialH),
                     In(args.inputs, rnn::kInitialC), args.out<float>(),
                     two_outputs_ ? args.out<float>(1) : nullptr, saved,
                     workspace, Mask(args.inputs));
  }

  void Backward(const BackwardArgs& args) const override {
    const auto to = [&](size_t i) {
      return has_[i] ? args.input_grads[i] : nullptr;
    };
    kernels::CellGradients gradients;
    gradients.x = to(rnn::kX);
    gradients.input = to(rnn::kKernel);
    gradients.recurrent = to(rnn::kRecurrentKernel);
    gradients.candidate = Candidate(gradients.recurrent);
    gradients.bias = to(rnn::kBias);
    gradients.recurrent_bias = SecondBias(gradients.bias);
    gradients.h = to(rnn::kInitialH);
    gradients.c = to(rnn::kInitialC);
    kernels::Backward(cell_, Weights(args.inputs), args.batch * rows_,
                      In(args.inputs, rnn::kX), args.output_grads[0],
                      two_outputs_ ? args.output_grads[1] : nullptr,
                      reinterpret_cast<const float*>(args.saved), gradients,
                      reinterpret_cast<float*>(args.workspace),
                      Mask(args.inputs));
  }

 private:
  // Else it would be the same for parts of a batch and for all of it.
  static void RequireBatched(const PrepareContext& context, size_t i) {
    if (!context.has_input(i) || context.facts.as_written ||
        context.facts.IsBatched(context.node.inputs[i]))
      return;
    Fail(ErrorKind::kUnsupported,
         "node '{}': its {} '{}' does not depend on the model's inputs, which "
         "is not supported",
         context.node.name, kOperands[i].name, context.input(i).name);
  }
  const float* In(const void* const* inputs, size_t i) const {
    return has_[i] ? static_cast<const float*>(inputs[i]) : nullptr;
  }
  const uint8_t* Mask(const void* const* inputs) const {
    return has_[rnn::kMask] ? static_cast<const uint8_t*>(inputs[rnn::kMask])
                            : nullptr;
  }
  kernels::CellWeights Weights(const void* const* inputs) const {
    kernels::CellWeights weights;
    weights.input = In(inputs, rnn::kKernel);
    weights.recurrent = In(inputs, rnn::kRecurrentKernel);
    weights.candidate = Candidate(weights.recurrent);
    weights.bias = In(inputs, rnn::kBias);
    weights.recurrent_bias = SecondBias(weights.bias);
    return weights;
  }
  // Behind the other gates of the recurrent kernel.
  template <class T>
  T* Candidate(T* recurrent) const {
    if (recurrent == nullptr || !cell_.resets_before()) return nullptr;
    return recurrent + ptrdiff_t{2} * cell_.units * cell_.units;
  }
  template <class T>
  T* SecondBias(T* bias) const {
    if (bias == nullptr || !HasTwoBiases(cell_)) return nullptr;
    return bias + ptrdiff_t{cell_.gates()} * cell_.units;
  }

  const Cell cell_;
  const bool training_;
  const bool two_outputs_;
  int rows_ = 1;  // a sample
  size_t saved_floats_ = 0;
  bool has_[std::size(kOperands)] = {};
};

template <bool kTraining>
KernelPtr Make(const PrepareContext& context) {
  return std::make_unique<Rnn>(context, kTraining);
}

constexpr KernelRow kRows[] = {
    {"RnnF32Train", Purpose::kTrain, {DType::kFloat32}, Make<true>},
    {"RnnF32Ref", Purpose::kReference, {DType::kFloat32}, Make<false>},
};

int64_t Macs(const Graph& graph, const Node& node) {
  const int64_t products =
      graph.tensor(node.inputs[rnn::kKernel]).shape.NumElements() +
      graph.tensor(node.inputs[rnn::kRecurrentKernel]).shape.NumElements();
  return products * std::max(graph.tensor(node.inputs[rnn::kX]).shape[1], 1);
}

// Keras has it as a layer; .tflite files take other ops for it.
constexpr TrainingFacts kTraining = {.in_keras = true};

}  // namespace

Cell CellOf(const Graph& graph, const Node& node) {
  const auto attrs = Get<RnnAttrs>(node);
  const Shape& x = graph.tensor(node.inputs[rnn::kX]).shape;
  Cell cell;
  cell.kind = attrs.cell;
  cell.reset_after = attrs.reset_after;
  cell.activation = attrs.activation;
  cell.recurrent_activation = attrs.recurrent_activation;
  cell.all_steps = attrs.return_sequences;
  cell.steps = x[1];
  cell.inputs = x[2];
  cell.units = graph.tensor(node.inputs[rnn::kRecurrentKernel]).shape[1];
  return cell;
}

const OpDef kRnn = {
    .name = "LITESMITH_RNN",
    .summary =
        "a recurrent layer of Keras: SimpleRNN, GRU, LSTM of any activations; "
        "a loop or its steps in .tflite files",
    .attrs = kAttrs<RnnAttrs>,
    .operands = kOperands,
    .outputs = kAnyOutputs,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn, .per_channel = false},
    .macs = Macs,
    .training = &kTraining,
};

}  // namespace litesmith
