// Which program this is: what a report of a problem should begin with.
#ifndef LITESMITH_CLI_VERSION_H_
#define LITESMITH_CLI_VERSION_H_

#include <string>

namespace litesmith {

// "commit 1234567890ab" ("+": with changes), or "sources 1234567890ab", a
// digest of the sources, where there was no git. cmake/build_info.cmake writes
// these two.
const char* BuildSource();
// CMake's: "Release".
const char* BuildType();

// "litesmith 0.1.0", then a line each: source, instruction set in use, HDF5
// library, compiler and build type.
std::string VersionText();

}  // namespace litesmith

#endif  // LITESMITH_CLI_VERSION_H_
