// Silence for a while.
#ifndef LITESMITH_STUDY_QUIET_H_
#define LITESMITH_STUDY_QUIET_H_

#include <string_view>
#include <utility>

#include "src/base/warning.h"

namespace litesmith {

// Drops warnings.
class Quiet {
 public:
  Quiet() : before_(SetWarningSink({})) {}
  ~Quiet() { SetWarningSink(std::move(before_)); }

 private:
  WarningSink before_;
};

}  // namespace litesmith

#endif  // LITESMITH_STUDY_QUIET_H_
