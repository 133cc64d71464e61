# Writes the source file that says which git commit a program was built from, if
# that changed (a + if files differ from it). Where there is no git the build id
# alone (build_id.cmake) tells.
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
if(NOT commit)
  set(commit "unknown, there was no git")
endif()
set(text "// Written by cmake/build_info.cmake at every build.
#include \"src/cli/version.h\"

namespace litesmith {

const char* BuildCommit() { return \"${commit}\"; }
const char* BuildType() { return \"${TYPE}\"; }

}  // namespace litesmith
")
# Touches the file only if its text changes.
file(CONFIGURE OUTPUT ${OUT} CONTENT "${text}" @ONLY)
