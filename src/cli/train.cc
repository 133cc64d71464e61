// litesmith train: a model and data in, a trained Keras file out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/base/overall_progress.h"
#include "src/cli/options.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/verb.h"
#include "src/measure/evaluate.h"
#include "src/models/models.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

struct Options {
  std::string model;
  std::string data;
  std::string out;
  DataContext reading;
  int64_t limit = 0;
  bool dequantize = false;
  std::string metric = "top1";
  TrainOptions train;
};

void Run(Options options, const CLI::App& verb) {
  WarnIfMomentumUnused(verb, options.train);
  const ModelFormat format = RequireEnding(options.out, ModelFormat::kKerasH5);
  UseOutput(options.out);
  UseCheckpoint(options.train.checkpoint);
  const Graph graph =
      LoadFloatModel(options.model, options.train.seed, options.dequantize);
  RequireTrainable(graph);
  WarnIfNoKerasForm(graph, format);
  WarnIfOverwritten(options.model, options.out);
  const Halves data =
      OpenData(options.data, options.limit, graph, options.reading);
  RequireEvaluable(graph, *data.train, options.metric);
  TerminalProgress terminal;
  OverallProgress progress(&terminal, std::max(1, options.train.epochs));
  options.train.label = "train";
  const TrainResult result =
      Train(graph, *data.train, options.train, &progress);
  SaveModelAs(format, result.graph, options.out);
  PrintOut(fmt::format(
      "trained {} in {:.2f} s; {}; written to {}\n",
      Counted(static_cast<int64_t>(result.epochs.size()), "epoch"),
      result.seconds,
      TestText(result.graph, *data.test, options.train, options.metric),
      options.out));
}

}  // namespace

void AddTrain(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "train",
      "Train a model on the training half of DATA, write it as Keras .h5 or\n"
      ".keras, and print its loss and metric on the test half. Same seed, "
      "same\n"
      "bits.");
  verb->add_option("model", options->model,
                   "A built-in model (`litesmith list models`), a Keras .h5 or "
                   ".keras or a float .tflite file to go on from")
      ->type_name("MODEL")
      ->required();
  AddData(verb, &options->data, &options->reading);
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("FILE.h5|.keras")
      ->required();
  AddTraining(verb, &options->train);
  AddMetric(verb, &options->metric);
  AddCheckpoint(verb, &options->train);
  AddLimit(verb, &options->limit);
  AddDequantize(verb, &options->dequantize);
  verb->callback([options, verb] { Run(*options, *verb); });
}

}  // namespace litesmith
