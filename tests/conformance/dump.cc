#include "tests/conformance/dump.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/npy.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/op_def.h"
#include "src/runtime/interpreter.h"
#include "tests/conformance/accumulation.h"
#include "tests/conformance/node_run.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

constexpr int kBatch = 3;

void WriteArrays(const std::string& stem, std::string_view suffix,
                 const Graph& graph, const std::vector<TensorId>& ids,
                 const Arrays& arrays) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const Tensor& tensor = graph.tensor(ids[i]);
    WriteNpy(fmt::format("{}.{}.{}.npy", stem, i, suffix), tensor.dtype,
             tensor.shape.Bind(kBatch), {arrays[i].data(), arrays[i].size()});
  }
}

void Dump(const Case& c, const Graph& graph, const std::string& directory) {
  const std::string stem = directory + "/" + c.name;
  WriteFile(stem + ".tflite", std::span<const std::byte>(WriteTflite(graph)));
  const Arrays inputs = InputsOf(c, graph, kBatch);
  WriteArrays(stem, "in", graph, graph.inputs, inputs);
  WriteArrays(stem, "litert.out", graph, graph.outputs,
              RunGraph(graph, inputs, {kBatch, Numerics::kLiteRt, true}));
  WriteArrays(stem, "tflm.out", graph, graph.outputs,
              RunGraph(graph, inputs, {kBatch, Numerics::kTflm, true}));
}

}  // namespace

bool FitsTflite(const Graph& graph) {
  return std::all_of(
      graph.nodes.begin(), graph.nodes.end(),
      [](const Node& node) { return node.op->tflite.code >= 0; });
}

void DumpCases(const std::string& directory) {
  MakeDirectory(directory);
  nlohmann::json list = nlohmann::json::array();
  for (const CaseFile& file : CaseFiles()) {
    for (const Case& c : file.make()) {
      const Graph graph = GraphOf(c);
      if (!FitsTflite(graph)) continue;
      Dump(c, graph, directory);
      list.push_back({{"name", c.name},
                      {"op", file.name},
                      {"inputs", graph.inputs.size()},
                      {"outputs", graph.outputs.size()},
                      {"sums_floats", SumsFloats(graph)},
                      {"fixed_batch", c.fixed_batch},
                      {"litert_fails", c.litert_fails},
                      {"tflm_fails", c.tflm_fails}});
    }
  }
  WriteFile(directory + "/cases.json", list.dump(1) + "\n");
}

// Whether no plan takes the first dimension for a batch, as the file means it
// otherwise: it is reduced, padded or joined along it.
bool MixesSamples(const Graph& graph, int batch) {
  try {
    Interpreter(graph, {.batch = batch, .reference = true});
  } catch (const Error& error) {
    const std::string_view message = error.what();
    return message.find("mixes samples") != std::string_view::npos ||
           message.find("is not the batch") != std::string_view::npos;
  }
  return false;
}

void RunFile(const std::string& file, const std::string& stem) {
  Graph graph = ReadTflite(ReadFile(file), file);
  Arrays inputs;
  std::vector<int32_t> batches;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const NpyArray array = ReadNpy(fmt::format("{}.{}.in.npy", stem, i));
    const Tensor& input = graph.tensor(graph.inputs[i]);
    if (array.dtype != input.dtype || !(array.shape == input.shape)) {
      Fail(ErrorKind::kInvalidArgument, "input {} is {} {}, the array {} {}", i,
           Name(input.dtype), input.shape.ToString(), Name(array.dtype),
           array.shape.ToString());
    }
    inputs.emplace_back(std::span<const std::byte>(array.bytes));
    batches.push_back(array.shape.rank() == 0 ? 0 : array.shape[0]);
  }
  // A plan takes the first dimension of all inputs for the batch; where they
  // broadcast, the nodes are run one by one.
  const bool plan = batches[0] > 0 &&
                    std::count(batches.begin(), batches.end(), batches[0]) ==
                        std::ssize(batches);
  InferShapes(&graph);
  const bool mixes = plan && MixesSamples(graph, batches[0]);
  const auto write = [&](const char* suffix, Numerics numerics,
                         bool reference) {
    const Arrays outputs =
        plan && !mixes
            ? RunGraph(graph, inputs, {batches[0], numerics, reference})
            : RunByNode(graph, inputs, numerics, /*whole=*/true);
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const Tensor& tensor = graph.tensor(graph.outputs[i]);
      const TensorData& data =
          outputs[plan && !mixes ? i : static_cast<size_t>(graph.outputs[i])];
      WriteNpy(fmt::format("{}.{}.{}.out.npy", stem, i, suffix), tensor.dtype,
               tensor.shape, {data.data(), data.size()});
    }
  };
  write("litert", Numerics::kLiteRt, true);
  write("tflm", Numerics::kTflm, true);
  write("litert_fast", Numerics::kLiteRt, false);
  write("tflm_fast", Numerics::kTflm, false);
}

}  // namespace litesmith
