#include "tests/conformance/dump.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/npy.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/op_def.h"
#include "src/runtime/bind.h"
#include "src/runtime/interpreter.h"
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
  const int batch = CaseBatch(graph, kBatch);
  const Arrays inputs = InputsOf(c, graph, batch);
  WriteArrays(stem, "in", graph, graph.inputs, inputs);
  WriteArrays(stem, "litert.out", graph, graph.outputs,
              RunGraph(graph, inputs, {batch, Numerics::kLiteRt, true}));
  WriteArrays(stem, "tflm.out", graph, graph.outputs,
              RunGraph(graph, inputs, {batch, Numerics::kTflm, true}));
}

}  // namespace

bool FitsTflite(const Graph& graph) {
  return std::all_of(
      graph.nodes.begin(), graph.nodes.end(),
      [](const Node& node) { return node.op->tflite.code >= 0; });
}

void DumpCases(const std::string& directory, int random) {
  MakeDirectory(directory);
  nlohmann::json list = nlohmann::json::array();
  for (const CaseFile& file : CaseFiles()) {
    for (const Case& c : random > 0 ? RandomCases(file, random) : file.make()) {
      const Graph graph = GraphOf(c);
      if (!FitsTflite(graph)) continue;
      Dump(c, graph, directory);
      list.push_back({{"name", c.name},
                      {"op", file.name},
                      {"inputs", graph.inputs.size()},
                      {"outputs", graph.outputs.size()},
                      {"sums_floats", SumsFloats(graph) || c.own_functions},
                      {"fixed_batch", c.fixed_batch},
                      {"as_written", CaseBatch(graph, kBatch) == kAsWritten},
                      {"litert_fails", c.litert_fails},
                      {"tflm_fails", c.tflm_fails}});
    }
  }
  WriteFile(directory + "/cases.json", list.dump(1) + "\n");
}

void RunFile(const std::string& file, const std::string& stem, int runs) {
  const Graph graph = ReadTflite(ReadFile(file), file);
  Arrays inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const NpyArray array = ReadNpy(fmt::format("{}.{}.in.npy", stem, i));
    const Tensor& input = graph.tensor(graph.inputs[i]);
    if (array.dtype != input.dtype || !(array.shape == input.shape.Bind(1))) {
      Fail(ErrorKind::kInvalidArgument, "input {} is {} {}, the array {} {}", i,
           Name(input.dtype), input.shape.ToString(), Name(array.dtype),
           array.shape.ToString());
    }
    inputs.emplace_back(std::span<const std::byte>(array.bytes));
  }
  const auto write = [&](const char* suffix, Numerics numerics,
                         bool reference) {
    InterpreterOptions options{kAsWritten, numerics, reference};
    options.keep_state = true;
    Interpreter interpreter(graph, options);
    Arrays outputs;
    for (int run = 0; run < runs; ++run)
      outputs = Invoke(&interpreter, inputs, 1);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Tensor& tensor = interpreter.output_tensor(static_cast<int>(i));
      WriteNpy(fmt::format("{}.{}.{}.out.npy", stem, i, suffix), tensor.dtype,
               tensor.shape, {outputs[i].data(), outputs[i].size()});
    }
  };
  write("litert", Numerics::kLiteRt, true);
  write("tflm", Numerics::kTflm, true);
  write("litert_fast", Numerics::kLiteRt, false);
  write("tflm_fast", Numerics::kTflm, false);
}

void RewriteFile(const std::string& file, const std::string& to) {
  WriteFile(to, std::span<const std::byte>(
                    WriteTflite(ReadTflite(ReadFile(file), file))));
}

}  // namespace litesmith
