// What dropout draws: how much, from what it follows and from what not.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "src/base/error.h"
#include "src/graph/op_def.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

constexpr int kBatch = 4;
constexpr int kElements = 3000;

// Two dropouts one behind the other.
Graph MakeGraph(float rate) {
  Graph graph;
  Tensor x;
  x.kind = TensorKind::kInput;
  x.shape = {kBatch, kElements};
  TensorId last = graph.AddTensor(x);
  graph.inputs = {last};
  for (const char* name : {"a", "b"}) {
    Node& node = graph.AddNode(kDropout, name, {last}, {name});
    node.Set<&DropoutAttrs::rate>(rate);
    last = node.outputs[0];
  }
  graph.outputs = {last};
  InferShapes(&graph);
  return graph;
}

std::unique_ptr<TrainKernel> Prepare(const Graph& graph, size_t node) {
  return PrepareTraining({graph, graph.nodes[node], FactsOf(graph)});
}

// The output of ones, and the gradient for an output gradient of threes.
struct Result {
  Floats y, dx;
};

Result Draw(const TrainKernel& kernel, const DrawKey& draw,
            int samples = kBatch) {
  const auto n = static_cast<size_t>(samples) * kElements;
  const Floats x(n, 1.0f);
  const Floats dy(n, 3.0f);
  Result result{Floats(n), Floats(n)};
  std::vector<std::byte> saved(kernel.saved_bytes);
  const void* in = x.data();
  void* out = result.y.data();
  kernel.Run({&in, &out, nullptr, saved.data(), samples, draw});
  const void* const y = out;
  const float* const dys = dy.data();
  float* const dxs = result.dx.data();
  kernel.Backward({&in, &y, &dys, &dxs, nullptr, saved.data(), samples});
  return result;
}

TEST(DropoutTest, DropsAtItsRateAndKeepsTheMean) {
  for (const float rate : {0.0f, 0.1f, 0.5f, 0.75f}) {
    const Graph graph = MakeGraph(rate);
    const auto [y, dx] = Draw(*Prepare(graph, 0), {1, 1, 0});
    const float scale = 1.0f / (1.0f - rate);
    int dropped = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_TRUE(y[i] == 0.0f || y[i] == scale) << y[i];
      EXPECT_EQ(dx[i], 3.0f * y[i]);
      dropped += y[i] == 0.0f;
    }
    // Six standard deviations.
    const double n = kBatch * kElements;
    EXPECT_NEAR(dropped, n * double{rate},
                6 * std::sqrt(n * double{rate} * (1 - double{rate})))
        << rate;
  }
}

TEST(DropoutTest, FollowsFromSeedStepSampleAndNode) {
  const Graph graph = MakeGraph(0.5f);
  const std::unique_ptr<TrainKernel> a = Prepare(graph, 0);
  const std::unique_ptr<TrainKernel> b = Prepare(graph, 1);
  Graph seeded = graph;
  seeded.nodes[0].Set<&DropoutAttrs::has_seed>(1);
  const DrawKey key{7, 3, 0};
  const std::set<Floats> different = {
      Draw(*a, key).y,
      Draw(*b, key).y,
      Draw(*Prepare(seeded, 0), key).y,
      Draw(*a, {8, 3, 0}).y,
      Draw(*a, {7, 4, 0}).y,
      Draw(*a, {7, 3, kBatch}).y,
  };
  EXPECT_EQ(different.size(), 6u);
  const Floats y = Draw(*a, key).y;
  std::set<Floats> samples;
  for (int s = 0; s < kBatch; ++s)
    samples.emplace(y.begin() + s * kElements, y.begin() + (s + 1) * kElements);
  EXPECT_EQ(samples.size(), static_cast<size_t>(kBatch));
}

TEST(DropoutTest, DoesNotFollowFromHowABatchIsCut) {
  const Graph graph = MakeGraph(0.3f);
  const std::unique_ptr<TrainKernel> kernel = Prepare(graph, 0);
  const Floats whole = Draw(*kernel, {1, 2, 0}).y;
  Floats cut = Draw(*kernel, {1, 2, 0}, 1).y;
  const Floats rest = Draw(*kernel, {1, 2, 1}, kBatch - 1).y;
  cut.insert(cut.end(), rest.begin(), rest.end());
  EXPECT_EQ(cut, whole);
}

TEST(DropoutTest, NoiseShapeSharesDraws) {
  Graph graph = MakeGraph(0.5f);
  graph.tensors[0].shape = {kBatch, 30, 100};
  graph.nodes[0].Set<&DropoutAttrs::noise_shape>(
      std::vector<int32_t>{-1, 1, 100});
  InferShapes(&graph);
  const Floats y = Draw(*Prepare(graph, 0), {1, 1, 0}).y;
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t first = i / kElements * kElements + i % 100;
    ASSERT_EQ(y[i], y[first]) << i;
  }
  graph.nodes[0].Set<&DropoutAttrs::noise_shape>(
      std::vector<int32_t>{1, -1, -1});
  const Floats same = Draw(*Prepare(graph, 0), {1, 1, 0}).y;
  for (size_t i = 0; i < same.size(); ++i)
    ASSERT_EQ(same[i], same[i % kElements]) << i;
  EXPECT_NE(Floats(same.begin(), same.begin() + 100),
            Floats(same.begin() + 100, same.begin() + 200));
}

TEST(DropoutTest, PlansAndFilesGoWithoutIt) {
  Graph graph = MakeGraph(0.5f);
  RemoveTrainingOnlyNodes(&graph);
  EXPECT_TRUE(graph.nodes.empty());
  EXPECT_EQ(graph.outputs, graph.inputs);
}

// The other kinds: moments of ones after many draws, and the gradient.
TEST(DropoutTest, OtherNoiseHasItsMomentsAndGradient) {
  struct Row {
    dropout::Noise noise;
    float rate;
    double mean, deviation;
  };
  // SELU's lowest value, -1.758, has the mean and variance of what it disturbs
  // where that is normal; of ones the mean is a * (1 - r) + (a l) r + b.
  const double low = -1.7580993408473766, r = 0.2;
  const double a = 1 / std::sqrt((1 - r) * (1 + r * low * low));
  const double kept = a - a * low * r, lost = a * low - a * low * r;
  const Row rows[] = {
      {dropout::kFactors, 0.2f, 1, 0.5},
      {dropout::kOffsets, 3.0f, 1, 3},
      {dropout::kLowest, 0.2f, kept * (1 - r) + lost * r,
       (kept - lost) * std::sqrt(r * (1 - r))},
      {dropout::kNothing, 0, 1, 0},
  };
  for (const Row& row : rows) {
    Graph graph = MakeGraph(0);
    graph.nodes[0].Set<&DropoutAttrs::noise>(row.noise);
    graph.nodes[0].Set<&DropoutAttrs::rate>(row.rate);
    InferShapes(&graph);
    const auto [y, dx] = Draw(*Prepare(graph, 0), {7, 1, 0});
    double sum = 0, squares = 0;
    for (const float v : y) sum += v, squares += double{v} * v;
    const double n = kBatch * kElements;
    const double deviation = std::sqrt(squares / n - sum / n * (sum / n));
    EXPECT_NEAR(sum / n, row.mean, 6 * row.deviation / std::sqrt(n) + 1e-6)
        << row.noise;
    EXPECT_NEAR(deviation, row.deviation, 0.05 * row.deviation + 1e-3)
        << row.noise;
    for (size_t i = 0; i < y.size(); i += 97) {
      if (row.noise == dropout::kFactors) {
        EXPECT_EQ(dx[i], 3.0f * y[i]);
      } else if (row.noise == dropout::kOffsets) {
        EXPECT_EQ(dx[i], 3.0f);
      }
    }
    // Others in the next step.
    const auto [next, other] = Draw(*Prepare(graph, 0), {7, 2, 0});
    EXPECT_EQ(next == y, row.noise == dropout::kNothing);
  }
}

}  // namespace
}  // namespace litesmith
