// Options of calibration, and the ranges that it finds.
#include "src/cli/calibration.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/options.h"
#include "src/data/sources.h"
#include "src/data/views.h"
#include "src/models/model_data.h"

namespace litesmith {

void AddCalibration(CLI::App* verb, CalibrationOptions* options) {
  verb->add_option("--calibration", options->data,
                   "Data whose training half shows the ranges: digits, "
                   "mnist:DIR, npz:FILE, images:DIR, ...")
      ->type_name("SPEC");
  AddReading(verb, &options->reading);
  AddNumber<int64_t>(verb, "--calibration-samples", &options->samples,
                     "How many of the first training samples", {.low = 1});
  AddNumber<uint64_t>(verb, "--calibration-seed", &options->seed,
                      "Draw them from all training samples by this seed, of "
                      "all classes alike, instead of the first");
}

Ranges FindRanges(const Graph& graph, const std::string& file,
                  const Method& method, const CalibrationOptions& options,
                  const CLI::App& verb) {
  if (method.scheme == nullptr || !NeedsRanges(graph, *method.scheme))
    return {};
  if (options.data.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "{} needs the ranges of activations, and {} has none; give "
         "--calibration SPEC, data whose training half shows them (digits, "
         "mnist:DIR, npz:FILE)",
         method.name, file);
  }
  const DataSplits data =
      LoadData(options.data, ContextFor(graph, options.reading));
  if (verb.get_option("--calibration-samples")->count() > 0 &&
      options.samples > data.train.size) {
    Warn("--calibration-samples {}: {} has {}, which are all taken",
         options.samples, options.data,
         Counted(data.train.size, "training sample"));
  }
  const bool drawn = verb.get_option("--calibration-seed")->count() > 0;
  DatasetPtr samples = data.train.Open(drawn ? 0 : options.samples);
  if (drawn) {
    samples =
        Pick(samples, DrawOverClasses(*samples, options.samples, options.seed));
  }
  return Calibrate(graph, *samples, options.samples);
}

}  // namespace litesmith
