// Groups, datasets and attributes into a file image in memory.
#include "src/formats/hdf5/h5_image.h"

#include <algorithm>
#include <cstring>

#include "src/base/error.h"
#include "src/formats/hdf5/h5_handle.h"

namespace litesmith {
namespace {

// h5py's and Keras's own bound: an object header holds less than 64 KB.
constexpr size_t kMaxAttributeBytes = 60'000;
constexpr size_t kImageIncrement = 1 << 20;

// All happens in memory: only a lack of it, or a bug, ends here.
hid_t Check(hid_t result) {
  if (result < 0) {
    Fail(ErrorKind::kIo, "libhdf5 cannot build the file in memory");
  }
  return result;
}

H5Handle Plist(hid_t kind) {
  H5Handle plist(Check(H5Pcreate(kind)));
  Check(H5Pset_obj_track_times(plist, false));
  return plist;
}

hid_t FileType(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return H5T_IEEE_F32LE;
    case DType::kFloat64:
      return H5T_IEEE_F64LE;
    case DType::kInt8:
      return H5T_STD_I8LE;
    case DType::kUInt8:
      return H5T_STD_U8LE;
    case DType::kInt16:
      return H5T_STD_I16LE;
    case DType::kInt32:
      return H5T_STD_I32LE;
    case DType::kInt64:
      return H5T_STD_I64LE;
    default:
      Fail(ErrorKind::kUnsupported, "HDF5 has no type {}", Name(dtype));
  }
}

}  // namespace

H5Image::H5Image() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const H5Handle create = Plist(H5P_FILE_CREATE);
  const H5Handle access(Check(H5Pcreate(H5P_FILE_ACCESS)));
  Check(H5Pset_fapl_core(access, kImageIncrement, /*backing_store=*/false));
  file_ = std::make_unique<H5Handle>(
      Check(H5Fcreate("litesmith.h5", H5F_ACC_TRUNC, create, access)));
}

H5Image::~H5Image() = default;

void H5Image::AddGroup(const std::string& path) {
  // Group by group: a name with slashes is several, some of which the
  // names of other layers may have made.
  const H5Handle plist = Plist(H5P_GROUP_CREATE);
  for (size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string outer = path.substr(0, end);
    if (Check(H5Lexists(*file_, outer.c_str(), H5P_DEFAULT)) == 0) {
      const H5Handle group(Check(
          H5Gcreate2(*file_, outer.c_str(), H5P_DEFAULT, plist, H5P_DEFAULT)));
    }
    if (end == std::string::npos) break;
  }
}

H5Handle H5Image::Object(const std::string& path) const {
  return H5Handle(Check(H5Oopen(*file_, path.c_str(), H5P_DEFAULT)));
}

void H5Image::AddDataset(const std::string& path, DType dtype,
                         std::span<const int32_t> dims,
                         std::span<const std::byte> bytes) {
  const std::vector<hsize_t> extent(dims.begin(), dims.end());
  const H5Handle space(
      Check(extent.empty() ? H5Screate(H5S_SCALAR)
                           : H5Screate_simple(static_cast<int>(extent.size()),
                                              extent.data(), nullptr)));
  const H5Handle plist = Plist(H5P_DATASET_CREATE);
  const hid_t type = FileType(dtype);
  const H5Handle set(Check(H5Dcreate2(*file_, path.c_str(), type, space,
                                      H5P_DEFAULT, plist, H5P_DEFAULT)));
  // The same type in memory and file (both little-endian): a plain copy, so
  // that no bit of a NaN changes.
  if (!bytes.empty()) {
    Check(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()));
  }
}

void H5Image::AddString(const std::string& path, const char* name,
                        const std::string& value) {
  if (value.size() <= kMaxAttributeBytes) {
    WriteStrings(path, name, {&value, 1}, /*scalar=*/true);
    return;
  }
  const H5Handle type(Check(H5Tcopy(H5T_C_S1)));
  Check(H5Tset_size(type, H5T_VARIABLE));
  const H5Handle space(Check(H5Screate(H5S_SCALAR)));
  const H5Handle object = Object(path);
  const H5Handle attribute(
      Check(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT)));
  const char* chars = value.c_str();
  Check(H5Awrite(attribute, type, &chars));
}

void H5Image::AddStrings(const std::string& path, const std::string& name,
                         const std::vector<std::string>& values) {
  size_t longest = 1;
  for (const std::string& value : values)
    longest = std::max(longest, value.size());
  if (longest > kMaxAttributeBytes) {
    Fail(ErrorKind::kUnsupported, "a name of {} bytes is too long for a file",
         longest);
  }
  const size_t piece = kMaxAttributeBytes / longest;
  const std::span<const std::string> all(values);
  if (all.size() <= piece) {
    WriteStrings(path, name.c_str(), all, /*scalar=*/false);
    return;
  }
  for (size_t i = 0; i * piece < all.size(); ++i) {
    WriteStrings(
        path, (name + std::to_string(i)).c_str(),
        all.subspan(i * piece, std::min(piece, all.size() - i * piece)),
        /*scalar=*/false);
  }
}

void H5Image::WriteStrings(const std::string& path, const char* name,
                           std::span<const std::string> values, bool scalar) {
  size_t longest = 1;
  for (const std::string& value : values)
    longest = std::max(longest, value.size());
  std::vector<char> chars(longest * values.size() + 1, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    std::memcpy(chars.data() + i * longest, values[i].data(), values[i].size());
  }
  const H5Handle type(Check(H5Tcopy(H5T_C_S1)));
  Check(H5Tset_size(type, longest));
  Check(H5Tset_strpad(type, H5T_STR_NULLPAD));
  const hsize_t count = values.size();
  const H5Handle space(Check(scalar ? H5Screate(H5S_SCALAR)
                                    : H5Screate_simple(1, &count, nullptr)));
  const H5Handle object = Object(path);
  const H5Handle attribute(
      Check(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT)));
  if (count > 0) Check(H5Awrite(attribute, type, chars.data()));
}

std::vector<std::byte> H5Image::Finish() {
  Check(H5Fflush(*file_, H5F_SCOPE_GLOBAL));
  const ssize_t size = H5Fget_file_image(*file_, nullptr, 0);
  Check(size < 0 ? -1 : 0);
  std::vector<std::byte> bytes(static_cast<size_t>(size));
  Check(H5Fget_file_image(*file_, bytes.data(), bytes.size()) < 0 ? -1 : 0);
  return bytes;
}

}  // namespace litesmith
