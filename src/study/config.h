// The study's options from a TOML file: keys are the command line's options
// without the dashes. Says nothing about which options there are.
#ifndef LITESMITH_STUDY_CONFIG_H_
#define LITESMITH_STUDY_CONFIG_H_

#include <string>
#include <vector>

namespace litesmith {

struct ConfigEntry {
  std::string key;
  std::string value;  // as on the command line; a list's items are by commas
  int line = 0;       // for messages, from 1
};

// The top level of the file but for `recipe`, in the order of its lines. Throws
// Error{not found, io}, Error{corrupt} with line and column if it is not TOML,
// Error{unsupported} for a table or a date, which no option takes.
std::vector<ConfigEntry> ReadConfig(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_CONFIG_H_
