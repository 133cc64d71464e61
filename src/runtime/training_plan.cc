// Builds a training plan and runs its steps.
#include "src/runtime/training_plan.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/kernels/train/sum_shards.h"
#include "src/ops/fusions.h"
#include "src/runtime/bind.h"
#include "src/runtime/session.h"
#include "src/runtime/training_layout.h"
#include "src/runtime/training_memory.h"
#include "src/runtime/training_shards.h"

namespace litesmith {
namespace {

// A kernel, which may run several nodes.
struct PlannedNode {
  std::vector<NodeId> nodes;
  std::unique_ptr<TrainKernel> kernel;
  bool backward = false;
  bool remakes = false;          // before it: see NodePlaces
  bool adds = false;             // itself, likewise
  std::vector<Call> calls;       // one for each shard; on the weight edge one
  std::vector<void*> states;     // the inputs, writable
  std::vector<double> partials;  // of the phase at hand, [shards][doubles]
  TensorData shared;             // of a step: what is combined

  int PartialsOf(Phase phase) const {
    return phase == Phase::kForward ? kernel->forward_partials
                                    : kernel->backward_partials;
  }
};

// What all shards do between two places where they meet: the times [begin, end)
// of the Clock. Then each has its part of the statistics of the node that they
// meet at, and what is combined of them is there for all that follows.
struct Segment {
  int begin = 0;
  int end = 0;
  PlannedNode* meet = nullptr;  // null: the end of the step
  Phase phase = Phase::kForward;
};

}  // namespace

struct TrainingPlan::Impl {
  Graph source;      // as given: for Export
  Graph graph;       // bound to the largest shard
  GraphFacts facts;  // of `graph`; their source is `source`
  TrainingPlanOptions options;
  int shard_size = 0;
  // The graph takes one sample at a time (a file that was converted for one):
  // each shard goes through its samples, and adds their gradients up.
  bool one_by_one = false;
  std::vector<float> one_by_one_sums;    // [shards][sums]
  std::unique_ptr<PlanSession> session;  // of control flow, if there is any
  std::vector<std::pair<TensorId, TensorData>> variables;  // at first
  int64_t step = 0;                                        // the present one
  TrainingLayout layout;
  TrainingMemory memory;
  int workers = 1;                // shards that are computed at a time
  std::atomic<uint32_t> idle{0};  // of them, a bit each
  std::vector<Trained> trained;
  std::vector<PlannedNode> edge;  // weight-edge nodes, in order
  std::vector<PlannedNode> body;  // nodes of samples, in order
  Clock clock;                    // of the body
  std::vector<Segment> segments;
  std::vector<std::vector<std::byte*>> inputs;     // by shard and input
  std::vector<std::vector<const float*>> outputs;  // by shard and head
  std::vector<std::vector<float*>> output_grads;   // the same

  Impl(const Graph& given, const TrainingPlanOptions& wanted)
      : source(given), options(wanted) {}
  void Build();
  std::vector<PlannedKernel> Prepare();
  std::vector<PlannedKernel> PrepareAt(int batch);
  void FindVariables();
  void StartSample();
  void PlaceNode(const NodePlaces& places, int shards, PlannedNode* node);
  Call PlaceCall(const NodePlaces& places, int shard);
  void PlaceShard(int shard);
  void CutSegments();

  ShardRange RangeOf(int shard, int batch) const {
    const int first = std::min(batch, shard * shard_size);
    return {first, std::min(batch, first + shard_size) - first};
  }
  // A weight-edge node covers the whole first dimension of its output.
  int WholeOf(const PlannedNode& node) const {
    const Node& last = graph.node(node.nodes.back());
    const Shape& shape = graph.tensor(last.outputs[0]).shape;
    return shape.rank() > 0 ? shape[0] : 1;
  }
  void RunEdgeForward();
  void RunSegment(const Segment& segment, int shard, ShardRange range,
                  const ShardCallbacks& callbacks);
  void RunOneByOne(const Segment& segment, int shard, ShardRange range,
                   const ShardCallbacks& callbacks, std::byte* work);
  void RunAt(int time, int shard, ShardRange range,
             const ShardCallbacks& callbacks, std::byte* work);
  void Lend(int n, int shard, std::byte* work);
  KernelArgs ArgsOf(const PlannedNode& node, int shard, ShardRange range,
                    std::byte* work) const;
  static BackwardArgs BackwardArgsOf(const PlannedNode& node, int shard,
                                     int count, std::byte* work);
  void Partial(const Segment& segment, int shard, ShardRange range,
               std::byte* work);
  void Combine(const Segment& segment, int shards);
  void RunBackward(const PlannedNode& node, int shard, int count,
                   std::byte* work) const;
  void SumShards();
  void RunEdgeBackward();
};

// ---- Building -------------------------------------------------------------

std::vector<PlannedKernel> TrainingPlan::Impl::PrepareAt(int batch) {
  for (const int head : options.heads) {
    if (head >= 0 && static_cast<size_t>(head) < source.outputs.size())
      continue;
    Fail(ErrorKind::kUnsupported,
         "training wants a loss of output {}; this graph has {} outputs", head,
         source.outputs.size());
  }
  BindOptions bind;
  bind.batch = batch;
  bind.training = true;
  bind.heads = options.heads;
  BoundGraph bound = BindGraph(source, bind);
  graph = std::move(bound.graph);
  facts = std::move(bound.facts);
  if (graph.inputs.empty())
    Fail(ErrorKind::kUnsupported, "training wants an input");
  for (const int head : options.heads) {
    const TensorId id = graph.outputs[static_cast<size_t>(head)];
    if (facts.IsTrained(id)) continue;
    Fail(ErrorKind::kInvalidArgument,
         "the graph has no trainable parameter before its output '{}'",
         graph.tensor(id).name);
  }
  return PrepareKernels(graph, facts, Purpose::kTrain, Numerics::kLiteRt,
                        session.get());
}

std::vector<PlannedKernel> TrainingPlan::Impl::Prepare() {
  shard_size = (options.batch + kShards - 1) / kShards;
  const bool has_effects =
      std::any_of(source.nodes.begin(), source.nodes.end(),
                  [](const Node& node) { return node.op->effects; });
  if (has_effects) session = MakeSession(Numerics::kLiteRt);
  std::string why = "it has control flow";
  if (!has_effects) {
    try {
      return PrepareAt(shard_size);
    } catch (const Error& error) {
      if (shard_size == 1 || (error.kind() != ErrorKind::kUnsupported &&
                              error.kind() != ErrorKind::kCorrupt))
        throw;
      why = error.what();
    }
  }
  std::vector<PlannedKernel> kernels;
  try {
    kernels = PrepareAt(1);
  } catch (const Error& error) {
    // A graph that takes no sample at all has the first error.
    Fail(error.kind(), "{}", has_effects ? error.what() : why);
  }
  one_by_one = true;
  for (const PlannedKernel& planned : kernels) {
    // Forward is run anew from the start up to each place where samples meet;
    // backward is not.
    const auto* kernel = dynamic_cast<const TrainKernel*>(planned.kernel.get());
    if (kernel->backward_partials > 0) Fail(ErrorKind::kUnsupported, "{}", why);
  }
  return kernels;
}

// What lasts from call to call, and is new for each sample.
void TrainingPlan::Impl::FindVariables() {
  if (!one_by_one) return;
  one_by_one_sums.resize(memory.shard_sums().size());
  for (PlannedNode& node : body) {
    node.partials.resize(
        static_cast<size_t>(options.batch * node.kernel->forward_partials));
  }
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (graph.tensors[t].kind == TensorKind::kVariable &&
        layout.values[t].block != Block::kNone) {
      variables.emplace_back(static_cast<TensorId>(t),
                             InitialValue(graph.tensors[t]));
    }
  }
  // All shards share them.
  if (session != nullptr || !variables.empty()) options.threads = 1;
}

void TrainingPlan::Impl::StartSample() {
  if (session != nullptr) session->Reset();
  for (const auto& [id, value] : variables) {
    std::memcpy(memory.At(layout.values[static_cast<size_t>(id)], 0),
                value.data(), value.size());
  }
}

void TrainingPlan::Impl::Build() {
  std::vector<PlannedNode> nodes;
  std::vector<LayoutNode> wanted;
  for (PlannedKernel& planned : Prepare()) {
    PlannedNode node;
    node.nodes = std::move(planned.nodes);
    node.kernel = ForTraining(std::move(planned.kernel));
    wanted.push_back({std::move(planned.inputs), std::move(planned.outputs),
                      node.kernel->workspace_bytes, node.kernel->saved_bytes,
                      node.kernel->runs_from_saved,
                      node.kernel->forward_partials > 0 ||
                          node.kernel->backward_partials > 0,
                      node.kernel->adds});
    nodes.push_back(std::move(node));
  }
  layout = LayOutTraining(graph, facts, wanted, options.heads);
  workers = std::clamp(options.threads, 1, kShards);
  memory = TrainingMemory(graph, layout, kShards, workers);
  idle.store((1u << workers) - 1);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (graph.tensors[t].kind != TensorKind::kParameter ||
        !facts.IsTrained(static_cast<TensorId>(t)))
      continue;
    const size_t first = layout.values[t].offset / sizeof(float);
    const auto count =
        static_cast<size_t>(graph.tensors[t].shape.NumElements());
    trained.push_back({static_cast<TensorId>(t), first, first + count,
                       graph.tensors[t].regularizer});
  }
  const auto place = [&](const std::vector<int>& list, int shards,
                         std::vector<PlannedNode>* placed) {
    for (const int at : list) {
      const auto n = static_cast<size_t>(at);
      PlaceNode(layout.nodes[n], shards, &nodes[n]);
      placed->push_back(std::move(nodes[n]));
    }
  };
  place(layout.edge, 1, &edge);
  place(layout.body, kShards, &body);
  for (int s = 0; s < kShards; ++s) PlaceShard(s);
  CutSegments();
  FindVariables();
}

void TrainingPlan::Impl::PlaceNode(const NodePlaces& places, int shards,
                                   PlannedNode* node) {
  node->backward = places.backward;
  node->remakes = places.remakes;
  node->adds = places.adds_itself;
  for (int s = 0; s < shards; ++s) node->calls.push_back(PlaceCall(places, s));
  for (const Place& place : places.inputs)
    node->states.push_back(memory.At(place, 0));
  node->partials.resize(
      static_cast<size_t>(kShards * std::max(node->kernel->forward_partials,
                                             node->kernel->backward_partials)));
  node->shared = TensorData(node->kernel->shared_bytes);
}

Call TrainingPlan::Impl::PlaceCall(const NodePlaces& places, int shard) {
  Call call;
  for (const Place& place : places.inputs) {
    if (place.block == Block::kWorker)
      call.lent_input = static_cast<int>(call.inputs.size());
    call.inputs.push_back(memory.At(place, shard));
  }
  for (const Place& place : places.outputs) {
    call.lent_output |= place.block == Block::kWorker;
    call.outputs.push_back(memory.At(place, shard));
  }
  for (const Place& place : places.output_grads)
    call.output_grads.push_back(memory.FloatsAt(place, shard));
  for (const Place& place : places.input_grads)
    call.input_grads.push_back(memory.FloatsAt(place, shard));
  for (const GradientAdd& add : places.adds) {
    call.adds.push_back({memory.FloatsAt(add.from, shard),
                         memory.FloatsAt(add.to, shard), add.floats});
  }
  call.saved = memory.At(places.saved, shard);
  return call;
}

void TrainingPlan::Impl::PlaceShard(int shard) {
  inputs.emplace_back();
  for (const TensorId id : graph.inputs) {
    inputs.back().push_back(
        memory.At(layout.values[static_cast<size_t>(id)], shard));
  }
  outputs.emplace_back();
  output_grads.emplace_back();
  for (size_t h = 0; h < options.heads.size(); ++h) {
    const auto id = static_cast<size_t>(
        graph.outputs[static_cast<size_t>(options.heads[h])]);
    outputs.back().push_back(memory.FloatsAt(layout.values[id], shard));
    output_grads.back().push_back(memory.FloatsAt(layout.head_grads[h], shard));
  }
}

void TrainingPlan::Impl::CutSegments() {
  clock.nodes = static_cast<int>(body.size());
  int begin = clock.Load();
  const auto cut = [&](int n, int time, Phase phase) {
    PlannedNode& node = body[static_cast<size_t>(n)];
    if (node.PartialsOf(phase) == 0) return;
    segments.push_back({begin, time, &node, phase});
    begin = time;
  };
  for (int n = 0; n < clock.nodes; ++n)
    cut(n, clock.Forward(n), Phase::kForward);
  for (int n = clock.nodes; n-- > 0;) {
    if (body[static_cast<size_t>(n)].backward)
      cut(n, clock.Backward(n), Phase::kBackward);
  }
  segments.push_back({begin, clock.End()});
}

// ---- A step ---------------------------------------------------------------

KernelArgs TrainingPlan::Impl::ArgsOf(const PlannedNode& node, int shard,
                                      ShardRange range, std::byte* work) const {
  const Call& call = node.calls[static_cast<size_t>(shard)];
  KernelArgs args{};
  args.inputs = call.inputs.data();
  args.outputs = call.outputs.data();
  args.workspace = work;
  args.saved = call.saved;
  args.batch = range.count;
  args.draw = {options.seed, step, int64_t{range.first}};
  args.shared = node.shared.data();
  return args;
}

BackwardArgs TrainingPlan::Impl::BackwardArgsOf(const PlannedNode& node,
                                                int shard, int count,
                                                std::byte* work) {
  const Call& call = node.calls[static_cast<size_t>(shard)];
  BackwardArgs args{};
  args.inputs = call.inputs.data();
  args.outputs = const_cast<const void* const*>(call.outputs.data());
  args.output_grads = call.output_grads.data();
  args.input_grads = call.input_grads.data();
  args.workspace = work;
  args.saved = call.saved;
  args.batch = count;
  args.shared = node.shared.data();
  args.adds = node.adds;
  return args;
}

void TrainingPlan::Impl::RunBackward(const PlannedNode& node, int shard,
                                     int count, std::byte* work) const {
  if (!node.backward) return;
  node.kernel->Backward(BackwardArgsOf(node, shard, count, work));
  for (const Add& add : node.calls[static_cast<size_t>(shard)].adds) {
    for (size_t i = 0; i < add.floats; ++i) add.to[i] += add.from[i];
  }
}

// What is needed for a moment lies behind the workspace.
void TrainingPlan::Impl::Lend(int n, int shard, std::byte* work) {
  Call& call = body[static_cast<size_t>(n)].calls[static_cast<size_t>(shard)];
  std::byte* lent = work + layout.shard_workspace;
  if (call.lent_input >= 0)
    call.inputs[static_cast<size_t>(call.lent_input)] = lent;
  if (call.lent_output) call.outputs[0] = lent;
}

void TrainingPlan::Impl::RunEdgeForward() {
  std::byte* work = memory.edge_workspace();
  for (const PlannedNode& node : edge) {
    const Node& n = graph.node(node.nodes[0]);
    if (n.op->training != nullptr && n.op->training->update != nullptr)
      n.op->training->update({graph, n, node.states.data(), step});
    node.kernel->Run(ArgsOf(node, 0, {0, WholeOf(node)}, work));
  }
}

void TrainingPlan::Impl::RunAt(int time, int shard, ShardRange range,
                               const ShardCallbacks& callbacks,
                               std::byte* work) {
  const auto s = static_cast<size_t>(shard);
  if (time == clock.Load()) {
    callbacks.load(shard, range.first, range.count, inputs[s]);
  } else if (time < clock.Loss()) {
    const PlannedNode& node = body[static_cast<size_t>(time - 1)];
    Lend(time - 1, shard, work);
    node.kernel->Run(ArgsOf(node, shard, range, work));
  } else if (time == clock.Loss()) {
    for (size_t h = 0; h < callbacks.losses.size(); ++h) {
      callbacks.losses[h](shard, range.first, range.count, outputs[s][h],
                          output_grads[s][h]);
    }
  } else {
    const int n = clock.Backward(0) - time;
    Lend(n, shard, work);
    if (body[static_cast<size_t>(n)].remakes) {
      const PlannedNode& maker = body[static_cast<size_t>(n - 1)];
      Lend(n - 1, shard, work);
      maker.kernel->Run(ArgsOf(maker, shard, range, work));
    }
    RunBackward(body[static_cast<size_t>(n)], shard, range.count, work);
  }
}

void TrainingPlan::Impl::RunSegment(const Segment& segment, int shard,
                                    ShardRange range,
                                    const ShardCallbacks& callbacks) {
  if (range.count == 0) {
    // It adds nothing to the sums.
    if (segment.meet != nullptr) return;
    const size_t floats = memory.sums().size();
    std::fill_n(
        memory.shard_sums().data() + static_cast<size_t>(shard) * floats,
        floats, 0.0f);
    return;
  }
  const Worker worker(&idle);
  std::byte* work = memory.workspace(worker.number());
  if (one_by_one) return RunOneByOne(segment, shard, range, callbacks, work);
  for (int time = segment.begin; time < segment.end; ++time)
    RunAt(time, shard, range, callbacks, work);
  if (segment.meet != nullptr) Partial(segment, shard, range, work);
}

void TrainingPlan::Impl::RunOneByOne(const Segment& segment, int shard,
                                     ShardRange range,
                                     const ShardCallbacks& callbacks,
                                     std::byte* work) {
  const size_t floats = memory.sums().size();
  const size_t first = static_cast<size_t>(shard) * floats;
  float* one = memory.shard_sums().data() + first;
  float* all = one_by_one_sums.data() + first;
  std::fill_n(all, floats, 0.0f);
  for (int i = 0; i < range.count; ++i) {
    const ShardRange sample = {range.first + i, 1};
    StartSample();
    for (int time = clock.Load(); time < segment.end; ++time)
      RunAt(time, shard, sample, callbacks, work);
    if (segment.meet != nullptr) {
      Partial(segment, shard, sample, work);
      continue;
    }
    for (size_t f = 0; f < floats; ++f) all[f] += one[f];
  }
  if (segment.meet == nullptr) std::copy_n(all, floats, one);
}

void TrainingPlan::Impl::Partial(const Segment& segment, int shard,
                                 ShardRange range, std::byte* work) {
  PlannedNode& node = *segment.meet;
  double* partial = node.partials.data() + (one_by_one ? range.first : shard) *
                                               node.PartialsOf(segment.phase);
  Lend(static_cast<int>(&node - body.data()), shard, work);
  if (segment.phase == Phase::kForward) {
    node.kernel->ForwardPartial(ArgsOf(node, shard, range, work), partial);
  } else {
    node.kernel->BackwardPartial(BackwardArgsOf(node, shard, range.count, work),
                                 partial);
  }
}

void TrainingPlan::Impl::Combine(const Segment& segment, int shards) {
  PlannedNode& node = *segment.meet;
  const auto doubles =
      static_cast<size_t>(shards * node.PartialsOf(segment.phase));
  node.kernel->Combine(segment.phase, std::span(node.partials).first(doubles),
                       node.states.data(), node.shared.MutableData());
}

void TrainingPlan::Impl::SumShards() {
  float* sum = memory.sums().data();
  const float* parts = memory.shard_sums().data();
  const size_t floats = memory.sums().size();
  constexpr size_t kChunk = 2048;
  const auto chunks = static_cast<int>((floats + kChunk - 1) / kChunk);
  ParallelFor(chunks, options.threads, [&](int c) {
    const size_t from = static_cast<size_t>(c) * kChunk;
    kernels::SumShards(parts, floats, kShards, from,
                       std::min(floats, from + kChunk), sum);
  });
}

void TrainingPlan::Impl::RunEdgeBackward() {
  for (const SumOfParameter& of : layout.parameter_sums) {
    std::copy_n(memory.FloatsAt(of.sum, 0), of.floats,
                memory.FloatsAt(of.gradient, 0));
  }
  for (size_t n = edge.size(); n-- > 0;)
    RunBackward(edge[n], 0, WholeOf(edge[n]), memory.edge_workspace());
}

void TrainingPlan::Step(int batch, int64_t step,
                        const ShardCallbacks& callbacks) {
  Impl& p = *impl_;
  LS_CHECK(batch >= 1 && batch <= p.shard_size * kShards);
  LS_CHECK(callbacks.losses.size() == p.options.heads.size());
  p.step = step;
  p.RunEdgeForward();
  ParallelFor(static_cast<int>(p.body.size()), p.options.threads, [&](int n) {
    PlannedNode& node = p.body[static_cast<size_t>(n)];
    node.kernel->Repack(node.calls[0].inputs.data());
  });
  const int shards = (batch + p.shard_size - 1) / p.shard_size;  // not empty
  bool turned = false;
  for (const Segment& segment : p.segments) {
    ParallelFor(kShards, p.options.threads, [&](int task) {
      const int shard =
          turned ? Turned(task, kShards, p.options.threads) : task;
      p.RunSegment(segment, shard, p.RangeOf(shard, batch), callbacks);
    });
    turned = !turned;
    if (segment.meet != nullptr)
      p.Combine(segment, p.one_by_one ? batch : shards);
  }
  p.SumShards();
  p.RunEdgeBackward();
}

// ---- Outside of steps -----------------------------------------------------

TrainingPlan::TrainingPlan(const Graph& graph,
                           const TrainingPlanOptions& options)
    : impl_(std::make_unique<Impl>(graph, options)) {
  impl_->Build();
}

TrainingPlan::~TrainingPlan() = default;

std::span<float> TrainingPlan::parameters() {
  return impl_->memory.parameters();
}

std::span<const float> TrainingPlan::gradients() const {
  return impl_->memory.gradients();
}

std::span<float> TrainingPlan::gradients() { return impl_->memory.gradients(); }

std::span<const TrainingPlan::Trained> TrainingPlan::trained() const {
  return impl_->trained;
}

std::span<std::byte> TrainingPlan::states() { return impl_->memory.states(); }

Graph TrainingPlan::Export() const {
  Impl& p = *impl_;
  Graph result = p.source;
  for (size_t t = 0; t < p.graph.tensors.size(); ++t) {
    const TensorKind kind = p.graph.tensors[t].kind;
    if (kind != TensorKind::kParameter && kind != TensorKind::kState) continue;
    Tensor& tensor = result.tensor(p.facts.source[t]);
    LS_CHECK(tensor.kind == kind);
    std::memcpy(tensor.data.MutableData(), p.memory.At(p.layout.values[t], 0),
                tensor.data.size());
  }
  return result;
}

}  // namespace litesmith
