// Which tensors of two graphs of one network are the same value: a model and a
// file that was made of it, by us or by TensorFlow, in floats or in integers.
#ifndef LITESMITH_MEASURE_MATCH_H_
#define LITESMITH_MEASURE_MATCH_H_

#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

struct TensorMatch {
  TensorId reference = kNoTensor;
  TensorId file = kNoTensor;
  // Of the file: what computes the tensor, or reads it if it is a constant; -1
  // for an input of the graph.
  NodeId node = -1;
  bool constant = false;  // weights and biases, with as many values in both
};

// Inputs by their place, then node by node in the file's order: the node of the
// reference with the same op whose inputs are matched already, of several the
// one of the same name, then that with the nearest weights; where there is
// none, the node of the same op with the same output's name, or else with
// nearly the same weights; or one without weights that makes as many values of
// the same input by another op (MEAN for an average pool). Forms (QUANTIZE,
// DEQUANTIZE) and renamed bytes (RESHAPE) are looked through. What has no match
// is left out. All tensors StandForReals (reals.h).
std::vector<TensorMatch> MatchTensors(const Graph& reference,
                                      const Graph& file);

// The graph of which the file's tensors are found in a float model: plain
// floats with batch normalizations folded as a converter does. A graph that is
// not float stays as it is.
Graph AsReference(const Graph& model);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_MATCH_H_
