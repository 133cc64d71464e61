// The study's options from a TOML file: keys are the command line's options
// without the dashes. Says nothing about which options there are.
#ifndef LITESMITH_STUDY_CONFIG_H_
#define LITESMITH_STUDY_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace litesmith {

enum class ConfigType : uint8_t {
  kText,
  kTexts,  // a list of texts
  kWhole,
  kReal,
  kFlag,
  kOther,  // a date, a list of anything else: no option takes it
};

struct ConfigEntry {
  std::string key;
  ConfigType type = ConfigType::kOther;
  std::vector<std::string> values;  // as on the command line; one but for lists
  std::string text;                 // as in the file
  int line = 0;                     // from 1
};

// The top level of the file but for `recipe`, in the order of its lines. Throws
// Error{not found, io}, Error{corrupt} with line and column if it is not TOML,
// Error{invalid argument} for any other table.
std::vector<ConfigEntry> ReadConfig(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_CONFIG_H_
