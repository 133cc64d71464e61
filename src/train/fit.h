// Whether the targets of samples and a model's output belong together: one
// check for training, for its validation and for the evaluation of files.
#ifndef LITESMITH_TRAIN_FIT_H_
#define LITESMITH_TRAIN_FIT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith {

// What a loss or a metric compares an output with.
enum class TargetKind : uint8_t {
  kLabels,  // one of the classes, for each of which the output has a value
  kValues,  // a value for each of the output's
  // Whether a sample is not of class 0: a label, of which the output has a
  // value for each or one in all; or as many values of 0 and 1 as the output.
  kBinary,
  // A label beside an output that is compared with the first input.
  kInput,
};

// `output` is a model's, its first dimension the batch; it is compared with
// target `target`. Throws Error{invalid argument} if the data has no such one,
// saying who wants it ("loss mse"). Labels: if the output is no list of values,
// or the data has more classes than it; then it names a sample whose label
// shows it. Values: if there are more or fewer than the output's.
void RequireFit(TargetKind kind, const Tensor& output, const Dataset& data,
                size_t target, std::string_view who);

// What a target of a sample is made to be compared: int32 or float32,
// [?, values].
Tensor TargetTensor(TargetKind kind, const Dataset& data, size_t target);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_FIT_H_
