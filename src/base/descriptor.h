// File descriptors: owned, kept away from 0, 1 and 2, written to the last byte.
#ifndef LITESMITH_BASE_DESCRIPTOR_H_
#define LITESMITH_BASE_DESCRIPTOR_H_

#include <cstddef>
#include <span>

namespace litesmith {

// Closes a descriptor when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Gives the descriptor away, unclosed.
  int Release();

 private:
  int fd_;
};

// Opens /dev/null on those of the descriptors 0, 1 and 2 that are closed, so
// that no file of ours lands there and is written to as standard output. To be
// called before anything is opened.
void OpenStandardDescriptors();
// Whether OpenStandardDescriptors found this one of them closed.
bool WasClosedAtStart(int fd);

// The same open file on a descriptor of 3 or more; takes what it is given.
Descriptor AboveStandard(Descriptor descriptor);

// Writes all of it and goes on after signals; false with errno set if the
// system refuses.
bool WriteAll(int fd, std::span<const std::byte> bytes);

}  // namespace litesmith

#endif  // LITESMITH_BASE_DESCRIPTOR_H_
