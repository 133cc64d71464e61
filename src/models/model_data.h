// What a model says about the data that it wants: for what a SPEC leaves open.
#ifndef LITESMITH_MODELS_MODEL_DATA_H_
#define LITESMITH_MODELS_MODEL_DATA_H_

#include "src/data/sources.h"
#include "src/graph/graph.h"

namespace litesmith {

// The context with the model's first input filled in. An input is taken to be
// bytes of 0 to 255 if what reads it brings numbers of that size to a range
// around 1 first (Keras's Rescaling and Normalization layers), or if it is of
// integers whose scale reaches that far.
DataContext ContextFor(const Graph& model, DataContext context);

}  // namespace litesmith

#endif  // LITESMITH_MODELS_MODEL_DATA_H_
