// The updates, folds and gradients of the training-only ops. What they do over
// ten steps is compared with TFMOT's in tests/golden.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

// A graph of one training op over weights of this shape, with its states.
class OneOp {
 public:
  OneOp(const OpDef& op, const Shape& shape, const Floats& weights) {
    AddState("w", shape, weights, TensorKind::kParameter);
    node_.op = &op;
    node_.name = "op";
    node_.attrs = DefaultAttrs(op);
    Tensor out;
    out.name = "y";
    node_.outputs = {graph_.AddTensor(std::move(out))};
  }

  template <typename T = float>
  OneOp& AddState(const std::string& name, const Shape& shape,
                  const std::vector<T>& values,
                  TensorKind kind = TensorKind::kState) {
    node_.inputs.push_back(graph_.AddConstant<T>(name, shape, values, kind));
    return *this;
  }
  template <auto kMember, class T>
  OneOp& Set(T value) {
    node_.Set<kMember>(value);
    return *this;
  }

  std::string InferError() {
    return ErrorOf([&] { node_.op->infer(&graph_, node_); });
  }

  void Update(int64_t step) {
    node_.op->infer(&graph_, node_);
    node_.op->training->update({graph_, node_, Inputs().data(), step});
  }

  // The statistics phase over shards of the input, which is not the weights.
  void Observe(const std::vector<Floats>& shards) {
    const std::unique_ptr<TrainKernel> kernel = Prepare();
    const auto doubles = static_cast<size_t>(kernel->forward_partials);
    std::vector<double> partials(shards.size() * doubles);
    for (size_t s = 0; s < shards.size(); ++s) {
      std::vector<const void*> in = {shards[s].data(), nullptr, nullptr,
                                     nullptr};
      void* out = nullptr;
      kernel->ForwardPartial({in.data(), &out, nullptr, nullptr,
                              static_cast<int>(shards[s].size())},
                             partials.data() + s * doubles);
    }
    kernel->Combine(Phase::kForward, partials, Inputs().data(), nullptr);
  }

  Floats Forward() {
    Run();
    return output_;
  }

  // Gradients of the inputs that have floats, for this gradient of the output.
  std::vector<Floats> Backward(const Floats& dy) {
    const std::unique_ptr<TrainKernel> kernel = Run();
    std::vector<Floats> grads;
    for (const TensorId id : node_.inputs)
      grads.emplace_back(graph_.tensor(id).As<float>().size(), NAN);
    std::vector<float*> to;
    for (Floats& grad : grads) to.push_back(grad.data());
    // States have no gradient.
    for (size_t i = 0; i < to.size(); ++i) {
      if (graph_.tensor(node_.inputs[i]).kind == TensorKind::kState)
        to[i] = nullptr;
    }
    to.resize(std::max(node_.inputs.size(), node_.op->operands.size()),
              nullptr);
    const std::vector<void*> in = Inputs();
    const std::vector<const void*> inputs(in.begin(), in.end());
    const void* y = output_.data();
    const float* dys = dy.data();
    kernel->Backward({inputs.data(), &y, &dys, to.data(),
                      workspace_.MutableData(), saved_.data(), 1});
    return grads;
  }

  void Fold() {
    node_.op->infer(&graph_, node_);
    node_.op->training->fold(&graph_, node_);
  }

  template <typename T = float>
  std::vector<T> Get(size_t input) const {
    const auto values = graph_.tensor(node_.inputs[input]).As<T>();
    return {values.begin(), values.end()};
  }
  // What a fold gave the weights.
  const Quantization& Quant() const {
    return graph_.tensor(node_.inputs[0]).quant;
  }
  void SetValues(size_t input, const Floats& values) {
    std::copy(values.begin(), values.end(),
              graph_.tensor(node_.inputs[input]).MutableAs<float>().begin());
  }

 private:
  std::vector<void*> Inputs() {
    std::vector<void*> inputs;
    for (const TensorId id : node_.inputs)
      inputs.push_back(graph_.tensor(id).data.MutableData());
    inputs.resize(std::max(node_.inputs.size(), node_.op->operands.size()),
                  nullptr);
    return inputs;
  }

  std::unique_ptr<TrainKernel> Prepare() {
    node_.op->infer(&graph_, node_);
    return PrepareTraining({graph_, node_, FactsOf(graph_)});
  }

  std::unique_ptr<TrainKernel> Run() {
    std::unique_ptr<TrainKernel> kernel = Prepare();
    workspace_ = TensorData(kernel->workspace_bytes + 64);
    saved_ = TensorData(kernel->saved_bytes + 64);
    const Shape& shape = graph_.tensor(node_.outputs[0]).shape;
    output_.assign(static_cast<size_t>(shape.NumElements()), NAN);
    const std::vector<void*> in = Inputs();
    const std::vector<const void*> inputs(in.begin(), in.end());
    void* out = output_.data();
    kernel->Run({inputs.data(), &out, workspace_.MutableData(),
                 saved_.MutableData(), shape[0]});
    return kernel;
  }

  Graph graph_;
  Node node_;
  Floats output_;
  TensorData workspace_;
  TensorData saved_;
};

OneOp Prune(const Shape& shape, const Floats& weights) {
  OneOp op(kPruneMask, shape, weights);
  op.AddState("mask", shape, Floats(weights.size(), 1.0f));
  op.Set<&PruneMaskAttrs::schedule>(prune_mask::kConstant);
  op.Set<&PruneMaskAttrs::begin_step>(1);
  op.Set<&PruneMaskAttrs::frequency>(1);
  return op;
}

TEST(PruneMask, KeepsExactlyTheWantedNumberWhateverTheTies) {
  OneOp op = Prune({1, 8}, {1, -1, 1, 1, -1, 1, 1, 1});
  op.Set<&PruneMaskAttrs::final_sparsity>(0.75f);
  op.Update(1);
  EXPECT_EQ(op.Get(1), (Floats{1, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(op.Get(0), (Floats{1, -1, 0, 0, 0, 0, 0, 0}));
}

TEST(PruneMask, RoundsHalfToEvenAndKeepsAtLeastOne) {
  const auto kept = [](size_t n, float sparsity) {
    Floats weights(n);
    for (size_t i = 0; i < n; ++i) weights[i] = static_cast<float>(i + 1);
    OneOp op = Prune({1, static_cast<int32_t>(n)}, weights);
    op.Set<&PruneMaskAttrs::final_sparsity>(sparsity);
    op.Update(1);
    const Floats mask = op.Get(1);
    return std::count(mask.begin(), mask.end(), 1.0f);
  };
  EXPECT_EQ(kept(5, 0.5f), 2);  // of 2.5
  EXPECT_EQ(kept(7, 0.5f), 4);  // of 3.5
  EXPECT_EQ(kept(108, 0.8f), 22);
  EXPECT_EQ(kept(10, 0.99f), 1);
  EXPECT_EQ(kept(10, 0.0f), 10);
}

TEST(PruneMask, APrunedWeightGrowsBackIfItIsLargeAtTheNextMask) {
  OneOp op = Prune({1, 4}, {4, 3, 2, 1});
  op.Set<&PruneMaskAttrs::final_sparsity>(0.5f);
  op.Set<&PruneMaskAttrs::frequency>(2);
  op.Update(1);
  EXPECT_EQ(op.Get(0), (Floats{4, 3, 0, 0}));
  // The gradient reaches all weights.
  EXPECT_EQ(op.Backward({1, 2, 3, 4})[0], (Floats{1, 2, 3, 4}));
  op.SetValues(0, {4, 3, 0, 3.5f});
  op.Update(2);  // no new mask
  EXPECT_EQ(op.Get(0), (Floats{4, 3, 0, 0}));
  op.SetValues(0, {4, 3, 0, 3.5f});
  op.Update(3);
  EXPECT_EQ(op.Get(0), (Floats{4, 0, 0, 3.5f}));
}

TEST(PruneMask, AFixedMaskMasksTheGradientToo) {
  OneOp op(kPruneMask, {1, 3}, {1, 2, 3});
  op.AddState("mask", {1, 3}, Floats{1, 0, 1});
  op.Set<&PruneMaskAttrs::mask_gradient>(1);
  op.Update(100);
  EXPECT_EQ(op.Get(1), (Floats{1, 0, 1}));
  EXPECT_EQ(op.Forward(), (Floats{1, 0, 3}));
  EXPECT_EQ(op.Backward({5, 6, 7})[0], (Floats{5, 0, 7}));
}

TEST(PruneMask, ZerosInGroupsOnceAlongTheInputChannels) {
  OneOp op = Prune({2, 5}, {1, 2, 3, 4, 5,  //
                            9, 8, 7, 6, 5});
  op.Set<&PruneMaskAttrs::schedule>(prune_mask::kZerosInGroups);
  op.Set<&PruneMaskAttrs::group_zeros>(3);
  op.Set<&PruneMaskAttrs::group_size>(4);
  op.Update(1);
  EXPECT_EQ(op.Get(1), (Floats{0, 0, 0, 1, 1,  //
                               1, 0, 0, 0, 1}));
  op.SetValues(0, {9, 9, 9, 1, 1, 1, 9, 9, 9, 1});
  op.Update(2);
  EXPECT_EQ(op.Get(0), (Floats{0, 0, 0, 1, 1, 1, 0, 0, 0, 1}));
}

TEST(PruneMask, WeightsThatAreNotNumbersDoNoHarm) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Floats weights(1000, nan);
  for (size_t i = 0; i < 500; ++i) weights[2 * i] = static_cast<float>(i);
  OneOp op = Prune({1, 1000}, weights);
  op.Set<&PruneMaskAttrs::final_sparsity>(0.5f);
  op.Update(1);
  const Floats mask = op.Get(1);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 1.0f), 500);
}

TEST(ClusterLookup, CentroidsGetTheSumOrMeanOfTheirMembersGradients) {
  for (const bool average : {false, true}) {
    OneOp op(kClusterLookup, {1, 5}, {0.9f, 1.2f, -0.8f, 1.1f, 0.1f});
    op.AddState("centroids", {4}, Floats{-1, 0, 1, 50}, TensorKind::kParameter);
    op.Set<&ClusterLookupAttrs::average_gradient>(average ? 1 : 0);
    EXPECT_EQ(op.Forward(), (Floats{1, 1, -1, 1, 0}));
    const std::vector<Floats> grads = op.Backward({1, 2, 3, 6, 5});
    EXPECT_EQ(grads[0], (Floats{1, 2, 3, 6, 5}));
    EXPECT_EQ(grads[1], average ? (Floats{3, 5, 3, 0}) : (Floats{3, 5, 9, 0}));
  }
}

TEST(ClusterLookup, CentroidsOfChannelsSeeTheirChannelOnly) {
  OneOp op(kClusterLookup, {2, 3}, {1, 2, 3, 1, 2, 3});
  op.AddState("centroids", {2, 2}, Floats{1, 3, 2, 9}, TensorKind::kParameter);
  EXPECT_EQ(op.Forward(), (Floats{1, 1, 3, 2, 2, 2}));
  EXPECT_EQ(op.Backward({1, 1, 1, 1, 1, 1})[1], (Floats{2, 1, 3, 0}));
}

// The same numbers as above with the channels along the last dimension.
TEST(ClusterLookup, ChannelsMayLieAlongAnyDimension) {
  OneOp op(kClusterLookup, {1, 3, 2}, {1, 1, 2, 2, 3, 3});
  op.AddState("centroids", {1, 1, 2, 2}, Floats{1, 3, 2, 9},
              TensorKind::kParameter);
  EXPECT_EQ(op.Forward(), (Floats{1, 2, 1, 2, 3, 2}));
  EXPECT_EQ(op.Backward({1, 1, 1, 1, 1, 1})[1], (Floats{2, 1, 3, 0}));
  op.Fold();
  EXPECT_EQ(op.Get(0), (Floats{1, 2, 1, 2, 3, 2}));
}

TEST(ClusterLookup, PreservedZerosNeverMove) {
  OneOp op(kClusterLookup, {1, 4}, {0, 0.5f, 0, -0.5f});
  op.AddState("centroids", {3}, Floats{-0.5f, 0, 0.5f}, TensorKind::kParameter);
  op.AddState("mask", {1, 4}, Floats{0, 1, 0, 1});
  const std::vector<Floats> grads = op.Backward({1, 2, 3, 4});
  EXPECT_EQ(grads[0], (Floats{0, 2, 0, 4}));
  EXPECT_EQ(grads[1], (Floats{4, 0, 2}));
  // Nor does another centroid become the zero that comes close to it.
  op.SetValues(1, {-1e-4f, 0, 0.5f});
  op.Update(1);
  EXPECT_EQ(op.Get(1), (Floats{-1e-4f, 0, 0.5f}));
  op.Fold();
  EXPECT_EQ(op.Get(0), (Floats{0, 0.5f, 0, -1e-4f}));
}

TEST(ClusterLookup, RefusesCentroidsThatDoNotFit) {
  OneOp op(kClusterLookup, {2, 3}, {1, 2, 3, 1, 2, 3});
  op.AddState("centroids", {3, 2}, Floats(6, 0.0f), TensorKind::kParameter);
  EXPECT_NE(op.InferError().find("corrupt"), std::string::npos);
}

// An op over activations of one value a sample.
OneOp MovingAverage(float rate) {
  OneOp op(kFakeQuant, {8, 1}, Floats(8, 0.0f));
  op.AddState("min", {1}, Floats{-6});
  op.AddState("max", {1}, Floats{6});
  op.Set<&FakeQuantAttrs::range_update>(fake_quant::kMovingAverage);
  op.Set<&FakeQuantAttrs::rate>(rate);
  return op;
}

TEST(FakeQuant, TheAverageMovesByItsRateTowardsTheExtremesOfAllShards) {
  OneOp op = MovingAverage(0.25f);
  op.Observe({{1, 2}, {-2, 3}, {0.5f, 0.25f}});
  EXPECT_EQ(op.Get(1), Floats{-6 + 4 * 0.25f});
  EXPECT_EQ(op.Get(2), Floats{6 - 3 * 0.25f});
  op.Observe({{1, 2}});  // zero counts as seen
  EXPECT_EQ(op.Get(1), Floats{-5 + 5 * 0.25f});
}

TEST(FakeQuant, DebiasedItIsTheWeightedMeanOfTheBatchesSoFar) {
  OneOp op = MovingAverage(0.1f);
  op.AddState<int32_t>("count", {1}, {0});
  double sum = 0;
  double weight = 0;
  for (int t = 1; t <= 30; ++t) {
    const auto high = static_cast<float>(1 + t % 7);
    op.Observe({{-1, high}});
    sum = 0.9 * sum + 0.1 * high;
    weight = 0.9 * weight + 0.1;
    EXPECT_NEAR(op.Get(2)[0], sum / weight, 2e-6 * sum / weight) << t;
    EXPECT_NEAR(op.Get(1)[0], -1, 1e-6) << t;
    EXPECT_EQ(op.Get<int32_t>(3)[0], t);
  }
}

TEST(FakeQuant, RunningExtremesNeverShrink) {
  OneOp op = MovingAverage(0.25f);
  op.Set<&FakeQuantAttrs::range_update>(fake_quant::kAllValues);
  op.SetValues(1, {0});
  op.SetValues(2, {0});
  op.Observe({{1, 2}, {-2, 3}});
  op.Observe({{1, 2}});
  EXPECT_EQ(op.Get(1), Floats{-2});
  EXPECT_EQ(op.Get(2), Floats{3});
}

TEST(FakeQuant, RangesOfWeightsAreSymmetric) {
  const auto range = [](bool narrow, int64_t bits) {
    OneOp op(kFakeQuant, {3, 2}, {1, -3, 2, 1, -1, -2});
    op.AddState("min", {3}, Floats(3, -6));
    op.AddState("max", {3}, Floats(3, 6));
    op.Set<&FakeQuantAttrs::range_update>(fake_quant::kLastValue);
    op.Set<&FakeQuantAttrs::narrow_range>(narrow ? 1 : 0);
    op.Set<&FakeQuantAttrs::bits>(bits);
    op.Update(1);
    Floats both = op.Get(1);
    const Floats max = op.Get(2);
    both.insert(both.end(), max.begin(), max.end());
    return both;
  };
  EXPECT_EQ(range(true, 8), (Floats{-3, -2, -2, 3, 2, 2}));
  // The negative side is one step longer: by 2^(n-1) / (2^(n-1) - 1).
  const Floats wide = range(false, 4);
  const Floats want = {-3, -2 / 0.875f, -2, 3 * 0.875f, 2, 2 * 0.875f};
  for (size_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(wide[i], want[i]) << i;
}

// Channel by channel the same as a tensor with the channels in front.
TEST(FakeQuant, ChannelsMayLieAlongAnyDimension) {
  const Floats front = {0.5f, -1.0f, 0.25f, 3.0f, 0.1f, -0.2f};  // [2, 3]
  const auto turned = [](const Floats& f) {
    return Floats{f[0], f[3], f[1], f[4], f[2], f[5]};  // [3, 2]
  };
  const auto make = [&](const Shape& shape, const Floats& w,
                        const Shape& range) {
    OneOp op(kFakeQuant, shape, w);
    op.AddState("min", range, {-6, -6}).AddState("max", range, {6, 6});
    op.Set<&FakeQuantAttrs::range_update>(fake_quant::kLastValue);
    op.Set<&FakeQuantAttrs::narrow_range>(true);
    op.Update(1);
    return op;
  };
  OneOp a = make({2, 3}, front, {2});
  OneOp b = make({3, 2}, turned(front), {1, 2});
  EXPECT_EQ(a.Get(2), (Floats{1, 3}));
  EXPECT_EQ(b.Get(2), (Floats{1, 3}));
  EXPECT_EQ(b.Forward(), turned(a.Forward()));
  EXPECT_NE(b.Forward(), turned(front));
  const Floats dy = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(b.Backward(turned(dy))[0], turned(a.Backward(dy)[0]));
  a.Fold();
  b.Fold();
  EXPECT_EQ(b.Get(0), turned(a.Get(0)));
  EXPECT_EQ(a.Quant().axis, 0);
  EXPECT_EQ(b.Quant().axis, 1);
  EXPECT_EQ(a.Quant().scale, b.Quant().scale);
  EXPECT_EQ(b.Quant().zero_point, (std::vector<int64_t>{0, 0}));
}

TEST(FakeQuant, GradientPassesInsideTheRange) {
  OneOp op(kFakeQuant, {1, 4}, {-7, -1, 1, 7});
  op.AddState("min", {1}, Floats{-6});
  op.AddState("max", {1}, Floats{6});
  EXPECT_EQ(op.Backward({1, 2, 3, 4})[0], (Floats{0, 2, 3, 0}));
}

TEST(FakeQuant, RefusesWhatDoesNotFit) {
  const auto error = [](auto&& change) {
    OneOp op = MovingAverage(0.25f);
    change(&op);
    return op.InferError();
  };
  EXPECT_EQ(error([](OneOp*) {}), "");
  EXPECT_NE(error([](OneOp* op) {
              op->Set<&FakeQuantAttrs::bits>(1);
            }).find("1 bits"),
            std::string::npos);
  EXPECT_NE(error([](OneOp* op) {
              op->Set<&FakeQuantAttrs::rate>(0);
            }).find("rate 0"),
            std::string::npos);
  EXPECT_NE(error([](OneOp* op) {
              op->AddState("count", {1}, Floats{0});
            }).find("its count"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
