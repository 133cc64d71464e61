// The ops that a file's operators are, or an error that names all that are not
// known: whoever reads it wants to know whether one is missing or ten.
#ifndef LITESMITH_FORMATS_TFLITE_FIND_OPS_H_
#define LITESMITH_FORMATS_TFLITE_FIND_OPS_H_

#include <vector>

#include "schema_generated.h"
#include "src/graph/op_def.h"

namespace litesmith {

// One op for each operator of the verified subgraph, in order. Throws
// Error{corrupt} for a code that is out of range, Error{unsupported} naming
// every operator without an op.
std::vector<const OpDef*> FindOps(const tflite_schema::Model& model,
                                  const tflite_schema::SubGraph& subgraph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_FIND_OPS_H_
