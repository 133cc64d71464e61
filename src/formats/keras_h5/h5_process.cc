#include "src/formats/keras_h5/h5_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras_h5/h5_extract.h"
#include "src/formats/keras_h5/h5_stream.h"

#if defined(__SANITIZE_ADDRESS__)
#define LITESMITH_H5_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LITESMITH_H5_SANITIZED 1
#endif
#endif

namespace litesmith {
namespace {

void LimitTo(int resource, int64_t value) {
  rlimit limit;
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0)
    return;
  const auto wanted = static_cast<rlim_t>(value);
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted)
    limit.rlim_max = wanted;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

// Bytes of address space that this process has now, or 0 if unknown.
int64_t AddressSpace() {
  long long pages = 0;
  FILE* file = fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  if (fscanf(file, "%lld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

// The helper's whole life. `space` is measured before the fork.
[[noreturn]] void RunHelper(const std::string& path, const H5Limits& limits,
                            int64_t space, pid_t parent, int fd) {
  // Dies with its parent; a Ctrl-C is the parent's to handle.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  signal(SIGINT, SIG_IGN);
  for (const int s :
       {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGTERM, SIGPIPE}) {
    signal(s, SIG_DFL);
  }
  LimitTo(RLIMIT_CORE, 0);
  LimitTo(RLIMIT_CPU, limits.cpu_seconds);
#ifndef LITESMITH_H5_SANITIZED
  if (space > 0) LimitTo(RLIMIT_AS, space + limits.memory_bytes);
#else
  (void)space;
#endif
  // What the C library or a sanitizer says of a crash here is no one's news.
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  H5StreamWriter out(fd);
  try {
    ExtractH5(path, limits.contents_bytes, &out);
    out.End();
  } catch (const Error& error) {
    out.Failure(error.kind(), error.what());
    out.End();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

// Owns the helper: kills and reaps it whatever happens.
class Helper {
 public:
  Helper(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    close(fd_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }
  int fd() const { return fd_; }
  // The status of waitpid, once the helper has ended.
  int Wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  int fd_;
};

void CheckOpens(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int code = errno;
  if (fd < 0) {
    Fail(code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo,
         "cannot open {}: {}", path, strerror(code));
  }
  struct stat info;
  const bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  close(fd);
  if (!regular) {
    Fail(ErrorKind::kIo, "cannot read {}: it is not a file", path);
  }
}

}  // namespace

H5Contents ReadH5InHelper(const std::string& path, const H5Limits& limits) {
  using Clock = std::chrono::steady_clock;
  CheckOpens(path);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    Fail(ErrorKind::kIo, "cannot make a pipe to read {}: {}", path,
         strerror(errno));
  }
  const int64_t space = AddressSpace();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    const int code = errno;
    close(ends[0]);
    close(ends[1]);
    Fail(ErrorKind::kIo, "cannot start a process to read {}: {}", path,
         strerror(code));
  }
  if (pid == 0) {
    close(ends[0]);
    RunHelper(path, limits, space, parent, ends[1]);
  }
  close(ends[1]);
  Helper helper(pid, ends[0]);

  const auto deadline =
      Clock::now() + std::chrono::milliseconds(limits.wall_milliseconds);
  std::vector<std::byte> stream;
  std::vector<std::byte> block(1 << 16);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - Clock::now())
                          .count();
    pollfd wait{helper.fd(), POLLIN, 0};
    const int ready = left <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      Fail(ErrorKind::kCorrupt, "{}: reading it as HDF5 took more than {} ms",
           path, limits.wall_milliseconds);
    }
    const ssize_t got = read(helper.fd(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      Fail(ErrorKind::kIo, "cannot read from the process that reads {}: {}",
           path, strerror(errno));
    }
    if (got == 0) break;
    // Names and lengths come on top of the contents.
    if (static_cast<int64_t>(stream.size()) + got >
        limits.contents_bytes + limits.contents_bytes / 4) {
      Fail(ErrorKind::kUnsupported, "{}: its contents are too large", path);
    }
    stream.insert(stream.end(), block.begin(), block.begin() + got);
  }
  const int status = helper.Wait();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    Fail(ErrorKind::kCorrupt, "{}: libhdf5 {} on it; the file is damaged", path,
         !WIFSIGNALED(status)          ? "fails"
         : WTERMSIG(status) == SIGKILL ? "runs out of time or memory"
                                       : "crashes");
  }
  return ParseH5Stream(stream, path);
}

}  // namespace litesmith
