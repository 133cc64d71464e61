// A comparison of two files as one page that opens from disk: no script, no
// address of the web.
#ifndef LITESMITH_STUDY_COMPARE_PAGE_H_
#define LITESMITH_STUDY_COMPARE_PAGE_H_

#include <span>
#include <string>
#include <vector>

#include "src/measure/compare.h"

namespace litesmith {

// The page's bytes. What comes from files is text in it, never markup. `data`
// is the SPEC.
std::string ComparePage(const Comparison& comparison, const std::string& data);

// Worst first: by signal to noise, those that do not differ last.
std::vector<const TensorNoise*> WorstFirst(
    std::span<const TensorNoise> tensors);

// "McNemar's test: ...": in words what the counts say. Empty without counts.
std::string ChanceText(const ComparedOutput& output);

// "accuracy", "mse": what an output's value is; of others than the first with
// its name.
std::string ValueName(const ComparedOutput& output, bool first);

// "12.3 dB", or "exact".
std::string NoiseText(const TensorNoise& tensor);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_COMPARE_PAGE_H_
