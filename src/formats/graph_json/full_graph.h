// The whole IR in the root group `litesmith` of a Keras file: JSON for the
// structure, datasets for data that the Keras part does not hold already. For
// graphs with training-only ops, which no Keras layer can express.
#ifndef LITESMITH_FORMATS_GRAPH_JSON_FULL_GRAPH_H_
#define LITESMITH_FORMATS_GRAPH_JSON_FULL_GRAPH_H_

#include <string>
#include <vector>

#include "src/formats/hdf5/h5_contents.h"
#include "src/graph/graph.h"

namespace litesmith {

// A tensor's data to be stored as the dataset `path` of the group.
struct FullGraphDataset {
  std::string path;
  const Tensor* tensor;
};

// A tensor that the Keras part holds: it is `name` once that is read.
struct KerasTensor {
  std::string name;
  const Tensor* tensor;
};

// Whether data of the type are stored as plain bytes: HDF5 has no such type.
bool HeldAsBytes(DType dtype);

// The JSON of `graph`, and the datasets beside it (pointing into `graph`).
// Data equal to one of `in_keras` are referred to, not stored again.
std::string FullGraphToJson(const Graph& graph,
                            const std::vector<KerasTensor>& in_keras,
                            std::vector<FullGraphDataset>* datasets);

// Rebuilds the graph, bit for bit. `plain` is the graph of the Keras part.
// Verified: Error{unsupported} for an unknown op or attribute, Error{corrupt}
// for everything else that is wrong.
Graph FullGraphFromJson(const std::string& json, const H5Tree& group,
                        const Graph& plain);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_GRAPH_JSON_FULL_GRAPH_H_
