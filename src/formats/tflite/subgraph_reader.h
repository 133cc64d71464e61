// One subgraph of a .tflite file as a Graph, with the subgraphs that it runs.
#ifndef LITESMITH_FORMATS_TFLITE_SUBGRAPH_READER_H_
#define LITESMITH_FORMATS_TFLITE_SUBGRAPH_READER_H_

#include <cstdint>

#include "src/formats/tflite/file.h"
#include "src/graph/graph.h"

namespace litesmith {

// What is read of a graph to be looked at and not to be run: operators without
// an op and tensors of types that are not held here stand in it all the same.
enum class Reading : uint8_t { kToRun, kToLookAt };

// Shapes and types are the file's, nothing is inferred. Composites are replaced
// by what they are composed of. Names may be empty or there several times.
// Throws Error.
Graph ReadSubgraph(TfliteFile* file, int64_t index, Reading reading);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_SUBGRAPH_READER_H_
