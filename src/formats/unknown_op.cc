// A definition for each name and number of inputs.
#include "src/formats/unknown_op.h"

#include <limits>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace litesmith {
namespace {

constexpr size_t kNoWeights = std::numeric_limits<size_t>::max();

struct Definition {
  std::vector<Operand> operands;
  OpDef op;
};

void NoInfer(Graph*, const Node&) {}

const OpDef& Find(const std::string& name, size_t inputs) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, size_t>, Definition> definitions;
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = definitions.try_emplace({name, inputs});
  Definition& made = place->second;
  if (is_new) {
    const bool weights = inputs != kNoWeights;
    made.operands.assign(weights ? inputs : 1,
                         {.name = "value", .optional = true});
    if (weights) {
      made.operands.push_back(
          {.name = "weights", .role = Role::kWeight, .optional = true});
    }
    made.op = {.name = place->first.first.c_str(),
               .summary = "",
               .operands = made.operands,
               .variadic = true,
               .outputs = kAnyOutputs,
               .infer = NoInfer};
  }
  return made.op;
}

}  // namespace

bool IsUnknownOp(const OpDef& op) { return op.infer == NoInfer; }

const OpDef& UnknownOp(const std::string& name) {
  return Find(name, kNoWeights);
}

const OpDef& UnknownOp(const std::string& name, size_t inputs) {
  return Find(name, inputs);
}

}  // namespace litesmith
