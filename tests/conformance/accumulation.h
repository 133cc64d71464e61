// How far two float results may lie apart that differ in nothing but the order
// of their sums.
#ifndef LITESMITH_TESTS_CONFORMANCE_ACCUMULATION_H_
#define LITESMITH_TESTS_CONFORMANCE_ACCUMULATION_H_

#include <gtest/gtest.h>

#include "src/graph/graph.h"
#include "tests/conformance/run.h"

namespace litesmith {

// Whether some layer sums floats. In all other graphs results are the same bit
// for bit (hybrid layers sum integers).
bool SumsFloats(const Graph& graph);

// A bound for each value of each float32 tensor of a bound graph, from every
// tensor's values (RunByNode). 0 before the first layer that sums floats.
//
// A sum of n products of float32, in any order and with or without fused
// multiply-adds, is within n * u * sum |w * x| of the true one (u = 2^-24, n of
// the order of 10^3 at most; Higham 2002, section 3.1). The sum of magnitudes
// is what the layer gives for the magnitudes of its inputs, without activation;
// fed to the nodes behind, it carries the error through them. Two results may
// both be off, in opposite directions.
Arrays AccumulationBounds(const Graph& bound, const Arrays& values, int batch);

// |got - want| <= bounds, all float32.
testing::AssertionResult WithinBounds(const Tensor& tensor,
                                      const TensorData& got,
                                      const TensorData& want,
                                      const TensorData& bounds);

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_ACCUMULATION_H_
