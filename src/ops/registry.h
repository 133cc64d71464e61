// Every op by name and by TFLite code. ops.inc is the one list.
#ifndef LITESMITH_OPS_REGISTRY_H_
#define LITESMITH_OPS_REGISTRY_H_

#include <span>
#include <string_view>

#include "src/graph/op_def.h"

namespace litesmith {

// Each op's definition, kConv2D, kFullyConnected, ...: one per line of ops.inc.
#define LITESMITH_OP(name) extern const OpDef k##name;
#include "src/ops/ops.inc"
#undef LITESMITH_OP

std::span<const OpDef* const> AllOps();
// The op, or null.
const OpDef* FindOp(std::string_view name);
const OpDef* FindOpByTfliteCode(int code);

}  // namespace litesmith

#endif  // LITESMITH_OPS_REGISTRY_H_
