// Time that passes, for reports.
#ifndef LITESMITH_BASE_TIMER_H_
#define LITESMITH_BASE_TIMER_H_

#include <chrono>

namespace litesmith {

// Runs from its construction on.
class Timer {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

}  // namespace litesmith

#endif  // LITESMITH_BASE_TIMER_H_
