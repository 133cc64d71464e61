// Keras HDF5 files (.h5): bytes <-> Graph. Written in the Keras 2 dialect
// without training_config; read in both dialects. Layouts are transposed here
// and nowhere else: Keras HWIO and [in, out], the graph OHWI and [out, in].
#ifndef LITESMITH_FORMATS_KERAS_KERAS_H5_H_
#define LITESMITH_FORMATS_KERAS_KERAS_H5_H_

#include <string>

#include "src/graph/graph.h"

namespace litesmith {

// Reads a model through a helper process with limits on time and memory, so
// that a damaged file cannot harm this one. Weights become kParameter tensors
// called '<layer>/kernel' and '<layer>/bias'. Where the file holds a graph of
// ours (see below), that one is returned.
// Throws Error{not found, io, corrupt, unsupported} naming layer and file.
Graph ReadKerasH5(const std::string& path);

// Writes the float graph atomically, reproducibly; with the graph itself (see
// below) where its weights have other names than Keras would give them. Throws
// Error{unsupported} for a node that has no Keras layer, training ops included;
// Error{io}.
void WriteKerasH5(const Graph& graph, const std::string& path);

// The same, with `full` (null: none) in the root group `litesmith`, which Keras
// ignores and ReadKerasH5 prefers: the graph with its training ops and states,
// of which `plain` is what remains once they are stripped. Data that both hold
// are written once.
void WriteKerasH5(const Graph& plain, const Graph* full,
                  const std::string& path);

// Throws what WriteKerasH5 would for this graph, without a file: known before a
// training.
void CheckKerasH5(const Graph& graph, const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_KERAS_H5_H_
