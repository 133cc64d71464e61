// Values of a recipe's TOML, checked.
#include "src/optimize/toml_value.h"

#include <cstdio>

#include "src/base/error.h"
#include "src/base/names.h"

namespace litesmith {

void TomlValue::Refuse(const std::string& wanted) const {
  // A table is too long to be shown, and is not what is wrong.
  const bool shown = !node_.is_table() && !node_.is_array_of_tables();
  Fail(ErrorKind::kInvalidArgument, "{}:{}: {}{}: {} is wanted", where_,
       TomlLine(node_), name_, shown ? " = " + TomlText(node_) : "", wanted);
}

void TomlValue::RefuseName(std::string_view what, std::string_view typed,
                           const std::vector<std::string>& known) const {
  Fail(ErrorKind::kInvalidArgument, "{}:{}: {}: {}", where_, TomlLine(node_),
       name_, UnknownName(what, typed, known));
}

int64_t TomlValue::Whole(int64_t low, int64_t high) const {
  const auto value = node_.value_exact<int64_t>();
  if (!value || *value < low || *value > high)
    Refuse(fmt::format("a whole number from {} to {}", low, high));
  return *value;
}

double TomlValue::Number(int64_t low, int64_t high) const {
  const auto value = node_.value<double>();
  if (!(node_.is_number() && *value >= static_cast<double>(low) &&
        *value < static_cast<double>(high)))
    Refuse(fmt::format("a number of at least {} and below {}", low, high));
  return *value;
}

std::pair<int, int> TomlValue::Pair(int64_t low, int64_t high) const {
  const toml::array* items = node_.as_array();
  int64_t values[2] = {low - 1, low - 1};
  for (size_t i = 0; items != nullptr && items->size() == 2 && i < 2; ++i)
    values[i] = items->get(i)->value_exact<int64_t>().value_or(low - 1);
  for (const int64_t value : values) {
    if (value < low || value > high)
      Refuse(fmt::format("[a, b] of whole numbers from {} to {}", low, high));
  }
  return {static_cast<int>(values[0]), static_cast<int>(values[1])};
}

std::pair<int, int> TomlValue::Pattern(int64_t high) const {
  const std::string text = node_.value_exact<std::string>().value_or("");
  int zeros = 0;
  int size = 0;
  char more = 0;
  // Two digits at most, so that nothing overflows, and nothing but digits.
  const bool plain =
      text.find_first_not_of("0123456789:") == text.npos &&
      std::sscanf(text.c_str(), "%2d:%2d%c", &zeros, &size, &more) == 2;
  if (!plain) zeros = 0;
  if (zeros < 1 || zeros >= size || size > high) {
    Refuse(fmt::format("\"m:n\", m zeros in every n, 1 <= m < n <= {},", high));
  }
  return {zeros, size};
}

bool TomlValue::Flag() const {
  const auto value = node_.value_exact<bool>();
  if (!value) Refuse("true or false");
  return *value;
}

std::string TomlValue::Text() const {
  const auto value = node_.value_exact<std::string>();
  if (!value || value->empty()) Refuse("text");
  return *value;
}

int64_t TomlValue::OneOf(std::span<const Word> words) const {
  std::string wanted;
  const auto value = node_.value_exact<std::string>();
  for (const Word& word : words) {
    if (value && *value == word.name) return word.value;
    wanted += fmt::format("{}\"{}\"", wanted.empty() ? "" : " or ", word.name);
  }
  Refuse(wanted);
}

ParameterValue TomlValue::Read(const Parameter& parameter) const {
  switch (parameter.type) {
    case ParameterType::kFlag:
      return Flag();
    case ParameterType::kWhole:
      return Whole(parameter.low, parameter.high);
    case ParameterType::kNumber:
      return Number(parameter.low, parameter.high);
    case ParameterType::kWord:
      return OneOf(parameter.words);
    case ParameterType::kPair:
      return Pair(parameter.low, parameter.high);
    case ParameterType::kPattern:
      return Pattern(parameter.high);
  }
  LS_CHECK(!"a type of parameter without a reader");
}

}  // namespace litesmith
