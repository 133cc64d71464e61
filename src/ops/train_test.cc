// The training kernels through their ops: gradients against finite
// differences, and the fused convolution and pool against the two ops, or the
// three with a fake quantization between them.
#include "src/ops/train/train.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

Floats Random(int64_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Floats v(static_cast<size_t>(n));
  for (float& f : v) f = uniform(rng);
  return v;
}

TensorId AddInput(Graph* graph, const Shape& shape) {
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = shape;
  const TensorId id = graph->AddTensor(std::move(x));
  graph->inputs.push_back(id);
  return id;
}

TensorId AddParameter(Graph* graph, const char* name, const Shape& shape,
                      uint32_t seed) {
  const Floats values = Random(shape.NumElements(), seed, 0.5f);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

// The kernels of a training plan.
std::vector<PlannedKernel> Kernels(const Graph& graph) {
  return PrepareKernels(graph, FactsOf(graph), Purpose::kTrain);
}

// One kernel of training, with its buffers.
class Runner {
 public:
  // Of one node.
  Runner(const Graph& graph, const Node& node)
      : Runner(graph, node, PrepareTraining({graph, node, FactsOf(graph)})) {}
  // Of all nodes of the graph, which are fused.
  explicit Runner(const Graph& graph)
      : Runner(graph, graph.nodes.back(),
               ForTraining(std::move(Kernels(graph)[0].kernel))) {}

  void Forward(const std::vector<Floats>& inputs, int batch) {
    std::vector<const void*> in;
    for (const Floats& f : inputs) in.push_back(f.empty() ? nullptr : f.data());
    void* out = output.data();
    kernel_->Repack(in.data());
    kernel_->Run({in.data(), &out, workspace_.MutableData(),
                  saved_.MutableData(), batch});
  }

  // Input gradients; without `first`, none of the first input.
  std::vector<Floats> Backward(const std::vector<Floats>& inputs,
                               const Floats& output_grad, int batch,
                               bool first = true) {
    std::vector<const void*> in;
    std::vector<Floats> grads;
    for (const Floats& f : inputs) {
      in.push_back(f.empty() ? nullptr : f.data());
      grads.emplace_back(f.size(), NAN);
    }
    std::vector<float*> to;
    for (Floats& g : grads) to.push_back(g.empty() ? nullptr : g.data());
    if (!first) to[0] = nullptr;
    const void* out = output.data();
    const float* dy = output_grad.data();
    kernel_->Backward({in.data(), &out, &dy, to.data(),
                       workspace_.MutableData(), saved_.data(), batch});
    return grads;
  }

  // The statistics phase of one shard; moves the range among the inputs.
  void UpdateRange(std::vector<Floats>* inputs, int batch) {
    std::vector<void*> in;
    for (Floats& f : *inputs) in.push_back(f.empty() ? nullptr : f.data());
    in.push_back(nullptr);  // no count
    void* out = output.data();
    std::vector<double> partial(static_cast<size_t>(kernel_->forward_partials));
    kernel_->Repack(in.data());
    kernel_->ForwardPartial({in.data(), &out, workspace_.MutableData(),
                             saved_.MutableData(), batch},
                            partial.data());
    kernel_->Combine(Phase::kForward, partial, in.data(), nullptr);
  }

  Floats output;

 private:
  Runner(const Graph& graph, const Node& last,
         std::unique_ptr<TrainKernel> kernel)
      : kernel_(std::move(kernel)),
        workspace_(kernel_->workspace_bytes),
        saved_(kernel_->saved_bytes) {
    LS_CHECK(graph.tensor(last.outputs[0]).shape.IsStatic());
    output.resize(
        static_cast<size_t>(graph.tensor(last.outputs[0]).shape.NumElements()));
  }

  std::unique_ptr<TrainKernel> kernel_;
  TensorData workspace_;
  TensorData saved_;
};

std::vector<Floats> InputsOf(const Graph& graph, const Node& node,
                             const Floats& x) {
  std::vector<Floats> inputs = {x};
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoTensor) {
      inputs.emplace_back();
      continue;
    }
    const std::span<const float> values =
        graph.tensor(node.inputs[i]).As<float>();
    inputs.emplace_back(values.begin(), values.end());
  }
  return inputs;
}

// Compares every input's gradient of sum(dy * y) with central differences.
void CheckGradients(const Graph& graph, const Node& node, const Floats& x,
                    int batch) {
  Runner runner(graph, node);
  std::vector<Floats> inputs = InputsOf(graph, node, x);
  const Floats dy = Random(static_cast<int64_t>(runner.output.size()), 77);
  const size_t used =
      runner.output.size() * static_cast<size_t>(batch) /
      static_cast<size_t>(graph.tensor(node.inputs[0]).shape[0]);
  const auto loss = [&] {
    runner.Forward(inputs, batch);
    double sum = 0;
    for (size_t i = 0; i < used; ++i) {
      sum += double{dy[i]} * double{runner.output[i]};
    }
    return sum;
  };
  loss();
  const std::vector<Floats> grads = runner.Backward(inputs, dy, batch);
  for (size_t i = 0; i < inputs.size(); ++i) {
    // The samples behind `batch` have no gradient.
    const size_t n =
        i == 0 ? inputs[i].size() * static_cast<size_t>(batch) /
                     static_cast<size_t>(graph.tensor(node.inputs[0]).shape[0])
               : inputs[i].size();
    const size_t step = std::max<size_t>(1, n / 50);
    int kinks = 0;
    for (size_t at = 0; at < n; at += step) {
      const float before = inputs[i][at];
      const float h = 1e-3f;
      inputs[i][at] = before + h;
      const double above = loss();
      inputs[i][at] = before - h;
      const double below = loss();
      inputs[i][at] = before;
      const double want = (above - below) / (2.0 * h);
      // An activation's or a maximum's kink within h spoils a few.
      if (std::abs(grads[i][at] - want) > 2e-2 * (1 + std::abs(want))) ++kinks;
    }
    EXPECT_LE(kinks, 2) << "input " << i;
  }
}

Node& AddConv(Graph* graph, TensorId x, int in_c, int out_c, int64_t padding,
              int stride, int64_t activation, bool bias) {
  std::vector<TensorId> inputs = {
      x, AddParameter(graph, "w", Shape{out_c, 3, 3, in_c}, 5)};
  if (bias) inputs.push_back(AddParameter(graph, "b", Shape{out_c}, 6));
  Node& conv = graph->AddNode(kConv2D, "conv", inputs, {"conv_out"});
  conv.Set<&Conv2DAttrs::padding>(padding);
  conv.Set<&Conv2DAttrs::stride_w>(stride);
  conv.Set<&Conv2DAttrs::stride_h>(stride);
  conv.Set<&Conv2DAttrs::activation>(activation);
  return conv;
}

Node& AddPool(Graph* graph, TensorId x, int filter, int stride,
              int64_t padding) {
  Node& pool = graph->AddNode(kMaxPool2D, "pool", {x}, {"pool_out"});
  pool.Set<&Pool2DAttrs::filter_h>(filter);
  pool.Set<&Pool2DAttrs::filter_w>(filter);
  pool.Set<&Pool2DAttrs::stride_h>(stride);
  pool.Set<&Pool2DAttrs::stride_w>(stride);
  pool.Set<&Pool2DAttrs::padding>(padding);
  return pool;
}

TEST(TrainOpsTest, Conv2DGradients) {
  int n = 0;
  for (const int64_t activation :
       {kNone, activation::kRelu, activation::kRelu6, activation::kReluN1To1}) {
    for (const int64_t padding : {kSame, kValid}) {
      Graph graph;
      const TensorId x = AddInput(&graph, Shape{3, 7, 8, 3});
      Node& conv =
          AddConv(&graph, x, 3, 10, padding, 1 + n % 2, activation, n % 3 != 0);
      graph.outputs = conv.outputs;
      InferShapes(&graph);
      CheckGradients(graph, graph.node(0), Random(3 * 7 * 8 * 3, 9), 2 + n % 2);
      ++n;
    }
  }
}

TEST(TrainOpsTest, FullyConnectedGradients) {
  for (const bool bias : {true, false}) {
    Graph graph;
    const TensorId x = AddInput(&graph, Shape{4, 5, 7});
    std::vector<TensorId> inputs = {
        x, AddParameter(&graph, "w", Shape{12, 35}, 5)};
    if (bias) inputs.push_back(AddParameter(&graph, "b", Shape{12}, 6));
    Node& dense = graph.AddNode(kFullyConnected, "dense", inputs, {"y"});
    dense.Set<&FullyConnectedAttrs::activation>(bias ? activation::kRelu
                                                     : kNone);
    graph.outputs = dense.outputs;
    InferShapes(&graph);
    CheckGradients(graph, graph.node(0), Random(4 * 35, 9), bias ? 4 : 3);
  }
}

TEST(TrainOpsTest, MaxPool2DGradients) {
  for (const int64_t padding : {kSame, kValid}) {
    Graph graph;
    const TensorId x = AddInput(&graph, Shape{2, 7, 9, 5});
    Node& pool = AddPool(&graph, x, 3, 2, padding);
    graph.outputs = pool.outputs;
    InferShapes(&graph);
    CheckGradients(graph, graph.node(0), Random(2 * 7 * 9 * 5, 9, 3.0f), 2);
  }
}

// The parts are checked against finite differences above.
TEST(TrainOpsTest, FusedConvAndPoolEqualsUnfused) {
  // A first layer's input needs no gradient; one channel has a kernel of its
  // own then.
  for (const auto& [in_c, first_layer] :
       {std::pair{1, true}, {1, false}, {3, true}, {3, false}}) {
    Graph graph;
    const Shape shape{5, 12, 10, in_c};
    const TensorId x = first_layer ? AddInput(&graph, shape)
                                   : AddParameter(&graph, "x", shape, 3);
    const TensorId y =
        AddConv(&graph, x, in_c, 12, kValid, 1, activation::kRelu, true)
            .outputs[0];
    const TensorId out = AddPool(&graph, y, 2, 2, kValid).outputs[0];
    graph.outputs = {out};
    InferShapes(&graph);
    const std::vector<PlannedKernel> kernels = Kernels(graph);
    ASSERT_EQ(kernels.size(), 1u);
    EXPECT_EQ(kernels[0].fusion, &kTrainConvPool);
    EXPECT_EQ(kernels[0].inputs, graph.node(0).inputs);
    EXPECT_EQ(kernels[0].outputs, graph.outputs);

    const Floats image = Random(5 * 12 * 10 * in_c, 3);
    const int batch = 4;
    Runner conv(graph, graph.node(0));
    Runner pool(graph, graph.node(1));
    Runner both(graph);
    const std::vector<Floats> inputs = InputsOf(graph, graph.node(0), image);
    conv.Forward(inputs, batch);
    pool.Forward({conv.output}, batch);
    both.Forward(inputs, batch);
    const size_t used = pool.output.size() / 5 * 4;
    for (size_t i = 0; i < used; ++i) {
      ASSERT_NEAR(both.output[i], pool.output[i], 1e-5);
    }
    const Floats dy = Random(static_cast<int64_t>(pool.output.size()), 4);
    const std::vector<Floats> middle = pool.Backward({conv.output}, dy, batch);
    const std::vector<Floats> want = conv.Backward(inputs, middle[0], batch);
    const std::vector<Floats> got =
        both.Backward(inputs, dy, batch, !first_layer);
    for (size_t i = first_layer ? 1 : 0; i < want.size(); ++i) {
      const size_t n = i == 0 ? want[0].size() / 5 * 4 : want[i].size();
      for (size_t at = 0; at < n; ++at) {
        ASSERT_NEAR(got[i][at], want[i][at], 1e-5) << "input " << i;
      }
    }
  }
}

// conv 3x3 of one channel with 12 filters, fake quant, max pool 2x2.
Graph ConvFakeQuantPool(int64_t padding, int64_t activation, int size,
                        float min, float max, int64_t bits,
                        fake_quant::RangeUpdate update) {
  Graph graph;
  const TensorId x = AddInput(&graph, Shape{3, size, size, 1});
  const TensorId conv =
      AddConv(&graph, x, 1, 12, padding, 1, activation, true).outputs[0];
  const auto state = [&](const char* name, float value) {
    return graph.AddConstant<float>(name, Shape{1}, {&value, 1},
                                    TensorKind::kState);
  };
  const std::vector<TensorId> inputs = {conv, state("min", min),
                                        state("max", max)};
  Node& quant = graph.AddNode(kFakeQuant, "quant", inputs, {"quantized"});
  quant.Set<&FakeQuantAttrs::bits>(bits);
  quant.Set<&FakeQuantAttrs::range_update>(int64_t{update});
  const TensorId quantized = quant.outputs[0];
  graph.outputs = AddPool(&graph, quantized, 2, 2, kValid).outputs;
  InferShapes(&graph);
  return graph;
}

// Pixels, weights and gradients are small whole numbers, so that sums of
// gradients are exact in any order, and few bits make many ties: forward,
// range and every gradient must be those of the three ops bit for bit.
TEST(TrainOpsTest, FusedConvFakeQuantAndPoolAreTheThreeOps) {
  struct Case {
    int64_t padding, activation, bits;
    int size;
    float min, max;
    fake_quant::RangeUpdate update = fake_quant::kMovingAverage;
  };
  for (const Case& c : {Case{kValid, activation::kRelu, 8, 28, 0.0f, 21.7f},
                        Case{kValid, activation::kRelu, 3, 28, -1.0f, 9.0f},
                        Case{kSame, activation::kRelu6, 4, 14, -6.0f, 6.0f},
                        Case{kSame, activation::kRelu, 16, 10, 0.0f, 3.0f},
                        Case{kValid, activation::kRelu, 8, 8, 0.0f, 0.0f,
                             fake_quant::kFixed}}) {
    SCOPED_TRACE(testing::Message() << "bits " << c.bits << " max " << c.max);
    Graph graph = ConvFakeQuantPool(c.padding, c.activation, c.size, c.min,
                                    c.max, c.bits, c.update);
    const auto whole = [](Floats values, float scale) {
      for (float& v : values) v = std::round(v * scale);
      return values;
    };
    for (Tensor& t : graph.tensors) {
      if (t.kind != TensorKind::kParameter) continue;
      for (float& v : t.MutableAs<float>()) v = std::round(v * 8) / 4;
    }
    const std::vector<PlannedKernel> kernels = Kernels(graph);
    ASSERT_EQ(kernels.size(), 1u);
    EXPECT_EQ(kernels[0].fusion, &kTrainConvFakeQuantPool);
    EXPECT_EQ(kernels[0].inputs.size(), 7u);
    EXPECT_EQ(kernels[0].inputs[5], kNoTensor) << "no count";
    EXPECT_EQ(kernels[0].inputs[6], kNoTensor) << "no parts";
    const int batch = 2;
    const Floats image = whole(Random(int64_t{3} * c.size * c.size, 3), 4);
    Runner conv(graph, graph.node(0));
    Runner quant(graph, graph.node(1));
    Runner pool(graph, graph.node(2));
    Runner all(graph);
    const std::vector<Floats> inputs = InputsOf(graph, graph.node(0), image);
    conv.Forward(inputs, batch);
    std::vector<Floats> middle = {conv.output, {c.min}, {c.max}};
    std::vector<Floats> together = inputs;
    together.insert(together.end(), {{c.min}, {c.max}});
    if (c.update != fake_quant::kFixed) {
      quant.UpdateRange(&middle, batch);
      all.UpdateRange(&together, batch);
    }
    EXPECT_EQ(together[3], middle[1]);
    EXPECT_EQ(together[4], middle[2]);

    quant.Forward(middle, batch);
    pool.Forward({quant.output}, batch);
    all.Forward(together, batch);
    const size_t used = pool.output.size() / 3 * 2;
    for (size_t i = 0; i < used; ++i)
      ASSERT_EQ(all.output[i], pool.output[i]) << i;

    const Floats dy =
        whole(Random(static_cast<int64_t>(pool.output.size()), 4), 8);
    const Floats dq = pool.Backward({quant.output}, dy, batch)[0];
    const Floats dc = quant.Backward(middle, dq, batch)[0];
    const std::vector<Floats> want = conv.Backward(inputs, dc, batch);
    const std::vector<Floats> got = all.Backward(together, dy, batch);
    EXPECT_EQ(got[1], want[1]);
    EXPECT_EQ(got[2], want[2]);
    EXPECT_NE(want[2], Floats(12, 0.0f)) << "no gradient at all";
  }
}

TEST(TrainOpsTest, FusesFakeQuantsOnlyWhereTheKernelFits) {
  const auto fuses = [](int64_t padding, int64_t activation, int size) {
    Graph graph = ConvFakeQuantPool(padding, activation, size, 0, 1, 8,
                                    fake_quant::kFixed);
    return Kernels(graph).size() == 1;
  };
  EXPECT_TRUE(fuses(kValid, activation::kRelu, 28));
  EXPECT_FALSE(fuses(kValid, kNone, 28));  // outputs may be negative
  EXPECT_FALSE(
      fuses(kSame, activation::kRelu, 27));  // the pool leaves outputs out
}

TEST(TrainOpsTest, FusesOnlyWhatItMay) {
  const auto fuses = [](int filter, int stride, int64_t padding,
                        int64_t activation, bool second_reader) {
    Graph graph;
    const TensorId x = AddInput(&graph, Shape{2, 9, 9, 3});
    const TensorId y =
        AddConv(&graph, x, 3, 4, kSame, 1, activation::kRelu, true).outputs[0];
    Node& pool = AddPool(&graph, y, filter, stride, padding);
    pool.Set<&Pool2DAttrs::activation>(activation);
    graph.outputs = pool.outputs;
    if (second_reader) graph.outputs.push_back(y);
    InferShapes(&graph);
    return Kernels(graph).size() == 1;
  };
  EXPECT_TRUE(fuses(2, 2, kValid, kNone, false));
  EXPECT_TRUE(fuses(3, 3, kSame, kNone, false));   // fills the image exactly
  EXPECT_FALSE(fuses(2, 2, kSame, kNone, false));  // pads
  EXPECT_FALSE(fuses(3, 2, kValid, kNone, false));
  EXPECT_FALSE(fuses(2, 2, kValid, activation::kRelu, false));
  EXPECT_FALSE(fuses(2, 2, kValid, kNone, true));
}

}  // namespace
}  // namespace litesmith
