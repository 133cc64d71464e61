#include "src/base/parallel.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>

namespace litesmith {

int AvailableThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void ParallelRun(int tasks, int threads, void (*call)(void* context, int task),
                 void* context) {
  threads = std::min(threads, tasks);
  if (threads <= 1 || omp_in_parallel()) {
    for (int i = 0; i < tasks; ++i) call(context, i);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int i = 0; i < tasks; ++i) call(context, i);
}

}  // namespace litesmith
