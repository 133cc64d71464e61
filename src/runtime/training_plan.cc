// Lays out what a training graph needs and runs its steps.
#include "src/runtime/training_plan.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/kernels/train/train_math.h"
#include "src/ops/train_fusions.h"
#include "src/runtime/arena.h"
#include "src/runtime/bind.h"

namespace litesmith {
namespace {

size_t FloatsOf(const Tensor& tensor) {
  LS_CHECK(tensor.dtype == DType::kFloat32);
  return static_cast<size_t>(tensor.shape.NumElements());
}

// Gradients of several readers of one tensor are added: the first to come in
// backward order writes, each later one writes aside and is added.
struct GradientAdd {
  float* from;
  float* to;
  size_t floats;
};

// One node in one shard, or one weight-edge node: where everything is.
struct Call {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  std::vector<const float*> output_grads;
  std::vector<float*> input_grads;
  std::vector<GradientAdd> adds;
  std::byte* saved = nullptr;
  bool backward = false;  // some input gradient is wanted
};

struct PlannedNode {
  NodeId id = 0;
  KernelPtr kernel;
  std::vector<Call> calls;      // one a shard; one alone on the weight edge
  std::vector<float> partials;  // statistics, [shards][floats]
  std::vector<void*> states;    // the node's inputs, writable
  std::vector<char> adds;       // by input: its gradient is added, not written
};

// Whether the loss depends on any output of the node and a parameter on it.
bool HasGradient(const Node& node, const std::vector<char>& wanted) {
  return std::any_of(
      node.outputs.begin(), node.outputs.end(),
      [&](TensorId id) { return wanted[static_cast<size_t>(id)] != 0; });
}

}  // namespace

struct TrainingPlan::Impl {
  Graph source;         // as given: for Export
  Graph graph;          // bound to the largest shard and fused
  GraphFacts facts;     // of `graph`
  SourceIds source_of;  // by tensor of `graph`: which of `source` it is
  int shard_size = 0;
  int threads = 1;
  uint64_t seed = 0;
  int64_t step = 0;  // the present one

  // Parameters in one block; offsets in floats by tensor of `graph`.
  std::vector<size_t> parameter_offset;
  size_t parameter_floats = 0;
  TensorData parameters;
  TensorData gradients;
  std::vector<size_t> state_offset;
  TensorData states;
  // Gradients of unbatched tensors that batched nodes read, a block a shard.
  size_t slot_floats = 0;
  TensorData shard_slots;        // [shards][slot_floats]
  TensorData slots;              // summed
  std::vector<float*> slot_sum;  // by tensor: its part of `slots`
  bool slots_are_parameters = false;

  TensorData edge_arena;                // weight-edge activations and gradients
  std::vector<TensorData> shard_arena;  // one a shard
  TensorData edge_workspace;
  std::vector<TensorData> workspace;  // one a shard
  std::vector<PlannedNode> edge;      // weight-edge nodes, in order
  std::vector<PlannedNode> body;      // batched nodes, in order
  std::vector<float*> input;          // by shard
  std::vector<const float*> output;
  std::vector<float*> output_grad;

  // A weight-edge node covers the whole first dimension of its output.
  int FullBatch(const PlannedNode& node) const {
    const Shape& shape = graph.tensor(graph.node(node.id).outputs[0]).shape;
    return shape.rank() > 0 ? shape[0] : 1;
  }
  void Build(int batch);
  void BuildParameters();
  void BuildSlots(const std::vector<char>& batched,
                  const std::vector<char>& wanted,
                  const std::vector<TensorId>& root);
  size_t PlanAdds(const std::vector<char>& wanted,
                  const std::vector<TensorId>& root, std::vector<char> written,
                  std::vector<PlannedNode>* nodes) const;
  void BuildNodes(const std::vector<char>& batched,
                  const std::vector<char>& wanted,
                  const std::vector<TensorId>& root);
  void RunForward(const PlannedNode& node, int shard, int count,
                  std::byte* work) const;
  void RunBackward(const PlannedNode& node, int shard, int count,
                   std::byte* work) const;
};

void TrainingPlan::Impl::BuildParameters() {
  parameter_offset.assign(graph.tensors.size(), 0);
  state_offset.assign(graph.tensors.size(), 0);
  size_t state_bytes = 0;
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.kind == TensorKind::kParameter) {
      parameter_offset[t] = parameter_floats;
      parameter_floats +=
          AlignUp(FloatsOf(tensor) * sizeof(float)) / sizeof(float);
    } else if (tensor.kind == TensorKind::kState) {
      state_offset[t] = state_bytes;
      state_bytes += AlignUp(tensor.data.size());
    }
  }
  parameters = TensorData(parameter_floats * sizeof(float));
  gradients = TensorData(parameter_floats * sizeof(float));
  states = TensorData(state_bytes);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.kind == TensorKind::kParameter) {
      std::memcpy(
          parameters.MutableData() + parameter_offset[t] * sizeof(float),
          tensor.data.data(), tensor.data.size());
    } else if (tensor.kind == TensorKind::kState) {
      std::memcpy(states.MutableData() + state_offset[t], tensor.data.data(),
                  tensor.data.size());
    }
  }
}

void TrainingPlan::Impl::BuildSlots(const std::vector<char>& batched,
                                    const std::vector<char>& wanted,
                                    const std::vector<TensorId>& root) {
  std::vector<size_t> offset(graph.tensors.size(), SIZE_MAX);
  const auto add = [&](TensorId id) {
    const auto t = static_cast<size_t>(root[static_cast<size_t>(id)]);
    if (batched[t] || !wanted[t] || offset[t] != SIZE_MAX) return;
    offset[t] = slot_floats;
    slot_floats +=
        AlignUp(FloatsOf(graph.tensors[t]) * sizeof(float)) / sizeof(float);
  };
  const bool has_edge =
      std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) {
        return !batched[static_cast<size_t>(n.outputs[0])];
      });
  if (!has_edge) {
    // Every slot is a parameter: with the same layout the sum is the gradient.
    offset = parameter_offset;
    slot_floats = parameter_floats;
    slots_are_parameters = true;
  } else {
    for (const Node& node : graph.nodes) {
      if (!batched[static_cast<size_t>(node.outputs[0])]) continue;
      for (const TensorId id : node.inputs) {
        if (id != kNoTensor) add(id);
      }
    }
    slots = TensorData(slot_floats * sizeof(float));
  }
  shard_slots = TensorData(slot_floats * sizeof(float) * kShards);
  float* sum = reinterpret_cast<float*>(
      (slots_are_parameters ? gradients : slots).MutableData());
  slot_sum.assign(graph.tensors.size(), nullptr);
  for (size_t t = 0; t < offset.size(); ++t) {
    const bool is_slot = slots_are_parameters
                             ? graph.tensors[t].kind == TensorKind::kParameter
                             : offset[t] != SIZE_MAX;
    if (is_slot) slot_sum[t] = sum + offset[t];
  }
}

// Decides, in backward order, which node writes a tensor's gradient and which
// adds to it; `written` are those that have one before. A node needs room for
// all that it adds at once; gives the bytes that suffice for each of them.
size_t TrainingPlan::Impl::PlanAdds(const std::vector<char>& wanted,
                                    const std::vector<TensorId>& root,
                                    std::vector<char> written,
                                    std::vector<PlannedNode>* nodes) const {
  size_t most = 0;
  for (size_t n = nodes->size(); n-- > 0;) {
    PlannedNode& planned = (*nodes)[n];
    const Node& node = graph.node(planned.id);
    planned.adds.assign(node.inputs.size(), 0);
    if (!HasGradient(node, wanted)) continue;
    size_t bytes = 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoTensor) continue;
      const auto t =
          static_cast<size_t>(root[static_cast<size_t>(node.inputs[i])]);
      if (!wanted[t]) continue;
      if (written[t])
        bytes += AlignUp(FloatsOf(graph.tensors[t]) * sizeof(float));
      planned.adds[i] = written[t];
      written[t] = 1;
    }
    most = std::max(most, bytes);
  }
  return most;
}

void TrainingPlan::Impl::BuildNodes(const std::vector<char>& batched,
                                    const std::vector<char>& wanted,
                                    const std::vector<TensorId>& root) {
  const auto r = [&](TensorId id) {
    return static_cast<size_t>(root[static_cast<size_t>(id)]);
  };
  size_t edge_workspace_bytes = 0;
  size_t body_workspace_bytes = 0;
  std::vector<size_t> saved_offset;
  // Layout of the two kinds of arena: activations, gradients, saved bytes.
  size_t edge_bytes = 0;
  size_t body_bytes = 0;
  std::vector<size_t> value_offset(graph.tensors.size(), SIZE_MAX);
  std::vector<size_t> grad_offset(graph.tensors.size(), SIZE_MAX);
  const auto reserve = [&](std::vector<size_t>* offsets, size_t t,
                           size_t bytes) {
    size_t& total = batched[t] ? body_bytes : edge_bytes;
    if ((*offsets)[t] == SIZE_MAX) {
      (*offsets)[t] = total;
      total += AlignUp(bytes);
    }
  };
  for (const TensorId id : graph.inputs) {
    reserve(&value_offset, r(id), FloatsOf(graph.tensor(id)) * sizeof(float));
  }
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.outputs) {
      const size_t bytes = FloatsOf(graph.tensor(id)) * sizeof(float);
      reserve(&value_offset, r(id), bytes);
      if (wanted[r(id)]) reserve(&grad_offset, r(id), bytes);
    }
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.op->in_place) continue;
    const PrepareContext context{graph, node, facts, Numerics::kLiteRt, true};
    PlannedNode planned;
    planned.id = static_cast<NodeId>(n);
    planned.kernel = ChooseKernel(context, false).prepare(context);
    const bool in_body = batched[static_cast<size_t>(node.outputs[0])] != 0;
    size_t& work = in_body ? body_workspace_bytes : edge_workspace_bytes;
    work = std::max(work, AlignUp(planned.kernel->workspace_bytes));
    size_t& total = in_body ? body_bytes : edge_bytes;
    saved_offset.push_back(total);
    total += AlignUp(planned.kernel->saved_bytes);
    planned.partials.resize(
        static_cast<size_t>(planned.kernel->statistics_floats * kShards));
    (in_body ? body : edge).push_back(std::move(planned));
  }
  // The loss writes the gradient of the graph's output before any node. On the
  // edge, what the body reads too has the body's sum: of a parameter it is
  // copied into the gradient first.
  std::vector<char> in_body(graph.tensors.size(), 0);
  in_body[r(graph.outputs[0])] = 1;
  std::vector<char> on_edge(graph.tensors.size(), 0);
  for (size_t t = 0; t < on_edge.size(); ++t)
    on_edge[t] = !slots_are_parameters && slot_sum[t] != nullptr;
  edge_arena = TensorData(edge_bytes + PlanAdds(wanted, root, on_edge, &edge));
  const size_t body_adds = PlanAdds(wanted, root, in_body, &body);
  for (int s = 0; s < kShards; ++s) {
    shard_arena.emplace_back(body_bytes + body_adds);
    workspace.emplace_back(body_workspace_bytes);
  }
  edge_workspace = TensorData(edge_workspace_bytes);

  float* parameter_base = reinterpret_cast<float*>(parameters.MutableData());
  float* gradient_base = reinterpret_cast<float*>(gradients.MutableData());
  float* shard_slot_base = reinterpret_cast<float*>(shard_slots.MutableData());
  float* slot_base = reinterpret_cast<float*>(
      (slots_are_parameters ? gradients : slots).MutableData());

  const auto value = [&](TensorId id, int shard) -> std::byte* {
    const size_t t = r(id);
    Tensor& tensor = graph.tensors[t];
    switch (tensor.kind) {
      case TensorKind::kParameter:
        return reinterpret_cast<std::byte*>(parameter_base +
                                            parameter_offset[t]);
      case TensorKind::kState:
        return states.MutableData() + state_offset[t];
      case TensorKind::kConstant:
        return const_cast<std::byte*>(tensor.data.data());
      default:
        return (batched[t] ? shard_arena[static_cast<size_t>(shard)]
                           : edge_arena)
                   .MutableData() +
               value_offset[t];
    }
  };
  // Where a reader in the body (shard >= 0) or on the edge (-1) puts its part
  // of the tensor's gradient.
  const auto gradient = [&](size_t t, int shard) -> float* {
    if (!wanted[t]) return nullptr;
    if (batched[t]) {
      return reinterpret_cast<float*>(
          shard_arena[static_cast<size_t>(shard)].MutableData() +
          grad_offset[t]);
    }
    if (shard >= 0) {
      return shard_slot_base + static_cast<size_t>(shard) * slot_floats +
             static_cast<size_t>(slot_sum[t] - slot_base);
    }
    if (graph.tensors[t].kind == TensorKind::kParameter) {
      return gradient_base + parameter_offset[t];
    }
    // The body reads it too: what the edge has is added to the body's sum.
    if (slot_sum[t] != nullptr) return slot_sum[t];
    return reinterpret_cast<float*>(edge_arena.MutableData() + grad_offset[t]);
  };

  const auto build_call = [&](const PlannedNode& planned, int shard) {
    const Node& node = graph.node(planned.id);
    Call call;
    for (const TensorId id : node.inputs) {
      call.inputs.push_back(id == kNoTensor ? nullptr : value(id, shard));
    }
    call.inputs.resize(static_cast<size_t>(node.op->max_inputs), nullptr);
    for (const TensorId id : node.outputs) {
      call.outputs.push_back(value(id, shard));
      const size_t t = r(id);
      call.output_grads.push_back(gradient(t, shard));
    }
    std::byte* aside_base =
        shard < 0 ? edge_arena.MutableData() + edge_bytes
                  : shard_arena[static_cast<size_t>(shard)].MutableData() +
                        body_bytes;
    size_t aside = 0;
    const bool has_gradient = HasGradient(node, wanted);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      float* to =
          id == kNoTensor || !has_gradient ? nullptr : gradient(r(id), shard);
      if (planned.adds[i]) {
        float* from = reinterpret_cast<float*>(aside_base + aside);
        const size_t floats = FloatsOf(graph.tensors[r(id)]);
        aside += AlignUp(floats * sizeof(float));
        call.adds.push_back({from, to, floats});
        to = from;
      }
      call.input_grads.push_back(to);
      call.backward |= to != nullptr;
    }
    call.input_grads.resize(static_cast<size_t>(node.op->max_inputs), nullptr);
    return call;
  };
  for (int s = 0; s < kShards; ++s) {
    for (PlannedNode& node : body) node.calls.push_back(build_call(node, s));
    input.push_back(reinterpret_cast<float*>(value(graph.inputs[0], s)));
    output.push_back(
        reinterpret_cast<const float*>(value(graph.outputs[0], s)));
    output_grad.push_back(gradient(r(graph.outputs[0]), s));
  }
  for (PlannedNode& node : edge) node.calls.push_back(build_call(node, -1));
  // Saved bytes and writable states.
  size_t index = 0;
  size_t body_index = 0;
  size_t edge_index = 0;
  for (const Node& node : graph.nodes) {
    if (node.op->in_place) continue;
    const bool in_body = batched[static_cast<size_t>(node.outputs[0])] != 0;
    PlannedNode& planned = in_body ? body[body_index++] : edge[edge_index++];
    for (size_t s = 0; s < planned.calls.size(); ++s) {
      planned.calls[s].saved =
          (in_body ? shard_arena[s] : edge_arena).MutableData() +
          saved_offset[index];
    }
    for (const void* in : planned.calls[0].inputs) {
      planned.states.push_back(const_cast<void*>(in));
    }
    ++index;
  }
}

void TrainingPlan::Impl::Build(int batch) {
  shard_size = (batch + kShards - 1) / kShards;
  BindOptions bind;
  bind.batch = shard_size;
  bind.training = true;
  BoundGraph bound = BindGraph(source, bind);
  graph = std::move(bound.graph);
  source_of = std::move(bound.facts.source);
  ApplyTrainFusions(&graph, &source_of);
  if (graph.inputs.size() != 1 || graph.outputs.empty()) {
    Fail(ErrorKind::kUnsupported,
         "training wants one input and an output; this graph has {} and {}",
         graph.inputs.size(), graph.outputs.size());
  }
  facts = FactsOf(graph);
  const std::vector<char>& batched = facts.batched;
  const std::vector<TensorId>& root = facts.root;
  const std::vector<char>& wanted = facts.trained;
  if (!wanted[static_cast<size_t>(graph.outputs[0])]) {
    Fail(ErrorKind::kInvalidArgument,
         "the graph has no trainable parameter before its output");
  }
  BuildParameters();
  BuildSlots(batched, wanted, root);
  BuildNodes(batched, wanted, root);
}

void TrainingPlan::Impl::RunForward(const PlannedNode& node, int shard,
                                    int count, std::byte* work) const {
  const Call& call = node.calls[static_cast<size_t>(shard)];
  KernelArgs args{};
  args.inputs = call.inputs.data();
  args.outputs = call.outputs.data();
  args.workspace = work;
  args.saved = call.saved;
  args.batch = count;
  args.draw = {seed, step, int64_t{shard} * shard_size};
  node.kernel->Run(args);
}

void TrainingPlan::Impl::RunBackward(const PlannedNode& node, int shard,
                                     int count, std::byte* work) const {
  const Call& call = node.calls[static_cast<size_t>(shard)];
  if (!call.backward) return;
  BackwardArgs args{};
  args.inputs = call.inputs.data();
  args.outputs = const_cast<const void* const*>(call.outputs.data());
  args.output_grads = call.output_grads.data();
  args.input_grads = call.input_grads.data();
  args.workspace = work;
  args.saved = call.saved;
  args.batch = count;
  node.kernel->Backward(args);
  for (const GradientAdd& add : call.adds) {
    for (size_t i = 0; i < add.floats; ++i) add.to[i] += add.from[i];
  }
}

TrainingPlan::TrainingPlan(const Graph& graph, int batch, int threads,
                           uint64_t seed)
    : impl_(std::make_unique<Impl>()) {
  impl_->source = graph;
  impl_->threads = threads;
  impl_->seed = seed;
  impl_->Build(batch);
}

TrainingPlan::~TrainingPlan() = default;

void TrainingPlan::Step(int batch, int64_t step,
                        const ShardCallbacks& callbacks) {
  Impl& p = *impl_;
  LS_CHECK(batch >= 1 && batch <= p.shard_size * kShards);
  p.step = step;
  std::byte* edge_work = p.edge_workspace.MutableData();
  for (PlannedNode& node : p.edge) {
    const Node& n = p.graph.node(node.id);
    if (n.op->update != nullptr)
      n.op->update({p.graph, n, node.states.data(), step});
    p.RunForward(node, 0, p.FullBatch(node), edge_work);
  }
  for (PlannedNode& node : p.body)
    node.kernel->Repack(node.calls[0].inputs.data());

  // A batch of 112 is seven full shards of 16; the last one is empty.
  const auto first_of = [&](int shard) {
    return std::min(batch, shard * p.shard_size);
  };
  const auto count_of = [&](int shard) {
    return first_of(shard + 1) - first_of(shard);
  };
  // Segments end where an op's statistics need all shards.
  size_t begin = 0;
  bool started = false;
  for (;;) {
    // The node that a segment starts with has had its statistics already.
    size_t end = started ? begin + 1 : 0;
    while (end < p.body.size() && p.body[end].kernel->statistics_floats == 0)
      ++end;
    const bool last = end == p.body.size();
    ParallelFor(kShards, p.threads, [&](int s) {
      const int count = count_of(s);
      const auto shard = static_cast<size_t>(s);
      if (count == 0) {
        if (last) {
          float* slots = reinterpret_cast<float*>(p.shard_slots.MutableData());
          std::fill_n(slots + shard * p.slot_floats, p.slot_floats, 0.0f);
        }
        return;
      }
      std::byte* work = const_cast<std::byte*>(p.workspace[shard].data());
      if (!started) callbacks.load(s, first_of(s), count, p.input[shard]);
      for (size_t n = begin; n < end; ++n)
        p.RunForward(p.body[n], s, count, work);
      if (!last) {
        PlannedNode& node = p.body[end];
        KernelArgs args{};
        args.inputs = node.calls[shard].inputs.data();
        args.outputs = node.calls[shard].outputs.data();
        args.workspace = work;
        args.saved = node.calls[shard].saved;
        args.batch = count;
        node.kernel->Statistics(
            args,
            node.partials.data() +
                shard * static_cast<size_t>(node.kernel->statistics_floats));
        return;
      }
      callbacks.loss(s, first_of(s), count, p.output[shard],
                     p.output_grad[shard]);
      for (size_t n = p.body.size(); n-- > 0;)
        p.RunBackward(p.body[n], s, count, work);
    });
    if (last) break;
    PlannedNode& node = p.body[end];
    int shards = 0;
    while (shards < kShards && count_of(shards) > 0) ++shards;
    node.kernel->Combine(node.partials.data(), shards, node.states.data());
    begin = end;
    started = true;
  }

  float* sum = reinterpret_cast<float*>(
      (p.slots_are_parameters ? p.gradients : p.slots).MutableData());
  const float* parts = reinterpret_cast<const float*>(p.shard_slots.data());
  constexpr size_t kChunk = 2048;
  const auto chunks = static_cast<int>((p.slot_floats + kChunk - 1) / kChunk);
  ParallelFor(chunks, p.threads, [&](int c) {
    const size_t from = static_cast<size_t>(c) * kChunk;
    kernels::SumShards(parts, p.slot_floats, kShards, from,
                       std::min(p.slot_floats, from + kChunk), sum);
  });
  if (p.slots_are_parameters) return;
  float* gradient = reinterpret_cast<float*>(p.gradients.MutableData());
  for (size_t t = 0; t < p.graph.tensors.size(); ++t) {
    if (p.graph.tensors[t].kind == TensorKind::kParameter &&
        p.slot_sum[t] != nullptr) {
      std::copy_n(p.slot_sum[t], FloatsOf(p.graph.tensors[t]),
                  gradient + p.parameter_offset[t]);
    }
  }
  for (size_t n = p.edge.size(); n-- > 0;)
    p.RunBackward(p.edge[n], 0, p.FullBatch(p.edge[n]), edge_work);
}

std::span<float> TrainingPlan::parameters() {
  return {reinterpret_cast<float*>(impl_->parameters.MutableData()),
          impl_->parameter_floats};
}

std::span<const float> TrainingPlan::gradients() const {
  return {reinterpret_cast<const float*>(impl_->gradients.data()),
          impl_->parameter_floats};
}

std::span<std::byte> TrainingPlan::states() {
  return {impl_->states.MutableData(), impl_->states.size()};
}

Graph TrainingPlan::Export() const {
  const Impl& p = *impl_;
  Graph result = p.source;
  for (size_t t = 0; t < p.graph.tensors.size(); ++t) {
    const TensorKind kind = p.graph.tensors[t].kind;
    if (kind != TensorKind::kParameter && kind != TensorKind::kState) continue;
    Tensor& tensor = result.tensor(p.source_of[t]);
    LS_CHECK(tensor.kind == kind);
    const std::byte* from =
        kind == TensorKind::kParameter
            ? p.parameters.data() + p.parameter_offset[t] * sizeof(float)
            : p.states.data() + p.state_offset[t];
    std::memcpy(tensor.data.MutableData(), from, tensor.data.size());
  }
  return result;
}

}  // namespace litesmith
