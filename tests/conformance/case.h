// What the conformance run is made of. A case is a small graph around one op;
// `<op>_cases.cc` makes an op's cases, and ops.inc is the one list of them.
// Every test of this folder takes every case through one concern; the oracle
// test tests/oracle/test_ops.py runs the same cases in the real runtimes.
#ifndef LITESMITH_TESTS_CONFORMANCE_CASE_H_
#define LITESMITH_TESTS_CONFORMANCE_CASE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// How a case's gradients are checked. Its values lie on a grid of small
// integers, where every sum is exact in float32 whatever its order, and no kink
// (of an activation, a maximum, a rounding) is nearer than `step`. In between
// the ops are linear in each single value, so that central differences are not
// an approximation: they equal the gradient.
struct Gradient {
  float step = 1.0f / 16;
  // The gradient of input 0 is that of the output, though the op rounds or
  // masks: an estimator, not a derivative.
  bool straight_through = false;
  // The other inputs' gradient is the derivative divided by this.
  double divisor = 1;
  // Of ops that are not linear in between, or whose results are rounded: how
  // far gradients may be from differences, relative to 1 or the gradient. Kinks
  // are the case's own care then.
  double tolerance = 0;
};

struct Case {
  std::string name;  // unique, and a file's name
  // A graph with shapes to be inferred. Values come from the generator only.
  std::function<Graph(Rng*)> build;
  // Fills a float input, samples one after another; if not set, the values are
  // uniform in [-1, 1). Integers always cover the whole range of their type.
  std::function<void(Rng*, std::span<float>)> fill;
  // Integers of 16 bits and more that are inputs are 0 .. index_limit - 1; 0:
  // as said above.
  int index_limit = 0;
  // Why the runtime refuses the case's file, or computes something else. Empty:
  // it agrees with our reference kernels.
  std::string litert_fails;
  std::string tflm_fails;
  // Floats come from functions of the runtime's own: they are compared as sums
  // of floats are.
  bool own_functions = false;
  // The file names a batch of one; other runtimes run it sample by sample.
  bool fixed_batch = false;
  std::optional<Gradient> gradient;  // not set: not a case for gradients
  // Of the size that the op has in a real network (mnist-cnn, ResNet-8,
  // DS-CNN): bench/op_bench times every kernel row that fits.
  bool timed = false;
};

// Whether no row before has the same dtype: to be timed, one is enough.
template <typename Rows, typename Row>
bool IsFirstOfType(const Rows& rows, const Row& row) {
  for (const auto& other : rows) {
    if (other.dtype == row.dtype) return &other == &row;
  }
  return false;
}

class GraphBuilder;

// Models of one op and one type that are drawn at random, as many as one likes:
// shapes, attributes, broadcasting, degenerate sizes, scales. Real runtimes are
// compared with us (tests/oracle/test_random_ops.py).
struct RandomKind {
  std::string name;  // of the type: "s8", "f32"
  // Draws from the builder's generator; inputs of fixed shapes.
  std::function<Graph(GraphBuilder*)> build;
  std::string litert_fails;  // as of a Case
  std::string tflm_fails;
};

// The cases of one op, or with a null op of graphs of several.
struct CaseFile {
  std::string name;  // the op's, in small letters
  const OpDef* op;
  std::vector<Case> (*make)();
  std::vector<RandomKind> (*random)();
};

// The cases of each op, then those of fusions.
std::span<const CaseFile> CaseFiles();

// Every op of ops.inc has a function of this form; one that is missing does not
// link.
#define LITESMITH_OP(name)         \
  std::vector<Case> name##Cases(); \
  std::vector<RandomKind> name##Random();
#include "src/ops/ops.inc"
#undef LITESMITH_OP
std::vector<Case> FusionCases();

// So many cases of each of the op's random kinds.
std::vector<Case> RandomCases(const CaseFile& file, int count);

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_CASE_H_
