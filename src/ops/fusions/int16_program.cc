// ADD, SUB, MUL, LOGISTIC and TANH of int16 values of one shape, small
// FULLY_CONNECTEDs whose outputs they read, and UNPACK and PACK around them, in
// inference: what lies between is hardly ever written, and one kernel runs in
// place of many that cost more to call than they compute. Such are the steps of
// recurrent layers, which have no op of their own in 16 bits.
#include "src/ops/fusions/int16_program.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "src/ops/fusions.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

class ProgramKernel final : public Kernel {
 public:
  // A sample has `rows` rows of `width` values; 0: all samples are one row.
  ProgramKernel(Program16 program, int64_t rows, int64_t width)
      : program_(std::move(program)), rows_(rows), width_(width) {
    workspace_bytes = program_.workspace_bytes();
  }
  void Run(const KernelArgs& args) const override {
    program_.Run(rows_ > 0 ? rows_ * args.batch : 1,
                 rows_ > 0 ? width_ : width_ * args.batch,
                 reinterpret_cast<const int16_t* const*>(args.inputs),
                 reinterpret_cast<int16_t* const*>(args.outputs),
                 args.workspace);
  }

 private:
  Program16 program_;
  int64_t rows_;
  int64_t width_;
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
  bool IsReadBy(const Node& node) const {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](TensorId id) { return Computes(id); });
  }
  // Whether the node can be one of these.
  bool Takes(NodeId id) const;
  void Add(NodeId id) {
    if (empty()) shape_ = PartOf(context_->graph.node(id)).shape;
    nodes_.push_back(id);
    for (const TensorId of : context_->graph.node(id).outputs)
      computed_.insert(of);
  }
  // The kernel; without one if it is not worth it or vectors do not hold it.
  PlannedKernel Plan();

 private:
  static constexpr size_t kMostNodes = 4096;

  const Graph& graph() const { return context_->graph; }
  const Tensor& tensor(TensorId id) const { return graph().tensor(id); }
  bool Computes(TensorId id) const { return computed_.count(id) != 0; }
  // What a node has of the group's shape: an output, or a part of a stack.
  const Tensor& PartOf(const Node& node) const {
    return tensor(node.op == &kPack ? node.inputs[0] : node.outputs[0]);
  }
  TensorId StackOf(const Node& node) const {
    return node.op == &kPack ? node.outputs[0] : node.inputs[0];
  }
  static bool IsStack(const Node& node) {
    return node.op == &kPack || node.op == &kUnpack;
  }
  // Computed from the inputs, with a scale.
  bool IsInt16(TensorId id) const {
    const Tensor& of = tensor(id);
    return of.dtype == DType::kInt16 && !of.quant.empty() &&
           of.kind != TensorKind::kVariable && !of.has_data() &&
           context_->facts.IsBatched(id);
  }
  bool IsSmallDense(const PrepareContext& at) const;

  // How often these nodes read each tensor.
  std::map<TensorId, int> Reads() const;
  template <class F>
  void Drop(const F& unwanted);
  void DropUnwanted();
  bool HasRows(const Node& node) const;

  int ArrayOf(TensorId id, std::vector<TensorId>* arrays);
  Program16Rows RowsOf(TensorId id, int64_t width);
  int ValueOf(TensorId id, Program16* program);
  // The number of the value that it computes, or -1.
  int Write(NodeId id, Program16* program);
  bool WriteAll(Program16* program);
  void PlanOutputs();

  const GroupContext* context_;
  Shape shape_;
  std::vector<NodeId> nodes_;
  std::set<TensorId> computed_;

  int64_t width_ = 0;  // of a row, where there are dense layers
  std::vector<TensorId> inputs_, outputs_;  // of the kernel
  std::map<TensorId, int> values_;
  std::map<TensorId, Program16Rows> parts_;  // of what is unpacked
  std::multimap<TensorId, Program16Rows> stores_;
};

bool Group::Takes(NodeId id) const {
  const Node& node = graph().node(id);
  if (nodes_.size() >= kMostNodes || !IsInt16(node.outputs[0]) ||
      (!empty() && PartOf(node).shape != shape_)) {
    return false;
  }
  if (node.op == &kPack) return !empty() && IsReadBy(node);
  if (node.op == &kUnpack) return IsInt16(node.inputs[0]);
  const PrepareContext at = context_->at(id);
  if (node.op == &kFullyConnected) return IsSmallDense(at);
  if (!IsBinary(node.op) && !IsSigmoid(node.op)) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId x) {
    return IsInt16(x) && tensor(x).shape == at.output().shape;
  });
}

// So small, or of so many outputs, that a vector of outputs at a time is no
// loss, and read from the first level of cache; several rows share no loads.
bool Group::IsSmallDense(const PrepareContext& at) const {
  constexpr int64_t kMostDepth = 128;
  constexpr int64_t kMostDepthOfRows = 32;
  constexpr int64_t kMostWeights = 8192;
  const TensorId x = at.node.inputs[0];
  const Shape& weights = at.input(1).shape;
  const int64_t rows =
      PerSample(at, at.output().shape.NumElements()) / weights[0];
  Dense16Spec spec;
  return IsInt16(x) &&
         (!Computes(x) ||
          (tensor(x).shape == shape_ && weights[1] == weights[0])) &&
         weights[1] <= (rows > 1 ? kMostDepthOfRows : kMostDepth) &&
         weights.NumElements() <= kMostWeights && FillDense16(at, &spec);
}

std::map<TensorId, int> Group::Reads() const {
  std::map<TensorId, int> reads;
  for (const NodeId id : nodes_) {
    for (const TensorId x : graph().node(id).inputs) ++reads[x];
  }
  return reads;
}

template <class F>
void Group::Drop(const F& unwanted) {
  std::erase_if(nodes_, [&](NodeId id) { return unwanted(graph().node(id)); });
  computed_.clear();
  for (const NodeId id : nodes_) {
    for (const TensorId of : graph().node(id).outputs) computed_.insert(of);
  }
}

// Whether the parts of the stack are rows of the program, one behind the other.
bool Group::HasRows(const Node& node) const {
  const Shape& stack = tensor(StackOf(node)).shape;
  const auto axis =
      static_cast<int>(node.op == &kPack ? node.Get<&PackAttrs::axis>()
                                         : node.Get<&UnpackAttrs::axis>());
  int64_t inner = 1;
  for (int d = axis < 0 ? axis + stack.rank() : axis; ++d < stack.rank();)
    inner *= stack[d];
  return inner == width_;
}

void Group::DropUnwanted() {
  for (const NodeId id : nodes_) {
    const Node& node = graph().node(id);
    if (node.op == &kFullyConnected) width_ = tensor(node.inputs[1]).shape[0];
  }
  Drop([&](const Node& node) { return IsStack(node) && !HasRows(node); });
  // Dense layers that no other node of the group reads keep their own kernel,
  // but where all are dense layers of the same rows.
  const auto is_of_first = [&](NodeId id) {
    const Node& node = graph().node(id);
    return node.op == &kFullyConnected &&
           node.inputs[0] == graph().node(nodes_[0]).inputs[0];
  };
  if (!std::all_of(nodes_.begin(), nodes_.end(), is_of_first)) {
    const auto reads = Reads();
    Drop([&](const Node& node) {
      return node.op == &kFullyConnected && reads.count(node.outputs[0]) == 0;
    });
  }
  // All that is packed is computed here, all that is unpacked read here alone.
  Drop([&](const Node& node) {
    return node.op == &kPack &&
           !std::all_of(node.inputs.begin(), node.inputs.end(),
                        [&](TensorId x) { return Computes(x); });
  });
  auto reads = Reads();
  Drop([&](const Node& node) {
    return node.op == &kUnpack &&
           std::any_of(node.outputs.begin(), node.outputs.end(),
                       [&](TensorId of) {
                         return reads[of] != context_->facts.Uses(of);
                       });
  });
}

int Group::ArrayOf(TensorId id, std::vector<TensorId>* arrays) {
  const auto at = std::find(arrays->begin(), arrays->end(), id);
  const auto number = static_cast<int>(at - arrays->begin());
  if (at == arrays->end()) arrays->push_back(id);
  return number;
}

// Of an array from outside.
Program16Rows Group::RowsOf(TensorId id, int64_t width) {
  const auto part = parts_.find(id);
  if (part != parts_.end()) return part->second;
  return {ArrayOf(id, &inputs_), 0, width};
}

int Group::ValueOf(TensorId id, Program16* program) {
  const auto at = values_.find(id);
  if (at != values_.end()) return at->second;
  return values_[id] = program->AddLoad(RowsOf(id, width_));
}

int Group::Write(NodeId id, Program16* program) {
  const PrepareContext at = context_->at(id);
  const std::vector<TensorId>& in = at.node.inputs;
  if (IsBinary(at.node.op)) {
    ScaledBinarySpec spec;
    if (!FillInt16Binary(at, &spec)) return -1;
    const int a = ValueOf(in[0], program);
    return program->AddBinary(spec, a, ValueOf(in[1], program));
  }
  if (IsSigmoid(at.node.op)) {
    Sigmoid16 f;
    if (!FillSigmoid16(at, &f)) return -1;
    return program->AddSigmoid(f, ValueOf(in[0], program));
  }
  Dense16Spec spec;
  if (!FillDense16(at, &spec)) return -1;
  return Computes(in[0]) ? program->AddDense(spec, ValueOf(in[0], program))
                         : program->AddDense(spec, RowsOf(in[0], spec.depth));
}

// What is written to memory: what others read, and stacks.
void Group::PlanOutputs() {
  auto reads = Reads();
  for (const NodeId id : nodes_) {
    const Node& node = graph().node(id);
    if (node.op == &kUnpack) continue;
    const TensorId of = node.outputs[0];
    const int64_t stack = std::ssize(node.inputs) * width_;
    if (node.op == &kPack) {
      const int array = ArrayOf(of, &outputs_);
      for (int64_t i = 0; i < std::ssize(node.inputs); ++i) {
        stores_.insert(
            {node.inputs[static_cast<size_t>(i)], {array, i * width_, stack}});
      }
    } else if (reads[of] != context_->facts.Uses(of)) {
      stores_.insert({of, {ArrayOf(of, &outputs_), 0, width_}});
    }
  }
}

bool Group::WriteAll(Program16* program) {
  PlanOutputs();
  for (const NodeId id : nodes_) {
    const Node& node = graph().node(id);
    if (node.op == &kPack) continue;
    if (node.op == &kUnpack) {
      const int array = ArrayOf(node.inputs[0], &inputs_);
      const int64_t parts = std::ssize(node.outputs);
      for (int64_t i = 0; i < parts; ++i) {
        parts_[node.outputs[static_cast<size_t>(i)]] = {array, i * width_,
                                                        parts * width_};
      }
      continue;
    }
    const int value = Write(id, program);
    if (value < 0) return false;
    values_[node.outputs[0]] = value;
    const auto [first, last] = stores_.equal_range(node.outputs[0]);
    for (auto at = first; at != last; ++at)
      program->AddStore(value, at->second);
  }
  program->Finish();
  return true;
}

PlannedKernel Group::Plan() {
  PlannedKernel planned;
  DropUnwanted();
  Program16 program;
  if (nodes_.size() < 2 || !WriteAll(&program)) return planned;
  planned.nodes = nodes_;
  planned.inputs = inputs_;
  planned.outputs = outputs_;
  const int64_t values =
      PerSample(context_->at(nodes_.back()), shape_.NumElements());
  const int64_t rows = width_ > 0 ? values / width_ : 0;
  planned.kernel = std::make_unique<ProgramKernel>(std::move(program), rows,
                                                   rows > 0 ? width_ : values);
  return planned;
}

// A group goes on over nodes that do not read what it computes.
std::vector<PlannedKernel> Groups(const GroupContext& context) {
  std::vector<PlannedKernel> found;
  Group group(context);
  const auto close = [&] {
    if (group.empty()) return;
    PlannedKernel planned = group.Plan();
    if (planned.kernel != nullptr) found.push_back(std::move(planned));
    group = Group(context);
  };
  for (size_t n = 0; n < context.graph.nodes.size(); ++n) {
    const Node& node = context.graph.nodes[n];
    const auto id = static_cast<NodeId>(n);
    const bool free = context.taken[n] == 0 && !node.op->in_place &&
                      (node.outputs.size() == 1 || node.op == &kUnpack);
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
        "sums, products, sigmoids and small dense layers of int16, step by "
        "step, in one kernel",
    .purpose = Purpose::kFast,
    .groups = Groups,
};

}  // namespace litesmith
