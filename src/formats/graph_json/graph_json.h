// The whole IR in a group of an HDF5 file: JSON for the structure, datasets for
// data that the file does not hold already. For what no format of others can
// express: training-only ops and their states, ops without a Keras layer.
#ifndef LITESMITH_FORMATS_GRAPH_JSON_GRAPH_JSON_H_
#define LITESMITH_FORMATS_GRAPH_JSON_GRAPH_JSON_H_

#include <string>
#include <vector>

#include "src/formats/hdf5/h5_contents.h"
#include "src/graph/graph.h"

namespace litesmith {

class H5Image;

// The group in the root that holds the graph.
inline constexpr char kGraphGroup[] = "litesmith";

// A tensor that the rest of the file holds: it is called `name` once that is
// read.
struct StoredTensor {
  std::string name;
  const Tensor* tensor;
};

// Adds the group. Data equal to one of `stored` are referred to, not stored
// again.
void AddGraph(const Graph& graph, const std::vector<StoredTensor>& stored,
              H5Image* image);

// Whether the group is there and holds a graph.
bool HoldsGraph(const H5Tree& group);

// Rebuilds the graph, bit for bit. `plain` has the tensors that the rest of the
// file holds. Verified: Error{unsupported} for an unknown op or attribute,
// Error{corrupt} for everything else that is wrong.
Graph ReadGraph(const H5Tree& group, const Graph& plain);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_GRAPH_JSON_GRAPH_JSON_H_
