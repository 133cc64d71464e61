// litesmith new: an untrained built-in model into a file.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/graph/op_def.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct NewFlags {
  std::string model;
  std::string data;
  std::string out;
  uint64_t seed = 1;
  ShapeFlags shape;
  DataContext reading;
  bool json = false;
};

void PerformNew(const NewFlags& options) {
  const ModelFormat format = RequireModelEnding(options.out);
  const BuiltinModel& model = FindBuiltin(options.model);
  UseOutput(options.out);
  ModelShape shape = options.shape.Shape();
  if (!options.data.empty())
    shape = FilledBy(
        shape,
        ShapeOfSamples(*LoadData(options.data, options.reading).train.Open(0)));
  const Graph graph = MakeBuiltin(model, shape, options.seed);
  SaveModelAs(format, graph, options.out);
  int64_t parameters = 0;
  int64_t macs = 0;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind == TensorKind::kParameter)
      parameters += tensor.shape.NumElements();
  }
  for (const Node& node : graph.nodes)
    if (node.op->macs != nullptr) macs += node.op->macs(graph, node);
  if (options.json) {
    PrintJson({{"path", options.out},
               {"model", model.name},
               {"input", graph.tensor(graph.inputs[0]).shape.ToVector()},
               {"output", graph.tensor(graph.outputs[0]).shape.ToVector()},
               {"parameters", parameters},
               {"macs", macs}});
    return;
  }
  PrintLine(fmt::format("{}: {} -> {}, {}, {} multiply-adds; written to {}",
                        model.name,
                        graph.tensor(graph.inputs[0]).shape.ToString(),
                        graph.tensor(graph.outputs[0]).shape.ToString(),
                        Counted(parameters, "parameter"), macs, options.out));
}

}  // namespace

void AddNew(CLI::App* app) {
  const auto options = std::make_shared<NewFlags>();
  CLI::App* verb =
      app->add_subcommand("new",
                          "Write an untrained built-in model (`litesmith list "
                          "models`) as Keras .h5\n"
                          "or .keras, or as .tflite. Input and classes are the "
                          "model's usual ones,\n"
                          "those of DATA, or as given.");
  verb->add_option("model", options->model, "Its name")
      ->type_name("NAME")
      ->required();
  verb->add_option("--data", options->data,
                   "Samples whose shape and classes it is for")
      ->type_name("SPEC");
  AddReading(verb, &options->reading);
  AddShape(verb, &options->shape);
  AddSeed(verb, &options->seed, "Of the weights");
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("FILE.h5|.keras|.tflite")
      ->required();
  AddJson(verb, &options->json);
  verb->callback([options] { PerformNew(*options); });
}

}  // namespace litesmith
