// How a failed check ends the program.
#include "src/base/check.h"

#include <unistd.h>

#include <cstdio>

namespace litesmith {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr,
               "litesmith: internal error: CHECK(%s) failed at %s:%d. This is "
               "a bug in Litesmith; please report it.\n",
               condition, file, line);
  _exit(1);
}

}  // namespace litesmith
