// Names of tensors and nodes. Inside, everything goes by id; names are for
// people, for the rules of recipes, and for what is compared across files
// (promises on weights). So each is made to mean one thing where a graph comes
// in, and Verify (ops/verify.h) relies on it.
#ifndef LITESMITH_GRAPH_NAMES_H_
#define LITESMITH_GRAPH_NAMES_H_

#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Gives every tensor a name of its own among tensors and every node one among
// nodes. The first of equals keeps its name, the others get "_1", "_2", ...
// behind it. A tensor without a name becomes "CONV_2D_3" after the node that
// writes it, else "tensor_5"; a node without one takes its first output's.
// Gives each change of a name that was not empty: "'k' is now 'k_1'".
std::vector<std::string> MakeNamesUnique(Graph* graph);

// The same for a graph that a reader has just built from the file `where`, with
// one warning if names of the user's had to change.
void MakeNamesUniqueAtDoor(const std::string& where, Graph* graph);

// `wanted`, or where a tensor has that name the first of "wanted_1", ... that
// none has.
std::string UniqueTensorName(const Graph& graph, const std::string& wanted);

// Throws Error{corrupt} naming the first tensor or node that has no name, or
// the same as another.
void VerifyNames(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_NAMES_H_
