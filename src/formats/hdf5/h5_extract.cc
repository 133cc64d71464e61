// Walks a file's groups, datasets and attributes and writes them to the stream.
#include "src/formats/hdf5/h5_extract.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/formats/hdf5/h5_handle.h"

namespace litesmith {
namespace {

// A group may contain itself through a hard link: bounds instead of a search.
constexpr int kMaxGroupDepth = 32;
constexpr int kMaxObjects = 100'000;

[[noreturn]] void FailRead(const char* what, const std::string& name) {
  Fail(ErrorKind::kCorrupt, "its {} '{}' cannot be read", what, name);
}

class Extractor {
 public:
  Extractor(int64_t limit_bytes, H5StreamWriter* out)
      : budget_(limit_bytes), out_(out) {}

  void Run(const std::string& path, std::span<const std::byte> bytes,
           std::span<const H5Wanted> wanted) {
    // A URL-like or plugin-driven access would leave the file: only sec2, or
    // the bytes in memory.
    // A lock that somebody holds says nothing of what is in the file.
    const H5Handle access(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_file_locking(access, /*use_file_locking=*/false,
                        /*ignore_when_disabled=*/true);
    if (!bytes.empty()) {
      H5Pset_fapl_core(access, /*increment=*/1 << 20, /*backing_store=*/false);
      // It is copied, and not written to.
      H5Pset_file_image(access, const_cast<std::byte*>(bytes.data()),
                        bytes.size());
    }
    const H5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access));
    if (!file.ok()) Fail(ErrorKind::kCorrupt, "not a readable HDF5 file");
    const H5Handle root(H5Gopen2(file, "/", H5P_DEFAULT));
    if (!root.ok()) Fail(ErrorKind::kCorrupt, "its root cannot be read");
    for (size_t i = 0; i < wanted.size(); ++i) {
      tree_ = static_cast<uint8_t>(i);
      wanted_ = &wanted[i];
      Tree(root);
    }
  }

 private:
  // The first of the wanted groups that is there.
  void Tree(hid_t root) {
    for (const std::string& name : wanted_->groups) {
      if (!name.empty() && !IsHardLink(root, name.c_str())) continue;
      const char* path = name.empty() ? "/" : name.c_str();
      const H5Handle group(H5Gopen2(root, path, H5P_DEFAULT));
      if (!group.ok()) FailRead("group", name);
      out_->Present(tree_);
      if (wanted_->attributes_only) {
        Attributes(group, "");
      } else {
        Group(group, "", 0);
      }
      return;
    }
  }

  static bool IsHardLink(hid_t group, const char* name) {
    H5L_info_t info;
    return H5Lexists(group, name, H5P_DEFAULT) > 0 &&
           H5Lget_info(group, name, &info, H5P_DEFAULT) >= 0 &&
           info.type == H5L_TYPE_HARD;
  }

  void Spend(uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(budget_)) {
      Fail(ErrorKind::kUnsupported, "its contents are too large");
    }
    budget_ -= static_cast<int64_t>(bytes);
  }

  void CountObject(int depth) {
    if (depth > kMaxGroupDepth || ++objects_ > kMaxObjects) {
      Fail(ErrorKind::kCorrupt, "its groups nest too deep or are too many");
    }
  }

  void Group(hid_t group, const std::string& path, int depth) {
    CountObject(depth);
    Attributes(group, path);
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0) FailRead("group", path);
    for (hsize_t i = 0; i < info.nlinks; ++i) {
      char name[1024];
      const ssize_t length =
          H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                             sizeof(name), H5P_DEFAULT);
      if (length < 0 || length >= static_cast<ssize_t>(sizeof(name))) {
        FailRead("group", path);
      }
      // Soft and external links lead elsewhere, perhaps to another file.
      if (!IsHardLink(group, name)) continue;
      const auto& without = wanted_->without;
      if (depth == 0 &&
          std::find(without.begin(), without.end(), name) != without.end()) {
        continue;
      }
      const std::string inner = path.empty() ? name : path + "/" + name;
      const H5Handle object(H5Oopen(group, name, H5P_DEFAULT));
      if (!object.ok()) FailRead("object", inner);
      const H5I_type_t type = H5Iget_type(object);
      if (type == H5I_GROUP) {
        Group(object, inner, depth + 1);
      } else if (type == H5I_DATASET) {
        CountObject(depth);
        Dataset(object, inner);
      }
    }
  }

  // The attributes of the object that are strings. Keras writes an empty list
  // as an array of no floats.
  void Attributes(hid_t object, const std::string& path) {
    H5O_info_t info;
    if (H5Oget_info(object, &info) < 0) FailRead("object", path);
    for (hsize_t i = 0; i < info.num_attrs; ++i) {
      const H5Handle attribute(H5Aopen_by_idx(object, ".", H5_INDEX_NAME,
                                              H5_ITER_INC, i, H5P_DEFAULT,
                                              H5P_DEFAULT));
      char name[1024];
      if (!attribute.ok() || H5Aget_name(attribute, sizeof(name), name) < 0) {
        FailRead("attribute of", path);
      }
      name[sizeof(name) - 1] = 0;
      CountObject(0);
      Attribute(attribute, path + "@" + name);
    }
  }

  void Attribute(hid_t attribute, const std::string& key) {
    const H5Handle type(H5Aget_type(attribute));
    const H5Handle space(H5Aget_space(attribute));
    if (!type.ok() || !space.ok()) FailRead("attribute", key);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count < 0) FailRead("attribute", key);
    std::vector<std::string> values;
    if (count > 0) {
      if (H5Tget_class(type) != H5T_STRING) return;
      const auto n = static_cast<uint64_t>(count);
      if (H5Tis_variable_str(type) > 0) {
        Spend(n * sizeof(char*));
        std::vector<char*> strings(n, nullptr);
        if (H5Aread(attribute, type, strings.data()) < 0) {
          FailRead("attribute", key);
        }
        for (const char* string : strings) {
          values.emplace_back(string == nullptr ? "" : string);
          Spend(values.back().size());
        }
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, strings.data());
      } else {
        const uint64_t size = H5Tget_size(type);
        if (size == 0 || n > (uint64_t{1} << 32)) FailRead("attribute", key);
        Spend(n * std::min(size, uint64_t{1} << 30));
        std::vector<char> chars(n * size + 1, 0);
        if (H5Aread(attribute, type, chars.data()) < 0) {
          FailRead("attribute", key);
        }
        for (uint64_t i = 0; i < n; ++i) {
          const char* begin = chars.data() + i * size;
          std::string value(begin, strnlen(begin, size));
          if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) {
            value.erase(value.find_last_not_of(' ') + 1);
          }
          values.push_back(std::move(value));
        }
      }
    }
    out_->Attribute(tree_, key, values);
  }

  void Dataset(hid_t set, const std::string& path) {
    const H5Handle type(H5Dget_type(set));
    const H5Handle space(H5Dget_space(set));
    const H5Handle plist(H5Dget_create_plist(set));
    if (!type.ok() || !space.ok() || !plist.ok()) FailRead("dataset", path);
    const H5D_layout_t layout = H5Pget_layout(plist);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(plist) != 0) {
      Fail(ErrorKind::kUnsupported, "its dataset '{}' lies in another file",
           path);
    }
    H5Dataset dataset;
    const hid_t memory = MemoryType(type, &dataset.dtype);
    if (memory < 0) return;
    const int rank = H5Sget_simple_extent_ndims(space);
    hsize_t dims[H5S_MAX_RANK];
    if (rank < 0 || H5Sget_simple_extent_dims(space, dims, nullptr) < 0) {
      FailRead("dataset", path);
    }
    constexpr hsize_t kMaxElements = (hsize_t{1} << 31) - 1;
    hsize_t elements = 1;
    for (int d = 0; d < rank; ++d) {
      if (dims[d] > kMaxElements || elements * dims[d] > kMaxElements) {
        Fail(ErrorKind::kUnsupported, "its dataset '{}' is too large", path);
      }
      elements *= dims[d];
      dataset.dims.push_back(static_cast<int64_t>(dims[d]));
    }
    // Never-written storage would read as zeros, of any claimed size.
    if (layout != H5D_CHUNKED &&
        H5Dget_storage_size(set) < elements * H5Tget_size(type)) {
      FailRead("dataset", path);
    }
    const size_t bytes = elements * SizeOf(dataset.dtype);
    Spend(bytes);
    dataset.bytes.resize(bytes);
    if (bytes > 0 && H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                             dataset.bytes.data()) < 0) {
      FailRead("dataset", path);
    }
    out_->Dataset(tree_, path, dataset);
  }

  // The type to read numbers as, or -1 for what is no plain number.
  hid_t MemoryType(hid_t type, DType* dtype) const {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) return -1;
    if (wanted_->as_float32) {
      *dtype = DType::kFloat32;
      return H5T_NATIVE_FLOAT;
    }
    const auto as = [&](DType wanted, hid_t memory) {
      *dtype = wanted;
      return memory;
    };
    const size_t size = H5Tget_size(type);
    if (kind == H5T_FLOAT) {
      if (size == 4) return as(DType::kFloat32, H5T_NATIVE_FLOAT);
      if (size == 8) return as(DType::kFloat64, H5T_NATIVE_DOUBLE);
      return -1;
    }
    if (H5Tget_sign(type) == H5T_SGN_NONE) {
      return size == 1 ? as(DType::kUInt8, H5T_NATIVE_UINT8) : -1;
    }
    if (size == 1) return as(DType::kInt8, H5T_NATIVE_INT8);
    if (size == 2) return as(DType::kInt16, H5T_NATIVE_INT16);
    if (size == 4) return as(DType::kInt32, H5T_NATIVE_INT32);
    if (size == 8) return as(DType::kInt64, H5T_NATIVE_INT64);
    return -1;
  }

  int64_t budget_;
  int objects_ = 0;
  H5StreamWriter* out_;
  uint8_t tree_ = 0;                  // which of the wanted ones this is
  const H5Wanted* wanted_ = nullptr;  // the same
};

}  // namespace

void ExtractH5(const std::string& path, std::span<const std::byte> bytes,
               std::span<const H5Wanted> wanted, int64_t limit_bytes,
               H5StreamWriter* out) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);
  Extractor(limit_bytes, out).Run(path, bytes, wanted);
}

}  // namespace litesmith
