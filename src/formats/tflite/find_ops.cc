// Looks up each operator code, and lists all that are unknown in one error.
#include "src/formats/tflite/find_ops.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <map>
#include <string>

#include "src/base/error.h"
#include "src/formats/tflite/operator_names.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

// A damaged file may hold thousands of codes and long names.
constexpr size_t kShownOps = 12;
constexpr size_t kShownCharacters = 60;

int BuiltinCode(const fb::OperatorCode& code) {
  return std::max<int>(code.deprecated_builtin_code(), code.builtin_code());
}

std::string DescribeCode(const fb::OperatorCode& code) {
  if (code.custom_code() != nullptr) {
    return fmt::format(
        "the custom operator '{}'",
        code.custom_code()->string_view().substr(0, kShownCharacters));
  }
  return fmt::format("{} (builtin code {}, version {})",
                     TfliteOperatorName(BuiltinCode(code)), BuiltinCode(code),
                     code.version());
}

}  // namespace

std::vector<const OpDef*> FindOps(const fb::Model& model,
                                  const fb::SubGraph& subgraph) {
  const auto* operators = subgraph.operators();
  const auto* codes = model.operator_codes();
  const flatbuffers::uoffset_t count =
      operators == nullptr ? 0 : operators->size();
  const flatbuffers::uoffset_t code_count =
      codes == nullptr ? 0 : codes->size();
  std::vector<const OpDef*> result;
  std::map<uint32_t, flatbuffers::uoffset_t> unknown;  // code: first operator
  for (flatbuffers::uoffset_t n = 0; n < count; ++n) {
    const uint32_t index = operators->Get(n)->opcode_index();
    if (index >= code_count) {
      Fail(ErrorKind::kCorrupt,
           "operator {} has the code number {}; there are {}", n, index,
           code_count);
    }
    const int code = BuiltinCode(*codes->Get(index));
    if (code < 0) {
      Fail(ErrorKind::kCorrupt, "operator {} has the builtin code {}", n, code);
    }
    result.push_back(FindOpByTfliteCode(code));
    if (result.back() == nullptr) unknown.try_emplace(index, n);
  }
  if (unknown.empty()) return result;
  std::string names;
  size_t shown = 0;
  for (const auto& [index, n] : unknown) {
    if (shown++ == kShownOps) {
      names += fmt::format(" and {} more", unknown.size() - kShownOps);
      break;
    }
    names += fmt::format("{}operator {} is {}", names.empty() ? "" : ", ", n,
                         DescribeCode(*codes->Get(index)));
  }
  Fail(ErrorKind::kUnsupported,
       "{}, which {} not supported; `litesmith list ops` has those that are",
       names, unknown.size() == 1 ? "is" : "are");
}

}  // namespace litesmith
