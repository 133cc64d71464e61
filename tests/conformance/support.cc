// The support page: types from kernel rows, versions and refusals from cases.
#include "tests/conformance/support.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/ops/registry.h"
#include "tests/conformance/dump.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

// "SIMD" or "yes" where the op has rows of these types, "-" where it has none.
std::string Runs(const OpDef& op, DType input, DType weight) {
  const bool has_weight = op.Find(Role::kWeight) >= 0;
  const bool hybrid = weight == DType::kInt8 && input == DType::kFloat32;
  if (hybrid && !has_weight) return "-";
  bool any = false;
  bool fast = false;
  for (const KernelRow& row : op.rows) {
    if (row.purpose == Purpose::kTrain) continue;
    // Where input 0 says a shape or a condition, the output says the type.
    const DType type =
        row.types.input != kAnyType ? row.types.input : row.types.output;
    if (type != input && type != kAnyType) continue;
    if (has_weight && row.types.weight != weight) continue;
    any = true;
    fast |= row.purpose == Purpose::kFast;
  }
  return fast ? "SIMD" : any ? "yes" : "-";
}

const char* RuleName(const QuantRule& rule) {
  switch (rule.output) {
    case QuantRule::kFloatOnly:
      return "-";
    case QuantRule::kOwn:
      return "own";
    case QuantRule::kLikeInput:
      return "the input's";
    case QuantRule::kLikeAllInputs:
      return "one for all";
    case QuantRule::kFixed:
      return "fixed";
  }
  return "";
}

// What an op's cases show.
struct Seen {
  std::set<int> versions;
  std::set<std::string> litert;
  std::set<std::string> tflm;
};

Seen Look(const CaseFile& file) {
  Seen seen;
  for (const Case& c : file.make()) {
    const Graph graph = GraphOf(c);
    for (const Node& node : graph.nodes) {
      if (node.op != file.op || node.op->tflite.code < 0) continue;
      const auto version = node.op->tflite.version;
      seen.versions.insert(version == nullptr ? 1 : version(graph, node));
    }
    if (!c.litert_fails.empty()) seen.litert.insert(c.litert_fails);
    if (!c.tflm_fails.empty()) seen.tflm.insert(c.tflm_fails);
  }
  return seen;
}

std::string Joined(const std::set<int>& versions) {
  return versions.empty() ? "-" : fmt::format("{}", fmt::join(versions, ", "));
}

void AddRefusals(const char* runtime,
                 const std::map<std::string, std::set<std::string>>& reasons,
                 std::string* page) {
  *page += fmt::format("\n## What {} does not run, or computes differently\n\n",
                       runtime);
  for (const auto& [op, of] : reasons)
    *page += fmt::format("- {}: {}\n", op, fmt::join(of, "; "));
}

}  // namespace

std::string SupportPage() {
  std::string page =
      "# What each op can do\n\n"
      "Written by `conformance_test --support docs/support.md` from the list "
      "of "
      "ops\n(`src/ops/ops.inc`), their kernel rows and their cases; a test "
      "compares it. \"SIMD\"\nis a kernel of its own for speed beside the "
      "reference, \"yes\" the reference alone.\nint16 is int16 activations "
      "with "
      "int8 weights, hybrid float activations with int8\nweights, rule whose "
      "scale an integer output has. Versions are those that files\nstate in "
      "the "
      "cases.\n\n"
      "| op | | float32 | training | int8 | uint8 | int16 | hybrid | rule | "
      "versions |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- "
      "|\n";
  std::map<std::string, std::set<std::string>> litert;
  std::map<std::string, std::set<std::string>> tflm;
  for (const CaseFile& file : CaseFiles()) {
    if (file.op == nullptr) continue;
    const OpDef& op = *file.op;
    const Seen seen = Look(file);
    const bool folded = op.rows.empty() && op.fold_constant != nullptr;
    const auto runs = [&](DType input, DType weight) {
      return folded ? std::string("folded") : Runs(op, input, weight);
    };
    page += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", op.name,
        op.summary, runs(DType::kFloat32, DType::kFloat32),
        op.differentiable() ? "yes" : "-", runs(DType::kInt8, DType::kInt8),
        runs(DType::kUInt8, DType::kUInt8), runs(DType::kInt16, DType::kInt8),
        folded ? "folded" : Runs(op, DType::kFloat32, DType::kInt8),
        RuleName(op.quant), Joined(seen.versions));
    if (!seen.litert.empty()) litert[op.name] = seen.litert;
    if (!seen.tflm.empty()) tflm[op.name] = seen.tflm;
  }
  AddRefusals("LiteRT", litert, &page);
  AddRefusals("tflite-micro", tflm, &page);
  return page;
}

}  // namespace litesmith
