// The training layout alone: a step is walked through with memory that knows
// whose each line is, and with gradients that know who had a part in them.
#include "src/runtime/training_layout.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/runtime/arena.h"
#include "src/runtime/bind.h"
#include "src/runtime/plan_fixture_test.h"

namespace litesmith {
namespace {

constexpr size_t kLine = 64;
constexpr int kBatch = 40;
constexpr size_t kBytes = kBatch * kFeatures * sizeof(float);
constexpr size_t kSaved = 100;

// A graph bound and laid out as a plan does it. Shards meet at all nodes of
// `meets`, of which those of `from_saved` read what they saved alone; `adding`
// can add to a gradient.
struct Laid {
  explicit Laid(const Graph& given, std::vector<int> of_heads = {0},
                const std::set<size_t>& meets = {},
                const std::set<size_t>& from_saved = {},
                const std::set<size_t>& adding = {})
      : heads(std::move(of_heads)) {
    BindOptions options;
    options.batch = kBatch;
    options.training = true;
    options.heads = heads;
    BoundGraph bound = BindGraph(given, options);
    graph = std::move(bound.graph);
    facts = std::move(bound.facts);
    for (const Node& node : graph.nodes) {
      if (node.op->in_place) continue;
      nodes.push_back({node.inputs, node.outputs, 3 * kLine, kSaved,
                       from_saved.contains(nodes.size()),
                       meets.contains(nodes.size()),
                       adding.contains(nodes.size())});
    }
    layout = LayOutTraining(graph, facts, nodes, heads);
  }
  Graph graph;
  GraphFacts facts;
  std::vector<int> heads;
  std::vector<LayoutNode> nodes;
  TrainingLayout layout;
};

// Walks through one step of one shard.
class Walk {
 public:
  explicit Walk(const Laid& laid) : l_(laid), layout_(laid.layout) {
    const auto lines = [](size_t bytes) {
      return std::vector<std::string>(bytes / kLine, "nobody");
    };
    owners_[Block::kParameters] = lines(layout_.parameter_bytes);
    owners_[Block::kGradients] = lines(layout_.parameter_bytes);
    owners_[Block::kStates] = lines(layout_.state_bytes);
    owners_[Block::kEdge] = lines(layout_.edge_bytes);
    owners_[Block::kShard] = lines(layout_.shard_bytes);
    owners_[Block::kShardSums] = lines(layout_.sum_bytes);
    owners_[Block::kSums] = lines(layout_.sum_bytes);
    owners_[Block::kWorker] = lines(layout_.worker_bytes);
    for (size_t t = 0; t < l_.graph.tensors.size(); ++t) {
      const TensorKind kind = l_.graph.tensors[t].kind;
      if (kind == TensorKind::kParameter || kind == TensorKind::kState)
        Write(layout_.values[t], BytesOf(Id(t)), ValueOf(Id(t)));
    }
  }

  void Run() {
    Forward(layout_.edge);
    for (const TensorId id : l_.graph.inputs)
      Write(layout_.values[static_cast<size_t>(id)], BytesOf(id), ValueOf(id));
    Forward(layout_.body);
    for (size_t h = 0; h < l_.heads.size(); ++h) {
      const TensorId id = l_.graph.outputs[static_cast<size_t>(l_.heads[h])];
      Read(layout_.values[static_cast<size_t>(id)], BytesOf(id), ValueOf(id));
      Write(layout_.head_grads[h], BytesOf(id), GradientOf(id));
      grad_[Root(id)].insert("loss");
    }
    Backward(layout_.body);
    SumShards();
    Backward(layout_.edge);
  }

  // Who had a part in the gradient of a parameter.
  std::multiset<std::string> PartsOf(const std::string& name) {
    for (size_t t = 0; t < l_.graph.tensors.size(); ++t) {
      if (l_.graph.tensors[t].name == name) return grad_[Id(t)];
    }
    return {};
  }

 private:
  static TensorId Id(size_t t) { return static_cast<TensorId>(t); }
  TensorId Root(TensorId id) const { return l_.facts.Root(id); }
  std::string ValueOf(TensorId id) const {
    return "value " + std::to_string(Root(id));
  }
  std::string GradientOf(TensorId id) const {
    return "gradient " + std::to_string(Root(id));
  }
  size_t BytesOf(TensorId id) const {
    return static_cast<size_t>(l_.graph.tensor(id).shape.NumElements()) *
           sizeof(float);
  }

  void Write(const Place& place, size_t bytes, const std::string& owner) {
    ASSERT_NE(place.block, Block::kNone) << owner;
    ASSERT_EQ(place.offset % kLine, 0u);
    for (size_t at = 0; at < bytes; at += kLine)
      owners_[place.block].at((place.offset + at) / kLine) = owner;
  }
  void Read(const Place& place, size_t bytes, const std::string& owner) {
    ASSERT_NE(place.block, Block::kNone) << owner;
    for (size_t at = 0; at < bytes; at += kLine)
      ASSERT_EQ(owners_[place.block].at((place.offset + at) / kLine), owner);
  }

  void ReadValues(const std::vector<TensorId>& ids,
                  const std::vector<Place>& places) {
    ASSERT_EQ(ids.size(), places.size());
    for (size_t i = 0; i < ids.size(); ++i)
      if (ids[i] != kNoTensor)
        Read(places[i], BytesOf(ids[i]), ValueOf(ids[i]));
  }
  void Forward(const std::vector<int>& list) {
    for (const int n : list) {
      const LayoutNode& node = l_.nodes[static_cast<size_t>(n)];
      const NodePlaces& places = layout_.nodes[static_cast<size_t>(n)];
      ReadValues(node.inputs, places.inputs);
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        Write(places.outputs[i], BytesOf(node.outputs[i]),
              ValueOf(node.outputs[i]));
      }
      Write(places.saved, kSaved, "saved " + std::to_string(n));
      if (!node.runs_from_saved) ReadValues(node.inputs, places.inputs);
    }
  }
  void Backward(const std::vector<int>& list) {
    for (auto n = list.rbegin(); n != list.rend(); ++n) {
      if (layout_.nodes[static_cast<size_t>(*n)].backward) NodeBackward(*n);
    }
  }
  void NodeBackward(int n) {
    const LayoutNode& node = l_.nodes[static_cast<size_t>(n)];
    const NodePlaces& places = layout_.nodes[static_cast<size_t>(n)];
    const std::string me = "node " + std::to_string(n);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (places.input_grads[i].block == Block::kNone) continue;
      const TensorId id = node.inputs[i];
      bool aside = false;
      for (const GradientAdd& add : places.adds)
        aside |= add.from == places.input_grads[i];
      const bool adds = i == 0 && places.adds_itself;
      if (adds) Read(places.input_grads[i], BytesOf(id), GradientOf(id));
      Write(places.input_grads[i], BytesOf(id),
            aside ? me + " aside " + std::to_string(i) : GradientOf(id));
      if (!aside && !adds) grad_[Root(id)].clear();
      grad_[Root(id)].insert(me);
    }
    for (const GradientAdd& add : places.adds) {
      // It was written before.
      const auto& owners = owners_[add.to.block];
      EXPECT_EQ(owners.at(add.to.offset / kLine).substr(0, 8), "gradient");
    }
    if (places.remakes) {
      const auto before = static_cast<size_t>(n - 1);
      Read(layout_.nodes[before].saved, kSaved,
           "saved " + std::to_string(before));
      const TensorId made = l_.nodes[before].outputs[0];
      Write(layout_.nodes[before].outputs[0], BytesOf(made), ValueOf(made));
    }
    ReadValues(node.inputs, places.inputs);
    if (!node.runs_from_saved) ReadValues(node.outputs, places.outputs);
    Read(places.saved, kSaved, "saved " + std::to_string(n));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (l_.facts.IsTrained(node.outputs[i])) {
        Read(places.output_grads[i], BytesOf(node.outputs[i]),
             GradientOf(node.outputs[i]));
      } else {
        EXPECT_EQ(places.output_grads[i].block, Block::kNone);
      }
    }
  }
  void SumShards() {
    const Block to =
        layout_.sums_are_gradients ? Block::kGradients : Block::kSums;
    owners_[to] = owners_[Block::kShardSums];
    for (const SumOfParameter& of : layout_.parameter_sums) {
      for (size_t at = 0; at < of.floats * sizeof(float); at += kLine) {
        owners_[Block::kGradients].at((of.gradient.offset + at) / kLine) =
            owners_[Block::kSums].at((of.sum.offset + at) / kLine);
      }
    }
  }

  const Laid& l_;
  const TrainingLayout& layout_;
  std::map<Block, std::vector<std::string>> owners_;
  std::map<TensorId, std::multiset<std::string>> grad_;
};

using Parts = std::multiset<std::string>;

TEST(TrainingLayout, AChainNeedsItsValuesAndTwoGradients) {
  Builder b;
  TensorId at = b.x;
  constexpr int kNodes = 6;
  for (int n = 0; n < kNodes; ++n) {
    at = b.Apply(kScale, {at, b.Parameter("w" + std::to_string(n), {1, 2, 3})});
  }
  const Laid laid(b.Finish(at));
  Walk walk(laid);
  walk.Run();
  EXPECT_EQ(walk.PartsOf("w3"), (Parts{"node 3"}));
  const size_t one = AlignUp(kBytes);
  const size_t saved = kNodes * AlignUp(kSaved);
  EXPECT_LE(laid.layout.shard_bytes, (kNodes + 1 + 2) * one + saved);
  EXPECT_GE(laid.layout.shard_bytes, (kNodes + 1) * one + saved);
  EXPECT_EQ(laid.layout.shard_workspace, 3 * kLine);
  EXPECT_EQ(laid.layout.edge_bytes, 0u);
  EXPECT_TRUE(laid.layout.sums_are_gradients);
}

TEST(TrainingLayout, WhatNeedsNoBackwardDiesWithItsLastReader) {
  Builder b;
  TensorId at = b.x;
  for (int n = 0; n < 20; ++n) at = b.Apply(kTestAdd, {at, at});
  const TensorId y = b.Apply(kScale, {at, b.Parameter("w", {1, 2, 3})});
  const Laid laid(b.Finish(y));
  Walk(laid).Run();
  EXPECT_LE(laid.layout.shard_bytes, 5 * AlignUp(kBytes));
}

TEST(TrainingLayout, EveryReaderHasItsPart) {
  Builder b;
  const TensorId w = b.Parameter("w", {1, 2, 3});
  const TensorId h = b.Apply(kScale, {b.x, w});                  // node 0
  const TensorId both = b.Apply(kTestAdd, {h, h});               // 1
  const TensorId sum = b.Apply(kWeightedSum, {h, both, h});      // 2
  const TensorId again = b.Apply(kScale, {sum, w});              // 3
  const TensorId y = b.Apply(kWeightedSum, {again, sum, both});  // 4
  const Laid laid(b.Finish(y));
  Walk walk(laid);
  walk.Run();
  EXPECT_EQ(walk.PartsOf("w"), (Parts{"node 0", "node 3"}));
  EXPECT_EQ(walk.PartsOf("t0"),
            (Parts{"node 1", "node 1", "node 2", "node 2"}));
  EXPECT_EQ(walk.PartsOf("t1"), (Parts{"node 2", "node 4"}));
  EXPECT_EQ(walk.PartsOf("t4"), (Parts{"loss"}));
}

TEST(TrainingLayout, WhatCanAddNeedsNothingAside) {
  const auto branches = [] {
    Builder b;
    const TensorId h = b.Apply(kScale, {b.x, b.Parameter("w", {1, 2, 3})});
    const TensorId left = b.Apply(kScale, {h, b.Parameter("v", {1, 2, 3})});
    const TensorId right = b.Apply(kScale, {h, b.Parameter("u", {1, 2, 3})});
    return b.Finish(b.Apply(kTestAdd, {left, right}));
  };
  const Laid aside(branches());
  EXPECT_EQ(aside.layout.nodes[1].adds.size(), 1u);
  const Laid laid(branches(), {0}, {}, {}, {1, 2});
  EXPECT_TRUE(laid.layout.nodes[1].adds_itself);
  EXPECT_TRUE(laid.layout.nodes[1].adds.empty());
  EXPECT_FALSE(laid.layout.nodes[2].adds_itself) << "it comes first";
  EXPECT_LE(laid.layout.shard_bytes, aside.layout.shard_bytes);
  Walk walk(laid);
  walk.Run();
  EXPECT_EQ(walk.PartsOf("t0"), (Parts{"node 1", "node 2"}));
}

TEST(TrainingLayout, TheWeightEdgeAddsToTheSumsOfTheBody) {
  Builder b;
  const TensorId w = b.Parameter("w", {1, 2, 3});
  const TensorId v = b.Parameter("v", {1, 2, 3});
  const TensorId twice = b.Apply(kTwice, {w});         // node 0, once
  const TensorId sum = b.Apply(kTestAdd, {twice, v});  // 1, once
  const TensorId four = b.Apply(kTwice, {twice});      // 2, once
  TensorId y = b.Apply(kScale, {b.x, twice});          // 3
  for (const TensorId by : {sum, four, v}) y = b.Apply(kScale, {y, by});  // 4-6
  const Laid laid(b.Finish(y));
  EXPECT_EQ(laid.layout.edge, (std::vector{0, 1, 2}));
  EXPECT_EQ(laid.layout.body, (std::vector{3, 4, 5, 6}));
  EXPECT_FALSE(laid.layout.sums_are_gradients);
  EXPECT_EQ(laid.layout.parameter_sums.size(), 1u) << "the body reads v";
  Walk walk(laid);
  walk.Run();
  EXPECT_EQ(walk.PartsOf("w"), (Parts{"node 0"}));
  EXPECT_EQ(walk.PartsOf("v"), (Parts{"node 1", "node 6"}));
  EXPECT_EQ(walk.PartsOf("t0"), (Parts{"node 1", "node 2", "node 3"}));
}

TEST(TrainingLayout, HeadsWriteBeforeReadersAdd) {
  Builder b;
  const TensorId h = b.Apply(kScale, {b.x, b.Parameter("w", {1, 2, 3})});
  const TensorId y = b.Apply(kScale, {h, b.Parameter("v", {1, 2, 3})});
  const TensorId z = b.Apply(kScale, {h, b.Parameter("u", {1, 2, 3})});
  const Laid laid(b.Finish(y, {h, z}), {0, 1});
  Walk walk(laid);
  walk.Run();
  EXPECT_EQ(walk.PartsOf("t0"), (Parts{"loss", "node 1"}));
  EXPECT_EQ(walk.PartsOf("u"), Parts()) << "its output has no loss";
  EXPECT_FALSE(laid.layout.nodes[2].backward);
}

TEST(TrainingLayout, WhatIsMadeAgainIsNotKept) {
  const auto chain = [] {
    Builder b;
    TensorId at = b.x;
    for (int n = 0; n < 4; ++n)
      at = b.Apply(kScale,
                   {at, b.Parameter("w" + std::to_string(n), {1, 2, 3})});
    return b.Finish(at);
  };
  const auto kept = [](const Laid& laid, size_t n) {
    return laid.layout.nodes[n].outputs[0].block == Block::kShard;
  };
  const std::set<size_t> all = {0, 1, 2, 3};
  const Laid laid(chain(), {0}, all, all);
  for (size_t n = 0; n < 3; ++n) {
    EXPECT_FALSE(kept(laid, n)) << n;
    EXPECT_TRUE(laid.layout.nodes[n + 1].remakes) << n;
  }
  EXPECT_TRUE(kept(laid, 3)) << "it has a loss";
  EXPECT_EQ(laid.layout.worker_bytes, AlignUp(kBytes));
  EXPECT_LT(laid.layout.shard_bytes, Laid(chain()).layout.shard_bytes);
  Walk(laid).Run();
  // Node 1 is read by one that does not meet, 2 by one that reads it later.
  const Laid some(chain(), {0}, {0, 1, 3}, {0, 1, 2});
  EXPECT_FALSE(kept(some, 0));
  EXPECT_FALSE(kept(some, 1));
  EXPECT_TRUE(kept(some, 2));
  EXPECT_FALSE(some.layout.nodes[3].remakes);

  // Several readers, one that is not the next, and one without weights.
  Builder b;
  TensorId y[4];
  y[0] = b.Apply(kScale, {b.x, b.Parameter("w", {1, 2, 3})});
  y[1] = b.Apply(kTestAdd, {y[0], y[0]});
  y[2] = b.Apply(kScale, {b.x, b.Parameter("v", {1, 2, 3})});
  y[3] = b.Apply(kTestAdd, {y[1], y[2]});
  const Laid shared(b.Finish(y[3]), {0}, {0, 1, 2}, {0, 1, 2});
  EXPECT_TRUE(kept(shared, 0));
  EXPECT_TRUE(kept(shared, 1));
  EXPECT_TRUE(kept(shared, 2));
  Walk(shared).Run();
}

}  // namespace
}  // namespace litesmith
