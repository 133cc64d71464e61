// Threads. One call shape: a fixed number of tasks, each run once on some
// thread. What a task computes may not depend on the thread it runs on, so
// results do not depend on the number of threads.
#ifndef LITESMITH_BASE_PARALLEL_H_
#define LITESMITH_BASE_PARALLEL_H_

#include <memory>
#include <type_traits>

namespace litesmith {

// The number of processors that this process may use, at least 1.
int AvailableThreads();

// Calls call(context, i) for every i in [0, tasks), on at most `threads`
// threads of a pool that stays alive between calls; returns when all are done.
// Task i runs on thread i * threads / tasks, so the same task meets the same
// cache again, unless another thread has nothing left to do. Nested calls, and
// calls while the pool works for another thread, run on the calling thread.
// Of what calls throw, the first is thrown once all are done.
void ParallelRun(int tasks, int threads, void (*call)(void* context, int task),
                 void* context);

// As ParallelRun, for any callable taking the task's number. No allocation.
template <typename F>
void ParallelFor(int tasks, int threads, F&& f) {
  using Fn = std::remove_reference_t<F>;
  ParallelRun(
      tasks, threads,
      [](void* context, int task) { (*static_cast<Fn*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_PARALLEL_H_
