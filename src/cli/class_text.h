// Tables of classes for the terminal: precision and recall, confusions,
// thresholds, the best few answers.
#ifndef LITESMITH_CLI_CLASS_TEXT_H_
#define LITESMITH_CLI_CLASS_TEXT_H_

#include <cstddef>
#include <span>
#include <string>

#include "src/cli/json.h"
#include "src/measure/predictions.h"

namespace litesmith {

// "cat", or the number of a class without a name.
std::string ClassName(std::span<const std::string> names, int label);

// A row a class, and the confusion matrix; of more than 16 classes those
// classes that do worst, and the confusions that are most frequent.
std::string ClassesText(const Predictions& predictions,
                        std::span<const std::string> names);
// A row a threshold, and where false accepts and rejects are equal.
std::string ThresholdsText(const Predictions& predictions, int positive,
                           std::span<const std::string> names);
// The same as "classes", "confusion" and, unless positive is below 0,
// "thresholds" of an object.
void AddClasses(const Predictions& predictions,
                std::span<const std::string> names, int positive,
                OrderedJson* json);

// The `most` largest values with their classes, a line each; shares of a sum of
// 1 in percent.
std::string BestText(std::span<const float> values, size_t most,
                     std::span<const std::string> names);

}  // namespace litesmith

#endif  // LITESMITH_CLI_CLASS_TEXT_H_
