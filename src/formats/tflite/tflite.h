// .tflite files: bytes <-> Graph (specs/tflite.md section 1).
#ifndef LITESMITH_FORMATS_TFLITE_TFLITE_H_
#define LITESMITH_FORMATS_TFLITE_TFLITE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Verifies the bytes before use and reads the subgraph of the signature of this
// key, or without one the first. The float weights and biases of layers become
// parameters, other constants kConstant tensors. Where a file cannot leave a
// bias out (TfliteFacts::needs_bias), one of zeros is read as none. `where`
// names the file in errors. Throws Error{corrupt}, Error{unsupported}, or
// Error{invalid argument} for an unknown key.
Graph ReadTflite(std::span<const std::byte> bytes, const std::string& where,
                 const std::string& signature = {});
// The first subgraph of any valid file, to be looked at: operators that are not
// known have their name, inputs and outputs, and shapes are the file's.
Graph ReadTfliteToLookAt(std::span<const std::byte> bytes,
                         const std::string& where);

// One subgraph, one signature `serving_default`, a symbolic batch as a shape
// signature beside the shapes at a batch of one; the same graph always gives
// the same bytes. What acts in training only is left out; a float layer that a
// file holds only with a bias gets one of zeros. Throws Error{unsupported} for
// a node that no file can hold, and what InferShapes does for a graph that one
// sample cannot pass.
std::vector<std::byte> WriteTflite(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_TFLITE_H_
