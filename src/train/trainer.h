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
  // Of losses.h; kAutoLoss is the one that fits the model's head and the data.
  std::string loss = "auto";
  float label_smoothing = 0;  // [0, 1): the share that all classes get alike
  // How much a sample of each class counts, by commas ("1,2.5"), or "balanced":
  // as much more as the class is rarer; empty: all alike.
  std::string class_weights;
  std::string optimizer = "adam";  // of optimizers.h
  float learning_rate = 1e-3f;
  float momentum = 0.9f;        // sgd's
  bool nesterov = false;        // sgd's
  float weight_decay = 0.004f;  // adamw's
  float clip_norm = 0;          // of the whole gradient; 0: not clipped
  float clip_value = 0;         // of each of its numbers; 0: not clipped
  // Of schedules.h; kAutoSchedule is constant, and in a recipe's step what the
  // step's technique does best with.
  std::string schedule = "auto";
  // The share of the steps in which the rate first grows from 0.
  float warmup = 0;
  float decay_rate = 0.1f;        // "step": what the rate is multiplied by,
  float decay_every = 0.34f;      // each time that this share is over
  float schedule_power = 2;       // "polynomial"'s
  float final_learning_rate = 0;  // where "cosine" and "polynomial" end
  // Stops after so many epochs whose validation loss is not the smallest yet,
  // and goes back to the best; 0: never.
  int early_stopping = 0;
  // The share of the training after which batch normalizations keep their
  // moments and work with these; 1: never, 0: from the start; -1: as a step's
  // technique has it by itself, else never.
  float freeze_batch_norm = -1;
  // Steps of recipes start and end as TFMOT's do where ours do better.
  bool tfmot = false;
  // The share of the loss that compares the answers with the teacher's, and the
  // temperature that both are softened by.
  float distill_weight = 0;
  float distill_temperature = 2;
  double validation_split = 0.1;  // the last part of the data is held out
  uint64_t seed = 1;              // of the shuffling
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
  visit("label_smoothing", o.label_smoothing);
  visit("class_weights", o.class_weights);
  visit("optimizer", o.optimizer);
  visit("learning_rate", o.learning_rate);
  visit("momentum", o.momentum);
  visit("nesterov", o.nesterov);
  visit("weight_decay", o.weight_decay);
  visit("clip_norm", o.clip_norm);
  visit("clip_value", o.clip_value);
  visit("schedule", o.schedule);
  visit("warmup", o.warmup);
  visit("decay_rate", o.decay_rate);
  visit("decay_every", o.decay_every);
  visit("schedule_power", o.schedule_power);
  visit("final_learning_rate", o.final_learning_rate);
  visit("early_stopping", o.early_stopping);
  visit("freeze_batch_norm", o.freeze_batch_norm);
  visit("tfmot", o.tfmot);
  visit("distill_weight", o.distill_weight);
  visit("distill_temperature", o.distill_temperature);
  visit("validation_split", o.validation_split);
  visit("seed", o.seed);
  visit("stage", o.stage);
  visit("threads", o.threads, kNoEffect);
  visit("checkpoint", o.checkpoint, kNoEffect);
  visit("label", o.label, kNoEffect);
}

// Whether batch normalizations are frozen at some step, which depends on how
// many there will be.
inline bool FreezesBatchNorms(const TrainOptions& options) {
  return options.freeze_batch_norm >= 0 && options.freeze_batch_norm < 1;
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
  Graph graph;  // parameters and states as trained, of the best epoch if that
                // was asked for
  std::vector<EpochResult> epochs;
  double seconds = 0;
  int64_t steps = 0;            // of the optimizer
  std::vector<double> step_ms;  // each step's time, of those of this call
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
//
// `teacher`: the model whose answers options.distill_weight is for, with the
// same inputs and output; null: none.
TrainResult Train(const Graph& graph, const Dataset& data,
                  const TrainOptions& options, Progress* progress,
                  const Graph* teacher = nullptr);

struct Evaluation {
  double loss = 0;
  double accuracy = 0;  // NaN where the loss compares no labels
  int64_t correct = 0;
};

// The loss that "auto" is: of the kind of probabilities that the first output
// is, and of the data's labels or values. Any other name as it is.
std::string LossFor(const Graph& graph, const Dataset& data,
                    const std::string& name);

// Loss and accuracy of the float graph's first output over all of `data`, by
// options.loss on options.threads.
Evaluation EvaluateFloat(const Graph& graph, const Dataset& data,
                         const TrainOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_TRAINER_H_
