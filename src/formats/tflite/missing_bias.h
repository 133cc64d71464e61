// Layers without a bias in a format that knows none (TfliteFacts::needs_bias):
// one of zeros stands in the file. Both directions, so that a file read and
// written again is the same.
#ifndef LITESMITH_FORMATS_TFLITE_MISSING_BIAS_H_
#define LITESMITH_FORMATS_TFLITE_MISSING_BIAS_H_

#include "src/graph/graph.h"

namespace litesmith {

// Gives each float layer that has no bias, and must have one in a file, one of
// zeros.
void AddZeroBiases(Graph* graph);

// Takes float biases of zeros off such layers; ids change if there are any.
void DropZeroBiases(Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_MISSING_BIAS_H_
