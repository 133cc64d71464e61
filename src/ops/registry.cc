// The list of ops, and looking it up.
#include "src/ops/registry.h"

namespace litesmith {
namespace {

constexpr const OpDef* kAllOps[] = {
#define LITESMITH_OP(name) &k##name,
#include "src/ops/ops.inc"
#undef LITESMITH_OP
};

}  // namespace

std::span<const OpDef* const> AllOps() { return kAllOps; }

const OpDef* FindOp(std::string_view name) {
  for (const OpDef* op : kAllOps) {
    if (name == op->name) return op;
  }
  return nullptr;
}

const OpDef* FindOpByTfliteCode(int code) {
  for (const OpDef* op : kAllOps) {
    if (op->tflite.code == code) return op;
  }
  return nullptr;
}

}  // namespace litesmith
