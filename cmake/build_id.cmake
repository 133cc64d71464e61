# Writes the source file of BuildId (src/base/build_id.h), if it changed: a digest
# of every source that a number may depend on, tests left out, and of FLAGS. Needs
# no git: an unpacked archive has the digest of its checkout.
#
#   cmake -D ROOT=CHECKOUT -D OUT=FILE.cc -D FLAGS=TEXT -P build_id.cmake
cmake_minimum_required(VERSION 3.25)
set(sums "${FLAGS}\n")
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/src/*.cc ${ROOT}/src/*.h ${ROOT}/src/*.inc ${ROOT}/src/*.fbs)
list(FILTER files EXCLUDE REGEX "_test\\.(cc|h)$|^src/cli/")
list(SORT files)
foreach(file ${files})
  file(SHA256 ${ROOT}/${file} sum)
  string(APPEND sums "${file} ${sum}\n")
endforeach()
string(SHA256 digest "${sums}")
string(SUBSTRING ${digest} 0 16 digest)
set(text "// Written by cmake/build_id.cmake at every build.
#include \"src/base/build_id.h\"

namespace litesmith {

std::string_view BuildId() { return \"${digest}\"; }

}  // namespace litesmith
")
# Touches the file only if its text changes.
file(CONFIGURE OUTPUT ${OUT} CONTENT "${text}" @ONLY)
