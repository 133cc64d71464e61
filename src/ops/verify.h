// What a graph must be before it is trained, converted or run: checked where it
// enters each of them, so that what is wrong is named in the user's words and
// not found by a missing kernel deep in a plan.
#ifndef LITESMITH_OPS_VERIFY_H_
#define LITESMITH_OPS_VERIFY_H_

#include <cstdint>

#include "src/graph/graph.h"

namespace litesmith {

enum class Stage : uint8_t {
  // A trainable parameter lies before the first output, and all between the two
  // has a gradient; parameters and weights are finite float32; nothing is of
  // reduced precision.
  kTraining,
  // A plain float model: nothing is of reduced precision, no training-only op
  // is left, weights are finite.
  kFloat,
  // Has outputs, only the batch is open, and every op can run. It may have any
  // types, and training-only ops: training validates itself with them.
  kInference,
};

// Throws Error naming node, tensor and rule if the graph breaks a rule of the
// stage, or one of all stages: VerifyStructure, VerifyNames.
void Verify(const Graph& graph, Stage stage);

}  // namespace litesmith

#endif  // LITESMITH_OPS_VERIFY_H_
