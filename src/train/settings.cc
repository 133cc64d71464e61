// The list of settings.
#include "src/train/settings.h"

#include <fmt/core.h>

namespace litesmith {
namespace {

constexpr SettingRange kShare = {.high = 1};  // [0, 1)
constexpr SettingRange kUpToOneOrOpen = {
    .low = -1, .high = 1, .below_high = false};
constexpr SettingRange kUpToOne = {.high = 1, .below_high = false};
constexpr SettingRange kAboveZero = {.above_low = true};
constexpr SettingRange kPart = {
    .high = 1, .above_low = true, .below_high = false};  // (0, 1]

constexpr TrainSetting kSettings[] = {
    {.name = "label_smoothing",
     .help = "The share of a label that all classes get alike",
     .number = &TrainOptions::label_smoothing,
     .range = kShare},
    {.name = "class_weights",
     .help = "How much a sample of each class counts, by commas, or "
             "\"balanced\": more as the class is rarer",
     .text = &TrainOptions::class_weights},
    {.name = "momentum",
     .help = "What sgd keeps of its last step",
     .number = &TrainOptions::momentum,
     .range = kShare,
     .optimizer = "sgd"},
    {.name = "nesterov",
     .help = "sgd's momentum looks ahead",
     .flag = &TrainOptions::nesterov,
     .optimizer = "sgd"},
    {.name = "weight_decay",
     .help = "How much adamw's weights shrink, times the rate",
     .number = &TrainOptions::weight_decay,
     .range = {},
     .optimizer = "adamw"},
    {.name = "clip_norm",
     .help = "The largest norm of a step's gradient; 0: any",
     .number = &TrainOptions::clip_norm,
     .range = {}},
    {.name = "clip_value",
     .help = "The largest size of a number of the gradient; 0: any",
     .number = &TrainOptions::clip_value,
     .range = {}},
    {.name = "warmup",
     .help = "The share of the steps in which the rate grows from 0",
     .number = &TrainOptions::warmup,
     .range = kShare},
    {.name = "decay_rate",
     .help = "What schedule step multiplies the rate by",
     .number = &TrainOptions::decay_rate,
     .range = kPart,
     .schedules = "step"},
    {.name = "decay_every",
     .help = "After which share of the steps it does, each time",
     .number = &TrainOptions::decay_every,
     .range = kPart,
     .schedules = "step"},
    {.name = "schedule_power",
     .help = "Of schedule polynomial",
     .number = &TrainOptions::schedule_power,
     .range = kAboveZero,
     .schedules = "polynomial"},
    {.name = "final_learning_rate",
     .help = "Where schedules cosine and polynomial end",
     .number = &TrainOptions::final_learning_rate,
     .range = {},
     .schedules = "auto,cosine,polynomial"},
    {.name = "early_stopping",
     .help = "Stop after so many epochs without a smaller validation loss, and "
             "go back to the best; 0: never",
     .whole = &TrainOptions::early_stopping},
    {.name = "freeze_batch_norm",
     .help = "The share of the training after which batch normalizations keep "
             "their moments; 0 from the start, 1 never, -1 as the step is: in "
             "quantization-aware ones the last third, else never",
     .number = &TrainOptions::freeze_batch_norm,
     .range = kUpToOneOrOpen},
    {.name = "tfmot",
     .help = "Quantization-aware steps as TFMOT does them: activation ranges "
             "start from -6 to 6, and moments follow the batches to the end",
     .flag = &TrainOptions::tfmot},
    {.name = "distill_weight",
     .help = "The share of the loss that compares with the teacher's answers",
     .number = &TrainOptions::distill_weight,
     .range = kUpToOne},
    {.name = "distill_temperature",
     .help = "What both sides' logits are divided by for that",
     .number = &TrainOptions::distill_temperature,
     .range = kAboveZero},
};

}  // namespace

std::span<const TrainSetting> TrainSettings() { return kSettings; }

std::string TrainingText(const TrainOptions& options) {
  const TrainOptions usual;
  std::string text;
  const auto add = [&](const TrainSetting& row, const auto& value,
                       const auto& of_usual) {
    if (value == of_usual) return;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", row.name, value);
  };
  for (const TrainSetting& row : kSettings) {
    if (row.number == &TrainOptions::momentum) continue;
    if (row.number != nullptr) add(row, options.*row.number, usual.*row.number);
    if (row.whole != nullptr) add(row, options.*row.whole, usual.*row.whole);
    if (row.flag != nullptr) add(row, options.*row.flag, usual.*row.flag);
    if (row.text != nullptr) add(row, options.*row.text, usual.*row.text);
  }
  return text;
}

std::string RangeText(const SettingRange& range) {
  std::string text = fmt::format(
      "one {} {}", range.above_low ? "above" : "of at least", range.low);
  if (std::isfinite(range.high)) {
    text += fmt::format(" and {} {}", range.below_high ? "below" : "at most",
                        range.high);
  }
  return text;
}

}  // namespace litesmith
