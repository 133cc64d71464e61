// Names by shell patterns: --recipes 'prune*'.
#ifndef LITESMITH_CLI_GLOBS_H_
#define LITESMITH_CLI_GLOBS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace litesmith {

// Each name as it is; for one with *, ? or [ those of `known` that it matches,
// in their order. Each name once. Throws Error{invalid argument} for a pattern
// that matches none, with all names; `what` is "recipe".
std::vector<std::string> ExpandGlobs(const std::vector<std::string>& given,
                                     std::span<const std::string> known,
                                     std::string_view what);

}  // namespace litesmith

#endif  // LITESMITH_CLI_GLOBS_H_
