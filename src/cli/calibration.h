// The ranges of activations that a verb was asked to find.
#ifndef LITESMITH_CLI_CALIBRATION_H_
#define LITESMITH_CLI_CALIBRATION_H_

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "src/data/sources.h"
#include "src/quant/convert.h"
#include "src/study/methods.h"

namespace litesmith {

struct CalibrationOptions {
  std::string data;
  DataContext reading;
  int64_t samples = 100;
  uint64_t seed = 1;  // of which samples, where it is given
};

void AddCalibration(CLI::App* verb, CalibrationOptions* options);

// Of the graph that `file` holds; empty where the method needs none. Throws
// Error{invalid argument} where it does and there are no data.
Ranges FindRanges(const Graph& graph, const std::string& file,
                  const Method& method, const CalibrationOptions& options,
                  const CLI::App& verb);

}  // namespace litesmith

#endif  // LITESMITH_CLI_CALIBRATION_H_
