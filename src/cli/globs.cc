// By fnmatch, as a shell does.
#include "src/cli/globs.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "src/base/names.h"

namespace litesmith {

std::vector<std::string> ExpandGlobs(const std::vector<std::string>& given,
                                     std::span<const std::string> known,
                                     std::string_view what) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  };
  for (const std::string& each : given) {
    if (each.find_first_of("*?[") == std::string::npos) {
      add(each);
      continue;
    }
    bool matched = false;
    for (const std::string& name : known) {
      if (fnmatch(each.c_str(), name.c_str(), 0) != 0) continue;
      add(name);
      matched = true;
    }
    if (matched) continue;
    std::string letters = each;
    std::erase_if(letters, [](char c) {
      return c == '*' || c == '?' || c == '[' || c == ']';
    });
    const std::string nearest = NearestName(letters, known);
    Fail(ErrorKind::kInvalidArgument, "no {} matches \"{}\"; {}nown: {}", what,
         each,
         nearest.empty() ? "k" : fmt::format("did you mean \"{}\"? K", nearest),
         JoinNames(known));
  }
  return names;
}

}  // namespace litesmith
