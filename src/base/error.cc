// The names of the kinds of errors.
#include "src/base/error.h"

namespace litesmith {

const char* Name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return "invalid argument";
    case ErrorKind::kNotFound:
      return "not found";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kIo:
      return "io";
    case ErrorKind::kInvariant:
      return "invariant";
    case ErrorKind::kOutOfMemory:
      return "out of memory";
    case ErrorKind::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

}  // namespace litesmith
