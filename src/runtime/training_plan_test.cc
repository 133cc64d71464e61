// The training plan with ops of its own, whose gradients can be had by hand:
// every way in which a tensor can be read, and the statistics phase. The small
// convolutional graph is checked against finite differences.
#include "src/runtime/training_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/runtime/plan_fixture_test.h"

namespace litesmith {
namespace {

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
  Fixture f(b.Finish(b.Apply(kTestAdd, {direct, edge})), 32);
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
  const TensorId sum = b.Apply(
      kTestAdd, {b.Apply(kScale, {b.x, two}), b.Apply(kScale, {b.x, two})});
  Fixture f(b.Finish(b.Apply(kTestAdd, {sum, b.Apply(kScale, {b.x, four})})),
            32);
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
  const TensorId doubled = b.Apply(kTestAdd, {h, h});
  Fixture f(b.Finish(b.Apply(kTestAdd, {scaled, doubled})), 32);
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
  const TensorId sum = b.Apply(kTestAdd, {b.Apply(kWeightedSum, {h, k, l}),
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
      b.Apply(kTestAdd, {b.Apply(kWeightedSum, {p[0], p[1], p[2]}),
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
    Fixture f(b.Finish(b.Apply(kTestAdd, {y, h})), 32);
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

// y0 = a w, y1 = a v + b: a loss each, on inputs of their own.
TEST(TrainingPlan, EachHeadHasItsLossAndEachInputItsSamples) {
  Builder b;
  const Floats w = {2, 3, 5};
  const Floats v = {-1, 0.5f, 4};
  const TensorId second = b.Input("second");
  const TensorId pw = b.Parameter("w", w);
  const TensorId pv = b.Parameter("v", v);
  const TensorId unread = b.Parameter("unread", {1, 1, 1});
  const TensorId a = b.Apply(kScale, {b.x, b.Parameter("u", {1, 2, 3})});
  const TensorId y0 = b.Apply(kScale, {a, pw});
  const TensorId y1 = b.Apply(kTestAdd, {b.Apply(kScale, {a, pv}), second});
  const Graph graph = b.Finish(b.Apply(kScale, {a, unread}), {y1, y0});
  constexpr int kBatch = 21;
  TrainingPlan plan(graph, {.batch = kBatch, .threads = 2, .heads = {2, 1}});
  const auto value = [](int input, int sample, int f) {
    return static_cast<float>((sample * 7 + f * 3 + input) % 5 - 2);
  };
  ShardCallbacks callbacks;
  callbacks.load = [&](int, int first, int count,
                       std::span<std::byte* const> inputs) {
    ASSERT_EQ(inputs.size(), 2u);
    for (int i = 0; i < 2 * count * kFeatures; ++i) {
      const int sample = i / 2 / kFeatures;
      reinterpret_cast<float*>(inputs[static_cast<size_t>(i % 2)])[i / 2] =
          value(i % 2, first + sample, i / 2 % kFeatures);
    }
  };
  const Floats u = {1, 2, 3};
  // The gradients are the sample's number and, of the other head, 1.
  const auto loss = [&](int head) {
    return [&, head](int, int first, int count, const float* y, float* dy) {
      for (int i = 0; i < count * kFeatures; ++i) {
        const auto f = static_cast<size_t>(i % kFeatures);
        const int sample = first + i / kFeatures;
        const float at = value(0, sample, i % kFeatures) * u[f];
        EXPECT_EQ(y[i], head == 0
                            ? at * w[f]
                            : at * v[f] + value(1, sample, i % kFeatures));
        dy[i] = head == 0 ? static_cast<float>(sample) : 1.0f;
      }
    };
  };
  callbacks.losses = {loss(0), loss(1)};
  plan.Step(kBatch, 1, callbacks);
  // Parameters in the order in which they were added, 16 floats each.
  for (size_t f = 0; f < kFeatures; ++f) {
    float dw = 0, dv = 0, du = 0;
    for (int s = 0; s < kBatch; ++s) {
      const float x = value(0, s, static_cast<int>(f));
      dw += static_cast<float>(s) * x * u[f];
      dv += x * u[f];
      du += x * (static_cast<float>(s) * w[f] + v[f]);
    }
    EXPECT_EQ(plan.gradients()[f], dw);
    EXPECT_EQ(plan.gradients()[16 + f], dv);
    EXPECT_EQ(plan.gradients()[32 + f], 0) << "its output has no loss";
    EXPECT_EQ(plan.gradients()[48 + f], du);
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

// Every third parameter's gradient against differences over +-h; `kinks` may
// be off.
void ExpectFiniteDifferences(const Graph& graph, float h, int kinks) {
  for (const int batch : {1, 5, 16}) {
    Fixture f(graph, 16);
    const size_t outputs = f.y.size() / 16 * static_cast<size_t>(batch);
    const auto loss = [&] {
      f.Step(batch);
      double sum = 0;
      for (size_t i = 0; i < outputs; ++i)
        sum += double{f.y[i]} * double{f.dy[i]};
      return sum;
    };
    loss();
    const std::vector<float> gradients(f.plan().gradients().begin(),
                                       f.plan().gradients().end());
    const std::span<float> w = f.plan().parameters();
    int off = 0;
    for (size_t i = 0; i < w.size(); i += 3) {
      const float before = w[i];
      w[i] = before + h;
      const double above = loss();
      w[i] = before - h;
      const double below = loss();
      w[i] = before;
      const double want = (above - below) / (2.0 * double{h});
      off += std::abs(gradients[i] - want) > 1e-2 * (1 + std::abs(want));
    }
    EXPECT_LE(off, kinks) << "batch " << batch;
  }
}

TEST(TrainingPlan, TheSmallGraphsGradientIsThatOfFiniteDifferences) {
  // The kink of a ReLU or a maximum within h spoils a few.
  ExpectFiniteDifferences(SmallCnn(), 3e-4f, 3);
}

// Layers that add to the gradient that another reader of their input has
// written: plain sums, of two strides, Winograd's, and pixels alone.
TEST(TrainingPlan, LayersThatReadTheSameAddUpTheirGradients) {
  Rng rng(2);
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 6, 6, 2}, &graph);
  const auto conv = [&](const std::string& name, TensorId from, int filter,
                        int stride) {
    const int depth = from == x ? 2 : 16;
    const TensorId w = AddRandomParameter(
        name + "/w", {16, filter, filter, depth}, &rng, &graph);
    Node& node = graph.AddNode(kConv2D, name, {from, w}, {name});
    node.Set<&Conv2DAttrs::padding>(kSame);
    node.Set<&Conv2DAttrs::stride_w>(stride);
    node.Set<&Conv2DAttrs::stride_h>(stride);
    return node.outputs[0];
  };
  const auto add = [&](const std::string& name, TensorId a, TensorId b) {
    return graph.AddNode(kAdd, name, {a, b}, {name}).outputs[0];
  };
  const TensorId h = conv("stem", x, 3, 1);
  const TensorId strided =
      add("strided", conv("wide", h, 3, 2), conv("narrow", h, 1, 2));
  const TensorId same =
      add("same", conv("winograd", h, 3, 1), conv("pixels", h, 1, 1));
  graph.outputs = {add("sum", strided, conv("down", same, 1, 2))};
  InferShapes(&graph);
  // The loss is linear in each weight.
  ExpectFiniteDifferences(graph, 3e-2f, 0);
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
    TrainingPlan plan(graph, {.batch = 8});
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
              TrainingPlan(constant, {.batch = 8});
            }).find("no trainable parameter"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
