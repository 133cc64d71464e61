// Typed access to the JSON of a file. Nothing here trusts the file: every
// accessor throws Error{corrupt} naming the key. Whoever asks no more than
// these functions gets along without the library's own header, which takes
// seconds to compile.
#ifndef LITESMITH_FORMATS_JSON_H_
#define LITESMITH_FORMATS_JSON_H_

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace litesmith {

using Json = nlohmann::json;

// Parses text; `what` names it in the error.
Json ParseJson(const std::string& text, const char* what);

// The value at the key. `JsonFind` gives null for a missing key or a JSON null.
const Json& JsonAt(const Json& object, const char* key);
const Json* JsonFind(const Json& object, const char* key);

// The value itself as an integer in int32's range, a string, a bool.
int32_t JsonInt(const Json& value, const char* key);
int64_t JsonInt64(const Json& value, const char* key);
const std::string& JsonString(const Json& value, const char* key);
bool JsonBool(const Json& value, const char* key);
const Json& JsonArray(const Json& value, const char* key);

// With a default for a missing or null key.
int32_t JsonInt(const Json& object, const char* key, int32_t initial);
std::string JsonString(const Json& object, const char* key,
                       const char* initial);
bool JsonBool(const Json& object, const char* key, bool initial);
// A number; Keras also writes numpy scalars as {"class_name": "__numpy__"} or
// as lists of one.
double JsonNumber(const Json& object, const char* key, double initial);
// (height, width), which may be given as one number.
std::array<int32_t, 2> JsonPair(const Json& object, const char* key,
                                std::array<int32_t, 2> initial);
// What is before and behind height and width: [[t, b], [l, r]], [h, w] for
// both sides, or one number for all.
std::array<std::array<int32_t, 2>, 2> JsonSides(const Json& object,
                                                const char* key,
                                                int32_t initial);
// A list of integers; JSON null becomes -1.
std::vector<int32_t> JsonDims(const Json& value, const char* key);

// The value as text for a message, its first 60 letters.
std::string JsonShown(const Json& value);
bool IsWholeNumber(const Json& value);
bool IsString(const Json& value);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_JSON_H_
