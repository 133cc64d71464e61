// Ops that there are not, for graphs that are only looked at.
#ifndef LITESMITH_FORMATS_UNKNOWN_OP_H_
#define LITESMITH_FORMATS_UNKNOWN_OP_H_

#include <cstddef>
#include <string>

#include "src/graph/op_def.h"

namespace litesmith {

// A definition that has nothing but this name, and takes any inputs and
// outputs; the inputs behind the first `inputs` are weights. It stays.
const OpDef& UnknownOp(const std::string& name);
const OpDef& UnknownOp(const std::string& name, size_t inputs);
// Whether it is one of these.
bool IsUnknownOp(const OpDef& op);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_UNKNOWN_OP_H_
