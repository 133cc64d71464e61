#include "src/formats/tflite/tflite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/formats/tflite/operator_names.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

// Sizes of the nets built here: the default model's, or a few hundred bytes'.
struct Sizes {
  int32_t side;
  int32_t filters;
  int32_t classes;
  int32_t flat() const {
    const int32_t pooled = (side - 2) / 2;
    return pooled * pooled * filters;
  }
};
constexpr Sizes kMnist = {28, 12, 10};
constexpr Sizes kSmall = {6, 2, 3};

Quantization PerTensor(float scale, int64_t zero_point) {
  return {{scale}, {zero_point}, 0};
}

Quantization PerAxis(int32_t count, float first) {
  Quantization q;
  for (int32_t i = 0; i < count; ++i) {
    q.scale.push_back(first * (1.0f + 0.01f * static_cast<float>(i)));
    q.zero_point.push_back(0);
  }
  return q;
}

template <typename T>
TensorId AddRandom(Graph* graph, const std::string& name, const Shape& shape,
                   Rng* rng, TensorKind kind = TensorKind::kConstant) {
  std::vector<T> values(static_cast<size_t>(shape.NumElements()));
  for (T& value : values) {
    if constexpr (std::is_same_v<T, float>) {
      value = rng->Uniform(-0.5f, 0.5f);
    } else if constexpr (std::is_same_v<T, Half>) {
      value = FloatToHalf(rng->Uniform(-0.5f, 0.5f));
    } else {
      value = static_cast<T>(static_cast<int>(rng->Below(255)) - 127);
    }
  }
  return graph->AddConstant<T>(name, shape, values, kind);
}

TensorId AddInput(Graph* graph, const std::string& name, DType dtype,
                  const Shape& shape) {
  Tensor input;
  input.name = name;
  input.dtype = dtype;
  input.kind = TensorKind::kInput;
  input.shape = shape;
  const TensorId id = graph->AddTensor(input);
  graph->inputs.push_back(id);
  return id;
}

// How the weights of a net are held.
enum class Form { kFloat, kHalf, kInt8, kPairs };

// reshape, conv with ReLU, max pool, reshape, fully connected. kInt8: all
// integer; kHalf: float16 weights with a DEQUANTIZE each; kPairs: float, with
// QUANTIZE and DEQUANTIZE on the input, the weights and between the layers.
class NetBuilder {
 public:
  NetBuilder(const Sizes& sizes, Form form) : s_(sizes), form_(form) {}

  Graph Build() {
    const bool int8 = form_ == Form::kInt8;
    TensorId x = AddInput(&g_, "x", int8 ? DType::kInt8 : DType::kFloat32,
                          {kDynamic, s_.side, s_.side});
    if (int8) g_.tensor(x).quant = PerTensor(1.0f / 255, -128);
    x = Pair(x, "x", 1.0f / 255);
    x = Reshape(x, "image", {-1, s_.side, s_.side, 1});
    x = Node(kConv2D, "conv",
             {x, Weight("conv/w", {s_.filters, 3, 3, 1}, 0.0123f),
              Bias("conv/b", s_.filters)},
             0.0371f, -77);
    litesmith::Node& conv = g_.nodes.back();
    conv.Set<&Conv2DAttrs::padding>(kValid);
    conv.Set<&Conv2DAttrs::stride_w>(1);
    conv.Set<&Conv2DAttrs::stride_h>(1);
    conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
    x = Pair(x, "conv", 0.0371f);
    x = Node(kMaxPool2D, "pool", {x}, 0.0371f, -77);
    litesmith::Node& pool = g_.nodes.back();
    Put(Pool2DAttrs{.padding = kValid,
                    .stride_w = 2,
                    .stride_h = 2,
                    .filter_w = 2,
                    .filter_h = 2},
        &pool);
    x = Reshape(x, "flat", {-1, s_.flat()});
    x = Node(kFullyConnected, "dense",
             {x, Weight("dense/w", {s_.classes, s_.flat()}, 0.00711f),
              Bias("dense/b", s_.classes)},
             0.151f, 13);
    g_.outputs = {Pair(x, "dense", 0.151f)};
    g_.input_names = {"x"};
    g_.output_names = {"logits"};
    InferShapes(&g_);
    VerifyStructure(g_);
    return std::move(g_);
  }

 private:
  TensorId Node(const OpDef& op, const std::string& name,
                std::vector<TensorId> inputs, float scale, int64_t zero_point) {
    const TensorId out =
        g_.AddNode(op, name, std::move(inputs), {name}).outputs[0];
    if (form_ == Form::kInt8) {
      g_.tensor(out).dtype = DType::kInt8;
      g_.tensor(out).quant = PerTensor(scale, zero_point);
    }
    return out;
  }
  TensorId Reshape(TensorId x, const std::string& name,
                   const std::vector<int32_t>& shape) {
    const TensorId dims = g_.AddConstant<int32_t>(
        name + "/shape", {static_cast<int32_t>(shape.size())}, shape);
    const Quantization quant = g_.tensor(x).quant;
    const TensorId out = Node(kReshape, name, {x, dims}, 1, 0);
    g_.tensor(out).quant = quant;
    return out;
  }
  TensorId Convert(const OpDef& op, const std::string& name, TensorId x,
                   DType dtype, const Quantization& quant) {
    const TensorId out = g_.AddNode(op, name, {x}, {name}).outputs[0];
    g_.tensor(out).dtype = dtype;
    g_.tensor(out).quant = quant;
    return out;
  }
  // QUANTIZE and DEQUANTIZE behind x, for kPairs.
  TensorId Pair(TensorId x, const std::string& name, float scale) {
    if (form_ != Form::kPairs) return x;
    const TensorId q =
        Convert(kQuantize, name + "/q", x, DType::kInt8, PerTensor(scale, -7));
    return Convert(kDequantize, name + "/dq", q, DType::kFloat32, {});
  }
  TensorId Weight(const std::string& name, const Shape& shape, float scale) {
    if (form_ == Form::kFloat) {
      return AddRandom<float>(&g_, name, shape, &rng_, TensorKind::kParameter);
    }
    if (form_ == Form::kHalf) {
      const TensorId half = AddRandom<Half>(&g_, name, shape, &rng_);
      return Convert(kDequantize, name + "/dq", half, DType::kFloat32, {});
    }
    const TensorId int8 = AddRandom<int8_t>(&g_, name, shape, &rng_);
    g_.tensor(int8).quant = PerAxis(shape[0], scale);
    if (form_ == Form::kInt8) return int8;
    return Convert(kDequantize, name + "/dq", int8, DType::kFloat32, {});
  }
  TensorId Bias(const std::string& name, int32_t n) {
    if (form_ != Form::kInt8) return AddRandom<float>(&g_, name, {n}, &rng_);
    const TensorId bias = AddRandom<int32_t>(&g_, name, {n}, &rng_);
    g_.tensor(bias).quant = PerAxis(n, 1e-4f);
    return bias;
  }

  Sizes s_;
  Form form_;
  Graph g_;
  Rng rng_{7};
};

Graph BuildNet(const Sizes& sizes, Form form) {
  return NetBuilder(sizes, form).Build();
}

// `want` but for the kinds of constants, which a file does not tell.
void ExpectEqual(Graph want, const Graph& got) {
  for (Tensor& tensor : want.tensors) {
    if (tensor.kind == TensorKind::kParameter)
      tensor.kind = TensorKind::kConstant;
  }
  MarkParameters(&want);
  ASSERT_EQ(want.tensors.size(), got.tensors.size());
  for (size_t t = 0; t < want.tensors.size(); ++t) {
    const Tensor& a = want.tensors[t];
    const Tensor& b = got.tensors[t];
    SCOPED_TRACE(a.name);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_EQ(a.shape, b.shape) << a.shape.ToString() << b.shape.ToString();
    EXPECT_EQ(a.quant, b.quant);
    EXPECT_EQ(a.kind, b.kind);
    ASSERT_EQ(a.data.size(), b.data.size());
    EXPECT_TRUE(std::equal(a.data.data(), a.data.data() + a.data.size(),
                           b.data.data()));
  }
  ASSERT_EQ(want.nodes.size(), got.nodes.size());
  for (size_t n = 0; n < want.nodes.size(); ++n) {
    EXPECT_EQ(want.nodes[n].op, got.nodes[n].op);
    EXPECT_EQ(want.nodes[n].inputs, got.nodes[n].inputs);
    EXPECT_EQ(want.nodes[n].outputs, got.nodes[n].outputs);
    EXPECT_EQ(want.nodes[n].attrs, got.nodes[n].attrs);
  }
  EXPECT_EQ(want.inputs, got.inputs);
  EXPECT_EQ(want.outputs, got.outputs);
  EXPECT_EQ(want.input_names, got.input_names);
  EXPECT_EQ(want.output_names, got.output_names);
}

// The error's kind, or nothing if the bytes are a model; whatever is read must
// be sound enough to be written.
std::optional<ErrorKind> KindOf(std::span<const std::byte> bytes,
                                std::string* message = nullptr) {
  try {
    const Graph graph = ReadTflite(bytes, "test");
    VerifyStructure(graph);
    try {
      WriteTflite(graph);
    } catch (const Error&) {
    }
    return std::nullopt;
  } catch (const Error& error) {
    if (message) *message = error.what();
    return error.kind();
  }
}

// Replaces the one place that holds `from`.
template <typename T>
Bytes Patched(Bytes bytes, T from, T to) {
  const auto* pattern = reinterpret_cast<const std::byte*>(&from);
  const auto at =
      std::search(bytes.begin(), bytes.end(), pattern, pattern + sizeof(T));
  EXPECT_NE(at, bytes.end());
  EXPECT_EQ(std::search(at + 1, bytes.end(), pattern, pattern + sizeof(T)),
            bytes.end())
      << "not unique";
  std::memcpy(&*at, &to, sizeof(T));
  return bytes;
}

size_t DataBytes(const Graph& graph) {
  size_t bytes = 0;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name.ends_with("/w") || tensor.name.ends_with("/b")) {
      bytes += tensor.data.size();
    }
  }
  return bytes;
}

class TfliteForms : public testing::TestWithParam<Form> {};

TEST_P(TfliteForms, RoundTripKeepsGraphAndBytes) {
  for (const Sizes& sizes : {kMnist, kSmall}) {
    const Graph graph = BuildNet(sizes, GetParam());
    const Bytes bytes = WriteTflite(graph);
    EXPECT_EQ(bytes, WriteTflite(graph));
    const Graph read = ReadTflite(bytes, "test");
    ExpectEqual(graph, read);
    EXPECT_EQ(bytes, WriteTflite(read));
  }
}

TEST_P(TfliteForms, ReadsUnalignedBytes) {
  const Graph graph = BuildNet(kSmall, GetParam());
  const Bytes bytes = WriteTflite(graph);
  Bytes shifted(1);
  shifted.insert(shifted.end(), bytes.begin(), bytes.end());
  ExpectEqual(graph, ReadTflite(std::span(shifted).subspan(1), "test"));
}

TEST_P(TfliteForms, OverheadIsSmall) {
  const Graph graph = BuildNet(kMnist, GetParam());
  const size_t bytes = WriteTflite(graph).size();
  const size_t overhead = bytes - DataBytes(graph);
  RecordProperty("overhead", static_cast<int>(overhead));
  EXPECT_LT(overhead, GetParam() == Form::kPairs ? 3500u : 2300u);
}

TEST_P(TfliteForms, EveryTruncationIsAnError) {
  const Bytes bytes = WriteTflite(BuildNet(kSmall, GetParam()));
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of just that size, for the sanitizer to see its end.
    const Bytes cut(bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(size));
    ASSERT_EQ(KindOf(cut), ErrorKind::kCorrupt) << size << " bytes";
  }
}

TEST_P(TfliteForms, ByteFlipsEndInErrorOrModel) {
  const Bytes bytes = WriteTflite(BuildNet(kSmall, GetParam()));
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  SCOPED_TRACE(seed);
  Rng rng(seed);
  int errors = 0;
  for (int i = 0; i < 10000; ++i) {
    Bytes flipped = bytes;
    const int flips = 1 + static_cast<int>(rng.Below(3));
    for (int f = 0; f < flips; ++f) {
      flipped[rng.Below(static_cast<uint32_t>(bytes.size()))] ^=
          static_cast<std::byte>(1 + rng.Below(255));
    }
    errors += KindOf(flipped).has_value();
  }
  EXPECT_GT(errors, 1000);
}

INSTANTIATE_TEST_SUITE_P(All, TfliteForms,
                         testing::Values(Form::kFloat, Form::kHalf, Form::kInt8,
                                         Form::kPairs));

TEST(Tflite, ConstantsAreAligned) {
  const Graph graph = BuildNet(kSmall, Form::kInt8);
  const Bytes bytes = WriteTflite(graph);
  for (const Tensor& tensor : graph.tensors) {
    if (!tensor.has_data()) continue;
    bool found = false;
    for (size_t at = 0; at + tensor.data.size() <= bytes.size(); at += 16) {
      found |= std::equal(tensor.data.data(),
                          tensor.data.data() + tensor.data.size(),
                          bytes.data() + at);
    }
    EXPECT_TRUE(found) << tensor.name;
  }
}

TEST(Tflite, EqualConstantsAreStoredOnce) {
  Graph graph = BuildNet(kMnist, Form::kFloat);
  const size_t before = WriteTflite(graph).size();
  const std::vector<float> values(kMnist.flat(), 0.25f);
  for (int i = 0; i < 2; ++i) {
    graph.outputs.push_back(graph.AddConstant<float>("c" + std::to_string(i),
                                                     {kMnist.flat()}, values));
    graph.output_names.push_back("c" + std::to_string(i));
  }
  const size_t more = WriteTflite(graph).size() - before;
  EXPECT_LT(more, values.size() * sizeof(float) + 300);
}

TEST(Tflite, UnusedTensorsAreLeftOut) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  const Bytes bytes = WriteTflite(graph);
  Rng rng(1);
  AddRandom<float>(&graph, "unused", {100}, &rng);
  EXPECT_EQ(bytes, WriteTflite(graph));
}

TEST(Tflite, TrainingOpsAreRefused) {
  static constexpr Operand kOperands[] = {{.name = "x"}};
  static const OpDef kTrainingOnly = {
      .name = "TRAINING_ONLY", .summary = "", .operands = kOperands};
  Graph graph;
  const TensorId x = AddInput(&graph, "x", DType::kFloat32, {1});
  graph.outputs = {graph.AddNode(kTrainingOnly, "n", {x}, {"y"}).outputs[0]};
  try {
    WriteTflite(graph);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  }
}

TEST(Tflite, WeightsAndBiasesOfFloatLayersAreParameters) {
  for (const Form form : {Form::kFloat, Form::kInt8}) {
    const Graph read = ReadTflite(WriteTflite(BuildNet(kSmall, form)), "test");
    for (const Tensor& tensor : read.tensors) {
      if (!tensor.has_data()) continue;
      const bool trained = tensor.dtype == DType::kFloat32;
      EXPECT_EQ(tensor.kind,
                trained ? TensorKind::kParameter : TensorKind::kConstant)
          << tensor.name;
    }
  }
}

TEST(Tflite, AMissingBiasOfAConvolutionIsZerosInTheFileAndNoneAgain) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  for (Node& node : graph.nodes) {
    if (node.op->Find(Role::kBias) == 2) node.inputs.resize(2);
  }
  graph = RemoveDeadNodes(graph);
  const Bytes bytes = WriteTflite(graph);
  ExpectEqual(graph, ReadTflite(bytes, "test"));
  // What the file holds: a bias for CONV_2D, none for FULLY_CONNECTED.
  EXPECT_NE(std::string_view(reinterpret_cast<const char*>(bytes.data()),
                             bytes.size())
                .find("conv_bias"),
            std::string_view::npos);
  EXPECT_EQ(WriteTflite(ReadTflite(bytes, "test")), bytes);
}

TEST(Tflite, DropoutsAreLeftOut) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  const Bytes bytes = WriteTflite(graph);
  const TensorId y = graph.outputs[0];
  graph.outputs = {graph.AddNode(kDropout, "d", {y}, {"d"}).outputs[0]};
  InferShapes(&graph);
  EXPECT_EQ(WriteTflite(graph), bytes);
}

TEST(Tflite, StaticBatchStaysStatic) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  graph.tensor(graph.inputs[0]).shape[0] = 2;
  InferShapes(&graph);
  const Bytes bytes = WriteTflite(graph);
  ExpectEqual(graph, ReadTflite(bytes, "test"));
}

TEST(Tflite, SignatureNamesAreUnique) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  graph.outputs.push_back(graph.nodes[0].outputs[0]);
  graph.output_names = {"y", "y"};
  const Graph read = ReadTflite(WriteTflite(graph), "test");
  EXPECT_EQ(read.output_names, (std::vector<std::string>{"y", "y_1"}));
}

TEST(Tflite, BadScalesAreCorrupt) {
  const Bytes bytes = WriteTflite(BuildNet(kSmall, Form::kInt8));
  for (const float bad : {0.0f, -0.5f, std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    std::string message;
    EXPECT_EQ(KindOf(Patched(bytes, 0.151f, bad), &message),
              ErrorKind::kCorrupt);
    EXPECT_NE(message.find("'dense'"), std::string::npos) << message;
  }
}

TEST(Tflite, ZeroPointOutsideItsTypeIsCorrupt) {
  const Bytes bytes = WriteTflite(BuildNet(kSmall, Form::kInt8));
  for (const int64_t bad : {int64_t{128}, int64_t{-129}, int64_t{1} << 40}) {
    EXPECT_EQ(KindOf(Patched(bytes, int64_t{-77}, bad)), ErrorKind::kCorrupt);
  }
  EXPECT_EQ(KindOf(Patched(bytes, int64_t{-77}, int64_t{-78})), std::nullopt);
}

TEST(Tflite, NoTfliteFileIsCorrupt) {
  std::string message;
  const Bytes zeros(100);
  EXPECT_EQ(KindOf(zeros, &message), ErrorKind::kCorrupt);
  EXPECT_NE(message.find("TFL3"), std::string::npos);
  EXPECT_EQ(KindOf({}), ErrorKind::kCorrupt);
}

TEST(Tflite, DeclaredShapeMustBeTheInferredOne) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  graph.tensor(graph.inputs[0]).shape[0] = 1;
  InferShapes(&graph);
  // The writer trusts the graph: write a wrong shape, read it back.
  graph.tensor(graph.outputs[0]).shape = {1, kSmall.classes + 1};
  std::string message;
  EXPECT_EQ(KindOf(WriteTflite(graph), &message), ErrorKind::kCorrupt);
  EXPECT_NE(message.find("[1,4]"), std::string::npos) << message;
  graph.tensor(graph.outputs[0]).shape = {kSmall.classes};
  EXPECT_EQ(KindOf(WriteTflite(graph)), ErrorKind::kCorrupt);
}

TEST(Tflite, WrongTypeOfAnActivationIsCorrupt) {
  Graph graph = BuildNet(kSmall, Form::kFloat);
  graph.tensor(graph.outputs[0]).dtype = DType::kInt8;
  EXPECT_EQ(KindOf(WriteTflite(graph)), ErrorKind::kCorrupt);
}

TEST(Tflite, ScalarsKeepTheirRank) {
  Graph graph;
  const TensorId x = AddInput(&graph, "x", DType::kFloat32, {1});
  Node& node = graph.AddNode(
      kReshape, "r",
      {x, graph.AddConstant<int32_t>("shape", {0}, std::span<int32_t>())},
      {"y"});
  graph.outputs = {node.outputs[0]};
  InferShapes(&graph);
  EXPECT_EQ(graph.tensor(graph.outputs[0]).shape.rank(), 0);
  graph.input_names = {"x"};
  graph.output_names = {"y"};
  ExpectEqual(graph, ReadTflite(WriteTflite(graph), "test"));
}

TEST(Tflite, ModelsOfOthersNameTheOperatorThatIsMissing) {
  const char* shared = std::getenv("LITESMITH_SHARED");
  const std::string folder =
      (shared ? std::string(shared) : LITESMITH_SOURCE_DIR "/../shared") +
      "/models/";
  for (const char* name :
       {"resnet8_fp32", "resnet8_int8", "dscnn_kws_fp32", "dscnn_kws_int8"}) {
    const std::string path = folder + name + ".tflite";
    SCOPED_TRACE(path);
    if (!FileExists(path)) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "the model is missing";
      GTEST_SKIP() << "SKIPPED: " << path << " is missing";
    }
    std::string message;
    const std::optional<ErrorKind> kind = KindOf(ReadFile(path), &message);
    if (!kind) continue;  // once every op of it is there
    EXPECT_EQ(kind, ErrorKind::kUnsupported) << message;
    EXPECT_NE(message.find("operator "), std::string::npos) << message;
    std::cout << message << "\n";
  }
}

TEST(OperatorNames, AreTheOpsOwn) {
  for (const OpDef* op : AllOps()) {
    if (op->tflite.code < 0) continue;
    EXPECT_STREQ(TfliteOperatorName(op->tflite.code), op->name);
  }
}

}  // namespace
}  // namespace litesmith
