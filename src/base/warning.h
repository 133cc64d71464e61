// Where a room below the command line says something that the user should know
// though the work goes on: an option without effect, a weight that is clamped.
// It never replaces an Error, and nobody may depend on its being seen.
#ifndef LITESMITH_BASE_WARNING_H_
#define LITESMITH_BASE_WARNING_H_

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace litesmith {

using WarningSink = std::function<void(std::string_view text)>;

// Sends all later warnings of this process to `sink`, which may be called from
// any thread, one call at a time; an empty sink drops them, as at the start.
// Gives the sink that was there before.
WarningSink SetWarningSink(WarningSink sink);

// One warning: a sentence without a full stop that names what it is about.
void Warn(std::string_view text);

template <typename... Args>
void Warn(fmt::format_string<Args...> format,
          Args&&... args) requires(sizeof...(Args) > 0) {
  Warn(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_WARNING_H_
