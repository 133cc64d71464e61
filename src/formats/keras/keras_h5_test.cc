#include "src/formats/keras/keras_h5.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/formats/keras/keras_json.h"
#include "src/formats/keras/test_graphs.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

const std::string kGolden =
    std::string(LITESMITH_SOURCE_DIR) + "/tests/golden/keras/";

template <typename F>
void ExpectError(ErrorKind kind, const std::string& part, F call) {
  try {
    call();
    FAIL() << "no error; wanted one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(Name(error.kind()), Name(kind)) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << error.what();
  }
}

// Writes and reads back.
Graph Through(const Graph& graph, const Graph* full = nullptr) {
  const std::string path = TempPath("through.h5");
  WriteKerasH5(graph, full, path);
  Graph read = ReadKerasH5(path);
  std::filesystem::remove(path);
  return read;
}

TEST(KerasH5Test, ChainComesBackAsItWas) {
  const Graph graph = MakeCnn(8, 3);
  ExpectSameGraph(graph, Through(graph));
}

TEST(KerasH5Test, MnistCnnIsSmallerThanTensorFlowsFile) {
  const std::string path = TempPath("mnist.h5");
  WriteKerasH5(MakeCnn(28, 12), path);
  const int64_t bytes = FileSize(path);
  RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LE(bytes, 96928);
  std::filesystem::remove(path);
}

TEST(KerasH5Test, TheSameGraphGivesTheSameBytes) {
  const Graph graph = MakeCnn(8, 3);
  const std::string a = TempPath("a.h5");
  const std::string b = TempPath("b.h5");
  WriteKerasH5(graph, &graph, a);
  WriteKerasH5(MakeCnn(12, 2), b);  // nothing of it may remain
  WriteKerasH5(graph, &graph, b);
  EXPECT_EQ(ReadFile(a), ReadFile(b));
  std::filesystem::remove(a);
  std::filesystem::remove(b);
}

TEST(KerasH5Test, BranchesComeBackAsAFunctionalModel) {
  Rng rng(3);
  Graph graph;
  const TensorId a = AddInput("a", {kDynamic, 4}, &graph);
  const TensorId b = AddInput("b", {kDynamic, 3}, &graph);
  const TensorId x = AddDense("x", a, 4, 5, &rng, &graph);
  const TensorId y = AddDense("y", x, 5, 2, &rng, &graph);
  const TensorId z = AddDense("z", b, 3, 2, &rng, &graph);
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

TEST(KerasH5Test, MissingBiasesFrozenLayersAndDropoutsComeBack) {
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
TEST(KerasH5Test, OldConstantZerosAreNoBias) {
  Graph graph = MakeCnn(8, 3);
  Tensor& bias = graph.tensor(graph.nodes[1].inputs[2]);
  bias.kind = TensorKind::kConstant;
  for (float& value : bias.MutableAs<float>()) value = 0;
  const Graph read = Through(graph);
  EXPECT_EQ(read.nodes[1].inputs.size(), 2u);
  EXPECT_EQ(read.tensor(read.nodes[1].inputs[1]).kind, TensorKind::kParameter);
}

TEST(KerasH5Test, KerasNamesKeepTheirSlashes) {
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

TEST(KerasH5Test, PoolActivationsAndForeignNamesAreWritten) {
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
  EXPECT_EQ(read.input_names[0], "input_x_0");
}

TEST(KerasH5Test, WeightsKeepNamesThatKerasWouldNotGiveThem) {
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

TEST(KerasH5Test, TrainingGraphComesBackBitForBit) {
  const Graph plain = MakeCnn(28, 12);
  const Graph full = WithFakeQuant(plain);
  ExpectSameGraph(full, Through(plain, &full));
  // Parameters lie in the file once.
  const std::string path = TempPath("full.h5");
  WriteKerasH5(plain, &full, path);
  EXPECT_LE(FileSize(path), 110'000);
  std::filesystem::remove(path);
  // The Keras part may hold other values: those of the stripped graph.
  Graph stripped = plain;
  stripped.tensor(full.nodes[0].inputs[0]).MutableAs<float>()[0] = 9;
  ExpectSameGraph(full, Through(stripped, &full));
}

TEST(KerasH5Test, TrainingOpsNeedTheFullGraph) {
  const Graph full = WithFakeQuant(MakeCnn(8, 3));
  ExpectError(ErrorKind::kUnsupported, "strip the training ops",
              [&] { WriteKerasH5(full, TempPath("never.h5")); });
  EXPECT_FALSE(FileExists(TempPath("never.h5")));
}

TEST(KerasH5Test, ErrorsNameTheFile) {
  ExpectError(ErrorKind::kNotFound, "/no/such.h5",
              [] { ReadKerasH5("/no/such.h5"); });
  ExpectError(ErrorKind::kIo, "/tmp", [] { ReadKerasH5("/tmp"); });
  const std::string path = TempPath("text.h5");
  WriteFile(path, "no HDF5 at all");
  ExpectError(ErrorKind::kCorrupt, path, [&] { ReadKerasH5(path); });
  std::filesystem::remove(path);
  ExpectError(ErrorKind::kIo, "there is no folder /no/such",
              [] { WriteKerasH5(MakeCnn(8, 3), "/no/such/folder.h5"); });
  ExpectError(ErrorKind::kIo, "/dev/full",
              [] { WriteKerasH5(MakeCnn(8, 3), "/dev/full/x.h5"); });
}

// ---- Files that Keras wrote (tools/make_keras_fixtures.py) ----------------

struct Fixture {
  const char* dialect;
  const char* name;
};

class KerasFixtureTest : public testing::TestWithParam<Fixture> {};

std::vector<std::vector<float>> Values(const Json& arrays) {
  std::vector<std::vector<float>> values;
  for (const Json& array : arrays) {
    values.push_back(array["values"].get<std::vector<float>>());
  }
  return values;
}

TEST_P(KerasFixtureTest, PredictsAsKerasDoes) {
  const auto [dialect, name] = GetParam();
  const Graph graph = ReadKerasH5(kGolden + dialect + "_" + name + ".h5");
  const auto bytes = ReadFile(kGolden + name + ".json");
  const Json golden =
      Json::parse(reinterpret_cast<const char*>(bytes.data()),
                  reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  const auto inputs = Values(golden["inputs"]);
  const auto wanted = Values(golden["outputs"]);
  for (const Graph& g : {graph, Through(graph)}) {
    const auto outputs = Forward(g, inputs, 2);
    ASSERT_EQ(outputs.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(outputs[i].size(), wanted[i].size());
      for (size_t j = 0; j < wanted[i].size(); ++j) {
        EXPECT_NEAR(outputs[i][j], wanted[i][j], 1e-5);
      }
    }
  }
  ExpectSameGraph(Through(graph), Through(Through(graph)));
}

INSTANTIATE_TEST_SUITE_P(
    Keras, KerasFixtureTest,
    testing::Values(Fixture{"keras2", "cnn"}, Fixture{"keras3", "cnn"},
                    Fixture{"keras2", "layers"}, Fixture{"keras3", "layers"},
                    Fixture{"keras2", "branches"},
                    Fixture{"keras3", "branches"}),
    [](const auto& info) {
      return std::string(info.param.dialect) + "_" + info.param.name;
    });

TEST(KerasFixtureTest, BothDialectsGiveTheSameGraph) {
  // "layers" has automatic names, which both count alike.
  for (const std::string name : {"layers", "branches"}) {
    ExpectSameGraph(ReadKerasH5(kGolden + "keras2_" + name + ".h5"),
                    ReadKerasH5(kGolden + "keras3_" + name + ".h5"));
  }
}

TEST(KerasFixtureTest, ActivationsAreFusedAlsoThroughDropout) {
  const Graph graph = ReadKerasH5(kGolden + "keras2_layers.h5");
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op->name);
  EXPECT_EQ(ops,
            (std::vector<std::string>{
                "CONV_2D", "MAX_POOL_2D", "CONV_2D", "LITESMITH_DROPOUT",
                "RESHAPE", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED"}));
  EXPECT_EQ(graph.nodes[0].Get<&Conv2DAttrs::activation>(), activation::kRelu6);
  EXPECT_EQ(graph.nodes[2].Get<&Conv2DAttrs::activation>(), activation::kRelu);
  EXPECT_EQ(graph.nodes[0].inputs.size(), 2u);
  EXPECT_EQ(graph.nodes[7].inputs.size(), 2u);
}

}  // namespace
}  // namespace litesmith
