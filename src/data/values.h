// Single values of samples: for messages, tests and tables. What is done to
// every value of every sample is runtime/feeder.h's.
#ifndef LITESMITH_DATA_VALUES_H_
#define LITESMITH_DATA_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/data/dataset.h"

namespace litesmith {

// The number stored at `at`; bool is 0 or 1.
double StoredNumber(DType dtype, const std::byte* at);

// What a stored number of that channel stands for; of a tensor-wide Affine any
// channel is the first.
float RealValue(const Affine& real, size_t channel, double stored);

// What all numbers of field `f` of a sample stand for. Throws what Read does.
std::vector<float> RealValues(const Dataset& data, size_t f, int64_t index);

// The sample's label: the first number of a target.
int64_t LabelOf(const Dataset& data, int64_t index, size_t target = 0);

}  // namespace litesmith

#endif  // LITESMITH_DATA_VALUES_H_
