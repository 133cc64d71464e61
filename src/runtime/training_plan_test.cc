// The training plan with ops of its own, whose gradients can be had by hand:
// every way in which a tensor can be read, and the statistics phase. The small
// convolutional graph is checked against finite differences.
#include "src/runtime/training_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

constexpr int kFeatures = 3;

void InferSame(Graph* graph, const Node& node) {
  graph->tensor(node.outputs[0]).shape = graph->tensor(node.inputs[0]).shape;
}

// A kernel made of two functions of the number of elements.
struct Functions {
  void (*run)(const KernelArgs& args, size_t n);
  void (*backward)(const BackwardArgs& args, size_t n);
};

template <const Functions& kFunctions>
class FunctionKernel : public Kernel {
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

bool Always(const PrepareContext&) { return true; }
template <typename T>
KernelPtr Prepare(const PrepareContext& context) {
  return std::make_unique<T>(context);
}

const float* In(const BackwardArgs& a, int i) {
  return static_cast<const float*>(a.inputs[i]);
}

// y = a + b.
constexpr Functions kAddFunctions = {
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
constexpr KernelRow kAddRows[] = {
    {"Add", true, Always, Prepare<FunctionKernel<kAddFunctions>>}};
const OpDef kAdd = {.name = "TEST_ADD",
                    .summary = "",
                    .max_inputs = 2,
                    .infer = InferSame,
                    .kernels = kAddRows,
                    .differentiable = true};

// y[s][f] = x[s][f] * w[f].
constexpr Functions kScaleFunctions = {
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
constexpr KernelRow kScaleRows[] = {
    {"Scale", true, Always, Prepare<FunctionKernel<kScaleFunctions>>}};
const OpDef kScale = {.name = "TEST_SCALE",
                      .summary = "",
                      .max_inputs = 2,
                      .infer = InferSame,
                      .kernels = kScaleRows,
                      .differentiable = true};

// y = 2 w, whose update adds the step's number to its second input, a state.
constexpr Functions kTwiceFunctions = {
    [](const KernelArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i) a.out<float>()[i] = 2 * a.in<float>(0)[i];
    },
    [](const BackwardArgs& a, size_t n) {
      for (size_t i = 0; i < n; ++i)
        a.input_grads[0][i] = 2 * a.output_grads[0][i];
    }};
constexpr KernelRow kTwiceRows[] = {
    {"Twice", true, Always, Prepare<FunctionKernel<kTwiceFunctions>>}};
const OpDef kTwice = {.name = "TEST_TWICE",
                      .summary = "",
                      .max_inputs = 2,
                      .infer = InferSame,
                      .kernels = kTwiceRows,
                      .differentiable = true,
                      .update = [](const UpdateArgs& args) {
                        if (args.node.input(1) != kNoTensor)
                          *static_cast<float*>(args.inputs[1]) +=
                              static_cast<float>(args.step);
                      }};

// y = a + 2 b + 3 c.
constexpr Functions kWeightedSumFunctions = {
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
constexpr KernelRow kWeightedSumRows[] = {
    {"WeightedSum", true, Always,
     Prepare<FunctionKernel<kWeightedSumFunctions>>}};
const OpDef kWeightedSum = {.name = "TEST_WEIGHTED_SUM",
                            .summary = "",
                            .min_inputs = 3,
                            .max_inputs = 3,
                            .infer = InferSame,
                            .kernels = kWeightedSumRows,
                            .differentiable = true};

// Two outputs: y0 = x and y1 = 10 x.
constexpr Functions kForkFunctions = {
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
constexpr KernelRow kForkRows[] = {
    {"Fork", true, Always, Prepare<FunctionKernel<kForkFunctions>>}};
const OpDef kFork = {.name = "TEST_FORK",
                     .summary = "",
                     .num_outputs = 2,
                     .infer =
                         [](Graph* graph, const Node& node) {
                           for (const TensorId id : node.outputs) {
                             graph->tensor(id).shape =
                                 graph->tensor(node.inputs[0]).shape;
                           }
                         },
                     .kernels = kForkRows,
                     .differentiable = true};

// y = x - mean, the mean being that of the whole batch, kept in a state.
class CenterKernel : public FunctionKernel<kAddFunctions> {
 public:
  explicit CenterKernel(const PrepareContext& context)
      : FunctionKernel(context) {
    statistics_floats = 2;
  }
  void Run(const KernelArgs& a) const override {
    for (int i = 0; i < a.batch * kFeatures; ++i)
      a.out<float>()[i] = a.in<float>(0)[i] - *a.in<float>(1);
  }
  void Backward(const BackwardArgs& a) const override {
    std::copy_n(a.output_grads[0], a.batch * kFeatures, a.input_grads[0]);
  }
  void Statistics(const KernelArgs& a, float* partial) const override {
    const int n = a.batch * kFeatures;
    partial[0] = std::accumulate(a.in<float>(0), a.in<float>(0) + n, 0.0f);
    partial[1] = static_cast<float>(n);
  }
  void Combine(const float* partials, int shards,
               void* const* inputs) const override {
    float sum = 0;
    float n = 0;
    for (int s = 0; s < shards; ++s)
      sum += partials[2 * s], n += partials[2 * s + 1];
    *static_cast<float*>(inputs[1]) = sum / n;
  }
};
constexpr KernelRow kCenterRows[] = {
    {"Center", true, Always, Prepare<CenterKernel>}};
const OpDef kCenter = {.name = "TEST_CENTER",
                       .summary = "",
                       .min_inputs = 2,
                       .max_inputs = 2,
                       .infer = InferSame,
                       .kernels = kCenterRows,
                       .differentiable = true};

// A graph of those ops over an input of [N, 3].
class Builder {
 public:
  Builder() { x = AddImageInput({kDynamic, kFeatures}, &graph_); }
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
        plan_(graph, batch, threads),
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
    callbacks.load = [&](int, int first, int count, float* input) {
      std::copy_n(&x[static_cast<size_t>(first) * in_],
                  static_cast<size_t>(count) * in_, input);
    };
    callbacks.loss = [&](int, int first, int count, const float* output,
                         float* grad) {
      const size_t at = static_cast<size_t>(first) * out_;
      const size_t n = static_cast<size_t>(count) * out_;
      std::copy_n(output, n, &y[at]);
      std::copy_n(&dy[at], n, grad);
    };
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
Floats SumOverSamples(const Fixture& f, int batch,
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

void ExpectNear(const Floats& got, const Floats& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-5 * (1 + std::abs(want[i]))) << i;
}

constexpr int kBatches[] = {1, 7, 8, 29, 32};

TEST(TrainingPlan, AParameterReadByTheBodyAlone) {
  Builder b;
  const TensorId w = b.Parameter("w", {2, 3, 5});
  Fixture f(b.Finish(b.Apply(kScale, {b.x, w})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch,
                              [](double x, double dy, int) { return x * dy; }));
  }
}

TEST(TrainingPlan, OneParameterIsReadDirectlyAndOthersPassTheWeightEdge) {
  Builder b;
  const Floats w1 = {2, 3, 5};
  const Floats w2 = {-1, 0.5f, 4};
  const TensorId p1 = b.Parameter("direct", w1);
  const TensorId p2 = b.Parameter("edge", w2);
  const TensorId h = b.Apply(kScale, {b.x, p1});
  const TensorId twice = b.Apply(kTwice, {b.Apply(kTwice, {p2})});
  Fixture f(b.Finish(b.Apply(kScale, {h, twice})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("direct"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return x * dy * 4 * w2[static_cast<size_t>(i)];
               }));
    ExpectNear(f.Gradient("edge"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return x * dy * 4 * w1[static_cast<size_t>(i)];
               }));
  }
}

TEST(TrainingPlan, TheSameParameterIsReadDirectlyAndThroughTheEdge) {
  Builder b;
  const TensorId w = b.Parameter("w", {2, 3, 5});
  const TensorId direct = b.Apply(kScale, {b.x, w});
  const TensorId edge = b.Apply(kScale, {b.x, b.Apply(kTwice, {w})});
  Fixture f(b.Finish(b.Apply(kAdd, {direct, edge})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch, [](double x, double dy, int) {
                 return 3 * x * dy;
               }));
  }
}

TEST(TrainingPlan, AParameterReadByTwoNodesOfTheBody) {
  Builder b;
  const Floats values = {2, 3, 5};
  const TensorId w = b.Parameter("w", values);
  const TensorId square = b.Apply(kScale, {b.Apply(kScale, {b.x, w}), w});
  Fixture f(b.Finish(square), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return 2 * x * dy * values[static_cast<size_t>(i)];
               }));
  }
}

TEST(TrainingPlan, AnEdgeTensorReadByTwoNodesOfTheBodyAndOneOfTheEdge) {
  Builder b;
  const TensorId w = b.Parameter("w", {2, 3, 5});
  const TensorId two = b.Apply(kTwice, {w});
  const TensorId four = b.Apply(kTwice, {two});
  const TensorId sum =
      b.Apply(kAdd, {b.Apply(kScale, {b.x, two}), b.Apply(kScale, {b.x, two})});
  Fixture f(b.Finish(b.Apply(kAdd, {sum, b.Apply(kScale, {b.x, four})})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch, [](double x, double dy, int) {
                 return 8 * x * dy;
               }));
  }
}

TEST(TrainingPlan, AnActivationReadByTwoNodesAndTwiceByOne) {
  Builder b;
  const Floats v = {-1, 0.5f, 4};
  const TensorId h = b.Apply(kScale, {b.x, b.Parameter("w", {2, 3, 5})});
  const TensorId scaled = b.Apply(kScale, {h, b.Parameter("v", v)});
  const TensorId doubled = b.Apply(kAdd, {h, h});
  Fixture f(b.Finish(b.Apply(kAdd, {scaled, doubled})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return x * dy * (v[static_cast<size_t>(i)] + 2);
               }));
  }
}

// Every tensor is read twice, so that the node that comes second in backward
// order adds all three of its gradients: room for each of them at once.
TEST(TrainingPlan, TwoSumsOverTheSameThreeTensorsOfTheBody) {
  Builder b;
  const TensorId h = b.Apply(kScale, {b.x, b.Parameter("h", {2, 3, 5})});
  const TensorId k = b.Apply(kScale, {b.x, b.Parameter("k", {1, 4, 2})});
  const TensorId l = b.Apply(kScale, {b.x, b.Parameter("l", {7, 1, 3})});
  const TensorId sum = b.Apply(kAdd, {b.Apply(kWeightedSum, {h, k, l}),
                                      b.Apply(kWeightedSum, {l, h, k})});
  Fixture f(b.Finish(sum), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    const auto times = [&](double factor) {
      return SumOverSamples(
          f, batch, [&](double x, double dy, int) { return factor * x * dy; });
    };
    ExpectNear(f.Gradient("h"), times(1 + 2));
    ExpectNear(f.Gradient("k"), times(2 + 3));
    ExpectNear(f.Gradient("l"), times(3 + 1));
  }
}

TEST(TrainingPlan, TwoSumsOverTheSameThreeTensorsOfTheWeightEdge) {
  Builder b;
  std::vector<TensorId> p;
  for (const char* name : {"h", "k", "l"})
    p.push_back(b.Apply(kTwice, {b.Parameter(name, {2, 3, 5})}));
  const TensorId sum =
      b.Apply(kAdd, {b.Apply(kWeightedSum, {p[0], p[1], p[2]}),
                     b.Apply(kWeightedSum, {p[2], p[0], p[1]})});
  Fixture f(b.Finish(b.Apply(kScale, {b.x, sum})), 32);
  for (const int batch : kBatches) {
    f.Step(batch);
    const auto times = [&](double factor) {
      return SumOverSamples(f, batch, [&](double x, double dy, int) {
        return 2 * factor * x * dy;
      });
    };
    ExpectNear(f.Gradient("h"), times(1 + 2));
    ExpectNear(f.Gradient("k"), times(2 + 3));
    ExpectNear(f.Gradient("l"), times(3 + 1));
  }
}

TEST(TrainingPlan, AnOutputThatNothingReadsHasNoGradient) {
  for (const size_t read : {0u, 1u}) {
    Builder b;
    const TensorId h = b.Apply(kScale, {b.x, b.Parameter("w", {2, 3, 5})});
    const TensorId y = b.Fork(h)[read];
    Fixture f(b.Finish(b.Apply(kAdd, {y, h})), 32);
    for (const int batch : kBatches) {
      f.Step(batch);
      ExpectNear(f.Gradient("w"),
                 SumOverSamples(f, batch, [&](double x, double dy, int) {
                   return (read == 0 ? 2 : 11) * x * dy;
                 }));
    }
  }
}

// The loss is of the first output; what only another one depends on gets no
// gradient, and adds none to what both depend on.
TEST(TrainingPlan, OutputsBeyondTheFirstHaveNoGradient) {
  Builder b;
  const TensorId w = b.Parameter("w", {2, 3, 5});
  const TensorId h = b.Apply(kScale, {b.x, w});
  const TensorId direct =
      b.Apply(kScale, {h, b.Parameter("of_second", {1, 4, 2})});
  const TensorId edge = b.Apply(
      kScale, {h, b.Apply(kTwice, {b.Parameter("of_third", {1, 4, 2})})});
  const std::vector<TensorId> fork = b.Fork(edge);
  const TensorId first = b.Apply(kScale, {h, b.Apply(kTwice, {w})});
  Fixture f(b.Finish(first, {direct, fork[1], h}), 32);
  const Floats values = {2, 3, 5};
  for (const int batch : kBatches) {
    f.Step(batch);
    ExpectNear(f.Gradient("w"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return 4 * values[static_cast<size_t>(i)] * x * dy;
               }));
    EXPECT_EQ(f.Gradient("of_second"), Floats(kFeatures, 0.0f));
    EXPECT_EQ(f.Gradient("of_third"), Floats(kFeatures, 0.0f));
  }
}

TEST(TrainingPlan, StatisticsAreOfTheWholeBatchBeforeTheForward) {
  Builder b;
  const TensorId h = b.Apply(kScale, {b.x, b.Parameter("w", {2, 3, 5})});
  const TensorId once = b.Apply(kCenter, {h, b.State("first", 9)});
  const TensorId half =
      b.Apply(kScale, {once, b.Parameter("v", {0.5f, 0.5f, 1})});
  Fixture f(b.Finish(b.Apply(kCenter, {half, b.State("second", 9)})), 32, 2);
  const Floats w = {2, 3, 5};
  const Floats v = {0.5f, 0.5f, 1};
  for (const int batch : kBatches) {
    f.Step(batch);
    const int n = batch * kFeatures;
    double first = 0;
    for (int i = 0; i < n; ++i)
      first += f.x[static_cast<size_t>(i)] * w[static_cast<size_t>(i % 3)] / n;
    std::vector<double> halves;
    for (int i = 0; i < n; ++i) {
      const double centered =
          f.x[static_cast<size_t>(i)] * w[static_cast<size_t>(i % 3)] - first;
      halves.push_back(centered * v[static_cast<size_t>(i % 3)]);
    }
    const double second =
        std::accumulate(halves.begin(), halves.end(), 0.0) / n;
    const Graph trained = f.plan().Export();
    EXPECT_NEAR(ValuesOf(trained, "first")[0], first, 1e-5);
    EXPECT_NEAR(ValuesOf(trained, "second")[0], second, 1e-5);
    for (int i = 0; i < n; ++i) {
      EXPECT_NEAR(f.y[static_cast<size_t>(i)],
                  halves[static_cast<size_t>(i)] - second, 1e-5);
    }
    ExpectNear(f.Gradient("v"),
               SumOverSamples(f, batch, [&](double x, double dy, int i) {
                 return dy * (x * w[static_cast<size_t>(i)] - first);
               }));
  }
}

TEST(TrainingPlan, UpdatesRunOncePerStepAndSeeItsNumber) {
  Builder b;
  const TensorId w = b.Parameter("w", {2, 3, 5});
  const TensorId twice = b.Apply(kTwice, {w, b.State("steps", 0)});
  Fixture f(b.Finish(b.Apply(kScale, {b.x, twice})), 32);
  f.Step(32, 1);
  f.Step(5, 2);
  f.Step(32, 3);
  EXPECT_EQ(ValuesOf(f.plan().Export(), "steps")[0], 6);
}

TEST(TrainingPlan, TheSmallGraphsGradientIsThatOfFiniteDifferences) {
  const Graph graph = SmallCnn();
  for (const int batch : {1, 5, 16}) {
    Fixture f(graph, 16);
    const auto loss = [&] {
      f.Step(batch);
      double sum = 0;
      for (int i = 0; i < batch * 3; ++i) {
        sum += double{f.y[static_cast<size_t>(i)]} *
               double{f.dy[static_cast<size_t>(i)]};
      }
      return sum;
    };
    loss();
    const std::vector<float> gradients(f.plan().gradients().begin(),
                                       f.plan().gradients().end());
    const std::span<float> w = f.plan().parameters();
    int kinks = 0;
    for (size_t i = 0; i < w.size(); i += 3) {
      const float before = w[i];
      const float h = 3e-4f;
      w[i] = before + h;
      const double above = loss();
      w[i] = before - h;
      const double below = loss();
      w[i] = before;
      const double want = (above - below) / (2.0 * h);
      // The kink of a ReLU or a maximum within h spoils a few.
      kinks += std::abs(gradients[i] - want) > 1e-2 * (1 + std::abs(want));
    }
    EXPECT_LE(kinks, 3) << "batch " << batch;
  }
}

TEST(TrainingPlan, SameBitsOnAnyNumberOfThreads) {
  Fixture one(SmallCnn(), 29, 1);
  Fixture three(SmallCnn(), 29, 3);
  for (const int batch : {29, 13, 1}) {
    one.Step(batch);
    three.Step(batch);
    EXPECT_TRUE(std::equal(one.plan().gradients().begin(),
                           one.plan().gradients().end(),
                           three.plan().gradients().begin()));
    EXPECT_EQ(one.y.size(), three.y.size());
  }
}

// By id: names that are equal, or empty, do not matter.
TEST(TrainingPlan, ExportsEachParameterToItsPlace) {
  Fixture f(SmallCnn(), 8);
  const size_t changed = f.OffsetOf("dense/bias") + 2;
  for (const char* name : {"k", ""}) {
    Graph graph = SmallCnn();
    for (Tensor& tensor : graph.tensors) tensor.name = name;
    TrainingPlan plan(graph, 8, 1);
    plan.parameters()[changed] = 42;
    Graph exported = plan.Export();
    for (size_t t = 0; t < exported.tensors.size(); ++t)
      exported.tensors[t].name = SmallCnn().tensors[t].name;
    EXPECT_EQ(ValuesOf(exported, "dense/bias")[2], 42);
    for (const char* other : {"conv/kernel", "conv/bias", "dense/kernel"})
      EXPECT_EQ(ValuesOf(exported, other), ValuesOf(SmallCnn(), other));
  }
}

TEST(TrainingPlan, RefusesGraphsThatCannotBeTrained) {
  Graph constant = SmallCnn();
  for (Tensor& tensor : constant.tensors) {
    if (tensor.kind == TensorKind::kParameter)
      tensor.kind = TensorKind::kConstant;
  }
  EXPECT_NE(ErrorOf([&] {
              TrainingPlan(constant, 8, 1);
            }).find("no trainable parameter"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
