// Settings as options.
#include "src/study/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "src/models/models.h"
#include "src/study/report/html.h"
#include "src/train/trainer.h"

namespace litesmith {

std::string StudyCommand(const StudySettings& s) {
  std::string text = fmt::format("litesmith study --model {} --data {}",
                                 ShellWord(s.model), ShellWord(s.data));
  // The file of recipes may say other options than these, too.
  const bool all = s.flags.find("--config ") != std::string::npos;
  const auto add = [&](const char* name, const auto& value,
                       const auto& standard) {
    if (all || value != standard)
      text +=
          fmt::format(" --{} {}", name, ShellWord(fmt::format("{}", value)));
  };
  const TrainOptions usual;
  // What a built-in model is trained with where the options do not say.
  TrainOptions of_model;
  if (IsBuiltin(s.model) && FindBuiltin(s.model).train != nullptr)
    FindBuiltin(s.model).train(&of_model);
  add("seed", s.seed, usual.seed);
  add("epochs", s.epochs, of_model.epochs);
  add("batch", s.batch, of_model.batch);
  add("learning-rate", s.learning_rate, usual.learning_rate);
  add("validation-split", s.validation_split, usual.validation_split);
  add("loss", s.asked_loss, std::string("auto"));
  add("optimizer", s.optimizer, usual.optimizer);
  if (s.momentum != usual.momentum) add("momentum", s.momentum, -1.0f);
  add("schedule", s.schedule, of_model.schedule);
  add("metric", s.asked_metric, std::string("auto"));
  add("limit", s.limit, int64_t{0});
  add("calibration-seed", s.calibration_seed, uint64_t{0});
  if (s.trained) text += " --trained";
  if (!s.flags.empty()) text += " " + s.flags;
  // "label_smoothing=0.1 nesterov=true": as on the command line.
  for (std::string_view rest = s.training; !rest.empty();) {
    const std::string_view each = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), each.size() + 1));
    std::string name(each.substr(0, each.find('=')));
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string_view value =
        each.substr(std::min(each.size(), name.size() + 1));
    text += value == "true" ? fmt::format(" --{}", name)
                            : fmt::format(" --{} {}", name, ShellWord(value));
  }
  return text;
}

}  // namespace litesmith
