// A struct's fields from one list, so that texts, keys and files made of it
// cannot forget one. The list is a function beside the struct,
//
//   template <FieldsOf<TrainOptions> Options, typename Visit>
//   void VisitFields(Options& options, Visit&& visit) {
//     visit("epochs", options.epochs);
//     visit("threads", options.threads, kNoEffect);
//   }
//
// and CountFields, in the struct's test, tells whether it is whole.
#ifndef LITESMITH_BASE_FIELDS_H_
#define LITESMITH_BASE_FIELDS_H_

#include <fmt/format.h>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace litesmith {

// Marks a field that changes no bit of a result: where it goes, how it is
// called, how many threads work on it.
struct NoEffect {};
inline constexpr NoEffect kNoEffect;

// The struct itself or a const one.
template <typename T, typename Struct>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Struct>;

namespace fields_internal {

struct Anything {
  template <typename T>
  operator T() const;
};

struct Ignore {
  template <typename T>
  void operator()(const char*, const T&) const {}
  template <typename T>
  void operator()(const char*, const T&, NoEffect) const {}
};

struct Counter {
  template <typename T>
  void operator()(const char*, const T&) {
    ++count;
  }
  template <typename T>
  void operator()(const char*, const T&, NoEffect) {
    ++count;
  }
  int count = 0;
};

template <typename T, typename... Members>
concept MadeOf = requires {
  T{std::declval<Members>()...};
};

}  // namespace fields_internal

// A struct that has a list.
template <typename T>
concept HasFields = requires(const T& object) {
  VisitFields(object, fields_internal::Ignore());
};

// How many members an aggregate has. Not for members that are made of anything,
// as std::optional is.
template <typename T, typename... Members>
constexpr int CountFields() {
  if constexpr (fields_internal::MadeOf<T, Members...,
                                        fields_internal::Anything>) {
    return CountFields<T, Members..., fields_internal::Anything>();
  } else {
    return static_cast<int>(sizeof...(Members));
  }
}

// How many fields the list of `object` has; a struct in it counts as one.
template <HasFields T>
int CountVisited(const T& object) {
  fields_internal::Counter counter;
  VisitFields(object, counter);
  return counter.count;
}

// "epochs=5 batch=128 learning_rate=0.001 ": every field with an effect, those
// of structs inside included, numbers so that they read back exactly. Two
// objects with the same text give the same results.
template <HasFields T>
std::string FieldsText(const T& object);

namespace fields_internal {

class Writer {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    if constexpr (HasFields<T>) {
      text_ += fmt::format("{}=({}) ", name, FieldsText(value));
    } else {
      text_ += fmt::format("{}={} ", name, Text(value));
    }
  }
  template <typename T>
  void operator()(const char*, const T&, NoEffect) {}
  std::string Take() { return std::move(text_); }

 private:
  // The length keeps apart what a text ends and what follows it.
  static std::string Text(const std::string& value) {
    return fmt::format("{}:{}", value.size(), value);
  }
  template <typename T>
  static std::string Text(const std::optional<T>& value) {
    return value ? Text(*value) : "none";
  }
  template <typename T>
  static std::string Text(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return fmt::format("{}", static_cast<int>(value));
    } else {
      return fmt::format("{}", value);
    }
  }

  std::string text_;
};

}  // namespace fields_internal

template <HasFields T>
std::string FieldsText(const T& object) {
  fields_internal::Writer writer;
  VisitFields(object, writer);
  return writer.Take();
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_FIELDS_H_
