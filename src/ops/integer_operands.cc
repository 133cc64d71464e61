// The ops that decide operands themselves.
#include "src/ops/integer_operands.h"

#include <algorithm>

#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {

DecideOperands DecideOperandsOf(const OpDef& op) {
  return &op == &kUnidirectionalSequenceLstm ? DecideLstmOperands : nullptr;
}

bool WantsVariableRanges(const Graph& graph) {
  return std::any_of(
      graph.nodes.begin(), graph.nodes.end(),
      [](const Node& node) { return DecideOperandsOf(*node.op) != nullptr; });
}

}  // namespace litesmith
