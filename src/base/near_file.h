// Files that users name, as base/names.h does it for names.
#ifndef LITESMITH_BASE_NEAR_FILE_H_
#define LITESMITH_BASE_NEAR_FILE_H_

#include <string>

namespace litesmith {

// "; did you mean "photos/m.h5"?" for a path that is not there, if one beside
// it has nearly its name; else empty. Reads the names of one folder.
std::string DidYouMeanFile(const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_BASE_NEAR_FILE_H_
