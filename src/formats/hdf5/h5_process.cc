// Forks the helper, limits it, and reads its stream until it ends.
#include "src/formats/hdf5/h5_process.h"

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

#include <algorithm>
#include <cstdio>
#include <new>
#include <utility>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/progress.h"
#include "src/formats/hdf5/h5_extract.h"
#include "src/formats/hdf5/h5_stream.h"

namespace litesmith {
namespace {

// Looks at a requested stop that often while the helper has nothing to say.
constexpr int kPollMilliseconds = 200;

void LimitTo(int resource, int64_t value, int64_t grace = 0) {
  rlimit limit;
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0)
    return;
  limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(value + grace));
  limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(value));
  setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
}

constexpr int kOutOfMemoryExit = 9;
constexpr char kNoRoom[] = "there is no room in memory for its contents";

// Bytes of address space that this process has now, or 0 if unknown.
int64_t AddressSpace() {
  long long pages = 0;
  FILE* file = fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  if (fscanf(file, "%lld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

// What is to be read: the file at `path`, or these bytes if there are any.
struct Task {
  const std::string& path;
  std::span<const std::byte> bytes;
  std::span<const H5Wanted> wanted;
  const H5Limits& limits;
};

// The helper's whole life. `space` is measured before the fork.
[[noreturn]] void RunHelper(const Task& task, int64_t space, pid_t parent,
                            int fd) {
  // Dies with its parent; a Ctrl-C is the parent's to handle.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) signal(s, SIG_IGN);
  for (const int s :
       {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE}) {
    signal(s, SIG_DFL);
  }
  LimitTo(RLIMIT_CORE, 0);
  // SIGXCPU, which tells a lack of time from all other ends; a second later
  // SIGKILL.
  LimitTo(RLIMIT_CPU, task.limits.cpu_seconds, 1);
  if (kH5MemoryIsLimited && space > 0)
    LimitTo(RLIMIT_AS, space + task.limits.memory_bytes);
  // What the C library or a sanitizer says of a crash here is no one's news.
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  H5StreamWriter out(fd);
  try {
    ExtractH5(task.path, task.bytes, task.wanted, task.limits.contents_bytes,
              &out);
    out.End();
  } catch (const Error& error) {
    out.Failure(error.kind(), error.what());
    out.End();
  } catch (const std::bad_alloc&) {
    _exit(kOutOfMemoryExit);  // half a record may be under way
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

// Owns the helper: kills and reaps it whatever happens, also if it is stopped.
class Helper {
 public:
  Helper(pid_t pid, Descriptor pipe) : pid_(pid), pipe_(std::move(pipe)) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
  }
  int fd() const { return pipe_.get(); }
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
  Descriptor pipe_;
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

// All that the helper has to say.
std::vector<std::byte> Listen(const Helper& helper, const std::string& path,
                              const H5Limits& limits) {
  std::vector<std::byte> stream;
  std::vector<std::byte> block(1 << 16);
  for (;;) {
    ThrowIfStopRequested();
    pollfd wait{helper.fd(), POLLIN, 0};
    const int ready = poll(&wait, 1, kPollMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = read(helper.fd(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      Fail(ErrorKind::kIo, "cannot read from the process that reads {}: {}",
           path, strerror(errno));
    }
    if (got == 0) return stream;
    // Names and lengths come on top of the contents.
    if (static_cast<int64_t>(stream.size()) + got >
        limits.contents_bytes + limits.contents_bytes / 4) {
      Fail(ErrorKind::kUnsupported, "{}: its contents are too large", path);
    }
    stream.insert(stream.end(), block.begin(), block.begin() + got);
  }
}

// Says why the helper died, unless it ended well.
void CheckEnd(int status, const std::string& path, const H5Limits& limits) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemoryExit)
    Fail(ErrorKind::kOutOfMemory, "{}: {}", path, kNoRoom);
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (signal == SIGXCPU) {
    Fail(ErrorKind::kIo,
         "{}: reading it as HDF5 took more than {} s of processor time; the "
         "file is damaged or too large for this machine",
         path, limits.cpu_seconds);
  }
  // Nobody here sends it: the system does when its memory is full.
  if (signal == SIGKILL) {
    Fail(ErrorKind::kOutOfMemory,
         "{}: the system killed the process that read it", path);
  }
  Fail(ErrorKind::kCorrupt, "{}: libhdf5 {} on it; the file is damaged", path,
       signal == 0 ? "fails" : "crashes");
}

std::vector<H5Tree> ReadInHelper(const Task& task) {
  const std::string& path = task.path;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    Fail(ErrorKind::kIo, "cannot make a pipe to read {}: {}", path,
         strerror(errno));
  }
  // The helper closes the standard descriptors; its pipe must be none of them.
  Descriptor from = AboveStandard(Descriptor(ends[0]));
  Descriptor to = AboveStandard(Descriptor(ends[1]));
  const int64_t space = AddressSpace();
  const pid_t parent = getpid();
  const pid_t pid = from.ok() && to.ok() ? fork() : -1;
  if (pid < 0) {
    Fail(ErrorKind::kIo, "cannot start a process to read {}: {}", path,
         strerror(errno));
  }
  if (pid == 0) {
    close(from.get());
    RunHelper(task, space, parent, to.get());
  }
  to = Descriptor();
  Helper helper(pid, std::move(from));
  try {
    const std::vector<std::byte> stream = Listen(helper, path, task.limits);
    CheckEnd(helper.Wait(), path, task.limits);
    return ParseH5Stream(stream, task.wanted.size(), path);
  } catch (const std::bad_alloc&) {
    Fail(ErrorKind::kOutOfMemory, "{}: {}", path, kNoRoom);
  }
}

}  // namespace

std::vector<H5Tree> ReadH5InHelper(const std::string& path,
                                   std::span<const H5Wanted> wanted,
                                   const H5Limits& limits) {
  CheckOpens(path);
  return ReadInHelper({path, {}, wanted, limits});
}

std::vector<H5Tree> ReadH5InHelper(std::span<const std::byte> bytes,
                                   const std::string& name,
                                   std::span<const H5Wanted> wanted,
                                   const H5Limits& limits) {
  if (bytes.empty()) Fail(ErrorKind::kCorrupt, "{}: it is empty", name);
  return ReadInHelper({name, bytes, wanted, limits});
}

}  // namespace litesmith
