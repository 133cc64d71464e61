// An HDF5 identifier that closes itself. Only for the files that use libhdf5.
#ifndef LITESMITH_FORMATS_HDF5_H5_HANDLE_H_
#define LITESMITH_FORMATS_HDF5_H5_HANDLE_H_

#include <hdf5.h>

#include <utility>

namespace litesmith {

class H5Handle {
 public:
  H5Handle() = default;
  explicit H5Handle(hid_t id) : id_(id) {}
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  // Drops one reference, whatever kind of object it is.
  ~H5Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  bool ok() const { return id_ >= 0; }
  operator hid_t() const { return id_; }  // NOLINT: stands in for the id

 private:
  hid_t id_ = -1;
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_HDF5_H5_HANDLE_H_
