// What `litesmith advise` ends with if no file fits: an answer, and no error of
// the work, so it is none of ErrorKind's.
#ifndef LITESMITH_CLI_NO_FIT_H_
#define LITESMITH_CLI_NO_FIT_H_

#include <stdexcept>

namespace litesmith {

inline constexpr int kNoFitExitCode = 8;

class NoFit : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace litesmith

#endif  // LITESMITH_CLI_NO_FIT_H_
