// Which program this is: what a report of a problem should begin with.
#ifndef LITESMITH_CLI_VERSION_H_
#define LITESMITH_CLI_VERSION_H_

#include <string>

#include "src/cli/json.h"

namespace litesmith {

// "1234567890ab" ("1234567890ab+": with changes), or that there was no git.
// cmake/build_info.cmake writes these two.
const char* BuildCommit();
// CMake's: "Release".
const char* BuildType();

// "litesmith 0.1.0", then a line each: commit, build id and type, instruction
// set in use, HDF5 library, compiler.
std::string VersionText();
// The same as an object.
OrderedJson VersionJson();

}  // namespace litesmith

#endif  // LITESMITH_CLI_VERSION_H_
