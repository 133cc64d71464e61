// Typed access to JSON.
#include "src/formats/json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace litesmith {
namespace {

// Functions that walk JSON call themselves.
constexpr int kMaxJsonDepth = 500;

[[noreturn]] void FailType(const Json& value, const char* key,
                           const char* wanted) {
  Fail(ErrorKind::kCorrupt, "its '{}' is a JSON {}; {} is wanted", key,
       value.type_name(), wanted);
}

}  // namespace

Json ParseJson(const std::string& text, const char* what) {
  const auto check_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxJsonDepth) {
      Fail(ErrorKind::kCorrupt, "its {} nests deeper than {}", what,
           kMaxJsonDepth);
    }
    return true;
  };
  Json json = Json::parse(text, check_depth, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    Fail(ErrorKind::kCorrupt, "its {} is not valid JSON", what);
  }
  return json;
}

const Json* JsonFind(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

const Json& JsonAt(const Json& object, const char* key) {
  const Json* value = JsonFind(object, key);
  if (value == nullptr) Fail(ErrorKind::kCorrupt, "it has no '{}'", key);
  return *value;
}

int32_t JsonInt(const Json& value, const char* key) {
  const int64_t i = JsonInt64(value, key);
  if (i < std::numeric_limits<int32_t>::min() ||
      i > std::numeric_limits<int32_t>::max()) {
    Fail(ErrorKind::kCorrupt, "its '{}' is {}, beyond 32 bits", key, i);
  }
  return static_cast<int32_t>(i);
}

int64_t JsonInt64(const Json& value, const char* key) {
  if (!IsWholeNumber(value) ||
      (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)) {
    FailType(value, key, "a whole number");
  }
  return value.get<int64_t>();
}

const std::string& JsonString(const Json& value, const char* key) {
  if (!value.is_string()) FailType(value, key, "a string");
  return value.get_ref<const std::string&>();
}

bool JsonBool(const Json& value, const char* key) {
  if (!value.is_boolean()) FailType(value, key, "true or false");
  return value.get<bool>();
}

const Json& JsonArray(const Json& value, const char* key) {
  if (!value.is_array()) FailType(value, key, "a list");
  return value;
}

int32_t JsonInt(const Json& object, const char* key, int32_t initial) {
  const Json* value = JsonFind(object, key);
  return value == nullptr ? initial : JsonInt(*value, key);
}

std::string JsonString(const Json& object, const char* key,
                       const char* initial) {
  const Json* value = JsonFind(object, key);
  return value == nullptr ? initial : JsonString(*value, key);
}

bool JsonBool(const Json& object, const char* key, bool initial) {
  const Json* value = JsonFind(object, key);
  return value == nullptr ? initial : JsonBool(*value, key);
}

double JsonNumber(const Json& object, const char* key, double initial) {
  const Json* value = JsonFind(object, key);
  if (value == nullptr) return initial;
  for (int depth = 0; depth < 4; ++depth) {
    if (value->is_array() && value->size() == 1) {
      value = &value->front();
    } else if (const Json* config = JsonFind(*value, "config")) {
      value = config;
    } else if (const Json* number = JsonFind(*value, "value")) {
      value = number;
    } else {
      break;
    }
  }
  if (!value->is_number()) FailType(*value, key, "a number");
  return value->get<double>();
}

std::array<int32_t, 2> JsonPair(const Json& object, const char* key,
                                std::array<int32_t, 2> initial) {
  const Json* value = JsonFind(object, key);
  if (value == nullptr) return initial;
  if (value->is_array()) {
    if (value->size() != 2) FailType(*value, key, "a list of two");
    return {JsonInt((*value)[0], key), JsonInt((*value)[1], key)};
  }
  const int32_t both = JsonInt(*value, key);
  return {both, both};
}

std::array<std::array<int32_t, 2>, 2> JsonSides(const Json& object,
                                                const char* key,
                                                int32_t initial) {
  std::array<std::array<int32_t, 2>, 2> sides;
  sides.fill({initial, initial});
  const Json* value = JsonFind(object, key);
  if (value == nullptr) return sides;
  if (value->is_array() && value->size() != 2)
    FailType(*value, key, "a list of two");
  for (size_t i = 0; i < 2; ++i) {
    const Json& side = value->is_array() ? (*value)[i] : *value;
    if (side.is_array() && side.size() != 2)
      FailType(side, key, "a list of two");
    for (size_t j = 0; j < 2; ++j)
      sides[i][j] = JsonInt(side.is_array() ? side[j] : side, key);
  }
  return sides;
}

std::vector<int32_t> JsonDims(const Json& value, const char* key) {
  std::vector<int32_t> dims;
  for (const Json& dim : JsonArray(value, key)) {
    dims.push_back(dim.is_null() ? -1 : JsonInt(dim, key));
  }
  return dims;
}

std::string JsonShown(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace)
      .substr(0, 60);
}

bool IsWholeNumber(const Json& value) { return value.is_number_integer(); }

bool IsString(const Json& value) { return value.is_string(); }

}  // namespace litesmith
