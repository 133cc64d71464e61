// The list of techniques.
#include "src/optimize/technique.h"

#include <fmt/format.h>

namespace litesmith {

std::span<const Technique* const> Techniques() {
  static constexpr const Technique* kAll[] = {
#define LITESMITH_TECHNIQUE(name) &name,
#include "src/optimize/techniques.inc"
#undef LITESMITH_TECHNIQUE
  };
  return kAll;
}

std::string SettingsText(const Technique& technique,
                         const LayerSettings& settings) {
  std::string text;
  for (const Parameter& parameter : technique.parameters) {
    text += fmt::format("{}={} ", parameter.name,
                        ParameterText(parameter, settings));
  }
  return text;
}

}  // namespace litesmith
