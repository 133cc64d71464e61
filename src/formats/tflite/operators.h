// The ops that a file's operators are.
#ifndef LITESMITH_FORMATS_TFLITE_OPERATORS_H_
#define LITESMITH_FORMATS_TFLITE_OPERATORS_H_

#include <cstdint>

#include "schema_generated.h"
#include "src/formats/tflite/file.h"
#include "src/graph/op_def.h"

namespace litesmith {

// STABLEHLO_COMPOSITE, which is read as what it is composed of: the operator's
// code, the number of its options in the second union of options, and the field
// of these that names the subgraph.
namespace composite {
inline constexpr int kCode = 206;
inline constexpr int kOptions = 21;
inline constexpr int kDecomposition = 1;
}  // namespace composite

// The builtin code of an operator. Throws Error{corrupt} if it has none.
int BuiltinCode(const tflite_schema::Model& model,
                const tflite_schema::Operator& op);
// Its op; for one that is not known, a definition that has nothing but its
// name.
const OpDef& OpOf(const tflite_schema::Model& model,
                  const tflite_schema::Operator& op);

// Throws Error{unsupported} naming every operator without an op in this
// subgraph and those that it runs, each with its code, version and how often it
// is there: whoever reads it wants to know whether one is missing or ten.
void RequireOps(TfliteFile* file, int64_t subgraph);

// Of an op whose operators have intermediates beside their inputs (field 8 of
// Operator), the first operand that stands for one: their names begin with
// "intermediate". -1: none.
int FirstIntermediate(const OpDef& op);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_OPERATORS_H_
