// Arrays in a kernel's workspace: each is counted when the kernel is made, and
// found again in the same order when it runs.
#ifndef LITESMITH_KERNELS_RECURRENT_WORKSPACE_H_
#define LITESMITH_KERNELS_RECURRENT_WORKSPACE_H_

#include <algorithm>
#include <cstddef>

#include "src/kernels/recurrent/products.h"

namespace litesmith::kernels {

class Workspace {
 public:
  // Null where only the bytes are counted.
  explicit Workspace(std::byte* begin) : begin_(begin) {}

  template <class T>
  T* Take(size_t n) {
    auto* at =
        begin_ == nullptr ? nullptr : reinterpret_cast<T*>(begin_ + bytes_);
    bytes_ += (n * sizeof(T) + 63) / 64 * 64;
    return at;
  }
  // One that any of these may use.
  std::byte* TakeFor(std::initializer_list<const Products*> products) {
    size_t most = 0;
    for (const Products* p : products)
      most = std::max(most, p->workspace_bytes());
    return Take<std::byte>(most);
  }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* begin_;
  size_t bytes_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_WORKSPACE_H_
