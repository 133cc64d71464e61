# Writes the source file that says what a program was built from, if that
# changed: the git commit (a + if files differ from it), or where there is no git
# a digest of the sources.
#
#   cmake -D ROOT=CHECKOUT -D OUT=FILE.cc -D TYPE=Release -P build_info.cmake
find_program(GIT git)
set(commit "")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${ROOT} rev-parse --show-toplevel
    OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  # Not the repository that an unpacked archive happens to lie in.
  file(REAL_PATH ${ROOT} root)
  if(top STREQUAL root)
    execute_process(COMMAND ${GIT} -C ${ROOT} rev-parse --short=12 HEAD
      OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${GIT} -C ${ROOT} status --porcelain --untracked-files=no
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(commit AND changes)
      string(APPEND commit "+")
    endif()
  endif()
endif()
if(commit)
  set(source "commit ${commit}")
else()
  file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/src/*.cc ${ROOT}/src/*.h ${ROOT}/src/*.fbs)
  list(SORT files)
  set(sums "")
  foreach(file ${files})
    file(SHA256 ${ROOT}/${file} sum)
    string(APPEND sums "${file} ${sum}\n")
  endforeach()
  string(SHA256 digest "${sums}")
  string(SUBSTRING ${digest} 0 12 digest)
  set(source "sources ${digest}")
endif()
set(text "// Written by cmake/build_info.cmake at every build.
#include \"src/cli/version.h\"

namespace litesmith {

const char* BuildSource() { return \"${source}\"; }
const char* BuildType() { return \"${TYPE}\"; }

}  // namespace litesmith
")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUT} "${text}")
endif()
