// Names of the folder that a path would be in.
#include "src/base/near_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "src/base/names.h"

namespace litesmith {

namespace fs = std::filesystem;

std::string DidYouMeanFile(const std::string& path) {
  // Of more names than these nobody has mistyped one that could be guessed.
  constexpr size_t kMost = 10000;
  fs::path wanted = path;
  if (!wanted.has_filename()) wanted = wanted.parent_path();
  const fs::path folder = wanted.parent_path();
  // Files of one ending are told apart by what is before it.
  std::vector<std::string> stems;
  std::error_code code;
  for (fs::directory_iterator at(folder.empty() ? fs::path(".") : folder, code);
       !code && at != fs::directory_iterator() && stems.size() < kMost;
       at.increment(code)) {
    if (at->path().extension() == wanted.extension())
      stems.push_back(at->path().stem().string());
  }
  const std::string near = NearestName(wanted.stem().string(), stems);
  if (near.empty()) return "";
  const fs::path meant = folder / (near + wanted.extension().string());
  return fmt::format("; did you mean \"{}\"?", meant.string());
}

}  // namespace litesmith
