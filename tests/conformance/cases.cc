// The cases of each op of ops.inc, and those of fusions.
#include <algorithm>
#include <cctype>
#include <string_view>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"

namespace litesmith {
namespace {

// "LITESMITH_FAKE_QUANT" is "fake_quant".
std::string FileName(std::string_view op) {
  constexpr std::string_view kOurs = "LITESMITH_";
  if (op.starts_with(kOurs)) op.remove_prefix(kOurs.size());
  std::string name(op);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace

std::span<const CaseFile> CaseFiles() {
  static const std::vector<CaseFile> files = {
#define LITESMITH_OP(op) {FileName(k##op.name), &k##op, op##Cases},
#include "src/ops/ops.inc"
#undef LITESMITH_OP
      {"fusion", nullptr, FusionCases},
  };
  return files;
}

}  // namespace litesmith
