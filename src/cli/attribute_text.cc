// The names are TFLite's, by the attribute's own name.
#include "src/cli/attribute_text.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "src/graph/op_def.h"

namespace litesmith {
namespace {

struct Enum {
  std::string_view attribute;
  std::vector<const char*> names;
};

// The value's name; a number where there is none.
std::string NameOf(std::string_view attribute, int64_t value) {
  static const std::vector<Enum> kEnums = {
      {"padding", {"SAME", "VALID"}},
      {"fused_activation_function",
       {"NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"}},
      {"weights_format", {"DEFAULT", "SHUFFLED4x16INT8"}},
      {"mode", {"REFLECT", "SYMMETRIC"}},
  };
  for (const Enum& each : kEnums) {
    if (each.attribute == attribute && value >= 0 &&
        value < static_cast<int64_t>(each.names.size()))
      return each.names[static_cast<size_t>(value)];
  }
  return fmt::format("{}", value);
}

std::string ValueOf(const AttrDef& attr, const AttrValue& value) {
  switch (attr.type) {
    case AttrType::kFloat:
      return value.f != static_cast<float>(attr.initial)
                 ? fmt::format("{:g}", value.f)
                 : "";
    case AttrType::kInts:
      return value.ints.empty()
                 ? ""
                 : fmt::format("[{}]", fmt::join(value.ints, ","));
    case AttrType::kText:
      return value.text.empty() ? "" : fmt::format("'{}'", value.text);
    case AttrType::kSubgraph:
      return fmt::format("{}", value.i);
    case AttrType::kEnum:
      return value.i != static_cast<int64_t>(attr.initial)
                 ? NameOf(attr.name, value.i)
                 : "";
    default:
      return value.i != static_cast<int64_t>(attr.initial)
                 ? fmt::format("{}", value.i)
                 : "";
  }
}

}  // namespace

std::string AttributeText(const Node& node) {
  std::string text;
  for (size_t a = 0; a < node.attrs.size(); ++a) {
    const std::string shown = ValueOf(node.op->attrs[a], node.attrs[a]);
    if (shown.empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ",
                        node.op->attrs[a].name, shown);
  }
  return text;
}

}  // namespace litesmith
