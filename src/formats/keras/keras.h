// Keras model files: bytes <-> Graph. Two containers, .h5 and the .keras
// archive; read in the dialects of Keras 2 and 3, written in one that both
// load. Layouts are transposed here and nowhere else: Keras has the output
// channel last, the graph first.
#ifndef LITESMITH_FORMATS_KERAS_KERAS_H_
#define LITESMITH_FORMATS_KERAS_KERAS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Reads an .h5 through a helper process with limits on time and memory, so that
// a damaged file cannot harm this one. Weights become parameters, or constants
// where the layer is frozen, called '<layer>/<variable>'. Where the file holds
// a graph of ours (see below), that one is returned. Throws Error{not found,
// io, corrupt, unsupported} naming layer and file.
Graph ReadKerasH5(const std::string& path);

// The same of a .keras archive; `path` is for messages.
Graph ReadKerasArchive(std::span<const std::byte> bytes,
                       const std::string& path);

// The same of files with layers that are not supported, to be looked at: these
// are nodes that have nothing but their class, inputs and weights as they lie
// in the file, and what comes behind them has no shape.
Graph ReadKerasH5ToLookAt(const std::string& path);
Graph ReadKerasArchiveToLookAt(std::span<const std::byte> bytes,
                               const std::string& path);

enum class KerasFile : uint8_t { kH5, kArchive };

// Writes the float graph atomically, reproducibly. `full`, if not null, is the
// graph with its training ops and states, of which `plain` is what remains once
// they are stripped: it is put where Keras does not look and where the readers
// prefer it. So is `plain` itself where Keras would give its weights other
// names, and where some node has no Keras layer: then the file holds our graph
// alone, with a warning. Data that both parts hold are written once.
// Throws Error{io}.
void WriteKeras(KerasFile kind, const Graph& plain, const Graph* full,
                const std::string& path);

// Warns as WriteKeras would of a graph that has no Keras form: known before a
// training. The same warning is said once.
void WarnIfNoKerasForm(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_KERAS_H_
