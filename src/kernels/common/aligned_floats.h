// An array of floats, 64-byte aligned, for packed weights and workspaces.
#ifndef LITESMITH_KERNELS_COMMON_ALIGNED_FLOATS_H_
#define LITESMITH_KERNELS_COMMON_ALIGNED_FLOATS_H_

#include <cstddef>
#include <memory>
#include <new>

namespace litesmith::kernels {

class AlignedFloats {
 public:
  // n zeros.
  void Resize(size_t n) {
    size_ = n;
    data_.reset(n == 0 ? nullptr : new (kAlignment) float[n]());
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(float* p) const { ::operator delete[](p, kAlignment); }
  };
  std::unique_ptr<float[], Delete> data_;
  size_t size_ = 0;
};

// To whole cache lines.
inline size_t RoundUp16(size_t n) { return (n + 15) / 16 * 16; }

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_COMMON_ALIGNED_FLOATS_H_
