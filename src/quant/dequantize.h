// What numbers a graph is made of, and the way back to float32.
#ifndef LITESMITH_QUANT_DEQUANTIZE_H_
#define LITESMITH_QUANT_DEQUANTIZE_H_

#include <cstdint>
#include <string>

#include "src/graph/graph.h"

namespace litesmith {

enum class Numbers : uint8_t {
  kFloat,        // float32 throughout
  kHalf,         // float16 constants, widened when they are read
  kPairs,        // float, each value through a QUANTIZE and a DEQUANTIZE
  kDynamic,      // float activations, integer weights
  kFullInteger,  // integer activations
};

// By types and ops, not by who wrote it.
Numbers NumbersOf(const Graph& graph);

// In words: "a full-integer model (int8 activations; input uint8, output
// uint8)".
std::string DescribeNumbers(const Graph& graph);

// float16 constants as float32, without the DEQUANTIZE behind them: the same
// values. Weights and biases of layers become parameters. Tensors keep their
// ids; what nobody reads any more stays behind, unread.
Graph WidenHalves(const Graph& graph);

// Everything as float32: integers times their scales, biases too, without
// QUANTIZE and DEQUANTIZE; inputs, activations and outputs float32. Also widens
// halves. Constants without a scale (shapes) stay. Weights that a QUANTIZE
// reads take the values that it gives them. Tensors keep their ids. Throws
// Error{unsupported} naming an integer tensor of a layer without a scale.
Graph Dequantize(const Graph& graph);

// Throws Error{invalid argument} that says what the graph is, unless it is
// kFloat. `advice` goes behind, such as what option would do.
void RequireFloat(const Graph& graph, const std::string& advice);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_DEQUANTIZE_H_
