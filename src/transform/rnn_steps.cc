// Each cell in as few ops as it takes: sums of gates that have one function
// are one sum, and z*h + (1 - z)*g is g + z*(h - g).
#include "src/transform/rnn_steps.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <utility>

#include "src/ops/layer/fully_connected.h"
#include "src/ops/map/binary.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {

using kernels::Cell;
using kernels::CellFunction;
using kernels::CellKind;

TensorId StepWriter::Add(const OpDef& op, const std::string& name,
                         std::vector<TensorId> inputs) {
  return AddMany(op, name, std::move(inputs), 1)[0];
}

std::vector<TensorId> StepWriter::AddMany(const OpDef& op,
                                          const std::string& name,
                                          std::vector<TensorId> inputs,
                                          int outputs) {
  std::vector<std::string> names = {name};
  for (int o = 1; o < outputs; ++o)
    names.push_back(fmt::format("{}{}", name, o));
  return graph_->AddNode(op, name, std::move(inputs), names).outputs;
}

TensorId StepWriter::FullyConnected(const std::string& name, TensorId x,
                                    TensorId weights, TensorId bias,
                                    bool keep_dims) {
  std::vector<TensorId> inputs = {x, weights};
  if (bias != kNoTensor) inputs.push_back(bias);
  const TensorId y = Add(kFullyConnected, name, std::move(inputs));
  last().Set<&FullyConnectedAttrs::keep_num_dims>(keep_dims);
  return y;
}

TensorId StepWriter::Sum(const std::string& name, TensorId a, TensorId b) {
  return Add(kAdd, name, {a, b});
}
TensorId StepWriter::Product(const std::string& name, TensorId a, TensorId b) {
  return Add(kMul, name, {a, b});
}
TensorId StepWriter::Difference(const std::string& name, TensorId a,
                                TensorId b) {
  return Add(kSub, name, {a, b});
}

TensorId StepWriter::Apply(CellFunction function, const std::string& name,
                           TensorId x) {
  switch (function) {
    case CellFunction::kLinear:
      return x;
    case CellFunction::kRelu:
      return Add(kRelu, name, {x});
    case CellFunction::kRelu6:
      return Add(kRelu6, name, {x});
    case CellFunction::kTanh:
      return Add(kTanh, name, {x});
    case CellFunction::kLogistic:
      return Add(kLogistic, name, {x});
    case CellFunction::kHardSigmoid:
    case CellFunction::kHardSigmoid6: {
      const float slope =
          function == CellFunction::kHardSigmoid ? 0.2f : 1.0f / 6;
      const TensorId line =
          Sum(name + "l", Product(name + "m", x, Scalar(slope)), Scalar(0.5f));
      last().Set<&AddAttrs::activation>(activation::kRelu);
      return Add(kMinimum, name, {line, Scalar(1.0f)});
    }
    case CellFunction::kElu:
      return Add(kElu, name, {x});
    case CellFunction::kSoftsign:
      return Add(
          kDiv, name,
          {x, Sum(name + "d", Add(kAbs, name + "a", {x}), Scalar(1.0f))});
    case CellFunction::kExp:
      return Add(kExp, name, {x});
  }
  return x;
}

std::vector<TensorId> StepWriter::Split(const std::string& name, TensorId x,
                                        int parts, int axis) {
  const auto outputs = AddMany(kSplit, name, {Scalar(axis), x}, parts);
  last().Set<&SplitAttrs::num_splits>(parts);
  return outputs;
}

std::vector<TensorId> StepWriter::SplitSizes(const std::string& name,
                                             TensorId x,
                                             const std::vector<int32_t>& sizes,
                                             int axis) {
  const auto parts = static_cast<int>(sizes.size());
  const auto outputs =
      AddMany(kSplitV, name, {x, Ints(sizes), Scalar(axis)}, parts);
  last().Set<&SplitVAttrs::num_splits>(parts);
  return outputs;
}

std::vector<TensorId> StepWriter::Unpack(const std::string& name, TensorId x,
                                         int count) {
  const auto outputs = AddMany(kUnpack, name, {x}, count);
  Put(UnpackAttrs{.num = count, .axis = 1}, &last());
  return outputs;
}

void StepWriter::Pack(const std::vector<TensorId>& parts,
                      const std::string& name, TensorId to) {
  Node node;
  node.op = &kPack;
  node.name = name;
  node.inputs = parts;
  node.outputs = {to};
  Put(PackAttrs{.values_count = static_cast<int32_t>(parts.size()), .axis = 1},
      &node);
  graph_->nodes.push_back(std::move(node));
}

void StepWriter::Rename(TensorId from, TensorId to) {
  for (TensorId& id : last().outputs) {
    if (id == from) id = to;
  }
}

void StepWriter::Give(TensorId from, TensorId to) {
  const NodeId producer = graph_->Producer(from);
  for (TensorId& id : graph_->node(producer).outputs) {
    if (id == from) id = to;
  }
  graph_->ReplaceUses(from, to);
}

template <class T>
TensorId StepWriter::Shared(const std::string& key, const Shape& shape,
                            std::span<const T> values) {
  const auto [at, is_new] = shared_.try_emplace(key, kNoTensor);
  if (is_new) at->second = graph_->AddConstant<T>(key, shape, values);
  return at->second;
}

TensorId StepWriter::Scalar(float value) {
  return Shared<float>(fmt::format("rnn/{}f", value), {}, {&value, 1});
}
TensorId StepWriter::Scalar(int32_t value) {
  return Shared<int32_t>(fmt::format("rnn/{}", value), {}, {&value, 1});
}
TensorId StepWriter::Ints(const std::vector<int32_t>& values) {
  return Shared<int32_t>(fmt::format("rnn/{}", fmt::join(values, ",")),
                         {static_cast<int32_t>(values.size())}, values);
}

namespace {

// A step being written.
class Step {
 public:
  Step(const Cell& cell, const StepWeights& weights, const StepInput& input,
       const StepState& before, const std::string& name, StepWriter* out)
      : cell_(cell),
        weights_(weights),
        x_(input.x),
        mask_(input.mask),
        before_(before),
        name_(name),
        out_(*out) {}

  StepState Run() const {
    StepState after = Compute();
    if (mask_ == kNoTensor) return after;
    if (after.c != kNoTensor) after.c = Kept("l", after.c, before_.c);
    after.h = Kept("n", after.h, before_.h);
    return after;
  }

 private:
  TensorId Kept(const std::string& letter, TensorId after,
                TensorId before) const {
    return out_.Add(
        kSelectV2, Name(letter),
        {mask_, after, before == kNoTensor ? out_.Scalar(0.0f) : before});
  }

  StepState Compute() const {
    switch (cell_.kind) {
      case CellKind::kSimple:
        return {Apply(cell_.activation, "h", WithRecurrence(0, "s")),
                kNoTensor};
      case CellKind::kGru:
        return {Gru(), kNoTensor};
      case CellKind::kLstm:
        return Lstm();
    }
    return {};
  }

  bool first() const { return before_.h == kNoTensor; }
  std::string Name(const std::string& letter) const { return name_ + letter; }
  TensorId Apply(CellFunction function, const std::string& letter,
                 TensorId x) const {
    return out_.Apply(function, Name(letter), x);
  }
  TensorId Recurrence(size_t i, const std::string& letter) const {
    return out_.FullyConnected(Name(letter), before_.h, weights_.recurrent[i],
                               weights_.recurrent_bias);
  }
  // x + R h; h of zeros gives nothing.
  TensorId WithRecurrence(size_t i, const std::string& letter) const {
    if (first()) return x_[i];
    return out_.Sum(Name(letter), x_[i], Recurrence(i, letter + "r"));
  }

  // The recurrence's products of z and r, and of the candidate. kNoTensor:
  // zeros.
  std::pair<TensorId, TensorId> GruRecurrence() const {
    const int32_t n = cell_.units;
    if (!first()) {
      const auto parts =
          out_.SplitSizes(Name("q"), Recurrence(0, "p"), {2 * n, n}, 1);
      return {parts[0], parts[1]};
    }
    if (weights_.recurrent_bias == kNoTensor) return {kNoTensor, kNoTensor};
    Graph& graph = out_.graph();
    const auto bias = graph.tensor(weights_.recurrent_bias).As<float>();
    const std::vector<float> values(bias.begin(), bias.end());
    const auto cut = values.begin() + 2 * n;
    return {graph.AddConstant<float>(Name("b"), {2 * n},
                                     std::vector<float>(values.begin(), cut)),
            graph.AddConstant<float>(Name("e"), {n},
                                     std::vector<float>(cut, values.end()))};
  }

  TensorId Gru() const {
    const auto [gates_h, candidate_h] = GruRecurrence();
    const TensorId sum =
        gates_h == kNoTensor ? x_[0] : out_.Sum(Name("s"), x_[0], gates_h);
    const auto gates = out_.Split(
        Name("z"), Apply(cell_.recurrent_activation, "g", sum), 2, 1);
    TensorId candidate = x_[1];
    if (!cell_.reset_after && !first()) {
      // The candidate's rows are the last of the kernel, which is stored once:
      // the other rows' products are for nothing.
      const TensorId reset = out_.Product(Name("m"), gates[1], before_.h);
      const auto parts =
          out_.SplitSizes(Name("v"),
                          out_.FullyConnected(Name("u"), reset,
                                              weights_.recurrent[0], kNoTensor),
                          {2 * cell_.units, cell_.units}, 1);
      candidate = out_.Sum(Name("t"), candidate, parts[1]);
    } else if (candidate_h != kNoTensor) {
      candidate = out_.Sum(Name("t"), candidate,
                           out_.Product(Name("m"), gates[1], candidate_h));
    }
    candidate = Apply(cell_.activation, "c", candidate);
    if (first()) {
      return out_.Difference(Name("h"), candidate,
                             out_.Product(Name("w"), gates[0], candidate));
    }
    const TensorId by = out_.Product(
        Name("w"), gates[0], out_.Difference(Name("d"), before_.h, candidate));
    return out_.Sum(Name("h"), candidate, by);
  }

  // i, f, g and o before their functions.
  std::vector<TensorId> LstmSums() const {
    if (x_.size() == 1)
      return out_.Split(Name("i"), WithRecurrence(0, "s"), 4, 1);
    std::vector<TensorId> sums;
    for (size_t gate = 0; gate < x_.size(); ++gate)
      sums.push_back(WithRecurrence(gate, fmt::format("s{}", gate)));
    return sums;
  }

  StepState Lstm() const {
    const auto sums = LstmSums();
    const auto re = cell_.recurrent_activation;
    const TensorId in = Apply(re, "a", sums[0]);
    const TensorId candidate = Apply(cell_.activation, "g", sums[2]);
    TensorId c = out_.Product(Name("u"), in, candidate);
    if (before_.c != kNoTensor) {
      const TensorId kept =
          out_.Product(Name("k"), Apply(re, "f", sums[1]), before_.c);
      c = out_.Sum(Name("c"), kept, c);
    }
    // Each step adds 1 at most.
    if (cell_.cell_clip > 0 &&
        cell_.cell_clip < static_cast<float>(cell_.steps)) {
      c = out_.Add(kMinimum, Name("v"), {c, out_.Scalar(cell_.cell_clip)});
      c = out_.Add(kMaximum, Name("w"), {c, out_.Scalar(-cell_.cell_clip)});
    }
    const TensorId out = Apply(re, "o", sums[3]);
    return {out_.Product(Name("h"), out, Apply(cell_.activation, "y", c)), c};
  }

  const Cell& cell_;
  const StepWeights& weights_;
  const std::vector<TensorId>& x_;
  const TensorId mask_;
  const StepState& before_;
  const std::string& name_;
  StepWriter& out_;
};

}  // namespace

StepState WriteStep(const Cell& cell, const StepWeights& weights,
                    const StepInput& input, const StepState& before,
                    const std::string& name, StepWriter* out) {
  return Step(cell, weights, input, before, name, out).Run();
}

}  // namespace litesmith
