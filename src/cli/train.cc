// litesmith train: a model and data in, a trained file out.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/base/overall_progress.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/verb.h"
#include "src/measure/data_checks.h"
#include "src/measure/evaluate.h"
#include "src/measure/metrics.h"
#include "src/models/class_names.h"
#include "src/models/models.h"
#include "src/train/trainer.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

struct TrainFlags {
  std::string model;
  std::string data;
  std::string out;
  DataContext reading;
  int64_t limit = 0;
  bool dequantize = false;
  std::string metric = kAutoMetric;
  std::string teacher;
  bool json = false;
  ShapeFlags shape;
  TrainOptions train;
};

// Without one there is nothing to be like.
void RequireTeacher(const TrainFlags& options) {
  const bool wanted = options.train.distill_weight > 0;
  if (wanted && options.teacher.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--distill-weight {}: --teacher FILE is wanted, the model whose "
         "answers are compared with",
         options.train.distill_weight);
  }
  if (!wanted && !options.teacher.empty())
    Warn("--teacher has no effect: --distill-weight is 0");
}

void PerformTrain(TrainFlags options, const CLI::App& verb) {
  WarnIfMomentumUnused(verb, options.train);
  const ModelFormat format = RequireModelEnding(options.out);
  RequireTeacher(options);
  UseOutput(options.out);
  UseCheckpoint(options.train.checkpoint);
  TakeUsualTraining(verb, options.model, &options.train);
  const ModelShape shape =
      FilledBy(options.shape.Shape(),
               ShapeOfData(options.model, options.data, options.reading));
  const Graph graph = LoadFloatModel(options.model, options.train.seed,
                                     options.dequantize, shape);
  RequireTrainable(graph);
  std::optional<Graph> teacher;
  if (!options.teacher.empty() && options.train.distill_weight > 0) {
    teacher = StripTrainingOps(LoadFloatModel(
        options.teacher, options.train.seed, options.dequantize));
  }
  WarnIfNoKerasForm(graph, format);
  WarnIfOverwritten(options.model, options.out);
  const Halves data =
      OpenData(options.data, options.limit, graph, options.reading);
  RequireOutputs(graph, *data.train, options.metric);
  CheckSamples(*data.train, data.test.get());
  CheckTrained(graph, *data.train);
  TerminalProgress terminal;
  OverallProgress progress(&terminal, std::max(1, options.train.epochs));
  options.train.label = "train";
  const TrainResult result = Train(graph, *data.train, options.train, &progress,
                                   teacher ? &*teacher : nullptr);
  SaveModelAs(format, result.graph, options.out);
  AddClassNames(options.out, NamesFor(*data.train, options.model));
  const TestResult test =
      TestOf(result.graph, *data.test, options.train, options.metric);
  const auto epochs = static_cast<int64_t>(result.epochs.size());
  if (options.json) {
    PrintOut(TrainingJson(result.steps, result.step_ms, result.seconds,
                          result.epochs, test, options.out));
    return;
  }
  PrintLine(fmt::format("trained {} in {:.2f} s; {}; written to {}",
                        Counted(epochs, "epoch"), result.seconds,
                        TestText(test), options.out));
}

}  // namespace

void AddTrain(CLI::App* app) {
  const auto options = std::make_shared<TrainFlags>();
  CLI::App* verb = app->add_subcommand(
      "train",
      "Train a model on the training half of DATA, write it as Keras .h5 or\n"
      ".keras, or as .tflite, and print its loss and metric on the test half.\n"
      "Same seed, same bits.");
  CompleteWith(
      verb->add_option(
              "model", options->model,
              "A built-in model (`litesmith list models`), a Keras .h5 or "
              ".keras or a float .tflite file to go on from")
          ->type_name("MODEL")
          ->required(),
      {Completes::kWordsFiles, NamesOf(BuiltinModels())});
  AddData(verb, &options->data, &options->reading);
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("FILE.h5|.keras|.tflite")
      ->required();
  AddTraining(verb, &options->train);
  AddMetric(verb, &options->metric);
  AddCheckpoint(verb, &options->train);
  AddLimit(verb, &options->limit);
  AddDequantize(verb, &options->dequantize);
  AddShape(verb, &options->shape);
  verb->add_option("--teacher", options->teacher,
                   "The model whose answers --distill-weight is for")
      ->type_name("FILE");
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformTrain(*options, *verb); });
}

}  // namespace litesmith
