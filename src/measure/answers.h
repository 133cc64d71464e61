// What a file answers to every sample of labelled data: its mistakes.
#ifndef LITESMITH_MEASURE_ANSWERS_H_
#define LITESMITH_MEASURE_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"

namespace litesmith {

// The answer to a sample: the class of the largest value.
struct Answer {
  int64_t label = 0;
  int64_t given = 0;
  double margin = 0;  // of the given class's value over the label's
};

struct Answers {
  int64_t classes = 0;
  std::vector<Answer> samples;  // in the data's order

  // How often a label (row) got an answer (column): [classes * classes].
  std::vector<int64_t> Confusion() const;
  // Samples that are wrong, the surest first, at most so many.
  std::vector<int64_t> SurestWrong(size_t most) const;
};

// Whether the output's target is a label, and the output has a value for each
// class, or one for two classes.
bool AnswersLabels(const Graph& graph, const Dataset& data, size_t output);

// EvaluateGraph that also tells the answers of the options' output, in one run.
// AnswersLabels holds.
Score EvaluateAnswers(const Graph& graph, const Dataset& data,
                      const EvaluateOptions& options, Answers* answers);

// A sample's first input as a PNG in base64, if it is a picture of one or three
// channels ([h, w] or [h, w, channels], at most 64 by 64 after leaving out
// pixels); else empty. Values other than bytes are spread from the sample's
// smallest to its largest.
std::string PictureOf(const Dataset& data, int64_t sample);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_ANSWERS_H_
