// Trains a graph's parameters on labelled data. Knows no op and no recipe:
// pruning, clustering and fake quantization are nodes of the graph.
#ifndef LITESMITH_TRAIN_TRAINER_H_
#define LITESMITH_TRAIN_TRAINER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/base/progress.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith {

struct TrainOptions {
  int epochs = 5;
  int batch = 128;
  std::string loss = "sparse_categorical_crossentropy";  // of losses.h
  std::string optimizer = "adam";                        // of optimizers.h
  float learning_rate = 1e-3f;
  float momentum = 0.9f;              // sgd's
  std::string schedule = "constant";  // of schedules.h
  double validation_split = 0.1;      // the last part of the data is held out
  uint64_t seed = 1;                  // of the shuffling
  // How often the model was trained before: every training has an order of its
  // own. The same order again and again costs a tenth of a point a time.
  int stage = 0;
  int threads = 0;         // 0: all that the process may use
  std::string checkpoint;  // a file to go on from and to write; or none
  std::string label;       // for progress: "prune_qat"
};

template <FieldsOf<TrainOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  visit("epochs", o.epochs);
  visit("batch", o.batch);
  visit("loss", o.loss);
  visit("optimizer", o.optimizer);
  visit("learning_rate", o.learning_rate);
  visit("momentum", o.momentum);
  visit("schedule", o.schedule);
  visit("validation_split", o.validation_split);
  visit("seed", o.seed);
  visit("stage", o.stage);
  visit("threads", o.threads, kNoEffect);
  visit("checkpoint", o.checkpoint, kNoEffect);
  visit("label", o.label, kNoEffect);
}

struct EpochResult {
  double loss = 0;
  double accuracy = 0;         // NaN where the loss compares no labels
  double validation_loss = 0;  // NaN without held-out data
  double validation_accuracy = 0;
  double learning_rate = 0;  // of its last step
  double sparsity = 0;       // zeros' share of the weights at its end
  int64_t stage = 0;         // TrainOptions::stage
  double seconds = 0;
};

struct TrainResult {
  Graph graph;  // parameters and states as trained
  std::vector<EpochResult> epochs;
  double seconds = 0;
};

// Throws Error{invalid argument} if the graph has no parameter, which says
// whether all layers are frozen or hold no floats.
void RequireTrainable(const Graph& graph);

// The total of optimizer steps that Train will take: what schedules end at.
int64_t TrainingSteps(int64_t samples, const TrainOptions& options);

// Minimizes the loss of the graph's first output against the data's first
// target. With a checkpoint file that holds an earlier part of the same run it
// goes on from there. Same seed, same bits, whatever the number of threads.
// Throws Error{invalid argument} if data and graph do not fit or the loss stops
// being finite, Error{interrupted} on a requested stop (the last finished epoch
// is in the checkpoint), and what reading the data throws.
TrainResult Train(const Graph& graph, const Dataset& data,
                  const TrainOptions& options, Progress* progress);

struct Evaluation {
  double loss = 0;
  double accuracy = 0;  // NaN where the loss compares no labels
  int64_t correct = 0;
};

// Loss and accuracy of the float graph's first output over all of `data`, by
// options.loss on options.threads.
Evaluation EvaluateFloat(const Graph& graph, const Dataset& data,
                         const TrainOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_TRAINER_H_
