// A pool of our own and not OpenMP's: there a loop ends when every thread of
// the team has been there, so one thread that the system does not run, since
// another program has its core, stops all. A training step of 0.3 ms then took
// 23. Here a thread that comes late finds its tasks taken by others.
#include "src/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace litesmith {
namespace {

using Call = void (*)(void* context, int task);

constexpr int kMaxThreads = 1024;

// Looks at something that another thread will change soon, without taking the
// core away from that thread for long.
class Spinner {
 public:
  // False once so much time has passed that sleeping is better.
  bool Wait() {
    ++count_;
    if (count_ < kSpins) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    } else {
      sched_yield();
    }
    return count_ < kSpins + kYields;
  }

 private:
  // Some 30 us, then as much again or more: longer than the serial parts of a
  // training step.
  static constexpr int kSpins = 1000;
  static constexpr int kYields = 200;
  int count_ = 0;
};

class Pool {
 public:
  static Pool& Get() {
    // Never destroyed: its threads may be looking at it when the program ends.
    static Pool* pool = new Pool;
    return *pool;
  }

  // Whether this thread is in a task, or the pool belongs to another.
  bool TryAcquire() { return !in_task_ && running_.try_lock(); }
  // Gives the pool back, also when a task has thrown.
  class Turn {
   public:
    explicit Turn(Pool* pool) : pool_(pool) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { pool_->running_.unlock(); }

   private:
    Pool* pool_;
  };

  void Run(int tasks, int threads, Call call, void* context);

 private:
  // The tasks of one thread, on a cache line of its own. `left` holds the
  // number of the run and how many are not yet taken: who takes one has the
  // right run, and none of its fields changes until the task is reported done.
  struct alignas(64) Share {
    std::atomic<uint64_t> left{0};
    std::atomic<int> end{0};
  };

  // Up to `count` in all, or as many as the system gives.
  void AddThreads(int count);
  void Loop(int self);
  // The number of one of `share`'s tasks, or -1.
  static int Take(Share* share, uint32_t run);
  // Does own tasks first, then other threads'.
  void Work(int self, uint32_t run, int threads);

  std::mutex running_;  // by the thread whose tasks the pool does
  static thread_local bool in_task_;

  // One a thread, the caller's first.
  const std::unique_ptr<Share[]> shares_ =
      std::make_unique<Share[]>(kMaxThreads);
  int threads_ = 1;
  std::atomic<Call> call_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<int> done_{0};
  std::mutex error_lock_;
  std::exception_ptr error_;  // the first that a task of this run threw
  // The run's number and how many threads may take part.
  std::atomic<uint64_t> posted_{0};

  std::atomic<int> asleep_{0};
  std::mutex sleep_;
  std::condition_variable wake_;
};

thread_local bool Pool::in_task_ = false;

int Pool::Take(Share* share, uint32_t run) {
  uint64_t left = share->left.load(std::memory_order_acquire);
  while (left >> 32 == run && (left & 0xFFFFFFFFu) > 0) {
    if (share->left.compare_exchange_weak(left, left - 1,
                                          std::memory_order_acquire)) {
      return share->end.load(std::memory_order_relaxed) -
             static_cast<int>(left & 0xFFFFFFFFu);
    }
  }
  return -1;
}

void Pool::Work(int self, uint32_t run, int threads) {
  in_task_ = true;
  for (int t = 0; t < threads; ++t) {
    Share* share = &shares_[static_cast<size_t>((self + t) % threads)];
    for (int task; (task = Take(share, run)) >= 0;) {
      try {
        call_.load(std::memory_order_relaxed)(
            context_.load(std::memory_order_relaxed), task);
      } catch (...) {
        const std::lock_guard<std::mutex> guard(error_lock_);
        if (error_ == nullptr) error_ = std::current_exception();
      }
      done_.fetch_add(1, std::memory_order_release);
    }
  }
  in_task_ = false;
}

void Pool::Loop(int self) {
  uint64_t seen = 0;
  for (;;) {
    Spinner spinner;
    uint64_t posted;
    while ((posted = posted_.load()) == seen) {
      if (spinner.Wait()) continue;
      std::unique_lock<std::mutex> lock(sleep_);
      ++asleep_;
      wake_.wait(lock, [&] { return posted_.load() != seen; });
      --asleep_;
    }
    seen = posted;
    const auto threads = static_cast<int>(posted & 0xFFFFFFFFu);
    if (self < threads)
      Work(self, static_cast<uint32_t>(posted >> 32), threads);
  }
}

void Pool::AddThreads(int count) {
  try {
    for (; threads_ < count; ++threads_)
      std::thread([this, self = threads_] { Loop(self); }).detach();
  } catch (const std::system_error&) {
    // Its tasks will be taken by the others.
  }
}

void Pool::Run(int tasks, int threads, Call call, void* context) {
  AddThreads(threads);
  const uint64_t run = ((posted_.load() >> 32) + 1) & 0xFFFFFFFFu;
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  for (int t = 0; t < threads; ++t) {
    // Thread t has the tasks i with i * threads / tasks == t.
    const auto first = [&](int64_t thread) {
      return static_cast<int>((thread * tasks + threads - 1) / threads);
    };
    Share& share = shares_[static_cast<size_t>(t)];
    share.end.store(first(t + 1), std::memory_order_relaxed);
    share.left.store(run << 32 | static_cast<uint64_t>(first(t + 1) - first(t)),
                     std::memory_order_release);
  }
  posted_.store(run << 32 | static_cast<uint64_t>(threads));
  if (asleep_.load() > 0) {
    { const std::lock_guard<std::mutex> lock(sleep_); }
    wake_.notify_all();
  }
  Work(0, static_cast<uint32_t>(run), threads);
  for (Spinner spinner; done_.load(std::memory_order_acquire) < tasks;)
    spinner.Wait();
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace

int AvailableThreads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

void ParallelRun(int tasks, int threads, void (*call)(void* context, int task),
                 void* context) {
  threads = std::min({threads, tasks, kMaxThreads});
  if (threads > 1 && Pool::Get().TryAcquire()) {
    const Pool::Turn turn(&Pool::Get());
    Pool::Get().Run(tasks, threads, call, context);
    return;
  }
  for (int i = 0; i < tasks; ++i) call(context, i);
}

}  // namespace litesmith
