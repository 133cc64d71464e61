// A value of a recipe's TOML with its place: read as what is wanted, or refused
// with file, line, key, value and what would do.
#ifndef LITESMITH_OPTIMIZE_TOML_VALUE_H_
#define LITESMITH_OPTIMIZE_TOML_VALUE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/optimize/parameter.h"
#include "src/optimize/toml_text.h"

namespace litesmith {

// Each reader throws Error{invalid argument} for another type or a value out of
// range.
class TomlValue {
 public:
  // `where` names the file and has to outlive it.
  TomlValue(const toml::node& node, std::string name, const std::string& where)
      : node_(node), name_(std::move(name)), where_(where) {}

  // `wanted` says what would do.
  [[noreturn]] void Refuse(const std::string& wanted) const;
  // `typed` is none of the names that are known there.
  [[noreturn]] void RefuseName(std::string_view what, std::string_view typed,
                               const std::vector<std::string>& known) const;

  // In [low, high].
  int64_t Whole(int64_t low, int64_t high) const;
  // In [low, high).
  double Number(int64_t low, int64_t high) const;
  // Two whole numbers in [low, high], as [a, b].
  std::pair<int, int> Pair(int64_t low, int64_t high) const;
  // "m:n", 1 <= m < n <= high.
  std::pair<int, int> Pattern(int64_t high) const;
  bool Flag() const;
  // Not empty.
  std::string Text() const;
  // What the word means.
  int64_t OneOf(std::span<const Word> words) const;

  // As the parameter's type and range say.
  ParameterValue Read(const Parameter& parameter) const;

 private:
  const toml::node& node_;
  std::string name_;
  const std::string& where_;
};

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_TOML_VALUE_H_
