// The methods of the study's table.
#include "src/study/methods.h"

#include <algorithm>

#include "src/base/names.h"

namespace litesmith {
namespace {

// Schemes that the table leaves out unless they are asked for: int8 has the
// numbers of uint8, with signed inputs and outputs.
constexpr std::string_view kNotInTable[] = {"int8"};

}  // namespace

std::vector<Method> Methods() {
  std::vector<Method> result = {
      {"keras", "the trained model itself as .h5, evaluated in float32",
       nullptr, true}};
  for (const Scheme& scheme : Schemes()) {
    const bool left_out =
        std::find(std::begin(kNotInTable), std::end(kNotInTable),
                  scheme.name) != std::end(kNotInTable);
    result.push_back({scheme.name, scheme.summary, &scheme, !left_out});
  }
  return result;
}

std::string FileName(const Method& method) {
  if (method.scheme == nullptr) return "model.h5";
  return std::string(method.name) + ".tflite";
}

Method FindMethod(std::string_view name) {
  return FindByName(Methods(), name, "method");
}

}  // namespace litesmith
