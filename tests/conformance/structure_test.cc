// Every case's graph is sound, and graphs with one thing broken are refused
// with a message that names it, or are sound as well.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <set>
#include <string>

#include "src/base/error.h"
#include "src/base/sanitizers.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

constexpr int kBatch = 2;
// Graphs that became larger than this are not run: under sanitizers, where most
// of the time would go into them, nothing that one large dimension made.
constexpr int64_t kMaxElements = kAddressSanitizer ? 1 << 14 : 1 << 18;

struct Refusal {
  ErrorKind kind;
  std::string message;
};

bool IsSmall(const Graph& graph) {
  int64_t elements = 0;
  for (const Tensor& tensor : graph.tensors) {
    try {
      elements += tensor.shape.Bind(kBatch).NumElements();
    } catch (const Error&) {
      return false;
    }
  }
  return elements < kMaxElements;
}

// Everything that is done with a graph from outside, up to running it.
// `refusal` is what the checks on its structure, shapes and types say.
std::optional<Refusal> TryAll(Graph graph) {
  try {
    VerifyStructure(graph);
    InferShapes(&graph);
  } catch (const Error& error) {
    return Refusal{error.kind(), error.what()};
  }
  VerifyStructure(graph);  // what infer wrote is sound
  if (!IsSmall(graph)) return std::nullopt;
  try {
    for (const bool reference : {true, false}) {
      Interpreter interpreter(
          graph, {.batch = CaseBatch(graph, kBatch), .reference = reference});
      interpreter.Invoke();
    }
  } catch (const Error&) {
    // No kernel for these types, or no shapes at this batch.
  }
  return std::nullopt;
}

// Graphs with one change; `named`, if any, must be in the refusal.
class Mutations {
 public:
  // Under sanitizers, where all of them take minutes, one in three tensors' and
  // attributes' changes is tried; which ones, `phase` says.
  explicit Mutations(const Graph& graph, size_t phase = 0)
      : graph_(graph), tried_(phase) {}

  void TryInputs();
  void TryTensors();
  void TryAttributes();
  int refused() const { return refused_; }

 private:
  void Try(const Graph& mutated, const std::string& change,
           bool names_a_tensor);
  // A tensor with another dtype or shape; constants get as many bytes.
  void TryTensor(TensorId id, const Tensor& tensor, const std::string& change);
  void TryShapes(TensorId id);
  void TryQuantizations(TensorId id);
  bool NamesATensor(const std::string& message) const;

  const Graph& graph_;
  size_t tried_;
  bool some_ = false;
  int refused_ = 0;
};

bool Mutations::NamesATensor(const std::string& message) const {
  for (const Tensor& tensor : graph_.tensors) {
    if (message.find("'" + tensor.name + "'") != std::string::npos) return true;
  }
  return false;
}

void Mutations::Try(const Graph& mutated, const std::string& change,
                    bool names_a_tensor) {
  if (some_ && tried_++ % 3 != 0) return;
  SCOPED_TRACE(change);
  const std::optional<Refusal> refusal = TryAll(mutated);
  if (!refusal) return;
  ++refused_;
  EXPECT_FALSE(refusal->message.empty());
  if (names_a_tensor) {
    EXPECT_TRUE(NamesATensor(refusal->message)) << refusal->message;
  }
}

void Mutations::TryInputs() {
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const size_t count = graph_.nodes[n].inputs.size();
    for (size_t i = 0; i < count; ++i) {
      Graph missing = graph_;
      missing.nodes[n].inputs[i] = kNoTensor;
      Try(missing, fmt::format("node {} without input {}", n, i), false);
      Graph shorter = graph_;
      shorter.nodes[n].inputs.resize(i);
      Try(shorter, fmt::format("node {} with {} inputs", n, i), false);
      Graph twice = graph_;
      twice.nodes[n].inputs[i] = twice.nodes[n].inputs[0];
      Try(twice, fmt::format("node {}: input 0 again as {}", n, i), true);
      if (graph_.nodes[n].outputs.empty()) continue;
      Graph itself = graph_;
      itself.nodes[n].inputs[i] = itself.nodes[n].outputs[0];
      Try(itself, fmt::format("node {}: its output as input {}", n, i), true);
    }
    if (count == 0) continue;
    Graph longer = graph_;
    longer.nodes[n].inputs.push_back(longer.nodes[n].inputs[0]);
    Try(longer, fmt::format("node {} with {} inputs", n, count + 1), false);
  }
}

void Mutations::TryTensor(TensorId id, const Tensor& tensor,
                          const std::string& change) {
  Graph mutated = graph_;
  mutated.tensor(id) = tensor;
  if (tensor.has_data()) {
    // As a file would have it: the bytes do not fit.
    Try(mutated, change + ", its data unchanged", true);
    int64_t elements = 0;
    try {
      elements = tensor.shape.NumElements();
    } catch (const Error&) {
      return;
    }
    if (elements > kMaxElements) return;
    mutated.tensor(id).data =
        TensorData(static_cast<size_t>(elements) * SizeOf(tensor.dtype));
  }
  Try(mutated, change, true);
}

void Mutations::TryShapes(TensorId id) {
  const Tensor& before = graph_.tensor(id);
  const std::vector<int32_t> dims = before.shape.ToVector();
  const auto attempt = [&](const std::vector<int32_t>& changed) {
    if (changed.size() > Shape::kMaxRank) return;
    Tensor tensor = before;
    tensor.shape = Shape(changed);
    TryTensor(
        id, tensor,
        fmt::format("'{}' of shape {}", before.name, tensor.shape.ToString()));
  };
  attempt({});
  for (size_t i = 0; i < dims.size(); ++i) {
    for (const int32_t dim :
         {0, 1, dims[i] - 1, dims[i] + 1, 65535, 1 << 30,
          std::numeric_limits<int32_t>::max(), kDynamic, -2}) {
      std::vector<int32_t> changed = dims;
      changed[i] = dim;
      attempt(changed);
    }
    std::vector<int32_t> changed = dims;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    attempt(changed);
    changed = dims;
    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), 1);
    attempt(changed);
  }
}

void Mutations::TryQuantizations(TensorId id) {
  const Tensor& before = graph_.tensor(id);
  const auto attempt = [&](const Quantization& quant, const char* what) {
    Tensor tensor = before;
    tensor.quant = quant;
    Graph mutated = graph_;
    mutated.tensor(id) = tensor;
    Try(mutated, fmt::format("'{}' with {}", before.name, what), true);
  };
  attempt({}, "no scale");
  attempt({{0.1f}, {1000}, 0}, "a zero point of 1000");
  attempt({{0.1f}, {1}, 0}, "a zero point of 1");
  attempt({{0.1f}, {-129}, 0}, "a zero point of -129");
  attempt({{0.1f}, {int64_t{1} << 40}, 0}, "a zero point of 2^40");
  attempt({{0.1f}, {0}, -3}, "an axis of -3");
  attempt({{0.1f}, {0}, 77}, "an axis of 77");
  attempt({{0.1f}, {}, 0}, "a scale and no zero point");
  attempt({{0.1f, 0.2f}, {0}, 0}, "two scales and one zero point");
  attempt({{0.1f, 0.2f}, {0, 0}, 0}, "two scales");
  attempt({std::vector<float>(1000, 0.1f), std::vector<int64_t>(1000, 0), 0},
          "a thousand scales");
  const float limit = std::numeric_limits<float>::max();
  const float denormal = std::numeric_limits<float>::denorm_min();
  for (const float scale :
       {0.0f, -0.1f, std::numeric_limits<float>::quiet_NaN(),
        std::numeric_limits<float>::infinity(), limit, 3.3e38f, denormal,
        std::numeric_limits<float>::min()}) {
    const std::string what = fmt::format("the scale {}", scale);
    attempt({{scale}, {0}, 0}, what.c_str());
    if (before.quant.per_axis()) {
      Quantization quant = before.quant;
      quant.scale.back() = scale;
      attempt(quant, (what + " as the last").c_str());
    }
  }
  for (int axis = 0; axis < before.shape.rank(); ++axis) {
    if (before.shape[axis] < 1 || before.shape[axis] > 1000) continue;
    const auto n = static_cast<size_t>(before.shape[axis]);
    attempt({std::vector<float>(n, 0.1f), std::vector<int64_t>(n, 0), axis},
            fmt::format("scales along dimension {}", axis).c_str());
  }
}

void Mutations::TryTensors() {
  some_ = kAddressSanitizer;
  for (size_t t = 0; t < graph_.tensors.size(); ++t) {
    const auto id = static_cast<TensorId>(t);
    const Tensor& before = graph_.tensors[t];
    for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kInt32,
                              DType::kUInt8, DType::kInt64, DType::kBool,
                              DType::kInt16, DType::kInt8, DType::kFloat64}) {
      if (dtype == before.dtype) continue;
      Tensor tensor = before;
      tensor.dtype = dtype;
      TryTensor(id, tensor,
                fmt::format("'{}' of type {}", before.name, Name(dtype)));
    }
    TryShapes(id);
    TryQuantizations(id);
  }
}

void Mutations::TryAttributes() {
  some_ = kAddressSanitizer;
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    for (size_t a = 0; a < graph_.nodes[n].attrs.size(); ++a) {
      const auto attempt = [&](const AttrValue& value) {
        Graph mutated = graph_;
        mutated.nodes[n].attrs[a] = value;
        Try(mutated,
            fmt::format("node {}: attribute {} of {}, {}", n, a, value.i,
                        value.f),
            false);
      };
      for (const int64_t value :
           {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{2}, int64_t{9},
            int64_t{127}, int64_t{65535}, int64_t{1} << 31,
            std::numeric_limits<int64_t>::max(),
            std::numeric_limits<int64_t>::min()}) {
        attempt({value, static_cast<float>(value), {}});
      }
      attempt({0, std::numeric_limits<float>::quiet_NaN(), {}});
      attempt({0, 0.999f, {}});
      attempt({0, 0, {-1, -1}});
      attempt({0, 0, {0, 1 << 30, 1 << 30}});
      attempt({0, 0, std::vector<int32_t>(9, 1)});
    }
  }
}

// What is refused follows from ops and types: one case of each, a small one.
std::string KindOf(const Graph& graph) {
  std::string kind;
  for (const Node& node : graph.nodes) {
    kind += node.op->name;
    for (const TensorId id : node.inputs) {
      if (id == kNoTensor) continue;
      const Tensor& tensor = graph.tensor(id);
      kind +=
          fmt::format(" {}{}{}{}", Name(tensor.dtype), Name(tensor.kind),
                      tensor.shape.rank(), tensor.quant.per_axis() ? "c" : "");
    }
    for (const TensorId id : node.outputs)
      kind += fmt::format(" -> {}", Name(graph.tensor(id).dtype));
    kind += ";";
  }
  return kind;
}

TEST_P(Conformance, GraphsAreSound) {
  ForEachCase([](const Case& c) {
    Graph graph = GraphOf(c);
    VerifyStructure(graph);
    const std::string before = Print(graph);
    InferShapes(&graph);
    EXPECT_EQ(Print(graph), before) << "a second look infers something else";
    if (CaseBatch(graph, kBatch) != kBatch) return;
    for (const TensorId id : graph.outputs) {
      EXPECT_EQ(graph.tensor(id).shape[0], kDynamic);
    }
  });
}

TEST_P(Conformance, RefusesWrongInputs) {
  ForEachCase([](const Case& c) {
    const Graph graph = GraphOf(c);
    Mutations mutations(graph);
    mutations.TryInputs();
    EXPECT_GT(mutations.refused(), 0);
  });
}

TEST_P(Conformance, RefusesWrongTensors) {
  std::set<std::string> seen;
  ForEachCase([&](const Case& c) {
    const Graph graph = GraphOf(c);
    if (c.timed || !seen.insert(KindOf(graph)).second) return;
    Mutations mutations(graph, seen.size());
    mutations.TryTensors();
    EXPECT_GT(mutations.refused(), 0);
  });
}

TEST_P(Conformance, RefusesWrongAttributes) {
  std::set<std::string> seen;
  ForEachCase([&](const Case& c) {
    const Graph graph = GraphOf(c);
    if (c.timed || !seen.insert(KindOf(graph)).second) return;
    Mutations(graph, seen.size()).TryAttributes();
  });
}

}  // namespace
}  // namespace litesmith
