// Ops of tests, whose gradients can be had by hand, graphs of them, and a plan
// with the inputs and gradients of its samples.
#ifndef LITESMITH_RUNTIME_PLAN_FIXTURE_TEST_H_
#define LITESMITH_RUNTIME_PLAN_FIXTURE_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/runtime/training_plan.h"

namespace litesmith {

using Floats = std::vector<float>;

inline constexpr int kFeatures = 3;

inline void InferSame(Graph* graph, const Node& node) {
  graph->tensor(node.outputs[0]).shape = graph->tensor(node.inputs[0]).shape;
}

// A kernel made of two functions of the number of elements.
struct Functions {
  void (*run)(const KernelArgs& args, size_t n);
  void (*backward)(const BackwardArgs& args, size_t n);
};

template <const Functions& kFunctions>
class FunctionKernel : public TrainKernel {
 public:
  explicit FunctionKernel(const PrepareContext& context)
      : per_sample_(static_cast<size_t>(
            context.output().shape.NumElementsPerSample())) {}
  void Run(const KernelArgs& args) const override {
    kFunctions.run(args, per_sample_ * static_cast<size_t>(args.batch));
  }
  void Backward(const BackwardArgs& args) const override {
    kFunctions.backward(args, per_sample_ * static_cast<size_t>(args.batch));
  }

 private:
  size_t per_sample_;
};

inline constexpr Operand kThreeOperands[] = {{.name = "a"},
                                             {.name = "b", .optional = true},
                                             {.name = "c", .optional = true}};
inline constexpr std::span<const Operand> kOperands = kThreeOperands;

inline const float* In(const BackwardArgs& a, int i) {
  return static_cast<const float*>(a.inputs[i]);
}

// y = a + b.
inline constexpr Functions kAddFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i)
        a.out<float>()[i] = a.in<float>(0)[i] + a.in<float>(1)[i];
    },
    [](const BackwardArgs& a, size_t n) {
      for (int in = 0; in < 2; ++in) {
        if (a.input_grads[in] != nullptr)
          std::copy_n(a.output_grads[0], n, a.input_grads[in]);
      }
    }};
inline constexpr KernelRow kAddRows[] = {
    {"Add", Purpose::kTrain, {}, MakeKernel<FunctionKernel<kAddFunctions>>}};
inline const OpDef kTestAdd = {.name = "TEST_ADD",
                               .summary = "",
                               .operands = kOperands.first(2),
                               .infer = InferSame,
                               .rows = kAddRows};

// y[s][f] = x[s][f] * w[f].
inline constexpr Functions kScaleFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i)
        a.out<float>()[i] = a.in<float>(0)[i] * a.in<float>(1)[i % kFeatures];
    },
    [](const BackwardArgs& a, size_t n) {
      const float* dy = a.output_grads[0];
      if (float* dx = a.input_grads[0]; dx != nullptr) {
        for (size_t i = 0; i < n; ++i) dx[i] = dy[i] * In(a, 1)[i % kFeatures];
      }
      if (float* dw = a.input_grads[1]; dw != nullptr) {
        std::fill_n(dw, kFeatures, 0.0f);
        for (size_t i = 0; i < n; ++i) dw[i % kFeatures] += dy[i] * In(a, 0)[i];
      }
    }};
inline constexpr KernelRow kScaleRows[] = {
    {"Scale",
     Purpose::kTrain,
     {},
     MakeKernel<FunctionKernel<kScaleFunctions>>}};
inline const OpDef kScale = {.name = "TEST_SCALE",
                             .summary = "",
                             .operands = kOperands.first(2),
                             .infer = InferSame,
                             .rows = kScaleRows};

// y = 2 w, whose update adds the step's number to its second input, a state.
inline constexpr Functions kTwiceFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i) a.out<float>()[i] = 2 * a.in<float>(0)[i];
    },
    [](const BackwardArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i)
        a.input_grads[0][i] = 2 * a.output_grads[0][i];
    }};
inline constexpr KernelRow kTwiceRows[] = {
    {"Twice",
     Purpose::kTrain,
     {},
     MakeKernel<FunctionKernel<kTwiceFunctions>>}};
inline constexpr TrainingFacts kTwiceTraining = {
    .update = [](const UpdateArgs& args) {
      if (args.node.input(1) != kNoTensor)
        *static_cast<float*>(args.inputs[1]) += static_cast<float>(args.step);
    }};
inline const OpDef kTwice = {.name = "TEST_TWICE",
                             .summary = "",
                             .operands = kOperands.first(2),
                             .infer = InferSame,
                             .rows = kTwiceRows,
                             .training = &kTwiceTraining};

// y = a + 2 b + 3 c.
inline constexpr Functions kWeightedSumFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i) {
        a.out<float>()[i] =
            a.in<float>(0)[i] + 2 * a.in<float>(1)[i] + 3 * a.in<float>(2)[i];
      }
    },
    [](const BackwardArgs& a, size_t n) {
      for (int in = 0; in < 3; ++in) {
        for (size_t i = 0; i < n && a.input_grads[in] != nullptr; ++i) {
          a.input_grads[in][i] =
              static_cast<float>(in + 1) * a.output_grads[0][i];
        }
      }
    }};
inline constexpr KernelRow kWeightedSumRows[] = {
    {"WeightedSum",
     Purpose::kTrain,
     {},
     MakeKernel<FunctionKernel<kWeightedSumFunctions>>}};
inline const OpDef kWeightedSum = {.name = "TEST_WEIGHTED_SUM",
                                   .summary = "",
                                   .operands = kOperands.first(3),
                                   .infer = InferSame,
                                   .rows = kWeightedSumRows};

// Two outputs: y0 = x and y1 = 10 x.
inline constexpr Functions kForkFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i) {
        a.out<float>(0)[i] = a.in<float>(0)[i];
        a.out<float>(1)[i] = 10 * a.in<float>(0)[i];
      }
    },
    [](const BackwardArgs& a, size_t n) {
      EXPECT_TRUE(a.output_grads[0] != nullptr || a.output_grads[1] != nullptr);
      std::fill_n(a.input_grads[0], n, 0.0f);
      for (int out = 0; out < 2; ++out) {
        const float* dy = a.output_grads[out];
        for (size_t i = 0; i < n && dy != nullptr; ++i)
          a.input_grads[0][i] += (out == 0 ? 1.0f : 10.0f) * dy[i];
      }
    }};
inline constexpr KernelRow kForkRows[] = {
    {"Fork", Purpose::kTrain, {}, MakeKernel<FunctionKernel<kForkFunctions>>}};
inline const OpDef kFork = {.name = "TEST_FORK",
                            .summary = "",
                            .operands = kOperands.first(1),
                            .outputs = 2,
                            .infer =
                                [](Graph* graph, const Node& node) {
                                  for (const TensorId id : node.outputs) {
                                    graph->tensor(id).shape =
                                        graph->tensor(node.inputs[0]).shape;
                                  }
                                },
                            .rows = kForkRows};

// y = x - mean, the mean being that of the whole batch, kept in a state.
class CenterKernel : public FunctionKernel<kAddFunctions> {
 public:
  explicit CenterKernel(const PrepareContext& context)
      : FunctionKernel(context) {
    forward_partials = 2;
  }
  void Run(const KernelArgs& a) const override {
    for (int i = 0; i < a.batch * kFeatures; ++i)
      a.out<float>()[i] = a.in<float>(0)[i] - *a.in<float>(1);
  }
  void Backward(const BackwardArgs& a) const override {
    std::copy_n(a.output_grads[0], a.batch * kFeatures, a.input_grads[0]);
  }
  void ForwardPartial(const KernelArgs& a, double* partial) const override {
    const int n = a.batch * kFeatures;
    partial[0] = std::accumulate(a.in<float>(0), a.in<float>(0) + n, 0.0);
    partial[1] = n;
  }
  void Combine(Phase, std::span<const double> partials, void* const* inputs,
               std::byte*) const override {
    double sum = 0;
    double n = 0;
    for (size_t i = 0; i < partials.size(); i += 2)
      sum += partials[i], n += partials[i + 1];
    *static_cast<float*>(inputs[1]) = static_cast<float>(sum / n);
  }
};
inline constexpr KernelRow kCenterRows[] = {
    {"Center", Purpose::kTrain, {}, MakeKernel<CenterKernel>}};
inline const OpDef kCenter = {.name = "TEST_CENTER",
                              .summary = "",
                              .operands = kOperands.first(2),
                              .infer = InferSame,
                              .rows = kCenterRows};

// A graph of those ops over an input of [N, 3].
class Builder {
 public:
  Builder() { x = AddImageInput({kDynamic, kFeatures}, &graph_); }
  // Another input of [N, 3].
  TensorId Input(const std::string& name) {
    Tensor tensor = graph_.tensor(x);
    tensor.name = name;
    graph_.inputs.push_back(graph_.AddTensor(std::move(tensor)));
    graph_.input_names.clear();
    return graph_.inputs.back();
  }
  TensorId Parameter(const std::string& name, const Floats& values) {
    return graph_.AddConstant<float>(name,
                                     {static_cast<int32_t>(values.size())},
                                     values, TensorKind::kParameter);
  }
  TensorId State(const std::string& name, float value) {
    return graph_.AddConstant<float>(name, {1}, {&value, 1},
                                     TensorKind::kState);
  }
  TensorId Apply(const OpDef& op, std::vector<TensorId> inputs) {
    const std::string name = "t" + std::to_string(graph_.nodes.size());
    return graph_.AddNode(op, name, std::move(inputs), {name}).outputs[0];
  }
  // Both outputs of a fork.
  std::vector<TensorId> Fork(TensorId input) {
    const std::string name = "t" + std::to_string(graph_.nodes.size());
    return graph_.AddNode(kFork, name, {input}, {name, name + ":1"}).outputs;
  }
  // The loss is of the first output.
  Graph Finish(TensorId output, std::vector<TensorId> others = {}) {
    graph_.outputs = {output};
    graph_.outputs.insert(graph_.outputs.end(), others.begin(), others.end());
    InferShapes(&graph_);
    VerifyStructure(graph_);
    return graph_;
  }

  TensorId x = kNoTensor;

 private:
  Graph graph_;
};

// A plan, the inputs of its samples, and the gradient of its outputs, both of
// [samples][width].
class Fixture {
 public:
  Fixture(const Graph& graph, int batch, int threads = 1)
      : graph_(graph),
        plan_(graph, {.batch = batch, .threads = threads}),
        in_(Width(graph.inputs[0])),
        out_(Width(graph.outputs[0])) {
    Rng rng(3);
    x.resize(static_cast<size_t>(batch) * in_);
    dy.resize(static_cast<size_t>(batch) * out_);
    y.assign(dy.size(), NAN);
    for (float& v : x) v = rng.Uniform(-1, 1);
    for (float& v : dy) v = rng.Uniform(-1, 1);
  }

  void Step(int batch, int64_t step = 1) {
    ShardCallbacks callbacks;
    callbacks.load = [&](int, int first, int count,
                         std::span<std::byte* const> inputs) {
      std::copy_n(&x[static_cast<size_t>(first) * in_],
                  static_cast<size_t>(count) * in_,
                  reinterpret_cast<float*>(inputs[0]));
    };
    callbacks.losses = {
        [&](int, int first, int count, const float* output, float* grad) {
          const size_t at = static_cast<size_t>(first) * out_;
          const size_t n = static_cast<size_t>(count) * out_;
          std::copy_n(output, n, &y[at]);
          std::copy_n(&dy[at], n, grad);
        }};
    plan_.Step(batch, step, callbacks);
  }

  // Where a parameter starts in the plan: in the graph's order, padded to 16.
  size_t OffsetOf(const std::string& name) const {
    size_t offset = 0;
    for (const Tensor& tensor : graph_.tensors) {
      if (tensor.name == name) return offset;
      if (tensor.kind == TensorKind::kParameter)
        offset += (tensor.As<float>().size() + 15) / 16 * 16;
    }
    ADD_FAILURE() << "no parameter " << name;
    return 0;
  }
  Floats Gradient(const std::string& name, size_t n = kFeatures) {
    const auto all = plan_.gradients().subspan(OffsetOf(name), n);
    return {all.begin(), all.end()};
  }
  TrainingPlan& plan() { return plan_; }

  Floats x, dy, y;

 private:
  size_t Width(TensorId id) const {
    return static_cast<size_t>(graph_.tensor(id).shape.NumElementsPerSample());
  }

  Graph graph_;
  TrainingPlan plan_;
  size_t in_;
  size_t out_;
};

// Sums term(x, dy, f) over the samples, for every feature f.
inline Floats SumOverSamples(
    const Fixture& f, int batch,
    const std::function<double(double, double, int)>& term) {
  Floats result;
  for (int feature = 0; feature < kFeatures; ++feature) {
    double sum = 0;
    for (int s = 0; s < batch; ++s) {
      const auto i = static_cast<size_t>(s * kFeatures + feature);
      sum += term(f.x[i], f.dy[i], feature);
    }
    result.push_back(static_cast<float>(sum));
  }
  return result;
}

inline void ExpectNear(const Floats& got, const Floats& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-5 * (1 + std::abs(want[i]))) << i;
}

inline constexpr int kBatches[] = {1, 7, 8, 29, 32};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_PLAN_FIXTURE_TEST_H_
