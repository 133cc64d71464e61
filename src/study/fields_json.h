// Structs with a list of fields (base/fields.h) as JSON objects and back.
#ifndef LITESMITH_STUDY_FIELDS_JSON_H_
#define LITESMITH_STUDY_FIELDS_JSON_H_

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/base/fields.h"

namespace litesmith {

template <HasFields T>
nlohmann::ordered_json FieldsToJson(const T& object);
template <HasFields T>
T FieldsFromJson(const nlohmann::ordered_json& json);

// For VisitFields: puts every field into an object under its name, in order.
class JsonWriter {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    object_[name] = value;
  }
  // 0.001, not the double nearest to the float nearest to it.
  void operator()(const char* name, float value) {
    object_[name] = std::strtod(fmt::format("{}", value).c_str(), nullptr);
  }
  template <HasFields T>
  void operator()(const char* name, const T& value) {
    object_[name] = FieldsToJson(value);
  }
  template <HasFields T>
  void operator()(const char* name, const std::vector<T>& values) {
    object_[name] = nlohmann::ordered_json::array();
    for (const T& each : values) object_[name].push_back(FieldsToJson(each));
  }
  template <typename T>
  void operator()(const char* name, const T& value, NoEffect) {
    (*this)(name, value);
  }
  nlohmann::ordered_json Take() { return std::move(object_); }

 private:
  nlohmann::ordered_json object_ = nlohmann::ordered_json::object();
};

// For VisitFields: sets every field that the object has; the others keep what
// they have. Throws nlohmann's exceptions for a value of another type.
class JsonReader {
 public:
  explicit JsonReader(const nlohmann::ordered_json& object) : object_(object) {}

  template <typename T>
  void operator()(const char* name, T& value) const {
    const auto found = object_.find(name);
    if (found != object_.end()) value = found->template get<T>();
  }
  template <HasFields T>
  void operator()(const char* name, T& value) const {
    const auto found = object_.find(name);
    if (found != object_.end()) value = FieldsFromJson<T>(*found);
  }
  template <HasFields T>
  void operator()(const char* name, std::vector<T>& values) const {
    const auto found = object_.find(name);
    if (found == object_.end()) return;
    values.clear();
    using Array = nlohmann::ordered_json::array_t;
    for (const auto& each : found->template get_ref<const Array&>())
      values.push_back(FieldsFromJson<T>(each));
  }
  template <typename T>
  void operator()(const char* name, T& value, NoEffect) const {
    (*this)(name, value);
  }

 private:
  const nlohmann::ordered_json& object_;
};

template <HasFields T>
nlohmann::ordered_json FieldsToJson(const T& object) {
  JsonWriter writer;
  VisitFields(object, writer);
  return writer.Take();
}

// Throws nlohmann's exceptions.
template <HasFields T>
T FieldsFromJson(const nlohmann::ordered_json& json) {
  T object;
  VisitFields(object, JsonReader(json));
  return object;
}

}  // namespace litesmith

#endif  // LITESMITH_STUDY_FIELDS_JSON_H_
