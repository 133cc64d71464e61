// A parameter of a technique: one row says its name in TOML, type, range, help
// and which member of the technique's options it is. The default is that
// member's own. The parser, the text that results are kept under, `litesmith
// list parameters` and the tests are all made from these rows.
#ifndef LITESMITH_OPTIMIZE_PARAMETER_H_
#define LITESMITH_OPTIMIZE_PARAMETER_H_

#include <any>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "src/base/check.h"

namespace litesmith {

// What a step does to one layer: the technique's own options, and whether the
// layer is left as it is.
struct LayerSettings {
  bool skip = false;
  std::any options;

  template <typename Options>
  const Options& As() const {
    const auto* own = std::any_cast<Options>(&options);
    LS_CHECK(own != nullptr);
    return *own;
  }
  template <typename Options>
  Options& As() {
    auto* own = std::any_cast<Options>(&options);
    LS_CHECK(own != nullptr);
    return *own;
  }
};

enum class ParameterType : uint8_t {
  kFlag,     // true, false
  kWhole,    // a whole number in [low, high]
  kNumber,   // a number in [low, high)
  kWord,     // one of `words`
  kPair,     // [a, b], each as kWhole
  kPattern,  // "m:n", 1 <= m < n <= 64; "none" is its default
};

using ParameterValue =
    std::variant<bool, int64_t, float, double, std::pair<int, int>>;

struct Word {
  const char* name;
  int64_t value;
};

struct Parameter {
  const char* name;  // the TOML key
  ParameterType type;
  int64_t low;
  int64_t high;
  std::span<const Word> words;
  const char* help;  // with the range, without the default
  bool per_layer;    // rules of `layers` may set it; else the step alone
  ParameterValue (*get)(const LayerSettings& settings);
  void (*set)(const ParameterValue& value, LayerSettings* settings);
};

namespace parameter_internal {

// Int, enum, floating-point number, or an aggregate of two ints.
template <typename T>
ParameterValue ToValue(const T& member) {
  if constexpr (std::same_as<T, bool> || std::floating_point<T>) {
    return member;
  } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
    return static_cast<int64_t>(member);
  } else {
    const auto& [a, b] = member;
    return std::pair<int, int>(a, b);
  }
}

template <typename T>
void FromValue(const ParameterValue& value, T* member) {
  if constexpr (std::same_as<T, bool>) {
    *member = std::get<bool>(value);
  } else if constexpr (std::floating_point<T>) {
    *member = static_cast<T>(std::get<double>(value));
  } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
    *member = static_cast<T>(std::get<int64_t>(value));
  } else {
    const auto& [a, b] = std::get<std::pair<int, int>>(value);
    *member = T{a, b};
  }
}

// Of LayerSettings itself or of the options in it.
template <typename Struct, typename Held>
auto& Reach(Held& settings) {
  if constexpr (std::same_as<Struct, LayerSettings>) {
    return settings;
  } else {
    return settings.template As<Struct>();
  }
}

template <auto kMember>
struct Access;
template <typename Struct, typename T, T Struct::*kMember>
struct Access<kMember> {
  static ParameterValue Get(const LayerSettings& settings) {
    return ToValue(Reach<Struct>(settings).*kMember);
  }
  static void Set(const ParameterValue& value, LayerSettings* settings) {
    FromValue(value, &(Reach<Struct>(*settings).*kMember));
  }
};

// Of a member that is said in a word: an enum, or a bool.
template <auto kMember>
struct WordAccess;
template <typename Struct, typename T, T Struct::*kMember>
struct WordAccess<kMember> {
  static ParameterValue Get(const LayerSettings& settings) {
    return static_cast<int64_t>(Reach<Struct>(settings).*kMember);
  }
  static void Set(const ParameterValue& value, LayerSettings* settings) {
    Reach<Struct>(*settings).*kMember =
        static_cast<T>(std::get<int64_t>(value));
  }
};

template <typename Access>
constexpr Parameter Row(const char* name, ParameterType type, int64_t low,
                        int64_t high, std::span<const Word> words,
                        const char* help) {
  return {name, type, low, high, words, help, true, Access::Get, Access::Set};
}

}  // namespace parameter_internal

// The rows, by the type that the TOML value has.
template <auto kMember>
constexpr Parameter Flag(const char* name, const char* help) {
  return parameter_internal::Row<parameter_internal::Access<kMember>>(
      name, ParameterType::kFlag, 0, 1, {}, help);
}
template <auto kMember>
constexpr Parameter Whole(const char* name, int64_t low, int64_t high,
                          const char* help) {
  return parameter_internal::Row<parameter_internal::Access<kMember>>(
      name, ParameterType::kWhole, low, high, {}, help);
}
template <auto kMember>
constexpr Parameter Number(const char* name, int64_t low, int64_t high,
                           const char* help) {
  return parameter_internal::Row<parameter_internal::Access<kMember>>(
      name, ParameterType::kNumber, low, high, {}, help);
}
template <auto kMember>
constexpr Parameter OneOf(const char* name, std::span<const Word> words,
                          const char* help) {
  return parameter_internal::Row<parameter_internal::WordAccess<kMember>>(
      name, ParameterType::kWord, 0, 0, words, help);
}
template <auto kMember>
constexpr Parameter Pair(const char* name, int64_t low, int64_t high,
                         const char* help) {
  return parameter_internal::Row<parameter_internal::Access<kMember>>(
      name, ParameterType::kPair, low, high, {}, help);
}
template <auto kMember>
constexpr Parameter Pattern(const char* name, const char* help) {
  return parameter_internal::Row<parameter_internal::Access<kMember>>(
      name, ParameterType::kPattern, 1, 64, {}, help);
}
// A parameter of the whole step, the same for all layers.
constexpr Parameter OfStep(Parameter parameter) {
  parameter.per_layer = false;
  return parameter;
}

// Every technique that changes layers lists it.
inline constexpr Parameter kSkip = Flag<&LayerSettings::skip>(
    "skip", "true leaves the layer as it is; for rules of `layers`");

// "0.8", "kmeans++", "[4, 1]": the parameter's value in the settings, so that
// two different ones never have the same text.
std::string ParameterText(const Parameter& parameter,
                          const LayerSettings& settings);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_PARAMETER_H_
