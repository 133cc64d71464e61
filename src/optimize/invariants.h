// What a recipe promises about the weights of its result, and whether the
// numbers of an exported file keep it (DESIGN section 4).
#ifndef LITESMITH_OPTIMIZE_INVARIANTS_H_
#define LITESMITH_OPTIMIZE_INVARIANTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/graph/graph.h"
#include "src/optimize/recipes.h"

namespace litesmith {

// Of one weight tensor; 0 where nothing is promised.
struct Promise {
  int64_t zeros = 0;         // at least
  int clusters = 0;          // at most so many distinct values a slice
  bool per_channel = false;  // a slice is a channel where values are floats
  // Zeros in every group of so many neighbours along the input channels.
  int group_zeros = 0;
  int group_size = 0;
};

// By weight tensor's name.
using Promises = std::map<std::string, Promise>;

// What holds after one more step of `steps` optimizer steps on the graph: a
// step breaks whatever it does not preserve.
Promises PromisesAfter(const Graph& graph, const RecipeStep& step,
                       int64_t steps, const Promises& before);

// A promise checked on the numbers of an exported file.
struct Invariant {
  std::string name;    // "zeros", "groups", "clusters", "narrow_range"
  std::string tensor;  // which weights
  double value = 0;    // what the file has
  double limit = 0;    // zeros: at least; others: at most
  bool ok = true;
};

template <FieldsOf<Invariant> Row, typename Visit>
void VisitFields(Row& row, Visit&& visit) {
  visit("name", row.name);
  visit("tensor", row.tensor);
  visit("value", row.value);
  visit("limit", row.limit);
  visit("ok", row.ok);
}

// The promises on the graph of an exported file, the worst slice of each
// tensor, and for integer weights that they are in [-127, 127] around zero.
// A slice is a channel where clusters were trained per channel or channels have
// a scale each, else the tensor. Throws Error{invariant} for a promised tensor
// that the file does not have.
std::vector<Invariant> CheckInvariants(const Graph& exported,
                                       const Promises& promises);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_INVARIANTS_H_
