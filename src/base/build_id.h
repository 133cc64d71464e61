// What this build was made of, for keys of results that are kept.
#ifndef LITESMITH_BASE_BUILD_ID_H_
#define LITESMITH_BASE_BUILD_ID_H_

#include <string_view>

namespace litesmith {

// 16 hexadecimal digits: a digest of all sources that numbers depend on and of
// the compiler and its flags, taken at every build (cmake/build_id.cmake).
// Another build may give other results; the same one does not.
std::string_view BuildId();

}  // namespace litesmith

#endif  // LITESMITH_BASE_BUILD_ID_H_
