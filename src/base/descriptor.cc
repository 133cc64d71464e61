// Descriptors 0 to 2 kept open, and writes that go on until the last byte.
#include "src/base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace litesmith {
namespace {

bool closed_at_start[3];

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

int Descriptor::Release() { return std::exchange(fd_, -1); }

void OpenStandardDescriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    closed_at_start[fd] = true;
    // The lowest free number is taken: this one. Without a /dev, the root
    // folder keeps the place; nothing can be written to it.
    if (open("/dev/null", O_RDWR) < 0) (void)!open("/", O_PATH);
  }
}

bool WasClosedAtStart(int fd) {
  return fd >= 0 && fd < 3 && closed_at_start[fd];
}

Descriptor AboveStandard(Descriptor descriptor) {
  if (!descriptor.ok() || descriptor.get() > STDERR_FILENO) return descriptor;
  return Descriptor(
      fcntl(descriptor.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

bool WriteAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace litesmith
