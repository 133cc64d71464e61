// 64-byte aligned memory for packed weights; zero at first.
#ifndef LITESMITH_KERNELS_COMMON_PACKED_BUFFER_H_
#define LITESMITH_KERNELS_COMMON_PACKED_BUFFER_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace litesmith {

class PackedBuffer {
 public:
  PackedBuffer() = default;
  explicit PackedBuffer(size_t bytes) {
    if (bytes == 0) return;
    bytes_.reset(
        static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    std::memset(bytes_.get(), 0, bytes);
  }
  std::byte* get() { return bytes_.get(); }
  const std::byte* get() const { return bytes_.get(); }
  template <typename T>
  T* as() {
    return reinterpret_cast<T*>(bytes_.get());
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* p) const {
      ::operator delete (p, std::align_val_t{64});
    }
  };
  std::unique_ptr<std::byte, Free> bytes_;
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_PACKED_BUFFER_H_
