#include "tests/golden/golden.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/npy.h"
#include "src/data/batch.h"
#include "src/data/sources/idx.h"
#include "src/models/models.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"

namespace litesmith::golden {
namespace {

std::string PathOf(const std::string& name) {
  return std::string(LITESMITH_SOURCE_DIR) + "/tests/golden/" + name;
}

// For SharedPath: each of these ends the function that it stands in.
void FailWithout(const std::string& path) {
  FAIL() << "there is no " << path << "; set LITESMITH_SHARED";
}
void SkipWithout(const std::string& path) {
  GTEST_SKIP() << "NOT TESTED: there is no " << path
               << "; set LITESMITH_SHARED";
}

template <typename T>
void Append(const std::vector<std::byte>& bytes, std::vector<float>* values) {
  std::vector<T> elements(bytes.size() / sizeof(T));
  std::memcpy(elements.data(), bytes.data(), bytes.size());
  values->assign(elements.begin(), elements.end());
}

}  // namespace

std::span<const float> Array::Row(int i) const {
  const size_t size = values.size() / static_cast<size_t>(shape[0]);
  return std::span(values).subspan(static_cast<size_t>(i) * size, size);
}

Array Read(const std::string& name) {
  const NpyArray file = ReadNpy(PathOf(name + ".npy"));
  Array array;
  array.shape = file.shape;
  switch (file.dtype) {
    case DType::kFloat32:
      Append<float>(file.bytes, &array.values);
      break;
    case DType::kUInt8:
      Append<uint8_t>(file.bytes, &array.values);
      break;
    case DType::kInt32:
      Append<int32_t>(file.bytes, &array.values);
      break;
    default:
      Fail(ErrorKind::kUnsupported, "{}: no golden is {}", name,
           litesmith::Name(file.dtype));
  }
  return array;
}

nlohmann::json ReadJson(const std::string& name) {
  const std::vector<std::byte> bytes = ReadFile(PathOf(name + ".json"));
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return nlohmann::json::parse(text, text + bytes.size());
}

std::string SharedPath(const std::string& name) {
  const char* shared = std::getenv("LITESMITH_SHARED");
  const std::string path =
      (shared != nullptr ? std::string(shared)
                         : std::string(LITESMITH_SOURCE_DIR) + "/../shared") +
      "/" + name;
  if (std::filesystem::exists(path)) return path;
  std::getenv("CI") != nullptr ? FailWithout(path) : SkipWithout(path);
  return "";
}

Graph Model(const std::string& start) {
  Graph graph = LoadModel("mnist-cnn", 1);
  const bool own_kernels = start != "training" && start != "trained";
  const std::string whole =
      start == "training" ? "training/start/" : "training/end/";
  for (const std::string layer : {"conv2d", "dense"}) {
    SetValues(
        &graph, layer + "/kernel",
        Read(own_kernels ? "tfmot/starts/" + start + "_" + layer + "_kernel"
                         : whole + layer + "_kernel")
            .values);
    SetValues(&graph, layer + "/bias", Read(whole + layer + "_bias").values);
  }
  return graph;
}

const Tensor* FindTensor(const Graph& graph, const std::string& name) {
  const auto at =
      std::find_if(graph.tensors.begin(), graph.tensors.end(),
                   [&](const Tensor& tensor) { return tensor.name == name; });
  return at == graph.tensors.end() ? nullptr : &*at;
}

std::span<const float> Values(const Graph& graph, const std::string& name) {
  const Tensor* tensor = FindTensor(graph, name);
  if (tensor == nullptr) Fail(ErrorKind::kNotFound, "no tensor '{}'", name);
  return tensor->As<float>();
}

void SetValues(Graph* graph, const std::string& name,
               std::span<const float> values) {
  LS_CHECK(Values(*graph, name).size() == values.size());
  for (Tensor& tensor : graph->tensors) {
    if (tensor.name != name) continue;
    std::copy(values.begin(), values.end(), tensor.MutableAs<float>().begin());
  }
}

void MnistTest::SetUp() {
  const std::string directory = SharedPath("data/mnist");
  if (directory.empty()) return;
  static const DataSplits data = LoadIdx(directory, "mnist");
  static const DatasetPtr train = data.train.Open();
  static const DatasetPtr test = data.test.Open();
  train_ = train;
  test_ = test;
}

std::vector<float> Outputs(const Graph& graph, const Dataset& data, int count) {
  Interpreter interpreter(graph, {.batch = count});
  BatchReader reader(data, count);
  InputFeeder(data.inputs(), interpreter)(reader.Read(0, count), &interpreter);
  interpreter.Invoke();
  const std::span<const std::byte> bytes = interpreter.output(0);
  std::vector<float> result(bytes.size() / sizeof(float));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

double Distance(std::span<const float> got, std::span<const float> want) {
  LS_CHECK(got.size() == want.size());
  double difference = 0;
  double largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = std::abs(double{got[i]} - double{want[i]});
    // Written so that NaN counts.
    if (!(d <= difference)) difference = d;
    largest = std::max(largest, std::abs(double{want[i]}));
  }
  return difference / std::max(largest, 1e-30);
}

double Relative(std::span<const float> got, std::span<const float> want) {
  LS_CHECK(got.size() == want.size());
  double relative = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double r =
        std::abs(double{got[i]} - double{want[i]}) / std::abs(double{want[i]});
    if (!(r <= relative)) relative = r;
  }
  return relative;
}

}  // namespace litesmith::golden
