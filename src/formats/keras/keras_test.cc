// Graphs through both kinds of Keras files and back.
#include "src/formats/keras/keras.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/warning.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/keras/to_keras.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/map/softmax.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// In either container.
class KerasTest : public testing::TestWithParam<KerasFile> {
 protected:
  static void Write(const Graph& graph, const Graph* full,
                    const std::string& path) {
    WriteKeras(GetParam(), graph, full, path);
  }
  static Graph Through(const Graph& graph, const Graph* full = nullptr) {
    return ThroughFile(GetParam(), graph, full);
  }
};

INSTANTIATE_TEST_SUITE_P(Containers, KerasTest,
                         testing::Values(KerasFile::kH5, KerasFile::kArchive),
                         [](const auto& info) {
                           return info.param == KerasFile::kH5 ? "h5"
                                                               : "archive";
                         });

TEST_P(KerasTest, ChainComesBackAsItWas) {
  const Graph graph = MakeCnn(8, 3);
  ExpectSameGraph(graph, Through(graph));
}

TEST(KerasH5Test, MnistCnnIsSmallerThanTensorFlowsFile) {
  const std::string path = TempPath("mnist.h5");
  WriteKeras(KerasFile::kH5, MakeCnn(28, 12), nullptr, path);
  const int64_t bytes = FileSize(path);
  RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LE(bytes, 96928);
  std::filesystem::remove(path);
}

TEST_P(KerasTest, TheSameGraphGivesTheSameBytes) {
  const Graph graph = MakeCnn(8, 3);
  const std::string a = TempPath("a.h5");
  const std::string b = TempPath("b.h5");
  Write(graph, &graph, a);
  Write(MakeCnn(12, 2), nullptr, b);  // nothing of it may remain
  Write(graph, &graph, b);
  EXPECT_EQ(ReadFile(a), ReadFile(b));
  std::filesystem::remove(a);
  std::filesystem::remove(b);
}

TEST_P(KerasTest, BranchesComeBackAsAFunctionalModel) {
  Rng rng(3);
  Graph graph;
  const TensorId a = AddInput("a", {kDynamic, 4}, &graph);
  const TensorId b = AddInput("b", {kDynamic, 3}, &graph);
  const TensorId x = AddDense("x", a, 4, 5, &rng, &graph);
  // Kerases have layers as the outputs meet them.
  const TensorId z = AddDense("z", b, 3, 2, &rng, &graph);
  const TensorId y = AddDense("y", x, 5, 2, &rng, &graph);
  graph.outputs = {z, y, x};
  graph.output_names = {"z", "y", "x"};
  InferShapes(&graph);
  ExpectSameGraph(graph, Through(graph));
}

// Without biases, frozen in part, with dropouts of all kinds.
Graph MakeMixed() {
  Graph graph = MakeCnn(8, 3);
  graph.nodes[1].inputs.resize(2);  // the convolution's bias
  graph = RemoveDeadNodes(graph);
  for (const size_t i : {1, 2}) {
    const TensorId id = graph.nodes.back().inputs[i];
    graph.tensor(id).kind = TensorKind::kConstant;
  }
  for (float& value :
       graph.tensor(graph.nodes.back().inputs[2]).MutableAs<float>()) {
    value = 0;  // as a new layer has it
  }
  const auto dropout = [&](size_t at, const char* name, float rate) -> Node& {
    const TensorId x = graph.nodes[at - 1].outputs[0];
    Node node;
    node.op = &kDropout;
    node.name = name;
    node.attrs = DefaultAttrs(kDropout);
    node.Set<&DropoutAttrs::rate>(rate);
    Tensor out;
    out.name = name;
    node.outputs = {graph.AddTensor(out)};
    graph.ReplaceUses(x, node.outputs[0]);
    node.inputs = {x};
    const auto place = graph.nodes.begin() + static_cast<ptrdiff_t>(at);
    return *graph.nodes.insert(place, std::move(node));
  };
  Node& channels = dropout(3, "channels", 0.3f);
  channels.Set<&DropoutAttrs::noise_shape>(std::vector<int32_t>{-1, 1, 1, 3});
  Node& last = dropout(6, "last", 0.0f);
  last.Set<&DropoutAttrs::has_seed>(1);
  last.Set<&DropoutAttrs::seed>(int64_t{1} << 40);
  InferShapes(&graph);
  return graph;
}

TEST_P(KerasTest, MissingBiasesFrozenLayersAndDropoutsComeBack) {
  const Graph graph = MakeMixed();
  const Graph read = Through(graph);
  ExpectSameGraph(read, Through(read));
  ASSERT_EQ(read.nodes.size(), graph.nodes.size());
  for (size_t n = 0; n < read.nodes.size(); ++n) {
    EXPECT_EQ(read.nodes[n].op, graph.nodes[n].op);
    EXPECT_EQ(read.nodes[n].attrs, graph.nodes[n].attrs);
    EXPECT_EQ(read.nodes[n].name, graph.nodes[n].name);
  }
  EXPECT_EQ(read.tensor(read.nodes[1].inputs[1]).kind, TensorKind::kParameter);
  EXPECT_EQ(read.nodes[1].inputs.size(), 2u);
  const Node& dense = read.nodes[5];
  EXPECT_EQ(read.tensor(dense.inputs[1]).kind, TensorKind::kConstant);
  EXPECT_EQ(read.tensor(dense.inputs[2]).kind, TensorKind::kConstant);
  // And through the whole graph beside it.
  ExpectSameGraph(graph, Through(graph, &graph));
}

// A graph of before: a constant bias of zeros beside a trained kernel.
TEST_P(KerasTest, OldConstantZerosAreNoBias) {
  Graph graph = MakeCnn(8, 3);
  Tensor& bias = graph.tensor(graph.nodes[1].inputs[2]);
  bias.kind = TensorKind::kConstant;
  for (float& value : bias.MutableAs<float>()) value = 0;
  const Graph read = Through(graph);
  EXPECT_EQ(read.nodes[1].inputs.size(), 2u);
  EXPECT_EQ(read.tensor(read.nodes[1].inputs[1]).kind, TensorKind::kParameter);
}

TEST_P(KerasTest, KerasNamesKeepTheirSlashes) {
  Graph graph = MakeCnn(8, 3);
  const auto rename = [&](size_t node, const std::string& name) {
    Node& n = graph.nodes[node];
    n.name = graph.tensor(n.outputs[0]).name = name;
    if (n.inputs.size() < 3) return;
    graph.tensor(n.inputs[1]).name = name + "/kernel";
    graph.tensor(n.inputs[2]).name = name + "/bias";
  };
  rename(1, "fire/squeeze");
  rename(2, "fire/squeeze/pool");
  rename(4, "fire/squeeze/dense");
  graph.output_names = {"fire/squeeze/dense"};
  ExpectSameGraph(graph, Through(graph));
}

TEST_P(KerasTest, PoolActivationsAndForeignNamesAreWritten) {
  Graph graph = MakeCnn(8, 3);
  graph.nodes[2].Set<&Pool2DAttrs::activation>(activation::kRelu6);
  graph.nodes[1].name = "net/conv;BiasAdd\xff";
  graph.nodes[4].name = "max_pooling2d";  // taken
  graph.input_names = {"_x:0"};
  // Names of weights as Keras gives them, so that the Keras part stands alone.
  graph.tensor(graph.nodes[1].inputs[1]).name = "net_conv_BiasAdd_/kernel";
  graph.tensor(graph.nodes[4].inputs[1]).name = "max_pooling2d_1/kernel";
  const Graph read = Through(graph);
  EXPECT_EQ(read.nodes[1].name, "net_conv_BiasAdd_");
  EXPECT_EQ(read.nodes[2].Get<&Pool2DAttrs::activation>(), activation::kRelu6);
  EXPECT_EQ(read.output_names[0], "max_pooling2d_1");
  EXPECT_EQ(read.input_names[0], "input_layer_x_0");
}

TEST_P(KerasTest, WeightsKeepNamesThatKerasWouldNotGiveThem) {
  Graph graph = MakeCnn(8, 3);
  const TensorId kernel = graph.nodes[1].inputs[1];
  graph.tensor(kernel).name = "k";
  graph.nodes[1].name = "net/conv;BiasAdd";
  const Graph read = Through(graph);
  EXPECT_EQ(Print(read), Print(graph));
  const auto want = graph.tensor(kernel).As<float>();
  const auto got = read.tensor(read.nodes[1].inputs[1]).As<float>();
  EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin(), got.end()));
}

// A quantization-aware graph: the Keras part is what is left of it.
Graph WithFakeQuant(const Graph& plain) {
  Graph graph = plain;
  const float low = -0.75f;
  const float high = std::nextafter(0.75f, 1.0f);
  const TensorId min =
      graph.AddConstant<float>("min", {1}, {&low, 1}, TensorKind::kState);
  const TensorId max =
      graph.AddConstant<float>("max", {1}, {&high, 1}, TensorKind::kState);
  const std::vector<Half> halves = {Half{0x3c01}, Half{0x7e01}};
  graph.AddConstant<Half>("halves", {2}, halves, TensorKind::kState);
  const std::vector<uint8_t> mask = {0, 1, 1};
  const TensorId bytes =
      graph.AddConstant<uint8_t>("mask", {3}, mask, TensorKind::kState);
  graph.tensor(bytes).quant = {{0.1f, 1e-30f, 3.0f}, {0, -5, 1}, 0};
  Node& conv = graph.nodes[1];
  const TensorId w = conv.inputs[1];
  Tensor out;
  out.name = "conv2d/fake_quant";
  Node fake;
  fake.op = &kFakeQuant;
  fake.name = out.name;
  fake.inputs = {w, min, max};
  fake.attrs = DefaultAttrs(kFakeQuant);
  fake.Set<&FakeQuantAttrs::rate>(0.1f);
  fake.outputs = {graph.AddTensor(out)};
  conv.inputs[1] = fake.outputs[0];
  graph.nodes.insert(graph.nodes.begin(), fake);
  InferShapes(&graph);
  return graph;
}

TEST_P(KerasTest, TrainingGraphComesBackBitForBit) {
  const Graph plain = MakeCnn(28, 12);
  const Graph full = WithFakeQuant(plain);
  ExpectSameGraph(full, Through(plain, &full));
  // Parameters lie in the file once.
  const std::string path = TempPath("full.h5");
  Write(plain, &full, path);
  EXPECT_LE(FileSize(path), 110'000);
  std::filesystem::remove(path);
  // The Keras part may hold other values: those of the stripped graph.
  Graph stripped = plain;
  stripped.tensor(full.nodes[0].inputs[0]).MutableAs<float>()[0] = 9;
  ExpectSameGraph(full, Through(stripped, &full));
}

// A node that no layer expresses: the file holds our graph and says so once.
TEST_P(KerasTest, AGraphWithoutAKerasFormComesBackAlone) {
  const Graph full = WithFakeQuant(MakeCnn(8, 3));
  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  const Graph read = Through(full);
  SetWarningSink(before);
  ExpectSameGraph(full, read);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("own graph alone"), std::string::npos) << said[0];
  EXPECT_NE(said[0].find("'conv2d/fake_quant' (LITESMITH_FAKE_QUANT)"),
            std::string::npos)
      << said[0];
}

TEST_P(KerasTest, ErrorsNameTheFile) {
  ExpectError(ErrorKind::kIo, "there is no folder /no/such",
              [] { Write(MakeCnn(8, 3), nullptr, "/no/such/folder.h5"); });
  ExpectError(ErrorKind::kIo, "/dev/full",
              [] { Write(MakeCnn(8, 3), nullptr, "/dev/full/x.h5"); });
}

TEST(KerasH5Test, ErrorsNameTheFile) {
  ExpectError(ErrorKind::kNotFound, "/no/such.h5",
              [] { ReadKerasH5("/no/such.h5"); });
  ExpectError(ErrorKind::kIo, "/tmp", [] { ReadKerasH5("/tmp"); });
  const std::string path = TempPath("text.h5");
  WriteFile(path, "no HDF5 at all");
  ExpectError(ErrorKind::kCorrupt, path, [&] { ReadKerasH5(path); });
  std::filesystem::remove(path);
}

// A separate activation is fused, and is a layer of its own again.
TEST_P(KerasTest, ActivationsByThemselvesStayLayers) {
  Graph graph = MakeCnn(8, 3);
  // As the reader leaves them: the name of the layer on what it gives.
  graph.tensor(graph.nodes[1].outputs[0]).name = "re_lu";
  graph.tensor(graph.nodes[2].outputs[0]).name = "clip";
  graph.nodes[2].Set<&Pool2DAttrs::activation>(activation::kRelu6);
  ExpectSameGraph(graph, Through(graph));
}

// Activations that are ops: of a layer, or layers by themselves.
TEST_P(KerasTest, SoftmaxAndSigmoidComeBackWhereTheyWere) {
  Rng rng(3);
  Graph graph;
  const auto add = [&](const OpDef& op, const std::string& name, TensorId of) {
    Node& node = graph.AddNode(op, name, {of}, {name});
    if (&op == &kSoftmax) node.Set<&SoftmaxAttrs::beta>(1.0f);
    return node.outputs[0];
  };
  const TensorId x = AddInput("x", {kDynamic, 4}, &graph);
  const TensorId a = AddDense("a", x, 4, 3, &rng, &graph);
  const TensorId gate = add(kLogistic, "a/sigmoid", a);
  const TensorId b = AddDense("b", gate, 3, 3, &rng, &graph);
  const TensorId alone = add(kLogistic, "alone", b);
  const TensorId scaled =
      graph.AddNode(kMul, "scaled", {gate, alone}, {"scaled"}).outputs[0];
  const TensorId c = AddDense("c", scaled, 3, 2, &rng, &graph);
  const TensorId shares = add(kSoftmax, "c/softmax", c);
  graph.outputs = {shares, add(kSoftmax, "again", scaled)};
  graph.output_names = {"c", "again"};
  InferShapes(&graph);
  ExpectSameGraph(graph, Through(graph));
  std::vector<std::string> classes;
  for (const OutLayer& layer : ToKeras(graph).layers)
    classes.push_back(layer.class_name);
  EXPECT_EQ(classes, (std::vector<std::string>{"InputLayer", "Dense", "Dense",
                                               "Activation", "Multiply",
                                               "Dense", "Softmax"}));
  // What others read too is no activation of the layer's alone.
  graph.outputs.push_back(c);
  graph.output_names.emplace_back("logits");
  EXPECT_EQ(ToKeras(graph).layers.size(), 8u);
  // A softmax that Keras has no word for goes as our own graph.
  graph.nodes.back().Set<&SoftmaxAttrs::beta>(0.5f);
  ExpectError(ErrorKind::kUnsupported, "'again' (SOFTMAX)",
              [&] { ToKeras(graph); });
}

}  // namespace
}  // namespace litesmith
