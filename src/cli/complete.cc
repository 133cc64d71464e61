// A table beside CLI11's options, which have no room for more.
#include "src/cli/complete.h"

#include <map>

namespace litesmith {
namespace {

std::map<const CLI::Option*, Completion>& Remembered() {
  static std::map<const CLI::Option*, Completion> remembered;
  return remembered;
}

}  // namespace

CLI::Option* CompleteWith(CLI::Option* option, Completion completion) {
  Remembered()[option] = std::move(completion);
  return option;
}

Completion CompletionOf(const CLI::Option& option) {
  const auto found = Remembered().find(&option);
  if (found != Remembered().end()) return found->second;
  const std::string type = option.get_type_name();
  const auto has = [&](const char* part) {
    return type.find(part) != std::string::npos;
  };
  if (has("DIR")) return {Completes::kFolders};
  if (has("FILE") || has("OUT") || has(".") || type == "A" || type == "B")
    return {Completes::kFiles};
  if (has("MODEL") || type == "M") return {Completes::kFiles};
  return {};
}

}  // namespace litesmith
