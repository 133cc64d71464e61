// The cases of each op of ops.inc, and those of fusions.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

// "LITESMITH_DROPOUT" is "dropout"; "LITESMITH_FAKE_QUANT" stays, as there is
// another.
std::string FileName(std::string_view op) {
  constexpr std::string_view kOurs = "LITESMITH_";
  if (op.starts_with(kOurs) && FindOp(op.substr(kOurs.size())) == nullptr)
    op.remove_prefix(kOurs.size());
  std::string name(op);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace

std::span<const CaseFile> CaseFiles() {
  static const std::vector<CaseFile> files = {
#define LITESMITH_OP(op) {FileName(k##op.name), &k##op, op##Cases, op##Random},
#include "src/ops/ops.inc"
#undef LITESMITH_OP
      {"fusion", nullptr, FusionCases, nullptr},
  };
  return files;
}

std::vector<Case> RandomCases(const CaseFile& file, int count) {
  std::vector<Case> cases;
  if (file.random == nullptr) return cases;  // of fusions
  for (const RandomKind& kind : file.random()) {
    for (int i = 0; i < count; ++i) {
      Case c;
      c.name = fmt::format("random_{}_{}_{}", file.name, kind.name, i);
      c.build = [build = kind.build](Rng* rng) {
        GraphBuilder builder(rng);
        return build(&builder);
      };
      c.litert_fails = kind.litert_fails;
      c.tflm_fails = kind.tflm_fails;
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace litesmith
