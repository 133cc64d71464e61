// What users should know of their data and model before anything takes long.
// Nothing here is an error: each is a warning that says what, where, and what
// would do.
#ifndef LITESMITH_MEASURE_DATA_CHECKS_H_
#define LITESMITH_MEASURE_DATA_CHECKS_H_

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"

namespace litesmith {

// Of the samples alone: classes without samples or with less than a tenth of
// another's, and samples of the test half that are in the training half, too:
// of any size in memory, of folders by what is in their files. `test` may be
// null.
void CheckSamples(const Dataset& train, const Dataset* test);

// Of a model that is to be trained: outputs behind the first, which alone is,
// that have targets.
void CheckTrained(const Graph& graph, const Dataset& data);

// Of a trained model on some samples, by running it on at most 256 of them:
// fewer classes than it has values, an output that is the same for all, and
// answers no better than chance that are much better with inputs of another
// range, which the model was probably trained with. The metric is one that
// ChooseMetric gives.
void CheckModel(const Graph& graph, const Dataset& data,
                const EvaluateOptions& options);
// Likewise of each output that is judged; the options' metric may be several,
// as ChooseMetrics takes them.
void CheckOutputs(const Graph& graph, const Dataset& data,
                  const EvaluateOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_DATA_CHECKS_H_
