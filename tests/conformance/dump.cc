#include "tests/conformance/dump.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "src/base/file.h"
#include "src/containers/npy.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/op_def.h"
#include "tests/conformance/accumulation.h"
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

}  // namespace litesmith
