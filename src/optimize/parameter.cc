// Values of parameters in words.
#include "src/optimize/parameter.h"

#include <fmt/format.h>

namespace litesmith {

std::string ParameterText(const Parameter& parameter,
                          const LayerSettings& settings) {
  const ParameterValue value = parameter.get(settings);
  if (const auto* pair = std::get_if<std::pair<int, int>>(&value)) {
    if (parameter.type == ParameterType::kPair)
      return fmt::format("[{}, {}]", pair->first, pair->second);
    if (pair->second == 0) return "none";
    return fmt::format("{}:{}", pair->first, pair->second);
  }
  if (const auto* whole = std::get_if<int64_t>(&value)) {
    for (const Word& word : parameter.words) {
      if (word.value == *whole) return word.name;
    }
    return fmt::format("{}", *whole);
  }
  if (const auto* flag = std::get_if<bool>(&value))
    return *flag ? "true" : "false";
  if (const auto* number = std::get_if<float>(&value))
    return fmt::format("{}", *number);
  return fmt::format("{}", std::get<double>(value));
}

}  // namespace litesmith
