// A case as numbers: its graph, its inputs, and what they give.
#ifndef LITESMITH_TESTS_CONFORMANCE_RUN_H_
#define LITESMITH_TESTS_CONFORMANCE_RUN_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/runtime/interpreter.h"
#include "tests/conformance/case.h"

namespace litesmith {

// Tensors' bytes, each of exactly its size, so that a sanitizer sees its ends.
using Arrays = std::vector<TensorData>;

// Of every random value; main.cc sets it.
void SetSeed(uint64_t seed);
uint64_t Seed();

// The same graph and inputs at each call. `draw` counts other draws of both.
Graph GraphOf(const Case& c, int draw = 0);
// `batch`, or kAsWritten where no input has an open dimension: such a graph
// runs at its own shapes and is not cut into samples.
int CaseBatch(const Graph& graph, int batch);
// Inputs of `batch` samples, or of the graph's own shapes; the first samples of
// a larger batch are not those of a smaller one.
Arrays InputsOf(const Case& c, const Graph& graph, int batch, int draw = 0);

// The outputs of one call at the interpreter's largest batch, or at a smaller.
Arrays Invoke(Interpreter* interpreter, const Arrays& inputs, int batch);
Arrays RunGraph(const Graph& graph, const Arrays& inputs,
                const InterpreterOptions& options);

// Whether two tensors hold the same values: integers the same bytes, floats
// equal numbers. The message names the first difference.
testing::AssertionResult SameValues(const Tensor& tensor, const TensorData& got,
                                    const TensorData& want);

// For GoogleTest's messages.
inline void PrintTo(const CaseFile& file, std::ostream* out) {
  *out << file.name;
}

// The test of every op, one parameter an op.
class Conformance : public testing::TestWithParam<CaseFile> {
 protected:
  // Calls body for each of the op's cases; failures name case and seed.
  template <typename Body>
  void ForEachCase(const Body& body) {
    for (const Case& c : GetParam().make()) {
      SCOPED_TRACE("case " + c.name + ", --seed " + std::to_string(Seed()));
      body(c);
    }
  }
};

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_RUN_H_
