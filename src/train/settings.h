// What a training may be told beside its epochs, batch, loss, optimizer, rate
// and schedule: one row a setting. The command line, TOML files and the check
// of TrainOptions read the rows.
#ifndef LITESMITH_TRAIN_SETTINGS_H_
#define LITESMITH_TRAIN_SETTINGS_H_

#include <cmath>
#include <span>
#include <string>

#include "src/train/trainer.h"

namespace litesmith {

// The numbers that a setting takes: low to high, without the ends that are
// open.
struct SettingRange {
  float low = 0;
  float high = INFINITY;
  bool above_low = false;
  bool below_high = true;

  bool Has(float value) const {
    return (above_low ? value > low : value >= low) &&
           (below_high ? value < high : value <= high);
  }
};

// Member of TrainOptions: exactly one of the pointers is set.
struct TrainSetting {
  const char* name;  // "label_smoothing"; --label-smoothing
  const char* help;
  float TrainOptions::*number = nullptr;
  SettingRange range = {};
  int TrainOptions::*whole = nullptr;
  bool TrainOptions::*flag = nullptr;
  std::string TrainOptions::*text = nullptr;
  // The optimizer or the schedules, by commas, that it is for; null: any.
  const char* optimizer = nullptr;
  const char* schedules = nullptr;
};

std::span<const TrainSetting> TrainSettings();

// "label_smoothing=0.1 clip_norm=1": the settings that are not as usual, but
// for the momentum, which has always had a place of its own.
std::string TrainingText(const TrainOptions& options);

// "one from 0 to 1", "one above 0": what a number of this range is.
std::string RangeText(const SettingRange& range);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_SETTINGS_H_
