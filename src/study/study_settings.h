// What all results of one call of the study share, and the folder that results
// of other settings get: the first settings of a run directory have the
// directory itself, others a folder named by what differs.
#ifndef LITESMITH_STUDY_STUDY_SETTINGS_H_
#define LITESMITH_STUDY_STUDY_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "src/base/fields.h"

namespace litesmith {

struct StudySettings {
  uint64_t seed = 0;
  std::string data;         // as it was given: "mnist:DIR"
  std::string data_digest;  // of all samples and labels
  std::string model;        // as it was given: "mnist-cnn"
  std::string model_digest;
  int64_t limit = 0;
  int epochs = 0;
  int batch = 0;
  float learning_rate = 0;
  double validation_split = 0;
  // What older builds, which say nothing of these, had.
  std::string loss = "sparse_categorical_crossentropy";
  std::string optimizer = "adam";
  float momentum = 0.9f;
  std::string schedule = "constant";
  std::string metric = "top1";    // of the first output
  std::string further_metrics;    // of the other outputs, by commas
  std::string training;           // what else was asked for (train/settings.h)
  uint64_t calibration_seed = 0;  // 0: the first samples
  bool trained = false;           // the model is trained: `none` trains nothing
  // As they were given, where loss and metric say what came of it.
  std::string asked_loss = "auto";
  std::string asked_metric = "auto";
  // What else a command line needs to come to the same: "--config my.toml".
  std::string flags;
};

template <FieldsOf<StudySettings> Settings, typename Visit>
void VisitFields(Settings& s, Visit&& visit) {
  visit("seed", s.seed);
  visit("data", s.data, kNoEffect);  // the digest says which
  visit("data_digest", s.data_digest);
  visit("model", s.model, kNoEffect);
  visit("model_digest", s.model_digest);
  visit("limit", s.limit);
  visit("epochs", s.epochs);
  visit("batch", s.batch);
  visit("learning_rate", s.learning_rate);
  visit("validation_split", s.validation_split);
  visit("loss", s.loss);
  visit("optimizer", s.optimizer);
  visit("momentum", s.momentum);
  visit("schedule", s.schedule);
  visit("metric", s.metric);
  visit("further_metrics", s.further_metrics);
  visit("training", s.training);
  visit("calibration_seed", s.calibration_seed);
  visit("trained", s.trained);
  visit("asked_loss", s.asked_loss, kNoEffect);
  visit("asked_metric", s.asked_metric, kNoEffect);
  visit("flags", s.flags, kNoEffect);
}

// Keeps the settings of a folder's results, for people and for later calls.
inline constexpr char kSettingsFile[] = "study.json";

// Nothing if there is no such file. Throws Error{corrupt}.
std::optional<StudySettings> ReadSettings(const std::string& path);
void WriteSettings(const StudySettings& settings, const std::string& path);

// "seed-2", "limit-300-epochs-1", "data-digits-1a2b3c": what of `settings` is
// not as in `first`; empty if they give the same results.
std::string SettingsName(const StudySettings& settings,
                         const StudySettings& first);

// The folder below `directory` for results of these settings, relative to it:
// empty for the directory itself. Writes nothing. Throws Error{corrupt} for a
// settings file that is none.
std::string SettingsFolder(const std::string& directory,
                           const StudySettings& settings);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_STUDY_SETTINGS_H_
