// Places of an inference plan's tensors and kernels.
#include "src/runtime/interpreter.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "src/base/check.h"
#include "src/ops/fusions.h"
#include "src/ops/verify.h"
#include "src/runtime/arena.h"
#include "src/runtime/bind.h"
#include "src/runtime/session.h"

namespace litesmith {
namespace {

// A kernel, and where its tensors are.
struct Step {
  KernelPtr kernel;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  PlannedKernel planned;  // without its kernel

  void Run(KernelArgs* args) const {
    args->inputs = inputs.data();
    args->outputs = outputs.data();
    kernel->Run(*args);
  }
};

}  // namespace

struct Interpreter::Impl {
  BoundGraph bound;
  int batch = 1;
  bool fresh_state = false;  // has state, which each call begins anew
  std::unique_ptr<PlanSession> session;  // before the kernels, which use it
  std::vector<std::pair<std::byte*, TensorData>> variables;  // as they begin
  std::vector<Step> steps;
  TensorData arena;
  TensorData workspace;
  std::vector<std::byte*> where;  // by tensor; null for unused

  const Graph& graph() const { return bound.graph; }
  void Reset();
  // Of a call of so many samples.
  KernelArgs Begin(int samples);
  void PlaceTensors(const std::vector<PlannedKernel>& kernels);
  void PlaceKernels(std::vector<PlannedKernel> kernels);
};

void Interpreter::Impl::PlaceTensors(
    const std::vector<PlannedKernel>& kernels) {
  const auto root = [&](TensorId id) {
    return static_cast<size_t>(bound.facts.Root(id));
  };
  // One arena buffer for each root that is not a constant.
  std::vector<int> buffer_of(graph().tensors.size(), -1);
  std::vector<ArenaBuffer> buffers;
  const int last_step = static_cast<int>(kernels.size());
  const auto touch = [&](TensorId id, int step) {
    if (id == kNoTensor) return;
    const size_t t = root(id);
    if (graph().tensors[t].has_data()) return;
    if (buffer_of[t] < 0) {
      buffer_of[t] = static_cast<int>(buffers.size());
      buffers.push_back({graph().tensors[t].Bytes(), step, step});
    }
    ArenaBuffer& buffer = buffers[static_cast<size_t>(buffer_of[t])];
    buffer.first = std::min(buffer.first, step);
    buffer.last = std::max(buffer.last, step);
  };
  // Inputs stay as they were filled, so that Invoke can be repeated.
  for (const TensorId id : graph().inputs) touch(id, 0), touch(id, last_step);
  for (int k = 0; k < last_step; ++k) {
    const PlannedKernel& kernel = kernels[static_cast<size_t>(k)];
    for (const TensorId id : kernel.inputs) touch(id, k);
    for (const TensorId id : kernel.outputs) touch(id, k);
  }
  for (const TensorId id : graph().outputs) touch(id, last_step);
  for (size_t t = 0; t < graph().tensors.size(); ++t) {
    if (graph().tensors[t].kind != TensorKind::kVariable) continue;
    touch(static_cast<TensorId>(t), 0);
    touch(static_cast<TensorId>(t), last_step);
  }
  arena = TensorData(PlanArena(&buffers));

  where.assign(graph().tensors.size(), nullptr);
  for (size_t t = 0; t < where.size(); ++t) {
    const size_t of = root(static_cast<TensorId>(t));
    const Tensor& tensor = graph().tensors[of];
    if (tensor.has_data()) {
      where[t] = const_cast<std::byte*>(tensor.data.data());
    } else if (buffer_of[of] >= 0) {
      where[t] = arena.MutableData() +
                 buffers[static_cast<size_t>(buffer_of[of])].offset;
    }
    if (tensor.kind == TensorKind::kVariable)
      variables.emplace_back(where[t], InitialValue(tensor));
  }
}

void Interpreter::Impl::PlaceKernels(std::vector<PlannedKernel> kernels) {
  const auto at = [&](TensorId id) {
    return id == kNoTensor ? nullptr : where[static_cast<size_t>(id)];
  };
  size_t workspace_bytes = 0;
  for (PlannedKernel& planned : kernels) {
    Step step;
    for (const TensorId id : planned.inputs) step.inputs.push_back(at(id));
    for (const TensorId id : planned.outputs) step.outputs.push_back(at(id));
    step.kernel = std::move(planned.kernel);
    workspace_bytes = std::max(workspace_bytes, step.kernel->workspace_bytes);
    step.planned = std::move(planned);
    steps.push_back(std::move(step));
  }
  workspace = TensorData(AlignUp(workspace_bytes));
}

Interpreter::Interpreter(const Graph& graph, const InterpreterOptions& options)
    : impl_(std::make_unique<Impl>()) {
  Verify(graph, Stage::kInference);
  BindOptions bind;
  bind.batch = options.batch;
  bind.reference = options.reference;
  bind.numerics = options.numerics;
  bind.inner_outputs = options.inner_outputs;
  impl_->bound = BindGraph(graph, bind);
  impl_->session = MakeSession(options.numerics);
  impl_->batch = std::max(options.batch, 1);
  std::vector<PlannedKernel> kernels =
      PrepareKernels(impl_->bound.graph, impl_->bound.facts,
                     options.reference ? Purpose::kReference : Purpose::kFast,
                     options.numerics, impl_->session.get());
  impl_->PlaceTensors(kernels);
  impl_->PlaceKernels(std::move(kernels));
  impl_->fresh_state = !options.keep_state && KeepsState(impl_->graph());
  Reset();
}

Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;

int Interpreter::num_inputs() const {
  return static_cast<int>(impl_->graph().inputs.size());
}
int Interpreter::num_outputs() const {
  return static_cast<int>(impl_->graph().outputs.size());
}
int Interpreter::batch() const { return impl_->batch; }
size_t Interpreter::arena_bytes() const { return impl_->arena.size(); }

const Tensor& Interpreter::input_tensor(int i) const {
  return impl_->graph().tensor(impl_->graph().inputs[static_cast<size_t>(i)]);
}

const Tensor& Interpreter::output_tensor(int i) const {
  return impl_->graph().tensor(impl_->graph().outputs[static_cast<size_t>(i)]);
}

std::span<std::byte> Interpreter::input(int i) {
  const TensorId id = impl_->graph().inputs[static_cast<size_t>(i)];
  return {impl_->where[static_cast<size_t>(id)],
          impl_->graph().tensor(id).Bytes()};
}

std::span<const std::byte> Interpreter::output(int i) const {
  const TensorId id = impl_->graph().outputs[static_cast<size_t>(i)];
  return {impl_->where[static_cast<size_t>(id)],
          impl_->graph().tensor(id).Bytes()};
}

void Interpreter::Impl::Reset() {
  for (const auto& [bytes, initial] : variables)
    std::copy_n(initial.data(), initial.size(), bytes);
  session->Reset();
}

void Interpreter::Reset() { impl_->Reset(); }

KernelArgs Interpreter::Impl::Begin(int samples) {
  LS_CHECK(samples >= 1 && samples <= batch);
  if (fresh_state) Reset();
  KernelArgs args{};
  args.workspace = const_cast<std::byte*>(workspace.data());
  args.batch = samples;
  return args;
}

void Interpreter::Invoke(int batch) {
  KernelArgs args = impl_->Begin(batch);
  for (const Step& step : impl_->steps) step.Run(&args);
}

void Interpreter::InvokeTimed(std::span<double> seconds) {
  using Clock = std::chrono::steady_clock;
  LS_CHECK(seconds.size() == impl_->steps.size());
  KernelArgs args = impl_->Begin(batch());
  auto last = Clock::now();
  for (size_t i = 0; i < seconds.size(); ++i) {
    impl_->steps[i].Run(&args);
    const auto now = Clock::now();
    seconds[i] += std::chrono::duration<double>(now - last).count();
    last = now;
  }
}

// What runs, by name: "CONV_2D + MAX_POOL_2D", "5 ADD + 3 MUL".
static std::string OpsOf(const Graph& graph, const std::vector<NodeId>& nodes) {
  std::vector<std::pair<const OpDef*, int>> counts;
  for (const NodeId id : nodes) {
    const OpDef* op = graph.node(id).op;
    const auto at =
        std::find_if(counts.begin(), counts.end(),
                     [&](const auto& of) { return of.first == op; });
    at == counts.end() ? void(counts.emplace_back(op, 1)) : void(++at->second);
  }
  std::string text;
  for (const auto& [op, count] : counts) {
    if (!text.empty()) text += " + ";
    if (count > 1) text += std::to_string(count) + " ";
    text += op->name;
  }
  return text;
}

std::vector<PlanStep> Interpreter::Steps() const {
  const Graph& graph = impl_->graph();
  std::vector<PlanStep> all;
  for (const Step& step : impl_->steps) {
    const PlannedKernel& planned = step.planned;
    PlanStep of;
    of.ops = OpsOf(graph, planned.nodes);
    of.node = graph.node(planned.nodes.back()).name;
    of.kernel = planned.name;
    of.work = WorkOf(graph, planned.nodes);
    for (const auto* ids : {&planned.inputs, &planned.outputs}) {
      for (const TensorId id : *ids) {
        if (id != kNoTensor)
          of.bytes += static_cast<double>(graph.tensor(id).Bytes());
      }
    }
    if (!planned.outputs.empty())
      of.output = graph.tensor(planned.outputs[0]).shape;
    all.push_back(std::move(of));
  }
  return all;
}

}  // namespace litesmith
