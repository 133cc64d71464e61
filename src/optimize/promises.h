// What a recipe promises about the weights of its result, and whether the
// numbers of an exported file keep it (DESIGN section 4). A kind of promise is
// a struct here and the function in promises.cc that checks it; techniques make
// and break them.
#ifndef LITESMITH_OPTIMIZE_PROMISES_H_
#define LITESMITH_OPTIMIZE_PROMISES_H_

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "src/base/fields.h"
#include "src/graph/graph.h"

namespace litesmith {

// So many weights of a tensor are zero, at least.
struct ZerosPromise {
  int64_t at_least;
};

// Zeros in every group of `size` neighbours along the input channels.
struct GroupsPromise {
  int zeros;
  int size;
};

// At most so many distinct values in a slice. A slice is a channel where they
// were trained so or channels have a scale each, else the tensor.
struct ClustersPromise {
  int at_most;
  bool per_channel = false;
};

using Promise = std::variant<ZerosPromise, GroupsPromise, ClustersPromise>;

// By the name of the weight tensor, which is all that a file keeps of it.
using Promises = std::map<std::string, std::vector<Promise>>;

// The promise of that kind, or null.
template <typename Kind>
Kind* FindPromise(std::vector<Promise>* promises) {
  for (Promise& promise : *promises) {
    if (auto* kind = std::get_if<Kind>(&promise)) return kind;
  }
  return nullptr;
}

template <typename Kind>
void DropPromise(std::vector<Promise>* promises) {
  std::erase_if(*promises, [](const Promise& promise) {
    return std::holds_alternative<Kind>(promise);
  });
}

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
// Throws Error{invariant} for a promised tensor that the file does not have.
std::vector<Invariant> CheckPromises(const Graph& exported,
                                     const Promises& promises);

// The broken ones among them, "\n  prune uint8 'dense/kernel': 9 clusters, 8
// promised" for each, with `file` in front; empty if all hold.
std::string BrokenPromises(const std::string& file,
                           const std::vector<Invariant>& invariants);
// Throws Error{invariant} with that text unless it is empty.
void RequireKept(const std::string& broken);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_PROMISES_H_
