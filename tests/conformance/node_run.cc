#include "tests/conformance/node_run.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/check.h"
#include "src/runtime/bind.h"
#include "src/runtime/session.h"

namespace litesmith {
namespace {

// NaN as floats, and no number that a kernel could take for a cleared one.
TensorData Garbage(size_t bytes) {
  TensorData data(bytes);
  if (bytes > 0) std::memset(data.MutableData(), 0xFF, bytes);
  return data;
}

}  // namespace

Graph BindForNodes(const Graph& graph, int batch) {
  BindOptions options;
  options.batch = batch;
  options.training = true;
  options.reference = true;
  options.inner_outputs = true;
  return BindGraph(graph, options).graph;
}

NodeRunner::NodeRunner(const PrepareContext& context, const KernelRow& row)
    : NodeRunner(context.graph, context.facts,
                 PlannedAlone(context, row.name, row.prepare(context))) {}

NodeRunner::NodeRunner(const Graph& graph, const GraphFacts& facts,
                       PlannedKernel planned)
    : inputs_(std::move(planned.inputs)),
      kernel_(std::move(planned.kernel)),
      training_(dynamic_cast<TrainKernel*>(kernel_.get())),
      workspace_(Garbage(kernel_->workspace_bytes)),
      saved_(Garbage(training_ != nullptr ? training_->saved_bytes : 0)),
      shared_(Garbage(training_ != nullptr ? training_->shared_bytes : 0)) {
  for (const TensorId id : planned.outputs)
    output_bytes_.push_back(graph.tensor(id).Bytes());
  for (const TensorId id : inputs_) {
    const bool is_variable =
        id != kNoTensor && graph.tensor(id).kind == TensorKind::kVariable;
    variables_.push_back(is_variable ? InitialValue(graph.tensor(id))
                                     : TensorData());
  }
  if (planned.outputs.empty()) return;
  const Shape& shape = graph.tensor(planned.outputs[0]).shape;
  batch_ = facts.IsBatched(planned.outputs[0]) ? facts.batch
           : shape.rank() > 0                  ? shape[0]
                                               : 1;
}

std::vector<const void*> NodeRunner::Inputs(const Arrays& values) const {
  std::vector<const void*> inputs;
  for (const TensorId id : inputs_) {
    inputs.push_back(id == kNoTensor ? nullptr
                                     : values[static_cast<size_t>(id)].data());
  }
  return inputs;
}

std::shared_ptr<NodeRunner::Statistics> NodeRunner::StatisticsOf(
    const Arrays& values, int partials) const {
  if (partials == 0) return nullptr;
  auto statistics = std::make_shared<Statistics>();
  statistics->partial.resize(static_cast<size_t>(partials));
  for (const TensorId id : inputs_) {
    statistics->copies.push_back(
        id == kNoTensor ? TensorData() : values[static_cast<size_t>(id)]);
  }
  for (TensorData& copy : statistics->copies) {
    statistics->inputs.push_back(copy.empty() ? nullptr : copy.MutableData());
  }
  return statistics;
}

std::function<void()> NodeRunner::ForwardCall(const Arrays& values,
                                              Arrays* outputs) {
  std::vector<const void*> inputs = Inputs(values);
  Arrays variables = variables_;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!variables[i].empty()) inputs[i] = variables[i].MutableData();
  }
  if (training_ != nullptr) training_->Repack(inputs.data());
  const auto statistics = StatisticsOf(
      values, training_ != nullptr ? training_->forward_partials : 0);
  std::vector<void*> to;
  for (TensorData& output : *outputs) to.push_back(output.MutableData());
  return [this, inputs, variables, statistics, to] {
    for (size_t i = 0; i < variables.size(); ++i) {
      if (variables[i].empty()) continue;
      std::memcpy(const_cast<void*>(inputs[i]), variables_[i].data(),
                  variables_[i].size());
    }
    const KernelArgs args{
        inputs.data(),        to.data(), workspace_.MutableData(),
        saved_.MutableData(), batch_,    {},
        shared_.data()};
    if (statistics != nullptr) {
      training_->ForwardPartial(args, statistics->partial.data());
      training_->Combine(Phase::kForward, statistics->partial,
                         statistics->inputs.data(), shared_.MutableData());
    }
    kernel_->Run(args);
  };
}

Arrays NodeRunner::ForwardAll(const Arrays& values) {
  Arrays outputs;
  for (const size_t bytes : output_bytes_) outputs.push_back(Garbage(bytes));
  ForwardCall(values, &outputs)();
  return outputs;
}

TensorData NodeRunner::Forward(const Arrays& values) {
  return ForwardAll(values)[0];
}

std::function<void()> NodeRunner::BackwardCall(const Arrays& values,
                                               const Arrays& outputs,
                                               const Arrays& output_grads,
                                               const std::vector<bool>& wanted,
                                               Arrays* grads) {
  grads->assign(inputs_.size(), TensorData());
  std::vector<float*> to(inputs_.size(), nullptr);
  for (size_t i = 0; i < grads->size(); ++i) {
    if (!wanted[i]) continue;
    TensorData& grad = (*grads)[i];
    grad = Garbage(values[static_cast<size_t>(inputs_[i])].size());
    to[i] = reinterpret_cast<float*>(grad.MutableData());
  }
  const auto statistics = StatisticsOf(values, training_->backward_partials);
  std::vector<const void*> out;
  for (const TensorData& output : outputs) out.push_back(output.data());
  std::vector<const float*> dy;
  for (const TensorData& grad : output_grads)
    dy.push_back(reinterpret_cast<const float*>(grad.data()));
  return [this, inputs = Inputs(values), to, statistics, out, dy] {
    const BackwardArgs args{inputs.data(),
                            out.data(),
                            dy.data(),
                            to.data(),
                            workspace_.MutableData(),
                            saved_.data(),
                            batch_,
                            shared_.data()};
    if (statistics != nullptr) {
      training_->BackwardPartial(args, statistics->partial.data());
      training_->Combine(Phase::kBackward, statistics->partial,
                         statistics->inputs.data(), shared_.MutableData());
    }
    training_->Backward(args);
  };
}

Arrays NodeRunner::Backward(const Arrays& values, const Arrays& outputs,
                            const Arrays& output_grads,
                            const std::vector<bool>& wanted) {
  Arrays grads;
  BackwardCall(values, outputs, output_grads, wanted, &grads)();
  return grads;
}

GraphFacts FactsForNodes(const Graph& bound, int batch) {
  return batch == kAsWritten ? FactsOf(bound, {}, /*as_written=*/true)
                             : FactsOf(bound);
}

Arrays RunByNode(const Graph& bound, const Arrays& inputs, int batch,
                 Numerics numerics) {
  Arrays values;
  for (const Tensor& tensor : bound.tensors) {
    values.push_back(tensor.kind == TensorKind::kVariable ? InitialValue(tensor)
                                                          : tensor.data);
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    values[static_cast<size_t>(bound.inputs[i])] = inputs[i];
  }
  const GraphFacts facts = FactsForNodes(bound, batch);
  const std::unique_ptr<Session> session = MakeSession(numerics);
  for (const Node& node : bound.nodes) {
    // What is there for training alone may have no reference twin.
    const auto& rows = node.op->rows;
    const bool reference =
        std::any_of(rows.begin(), rows.end(), [](const KernelRow& row) {
          return row.purpose == Purpose::kReference;
        });
    const PrepareContext context{bound, node, facts, numerics, session.get()};
    NodeRunner runner(context,
                      ChooseKernel(context, reference ? Purpose::kReference
                                                      : Purpose::kTrain));
    Arrays outputs = runner.ForwardAll(values);
    for (size_t o = 0; o < outputs.size(); ++o)
      values[static_cast<size_t>(node.outputs[o])] = std::move(outputs[o]);
  }
  return values;
}

}  // namespace litesmith
