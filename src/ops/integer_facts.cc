// Lists of ops.
#include "src/ops/integer_facts.h"

#include <algorithm>
#include <array>

#include "src/ops/registry.h"

namespace litesmith {

bool LiteRtHasInt16(const OpDef& op) {
  // It has LOG by a table of 513 values over all that its input can be: what is
  // small, where a logarithm is steep, falls into the first of its pieces.
  static constexpr std::array kWithout = {&kLog, &kSquaredDifference,
                                          &kUnidirectionalSequenceLstm,
                                          &kSpaceToDepth, &kDepthToSpace};
  return std::find(kWithout.begin(), kWithout.end(), &op) == kWithout.end();
}

bool TakesOneOf(const OpDef& op) {
  static constexpr std::array kOps = {&kMaximum, &kMinimum, &kSelect,
                                      &kSelectV2};
  return std::find(kOps.begin(), kOps.end(), &op) != kOps.end();
}

}  // namespace litesmith
