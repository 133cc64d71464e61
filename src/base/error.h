// The one way bad input is reported: a typed exception, caught once, in the
// command line. Our own bugs are CHECK (check.h), never Error.
#ifndef LITESMITH_BASE_ERROR_H_
#define LITESMITH_BASE_ERROR_H_

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace litesmith {

// What went wrong; the command line maps each kind to an exit code.
enum class ErrorKind {
  kInvalidArgument,  // a value that the user gave cannot be used
  kNotFound,         // a file, tensor or name that does not exist
  kCorrupt,          // a file's bytes contradict its format
  kUnsupported,      // valid, but outside what Litesmith does
  kIo,               // the operating system refused a read or a write
  kInvariant,        // an exported file lacks what the recipe promised
  kOutOfMemory,      // the system gave no more memory
  kInterrupted,      // stopped by the user
};

// The kind in words, such as "corrupt".
const char* Name(ErrorKind kind);

// Bad input. The message says what, where, what was got and what would do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message)
      : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Throws Error{kind, the formatted message}.
template <typename... Args>
[[noreturn]] void Fail(ErrorKind kind, fmt::format_string<Args...> format,
                       Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_ERROR_H_
