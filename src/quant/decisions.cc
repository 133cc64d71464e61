// Decisions by numeric format: halves, int8 weights alone, pairs around float
// activations, integers throughout.
#include "src/quant/decisions.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/ops/integer_operands.h"
#include "src/quant/constants.h"
#include "src/quant/halves.h"
#include "src/quant/mean_error.h"
#include "src/quant/parameters.h"

namespace litesmith {
namespace {

// TFLite's converter leaves smaller weights in float (quantize_weights.h).
constexpr int64_t kSmallestDynamicWeights = 1024;

// The real values that a form of one scale can hold; of weights' scales the
// narrow range is another matter.
Range RangeOf(const Form& form) {
  const bool wide = form.dtype == DType::kInt16;
  const auto zero = static_cast<float>(form.quant.zero_point[0]);
  return {form.quant.scale[0] * ((wide ? -32768.0f : -128.0f) - zero),
          form.quant.scale[0] * ((wide ? 32767.0f : 127.0f) - zero)};
}

void Widen(const Range& other, Range* range) {
  range->min = std::min(range->min, other.min);
  range->max = std::max(range->max, other.max);
  range->few |= other.few;
}

// Whether the values are clusters: few distinct ones for their number.
bool IsClustered(std::span<const float> w) {
  constexpr size_t kMostClusters = 256;
  std::set<float> distinct;
  for (const float v : w) {
    distinct.insert(v);
    if (distinct.size() > kMostClusters) return false;
  }
  return distinct.size() * 4 <= w.size();
}

class Decider {
 public:
  Decider(Graph* graph, const Scheme& scheme, const Ranges& ranges,
          const ConvertOptions& options, const FloatNodes& float_nodes)
      : graph_(graph),
        scheme_(scheme),
        ranges_(ranges),
        options_(options),
        float_nodes_(float_nodes) {
    result_.tensors.resize(graph->tensors.size());
    result_.through.resize(graph->tensors.size());
    result_.hybrid.resize(graph->nodes.size(), 0);
  }

  // float16 constants, widened for all that read them.
  Decisions Halves() {
    for (const Node& node : graph_->nodes) {
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!ReadsConstant(*graph_, node, i) ||
            graph_->tensor(node.inputs[i]).shape.NumElements() <= kFewValues)
          continue;
        Decision& decision = At(node.inputs[i]);
        if (decision.from != Decision::kNone) continue;
        decision.from = Decision::kValues;
        decision.form.dtype = DType::kFloat16;
        decision.data = HalvesOf(graph_->tensor(node.inputs[i]),
                                 node.op->OperandOf(i).channel_axis);
        Through(node.inputs[i]) = {Form()};
      }
    }
    return std::move(result_);
  }

  // int8 weights where the kernels take them with float activations, and tables
  // that are only moved (of an embedding), dequantized behind that.
  Decisions Dynamic() {
    for (size_t n = 0; n < graph_->nodes.size(); ++n) {
      const Node& node = graph_->nodes[n];
      if (!node.op->quant.hybrid) {
        MovedTable(n);
        continue;
      }
      for (const size_t i : HybridInputs(node)) {
        Store(n, i, WeightForm(node, i));
        result_.hybrid[n] = 1;
      }
    }
    return std::move(result_);
  }

  // A quantization-aware float graph: each fake-quantized activation passes
  // through a QUANTIZE and a DEQUANTIZE, as TensorFlow's converter writes it;
  // weights are floats on their grid.
  Decisions Pairs() {
    for (size_t id = 0; id < graph_->tensors.size(); ++id) {
      const Tensor& tensor = graph_->tensors[id];
      if (tensor.quant.empty() || tensor.dtype != DType::kFloat32) continue;
      result_.tensors[id].from = Decision::kLearned;
      if (!tensor.has_data())
        result_.through[id] = {{DType::kInt8, tensor.quant}, Form()};
    }
    return std::move(result_);
  }

  Decisions Integers() {
    std::vector<char> stays_float;
    for (size_t n = 0; n < graph_->nodes.size(); ++n)
      stays_float.push_back(float_nodes_.Stays(n) ? 1 : 0);
    groups_ = Unite(*graph_, stays_float);
    Fix();
    RequireRanges();
    LearnedAndRanges();
    Spread();
    Islands();
    for (size_t n = 0; n < graph_->nodes.size(); ++n) {
      if (float_nodes_.Stays(n)) continue;
      Weights(n);
      Operands(n);
      Biases(n);
      DataConstants(n);
    }
    for (const auto& [id, decision] : result_.beside)
      result_.tensors[static_cast<size_t>(id)] = {};
    return std::move(result_);
  }

 private:
  Decision& At(TensorId id) { return result_.tensors[static_cast<size_t>(id)]; }
  std::vector<Form>& Through(TensorId id) {
    return result_.through[static_cast<size_t>(id)];
  }
  TensorId GroupOf(TensorId id) const {
    return groups_.of[static_cast<size_t>(id)];
  }

  // The stored weights of the node that become int8. An op that has several
  // takes them all in one type. One without operands for weights multiplies its
  // data, of which the second may be stored.
  std::vector<size_t> HybridInputs(const Node& node) const {
    std::vector<size_t> inputs;
    int64_t largest = 0;
    int64_t all = 0;
    const bool has_weights = node.op->Find(Role::kWeight) >= 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool weight =
          has_weights ? node.op->OperandOf(i).role == Role::kWeight : i == 1;
      if (!weight || node.inputs[i] == kNoTensor) continue;
      if (!ReadsConstant(*graph_, node, i)) return {};
      const int64_t size = graph_->tensor(node.inputs[i]).shape.NumElements();
      largest = std::max(largest, size);
      all += size;
      inputs.push_back(i);
    }
    return (inputs.size() > 1 ? all : largest) < kSmallestDynamicWeights
               ? std::vector<size_t>()
               : inputs;
  }

  // A large constant of which the node only moves values.
  void MovedTable(size_t n) {
    const Node& node = graph_->nodes[n];
    if (node.op->quant.output != QuantRule::kLikeInput ||
        node.outputs.size() != 1 || !ReadsConstant(*graph_, node, 0))
      return;
    const Tensor& table = graph_->tensor(node.inputs[0]);
    const TensorId out = node.outputs[0];
    const bool is_output =
        std::find(graph_->outputs.begin(), graph_->outputs.end(), out) !=
        graph_->outputs.end();
    if (is_output || table.shape.NumElements() < kSmallestDynamicWeights)
      return;
    const Form form = {DType::kInt8,
                       WeightQuantization(table.As<float>(), table.shape, -1)};
    Store(n, 0, form);
    At(out).from = Decision::kValues;
    At(out).form = form;
    Through(out) = {Form()};
  }

  static Form FixedForm(const OpDef& op, DType dtype) {
    const FixedScale& fixed =
        dtype == DType::kInt16 ? op.quant.fixed16 : op.quant.fixed8;
    LS_CHECK(fixed.scale > 0);
    return {dtype, {{fixed.scale}, {fixed.zero_point}, 0}};
  }

  // ---- Fix ----
  void Fix() {
    for (size_t id = 0; id < groups_.fixed.size(); ++id) {
      const auto tensor = static_cast<TensorId>(id);
      if (GroupOf(tensor) != tensor || groups_.fixed[id] == nullptr) continue;
      Decision& decision = At(tensor);
      decision.from = Decision::kFixed;
      decision.form = FixedForm(*groups_.fixed[id], scheme_.activation);
      decision.why = fmt::format("fixed by {}", groups_.fixed[id]->name);
      // Symmetric int16 may hold what the op never gives.
      decision.range = RangeOf(FixedForm(*groups_.fixed[id], DType::kInt8));
    }
  }

  bool IsKnown(TensorId id) const {
    return static_cast<size_t>(id) < ranges_.size() &&
           ranges_[static_cast<size_t>(id)].seen();
  }

  void RequireRanges() const {
    for (const TensorId id : OpenRanges(*graph_, groups_)) {
      if (IsKnown(id)) continue;
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}' has no calibrated range; {} wants representative "
           "samples",
           graph_->tensor(id).name, scheme_.name);
    }
  }

  // What a source brings: what was learned, in int8 terms, else what was seen.
  Range SourceRange(TensorId id) const {
    const Quantization& learned = graph_->tensor(id).quant;
    return learned.empty() ? ranges_[static_cast<size_t>(id)]
                           : RangeOf({DType::kInt8, learned});
  }

  // ---- Learned, Ranges ----
  void LearnedAndRanges() {
    std::map<TensorId, std::vector<TensorId>> sources;
    for (const TensorId id : groups_.sources)
      sources[GroupOf(id)].push_back(id);
    std::map<TensorId, std::vector<Range>> apart;
    for (const NodeInput& at : groups_.apart) {
      const Node& node = graph_->node(at.node);
      const TensorId id = node.inputs[static_cast<size_t>(at.input)];
      if (std::find(groups_.cut.begin(), groups_.cut.end(), at) !=
          groups_.cut.end())
        continue;
      apart[GroupOf(node.outputs[0])].push_back(
          graph_->tensor(id).has_data() ? RangeOfValues(graph_->tensor(id))
                                        : At(GroupOf(id)).range);
    }
    for (const auto& [group, members] : sources) {
      const TensorId decides = groups_.decides[static_cast<size_t>(group)];
      if (decides != kNoTensor) {
        DecideGroup(group, {decides}, {});
      } else {
        DecideGroup(group, members, apart[group]);
      }
    }
    for (const auto& [group, others] : apart) {
      if (At(group).from == Decision::kNone) DecideGroup(group, {}, others);
    }
  }

  void DecideGroup(TensorId group, const std::vector<TensorId>& members,
                   const std::vector<Range>& others) {
    Decision& decision = At(group);
    decision.form.dtype = scheme_.activation;
    for (const TensorId id : members) Widen(SourceRange(id), &decision.range);
    for (const Range& range : others) Widen(range, &decision.range);
    const Quantization learned =
        members.empty() ? Quantization() : graph_->tensor(members[0]).quant;
    const bool one =
        !learned.empty() && others.empty() &&
        std::all_of(members.begin(), members.end(), [&](TensorId id) {
          return graph_->tensor(id).quant == learned;
        });
    decision.from = one ? Decision::kLearned : Decision::kCalibrated;
    decision.why =
        fmt::format("{}: {:g} to {:g}", one ? "learned" : "calibrated",
                    decision.range.min, decision.range.max);
    if (members.size() + others.size() > 1) {
      std::string names;
      for (const TensorId id : members)
        names += fmt::format(" '{}'", graph_->tensor(id).name);
      decision.why += fmt::format(" over{}{}", names,
                                  others.empty() ? "" : " and constants");
    }
    // Learned in int8 terms; int16 takes the same range.
    decision.form.quant =
        one && scheme_.activation == DType::kInt8
            ? learned
            : ActivationQuantization(decision.range, scheme_.activation);
  }

  // Every tensor of a group takes its decision; what reads from apart converts.
  void Spread() {
    for (size_t id = 0; id < groups_.of.size(); ++id) {
      if (groups_.of[id] != static_cast<TensorId>(id))
        result_.tensors[id] = At(groups_.of[id]);
    }
    for (const NodeInput& at : groups_.apart) {
      const Node& node = graph_->node(at.node);
      const auto input = static_cast<size_t>(at.input);
      const Form& form = At(node.outputs[0]).form;
      if (ReadsConstant(*graph_, node, input)) {
        StoreData(at, form);
      } else if (At(node.inputs[input]).form != form) {
        result_.requantized[at] = form;
      }
    }
  }

  // ---- Islands ----
  // What nodes that stay float read is dequantized for them, and what they
  // write is quantized for those that do not.
  void Islands() {
    if (!float_nodes_.any()) return;
    for (size_t n = 0; n < graph_->nodes.size(); ++n) {
      if (!float_nodes_.Stays(n)) continue;
      for (const TensorId id : graph_->nodes[n].outputs) {
        if (At(id).from != Decision::kNone) result_.beside[id] = At(id);
      }
    }
    for (size_t n = 0; n < graph_->nodes.size(); ++n) {
      const Node& node = graph_->nodes[n];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const TensorId id = node.inputs[i];
        if (id == kNoTensor || At(id).from == Decision::kNone) continue;
        const NodeInput at{static_cast<NodeId>(n), static_cast<int>(i)};
        const bool is_float = result_.beside.contains(id);
        if (float_nodes_.Stays(n)) {
          if (!is_float) result_.requantized[at] = Form();
        } else if (is_float && !result_.requantized.contains(at)) {
          result_.requantized[at] = At(id).form;
        }
      }
    }
  }

  // ---- Weights ----
  bool HasScalePerChannel(const Node& node, size_t input,
                          std::span<const float> w) const {
    if (node.op->OperandOf(input).channel_axis < 0) return false;
    return node.op->quant.per_channel ||
           options_.dense_per_channel.value_or(!IsClustered(w));
  }

  Form WeightForm(const Node& node, size_t input) const {
    const Tensor& w = graph_->tensor(node.inputs[input]);
    if (!w.quant.empty()) return {DType::kInt8, w.quant};  // trained on it
    try {
      const auto values = w.As<float>();
      const int axis = HasScalePerChannel(node, input, values)
                           ? node.op->OperandOf(input).channel_axis
                           : -1;
      return {DType::kInt8, WeightQuantization(values, w.shape, axis)};
    } catch (const Error& error) {
      Fail(error.kind(), "tensor '{}': {}", w.name, error.what());
    }
  }

  void Store(size_t node, size_t input, Form form) {
    const Tensor& w = graph_->tensor(graph_->nodes[node].inputs[input]);
    result_.constants[{static_cast<NodeId>(node), static_cast<int>(input)}] = {
        form,
        BytesOf<int8_t>(QuantizeWeights(w.As<float>(), w.shape, form.quant))};
  }

  void Weights(size_t n) {
    const Node& node = graph_->nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.op->OperandOf(i).role == Role::kWeight &&
          ReadsConstant(*graph_, node, i)) {
        weight_forms_[{static_cast<NodeId>(n), static_cast<int>(i)}] =
            WeightForm(node, i);
      }
    }
  }

  // ---- What an op decides itself ----
  void Operands(size_t n) {
    const Node& node = graph_->nodes[n];
    const DecideOperands decide = DecideOperandsOf(*node.op);
    if (decide == nullptr) return;
    const auto at = [n](size_t input) {
      return NodeInput{static_cast<NodeId>(n), static_cast<int>(input)};
    };
    const DecidedNode decided = {
        *graph_,
        node,
        [&](size_t input) {
          const auto weight = weight_forms_.find(at(input));
          return weight != weight_forms_.end()
                     ? weight->second.quant
                     : At(node.inputs[input]).form.quant;
        },
        At(node.outputs[0]).form.quant,
        scheme_.activation,
        [&](size_t input) { return LargestOf(node.inputs[input]); }};
    std::vector<IntegerOperand> operands;
    try {
      operands = decide(decided);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      result_.refused = {static_cast<NodeId>(n), error.what()};
      return;
    }
    for (const IntegerOperand& operand : operands) {
      const TensorId id = node.inputs[operand.input];
      const Form form = {operand.dtype, operand.quant};
      if (graph_->tensor(id).has_data()) {
        result_.constants[at(operand.input)] = {
            form, BiasSteps(graph_->tensor(id), form)};
      } else {
        At(id) = {Decision::kCalibrated, form, {}, {}, "a state"};
      }
    }
  }

  float LargestOf(TensorId id) const {
    if (!IsKnown(id)) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}' has no calibrated range; {} wants representative "
           "samples",
           graph_->tensor(id).name, scheme_.name);
    }
    const Range& range = ranges_[static_cast<size_t>(id)];
    return std::max(std::abs(range.min), std::abs(range.max));
  }

  // ---- Biases ----
  // A layer's bias, and its weights now that their scale is final.
  void Biases(size_t n) {
    const int bias = graph_->nodes[n].op->Find(Role::kBias);
    const int weight = graph_->nodes[n].op->Find(Role::kWeight);
    const auto node = static_cast<NodeId>(n);
    if (bias >= 0) {
      LS_CHECK(weight >= 0);
      AddMissingBias(n, static_cast<size_t>(bias), static_cast<size_t>(weight));
      DecideBias({node, bias}, {node, weight});
    }
    for (const auto& [at, form] : weight_forms_)
      Store(n, static_cast<size_t>(at.input), form);
    weight_forms_.clear();
  }

  void AddMissingBias(size_t n, size_t bias, size_t weight) {
    Node& node = graph_->nodes[n];
    if (node.input(bias) != kNoTensor) return;
    const Shape& shape = graph_->tensor(node.inputs[weight]).shape;
    const int32_t channels = shape[node.op->OperandOf(weight).channel_axis];
    const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
    node.inputs.resize(std::max(node.inputs.size(), bias + 1), kNoTensor);
    node.inputs[bias] =
        graph_->AddConstant<float>(node.name + "_bias", {channels}, zeros);
    result_.tensors.emplace_back();
    result_.through.emplace_back();
  }

  void DecideBias(NodeInput at, NodeInput weight) {
    const Node& node = graph_->node(at.node);
    const Tensor& bias =
        graph_->tensor(node.inputs[static_cast<size_t>(at.input)]);
    const auto known = weight_forms_.find(weight);
    Quantization& scales =
        known != weight_forms_.end()
            ? known->second.quant
            : At(node.inputs[static_cast<size_t>(weight.input)]).form.quant;
    const auto data = static_cast<size_t>(node.op->Find(Role::kData));
    const float input_scale = At(node.inputs[data]).form.quant.scale[0];
    if (known != weight_forms_.end())
      MakeRoomForBias(bias, input_scale, &scales);
    StoredConstant stored{{scheme_.bias, {}}, {}};
    for (const float scale : scales.scale) {
      stored.form.quant.scale.push_back(input_scale * scale);
      stored.form.quant.zero_point.push_back(0);
    }
    stored.data = BiasSteps(Corrected(node, scales, bias), stored.form);
    result_.constants[at] = std::move(stored);
  }

  // The bias with what rounding takes from the mean of the outputs, if the
  // layer has its weights and bias for itself.
  Tensor Corrected(const Node& node, const Quantization& weights,
                   Tensor bias) const {
    const auto operand = [&](Role role) {
      return node.inputs[static_cast<size_t>(node.op->Find(role))];
    };
    const TensorId w = operand(Role::kWeight), x = operand(Role::kData);
    if (!graph_->tensor(w).quant.empty() || !graph_->tensor(w).has_data() ||
        graph_->NumUses(w) != 1 || graph_->NumUses(operand(Role::kBias)) != 1 ||
        !IsKnown(x) || ranges_[static_cast<size_t>(x)].mean.empty())
      return bias;
    const std::vector<float> lost =
        LostMean(*graph_, node, weights, ranges_[static_cast<size_t>(x)].mean);
    const auto values = bias.As<float>();
    std::vector<float> sums(values.begin(), values.end());
    if (lost.size() != sums.size()) return bias;
    for (size_t c = 0; c < lost.size(); ++c) sums[c] += lost[c];
    bias.data = BytesOf(sums);
    return bias;
  }

  // ---- What else is constant ----
  // Data of ops that give their output a range of its own.
  void DataConstants(size_t n) {
    const Node& node = graph_->nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const NodeInput at{static_cast<NodeId>(n), static_cast<int>(i)};
      const Role role = node.op->OperandOf(i).role;
      if ((role != Role::kData && role != Role::kParameter) ||
          !ReadsConstant(*graph_, node, i) || result_.constants.contains(at)) {
        continue;
      }
      // Parameters are int8 as weights are, whatever flows through.
      const DType dtype =
          role == Role::kData ? scheme_.activation : DType::kInt8;
      StoreData(at, {dtype, ActivationQuantization(
                                RangeOfValues(graph_->tensor(node.inputs[i])),
                                dtype)});
    }
  }

  void StoreData(NodeInput at, const Form& form) {
    const Node& node = graph_->node(at.node);
    const Tensor& tensor =
        graph_->tensor(node.inputs[static_cast<size_t>(at.input)]);
    result_.constants[at] = {form, QuantizeData(tensor, form)};
  }

  Graph* graph_;
  const Scheme& scheme_;
  const Ranges& ranges_;
  const ConvertOptions& options_;
  const FloatNodes& float_nodes_;
  Groups groups_;
  std::map<NodeInput, Form> weight_forms_;  // of the node at hand
  Decisions result_;
};

}  // namespace

bool MakesIntegers(const Scheme& scheme, bool aware) {
  // fp16 and dynamic of a quantization-aware model are the int8 model with
  // float input and output, as TensorFlow's converter gives them.
  return scheme.full_integer || (aware && scheme.weight != DType::kFloat32);
}

const Scheme& SchemeInside(const Scheme& scheme, bool aware) {
  return MakesIntegers(scheme, aware) && !scheme.full_integer
             ? FindScheme("int8")
             : scheme;
}

Decisions Decide(Graph* graph, const Scheme& scheme, bool aware,
                 const Ranges& ranges, const ConvertOptions& options,
                 const FloatNodes& float_nodes) {
  const bool integers = MakesIntegers(scheme, aware);
  const Scheme& inside = SchemeInside(scheme, aware);
  Decider decider(graph, inside, ranges, options, float_nodes);
  if (integers) return decider.Integers();
  if (aware) return decider.Pairs();
  if (scheme.weight == DType::kFloat16) return decider.Halves();
  if (scheme.weight == DType::kInt8) return decider.Dynamic();
  Decisions nothing;
  nothing.tensors.resize(graph->tensors.size());
  nothing.through.resize(graph->tensors.size());
  nothing.hybrid.resize(graph->nodes.size(), 0);
  return nothing;
}

std::vector<TensorId> OpenRanges(const Graph& graph, const Groups& groups) {
  const std::vector<char> learned = LearnedRanges(graph);
  std::vector<TensorId> open;
  for (const TensorId id : groups.sources) {
    const auto group = static_cast<size_t>(groups.of[static_cast<size_t>(id)]);
    if (learned[static_cast<size_t>(id)] == 0 &&
        groups.decides[group] == kNoTensor)
      open.push_back(id);
  }
  return open;
}

}  // namespace litesmith
