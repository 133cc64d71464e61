// Where a model's activations lie in memory, and for how long: what a
// microcontroller needs beside the file.
#ifndef LITESMITH_MEASURE_MEMORY_H_
#define LITESMITH_MEASURE_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/graph/graph.h"

namespace litesmith {

// One activation (or several that are the same bytes: RESHAPE's input and
// output), alive from operator `first` to operator `last`, both included.
struct TensorLife {
  std::string name;
  int64_t bytes = 0;
  int64_t offset = 0;  // in the arena
  int64_t first = 0;
  int64_t last = 0;
};

template <FieldsOf<TensorLife> Life, typename Visit>
void VisitFields(Life& life, Visit&& visit) {
  visit("name", life.name);
  visit("bytes", life.bytes);
  visit("offset", life.offset);
  visit("first", life.first);
  visit("last", life.last);
}

struct MemoryPlan {
  int64_t arena_bytes = 0;
  std::vector<std::string> operators;  // "CONV_2D", in their order
  std::vector<TensorLife> tensors;
};

template <FieldsOf<MemoryPlan> Plan, typename Visit>
void VisitFields(Plan& plan, Visit&& visit) {
  visit("arena_bytes", plan.arena_bytes);
  visit("operators", plan.operators);
  visit("tensors", plan.tensors);
}

// The activations of one sample, as written in the file: no fusions, largest
// first at the lowest free place (runtime/arena.h), as TFLite's planners do.
// Workspace of kernels and the runtime's own structures are not counted. Throws
// Error if the graph cannot be bound to one sample.
MemoryPlan PlanMemory(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_MEMORY_H_
