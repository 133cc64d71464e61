// The ops that give values another form, for those who build and read them
// without naming ops: QUANTIZE to integers, DEQUANTIZE to float32.
#ifndef LITESMITH_OPS_MAP_CONVERSION_H_
#define LITESMITH_OPS_MAP_CONVERSION_H_

#include "src/base/dtype.h"
#include "src/graph/op_def.h"

namespace litesmith {

// The op whose output has this type.
const OpDef& ConversionTo(DType dtype);

// Gives a node that was one of floats what its op's attributes have to say for
// integers of the type and the scale that its output has.
void SetIntegerAttrs(const Tensor& output, Node* node);

// Whether the op gives its input another form, to integers or to floats.
bool Quantizes(const OpDef& op);
bool Dequantizes(const OpDef& op);

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_CONVERSION_H_
