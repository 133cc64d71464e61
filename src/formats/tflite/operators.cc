// Looks up each operator code, and lists all that are unknown in one error.
#include "src/formats/tflite/operators.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/formats/tflite/operator_names.h"
#include "src/formats/unknown_op.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

// A damaged file may hold thousands of codes and long names.
constexpr size_t kShownOps = 100;
constexpr size_t kShownCharacters = 60;

const fb::OperatorCode& CodeOf(const fb::Model& model, const fb::Operator& op) {
  const uint32_t index = op.opcode_index();
  const size_t count = SizeOrZero(model.operator_codes());
  if (index >= count) {
    Fail(ErrorKind::kCorrupt,
         "an operator has the code number {}; there are {}", index, count);
  }
  return *model.operator_codes()->Get(index);
}

int CodeNumber(const fb::OperatorCode& code) {
  const int builtin =
      std::max<int>(code.deprecated_builtin_code(), code.builtin_code());
  if (builtin < 0) {
    Fail(ErrorKind::kCorrupt, "an operator has the builtin code {}", builtin);
  }
  return builtin;
}

std::string NameOf(const fb::OperatorCode& code) {
  if (code.custom_code() == nullptr)
    return TfliteOperatorName(CodeNumber(code));
  return std::string(
      code.custom_code()->string_view().substr(0, kShownCharacters));
}

std::string DescribeCode(const fb::OperatorCode& code) {
  if (code.custom_code() != nullptr)
    return fmt::format("the custom operator '{}'", NameOf(code));
  return fmt::format("{} (builtin code {}, version {})", NameOf(code),
                     CodeNumber(code), code.version());
}

// The subgraphs that an operator of this op runs.
std::vector<int64_t> SubgraphsOf(TfliteFile* file, const fb::Operator& op,
                                 int builtin, const OpDef* def) {
  std::vector<int64_t> subgraphs;
  if (builtin == composite::kCode && op.builtin_options_2() != nullptr &&
      op.builtin_options_2_type() == composite::kOptions) {
    const auto& options =
        *reinterpret_cast<const flatbuffers::Table*>(op.builtin_options_2());
    subgraphs.push_back(
        file->ReadField(options, composite::kDecomposition, int32_t{0}));
  }
  const bool runs_any =
      def != nullptr &&
      std::any_of(def->attrs.begin(), def->attrs.end(), [](const AttrDef& a) {
        return a.type == AttrType::kSubgraph;
      });
  if (!runs_any) return subgraphs;
  Node node;
  node.op = def;
  node.attrs = DefaultAttrs(*def);
  file->ReadOptions(op, &node);
  for (size_t a = 0; a < node.attrs.size(); ++a) {
    if (def->attrs[a].type == AttrType::kSubgraph)
      subgraphs.push_back(node.attrs[a].i);
  }
  return subgraphs;
}

// Operators without an op, by the number of their code.
struct Missing {
  size_t first = 0;  // where, in its subgraph
  int64_t count = 0;
};

}  // namespace

int BuiltinCode(const fb::Model& model, const fb::Operator& op) {
  return CodeNumber(CodeOf(model, op));
}

const OpDef& OpOf(const fb::Model& model, const fb::Operator& op) {
  const fb::OperatorCode& code = CodeOf(model, op);
  const OpDef* known = FindOpByTfliteCode(CodeNumber(code));
  return known != nullptr ? *known : UnknownOp(NameOf(code));
}

int FirstIntermediate(const OpDef& op) {
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (std::string_view(op.operands[i].name).starts_with("intermediate"))
      return static_cast<int>(i);
  }
  return -1;
}

void RequireOps(TfliteFile* file, int64_t subgraph) {
  std::map<uint32_t, Missing> missing;
  std::vector<int64_t> open = {subgraph};
  std::vector<int64_t> seen = open;
  while (!open.empty()) {
    const fb::SubGraph& graph = file->Subgraph(open.back(), "an operator");
    open.pop_back();
    for (size_t n = 0; n < SizeOrZero(graph.operators()); ++n) {
      const fb::Operator& op =
          *graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(n));
      const int builtin = BuiltinCode(file->model(), op);
      const OpDef* def = FindOpByTfliteCode(builtin);
      if (def == nullptr && builtin != composite::kCode) {
        Missing& of = missing[op.opcode_index()];
        if (of.count++ == 0) of.first = n;
      }
      for (const int64_t inner : SubgraphsOf(file, op, builtin, def)) {
        if (std::find(seen.begin(), seen.end(), inner) != seen.end()) continue;
        seen.push_back(inner);
        open.push_back(inner);
      }
    }
  }
  if (missing.empty()) return;
  std::string names;
  size_t shown = 0;
  for (const auto& [index, of] : missing) {
    if (shown++ == kShownOps) {
      names += fmt::format(" and {} more", missing.size() - kShownOps);
      break;
    }
    names += fmt::format(
        "{}{}, {}", names.empty() ? "" : "; ",
        DescribeCode(*file->model().operator_codes()->Get(index)),
        of.count == 1
            ? fmt::format("once, operator {}", of.first)
            : fmt::format("{} times, first operator {}", of.count, of.first));
  }
  Fail(ErrorKind::kUnsupported,
       "{} {} not supported: {}. `litesmith list ops` has those that are",
       Counted(std::ssize(missing), "operator"),
       missing.size() == 1 ? "is" : "are", names);
}

}  // namespace litesmith
