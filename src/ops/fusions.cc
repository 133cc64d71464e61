#include "src/ops/fusions.h"

namespace litesmith {
namespace {

constexpr const Fusion* kAllFusions[] = {
#define LITESMITH_FUSION(symbol) &symbol,
#include "src/ops/fusions.inc"
#undef LITESMITH_FUSION
};

}  // namespace

std::span<const Fusion* const> AllFusions() { return kAllFusions; }

void ApplyFusions(Graph* graph) {
  bool changed = false;
  for (const Fusion* fusion : kAllFusions) changed |= fusion->apply(graph);
  if (changed) *graph = RemoveDeadNodes(*graph);
}

}  // namespace litesmith
