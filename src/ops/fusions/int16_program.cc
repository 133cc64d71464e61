// ADD, SUB, MUL, LOGISTIC and TANH of int16 values of one shape, and small
// FULLY_CONNECTEDs whose outputs they read, in inference: what lies between is
// never written, and one kernel runs in place of many that cost more to call
// than they compute. Such are the steps of recurrent layers, which have no op
// of their own in 16 bits.
#include "src/ops/fusions/int16_program.h"

#include <algorithm>
#include <utility>

#include "src/ops/fusions.h"
#include "src/ops/layer/layer.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

class ProgramKernel final : public Kernel {
 public:
  // Of `arrays` arrays, then rows of dense layers. A sample has `rows` rows of
  // `width` values; 0: all samples are one row.
  ProgramKernel(Program16 program, int64_t rows, int64_t width, size_t arrays)
      : program_(std::move(program)),
        rows_(rows),
        width_(width),
        arrays_(arrays) {
    workspace_bytes = program_.workspace_bytes();
  }
  void Run(const KernelArgs& args) const override {
    const auto* in = reinterpret_cast<const int16_t* const*>(args.inputs);
    auto* const* out = reinterpret_cast<int16_t* const*>(args.outputs);
    program_.Run(rows_ > 0 ? rows_ * args.batch : 1,
                 rows_ > 0 ? width_ : width_ * args.batch, in, in + arrays_,
                 out, args.workspace);
  }

 private:
  Program16 program_;
  int64_t rows_;
  int64_t width_;
  size_t arrays_;
};

bool IsBinary(const OpDef* op) {
  return op == &kAdd || op == &kSub || op == &kMul;
}
bool IsSigmoid(const OpDef* op) { return op == &kLogistic || op == &kTanh; }

// Nodes that become one kernel, as they are found in the graph's order.
class Group {
 public:
  explicit Group(const GroupContext& context) : context_(&context) {}

  bool empty() const { return nodes_.empty(); }
  bool Computes(TensorId id) const {
    return std::find(computed_.begin(), computed_.end(), id) != computed_.end();
  }
  bool IsReadBy(const Node& node) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](TensorId id) { return Computes(id); });
  }
  // Whether the node can be one of these.
  bool Takes(NodeId id) const {
    const Node& node = context_->graph.node(id);
    if (nodes_.size() >= kMostNodes || !IsInt16(node.outputs[0])) return false;
    const PrepareContext at = context_->at(id);
    if (!empty() && at.output().shape != Output(nodes_[0]).shape) return false;
    if (node.op == &kFullyConnected)
      return !Computes(node.inputs[0]) && IsSmallDense(at);
    if (!IsBinary(node.op) && !IsSigmoid(node.op)) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId x) {
      return IsInt16(x) && context_->graph.tensor(x).shape == at.output().shape;
    });
  }
  void Add(NodeId id) {
    nodes_.push_back(id);
    computed_.push_back(context_->graph.node(id).outputs[0]);
  }
  // The kernel; without one if it is not worth it or vectors do not hold it.
  PlannedKernel Plan();

 private:
  static constexpr size_t kMostNodes = 64;

  const Tensor& Output(NodeId id) const {
    return context_->graph.tensor(context_->graph.node(id).outputs[0]);
  }
  // Computed from the inputs, with a scale.
  bool IsInt16(TensorId id) const {
    const Tensor& tensor = context_->graph.tensor(id);
    return tensor.dtype == DType::kInt16 && !tensor.quant.empty() &&
           tensor.kind != TensorKind::kVariable && !tensor.has_data() &&
           context_->facts.IsBatched(id);
  }
  // So small, or of so many outputs, that a vector of outputs at a time is no
  // loss, and read from the first level of cache; several rows share no loads.
  bool IsSmallDense(const PrepareContext& at) const {
    constexpr int64_t kMostDepth = 128;
    constexpr int64_t kMostDepthOfRows = 32;
    constexpr int64_t kMostWeights = 8192;
    const Shape& weights = at.input(1).shape;
    const int64_t rows =
        PerSample(at, at.output().shape.NumElements()) / weights[0];
    Dense16Spec spec;
    return IsInt16(at.node.inputs[0]) &&
           weights[1] <= (rows > 1 ? kMostDepthOfRows : kMostDepth) &&
           weights.NumElements() <= kMostWeights && FillDense16(at, &spec);
  }
  // Dense layers that no other node of the group reads keep their own kernel,
  // but where all are dense layers of the same rows.
  void DropUnread();
  bool IsOneLayer() const {
    return std::all_of(nodes_.begin(), nodes_.end(), [&](NodeId id) {
      const Node& node = context_->graph.node(id);
      return node.op == &kFullyConnected &&
             node.inputs[0] == context_->graph.node(nodes_[0]).inputs[0];
    });
  }
  bool Write(NodeId id, Program16* program);
  int ValueOf(TensorId id) const {
    const auto at = std::find(values_.begin(), values_.end(), id);
    return static_cast<int>(at - values_.begin());
  }

  const GroupContext* context_;
  std::vector<NodeId> nodes_;
  std::vector<TensorId> computed_;
  std::vector<TensorId> values_;  // by their numbers in the program
  std::vector<TensorId> rows_;    // that dense layers read
};

void Group::DropUnread() {
  if (IsOneLayer()) return;
  std::erase_if(nodes_, [&](NodeId id) {
    const Node& node = context_->graph.node(id);
    return node.op == &kFullyConnected &&
           std::none_of(nodes_.begin(), nodes_.end(), [&](NodeId other) {
             const auto& inputs = context_->graph.node(other).inputs;
             return std::find(inputs.begin(), inputs.end(), node.outputs[0]) !=
                    inputs.end();
           });
  });
  computed_.clear();
  for (const NodeId id : nodes_)
    computed_.push_back(context_->graph.node(id).outputs[0]);
}

bool Group::Write(NodeId id, Program16* program) {
  const PrepareContext at = context_->at(id);
  const std::vector<TensorId>& in = at.node.inputs;
  if (IsBinary(at.node.op)) {
    ScaledBinarySpec spec;
    return FillInt16Binary(at, &spec) &&
           program->AddBinary(spec, ValueOf(in[0]), ValueOf(in[1]));
  }
  if (IsSigmoid(at.node.op)) {
    Sigmoid16 f;
    return FillSigmoid16(at, &f) && program->AddSigmoid(f, ValueOf(in[0]));
  }
  Dense16Spec spec;
  if (!FillDense16(at, &spec)) return false;
  const auto row = std::find(rows_.begin(), rows_.end(), in[0]) - rows_.begin();
  return program->AddDense(spec, static_cast<int>(row));
}

PlannedKernel Group::Plan() {
  PlannedKernel planned;
  DropUnread();
  if (nodes_.size() < 2) return planned;
  const auto append = [](TensorId id, std::vector<TensorId>* to) {
    if (std::find(to->begin(), to->end(), id) == to->end()) to->push_back(id);
  };
  int64_t outputs_of_dense = 0;
  for (const NodeId id : nodes_) {
    const Node& node = context_->graph.node(id);
    if (node.op == &kFullyConnected) {
      append(node.inputs[0], &rows_);
      outputs_of_dense = context_->graph.tensor(node.inputs[1]).shape[0];
      continue;
    }
    for (const TensorId x : node.inputs) {
      if (!Computes(x)) append(x, &values_);
    }
  }
  const size_t arrays = values_.size();
  Program16 program(static_cast<int>(arrays));
  for (const NodeId id : nodes_) {
    if (!Write(id, &program)) return planned;
    values_.push_back(context_->graph.node(id).outputs[0]);
  }
  std::vector<int> outputs;
  for (const TensorId id : computed_) {
    int read = 0;
    for (const NodeId node : nodes_) {
      const auto& inputs = context_->graph.node(node).inputs;
      read += static_cast<int>(std::count(inputs.begin(), inputs.end(), id));
    }
    if (read == context_->facts.Uses(id)) continue;
    planned.outputs.push_back(id);
    outputs.push_back(ValueOf(id));
  }
  program.set_outputs(std::move(outputs));
  planned.nodes = nodes_;
  planned.inputs.assign(values_.begin(),
                        values_.begin() + static_cast<ptrdiff_t>(arrays));
  planned.inputs.insert(planned.inputs.end(), rows_.begin(), rows_.end());
  const PrepareContext last = context_->at(nodes_.back());
  const int64_t values = PerSample(last, last.output().shape.NumElements());
  const bool in_rows = outputs_of_dense > 0;
  planned.kernel = std::make_unique<ProgramKernel>(
      std::move(program), in_rows ? values / outputs_of_dense : 0,
      in_rows ? outputs_of_dense : values, arrays);
  return planned;
}

// A group goes on over nodes that do not read what it computes.
std::vector<PlannedKernel> Groups(const GroupContext& context) {
  std::vector<PlannedKernel> found;
  Group group(context);
  const auto close = [&] {
    PlannedKernel planned = group.Plan();
    if (planned.kernel != nullptr) found.push_back(std::move(planned));
    group = Group(context);
  };
  for (size_t n = 0; n < context.graph.nodes.size(); ++n) {
    const Node& node = context.graph.nodes[n];
    const auto id = static_cast<NodeId>(n);
    const bool free =
        context.taken[n] == 0 && !node.op->in_place && node.outputs.size() == 1;
    if (free && group.Takes(id)) {
      group.Add(id);
      continue;
    }
    if (node.op->effects || group.IsReadBy(node)) close();
    if (free && group.empty() && group.Takes(id)) group.Add(id);
  }
  close();
  return found;
}

}  // namespace

const Fusion kInt16Program = {
    .name = "INT16_PROGRAM",
    .summary =
        "sums, products, sigmoids and small dense layers of int16 in one "
        "kernel",
    .purpose = Purpose::kFast,
    .groups = Groups,
};

}  // namespace litesmith
