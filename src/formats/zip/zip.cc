// Zip archives through libzip, which reads and writes memory here and no files.
#include "src/formats/zip/zip.h"

#include <zip.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "src/base/check.h"
#include "src/base/error.h"

namespace litesmith {
namespace {

constexpr zip_int64_t kMaxMembers = 100'000;
constexpr size_t kBlock = size_t{1} << 16;
// 1980-01-01, the first day that a zip archive can name.
constexpr zip_uint16_t kDosDate = 1 << 5 | 1;

// Whether a program that unpacks the archive would write elsewhere.
bool LeadsOut(std::string_view name) {
  if (name.starts_with("/") || name.starts_with("\\")) return true;
  if (name.size() > 1 && name[1] == ':') return true;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find_first_of("/\\", at), name.size());
    if (name.substr(at, end - at) == "..") return true;
    at = end + 1;
  }
  return false;
}

// A name of somebody else's for a message.
std::string Shown(std::string_view name) {
  std::string text(name.substr(0, 80));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return text;
}

// Why a call failed that has no archive yet.
struct Reason {
  Reason() { zip_error_init(&error); }
  ~Reason() { zip_error_fini(&error); }
  std::string Text() { return zip_error_strerror(&error); }
  zip_error_t error;
};

struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

struct ZipReader::Archive {
  zip_t* zip = nullptr;

  // The member's place, or -1.
  zip_int64_t Locate(const std::string& name) const {
    return zip_name_locate(zip, name.c_str(), ZIP_FL_ENC_RAW);
  }
};

ZipReader::ZipReader(std::span<const std::byte> bytes)
    : archive_(std::make_unique<Archive>()) {
  // Which libzip takes for an archive without members.
  if (bytes.empty()) Fail(ErrorKind::kCorrupt, "it is empty");
  Reason why;
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(),
                                                  /*freep=*/0, &why.error);
  if (source == nullptr) Fail(ErrorKind::kOutOfMemory, "{}", why.Text());
  archive_->zip = zip_open_from_source(source, ZIP_RDONLY, &why.error);
  if (archive_->zip == nullptr) {
    zip_source_free(source);
    Fail(ErrorKind::kCorrupt, "it is no whole zip archive: {}", why.Text());
  }
  try {
    const zip_int64_t members = zip_get_num_entries(archive_->zip, 0);
    if (members > kMaxMembers) {
      Fail(ErrorKind::kUnsupported, "it has {} members, more than {}", members,
           kMaxMembers);
    }
    std::set<std::string_view> names;
    for (zip_int64_t i = 0; i < members; ++i) {
      const char* name = zip_get_name(
          archive_->zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
      if (name == nullptr) {
        Fail(ErrorKind::kCorrupt, "its member {} has no name", i);
      }
      if (LeadsOut(name)) {
        Fail(ErrorKind::kCorrupt, "its member '{}' leads out of the archive",
             Shown(name));
      }
      if (!names.insert(name).second) {
        Fail(ErrorKind::kCorrupt, "two of its members are called '{}'",
             Shown(name));
      }
    }
  } catch (...) {
    zip_discard(archive_->zip);
    throw;
  }
}

ZipReader::~ZipReader() { zip_discard(archive_->zip); }

bool ZipReader::Has(const std::string& name) const {
  return archive_->Locate(name) >= 0;
}

std::vector<std::byte> ZipReader::Read(const std::string& name,
                                       int64_t limit) const {
  const zip_int64_t place = archive_->Locate(name);
  if (place < 0) Fail(ErrorKind::kCorrupt, "it has no member '{}'", name);
  const auto index = static_cast<zip_uint64_t>(place);
  zip_stat_t stat;
  if (zip_stat_index(archive_->zip, index, 0, &stat) != 0) {
    Fail(ErrorKind::kCorrupt, "its member '{}' cannot be read: {}", name,
         zip_strerror(archive_->zip));
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
      stat.encryption_method != ZIP_EM_NONE) {
    Fail(ErrorKind::kUnsupported, "its member '{}' is encrypted", name);
  }
  if ((stat.valid & ZIP_STAT_COMP_METHOD) != 0 &&
      stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    Fail(ErrorKind::kUnsupported,
         "its member '{}' is packed by method {}; stored and deflate are read",
         name, stat.comp_method);
  }
  const std::unique_ptr<zip_file_t, CloseMember> file(
      zip_fopen_index(archive_->zip, index, 0));
  if (file == nullptr) {
    Fail(ErrorKind::kCorrupt, "its member '{}' cannot be read: {}", name,
         zip_strerror(archive_->zip));
  }
  // The size that the archive claims is not asked for.
  std::vector<std::byte> bytes;
  for (;;) {
    const size_t done = bytes.size();
    bytes.resize(done + kBlock);
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + done, kBlock);
    if (got < 0) {
      Fail(ErrorKind::kCorrupt, "its member '{}' is damaged: {}", name,
           zip_file_strerror(file.get()));
    }
    bytes.resize(done + static_cast<size_t>(got));
    if (bytes.size() > static_cast<uint64_t>(limit)) {
      Fail(ErrorKind::kUnsupported,
           "its member '{}' has more than {} bytes when unpacked", name, limit);
    }
    if (got == 0) return bytes;
  }
}

std::vector<std::byte> WriteZip(std::span<const ZipMember> members) {
  LS_CHECK(!members.empty());  // libzip writes no archive then
  // Only a lack of memory, or a bug, ends in these.
  Reason why;
  zip_source_t* sink =
      zip_source_buffer_create(nullptr, 0, /*freep=*/0, &why.error);
  if (sink == nullptr) Fail(ErrorKind::kOutOfMemory, "{}", why.Text());
  zip_source_keep(sink);  // beyond the archive's end, to be read
  zip_t* zip = zip_open_from_source(sink, ZIP_TRUNCATE, &why.error);
  LS_CHECK(zip != nullptr);
  for (const ZipMember& member : members) {
    zip_source_t* source = zip_source_buffer(zip, member.bytes.data(),
                                             member.bytes.size(), /*freep=*/0);
    LS_CHECK(source != nullptr);
    const zip_int64_t place =
        zip_file_add(zip, member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    LS_CHECK(place >= 0);
    const auto index = static_cast<zip_uint64_t>(place);
    LS_CHECK(zip_set_file_compression(zip, index, ZIP_CM_STORE, 0) == 0);
    LS_CHECK(zip_file_set_dostime(zip, index, 0, kDosDate, 0) == 0);
  }
  LS_CHECK(zip_close(zip) == 0);
  zip_stat_t stat;
  LS_CHECK(zip_source_stat(sink, &stat) == 0 && zip_source_open(sink) == 0);
  std::vector<std::byte> bytes(stat.size);
  const zip_int64_t got = zip_source_read(sink, bytes.data(), bytes.size());
  LS_CHECK(got >= 0 && static_cast<size_t>(got) == bytes.size());
  zip_source_close(sink);
  zip_source_free(sink);
  return bytes;
}

}  // namespace litesmith
