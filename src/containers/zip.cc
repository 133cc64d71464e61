// Zip archives through libzip, which writes memory here and no files.
#include "src/containers/zip.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {
namespace {

constexpr zip_int64_t kMaxMembers = 100'000;
constexpr size_t kBlock = size_t{1} << 16;
// Deflate cannot do better than 258 bytes for 2 bits, 1032 : 1.
constexpr int64_t kDeflateRatio = 1032;
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

// A size of somebody else's that can be multiplied.
int64_t Clamped(zip_uint64_t size) {
  constexpr zip_uint64_t kMost = uint64_t{1} << 50;
  return static_cast<int64_t>(std::min(size, kMost));
}

// Why a call failed that has no archive yet.
struct Reason {
  Reason() { zip_error_init(&error); }
  ~Reason() { zip_error_fini(&error); }
  std::string Text() { return zip_error_strerror(&error); }
  zip_error_t error;
};

}  // namespace

struct ZipReader::Archive {
  // Takes the source.
  Archive(zip_source_t* source, int64_t archive_bytes, std::string prefix)
      : bytes(archive_bytes), where(std::move(prefix)) {
    Reason why;
    zip = zip_open_from_source(source, ZIP_RDONLY, &why.error);
    if (zip == nullptr) {
      zip_source_free(source);
      Fail(ErrorKind::kCorrupt, "{}it is no whole zip archive: {}", where,
           why.Text());
    }
    try {
      CheckNames();
    } catch (...) {
      zip_discard(zip);
      throw;
    }
  }
  ~Archive() { zip_discard(zip); }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  void CheckNames() const {
    const zip_int64_t members = zip_get_num_entries(zip, 0);
    if (members > kMaxMembers) {
      Fail(ErrorKind::kUnsupported, "{}it has {} members, more than {}", where,
           members, kMaxMembers);
    }
    std::set<std::string_view> names;
    for (zip_int64_t i = 0; i < members; ++i) {
      const char* name = NameOf(i);
      if (name == nullptr) {
        Fail(ErrorKind::kCorrupt, "{}its member {} has no name", where, i);
      }
      if (LeadsOut(name)) {
        Fail(ErrorKind::kCorrupt, "{}its member '{}' leads out of the archive",
             where, Shown(name));
      }
      if (!names.insert(name).second) {
        Fail(ErrorKind::kCorrupt, "{}two of its members are called '{}'", where,
             Shown(name));
      }
    }
  }

  const char* NameOf(zip_int64_t member) const {
    return zip_get_name(zip, static_cast<zip_uint64_t>(member), ZIP_FL_ENC_RAW);
  }

  // The member's place, or -1.
  zip_int64_t Locate(const std::string& name) const {
    return zip_name_locate(zip, name.c_str(), ZIP_FL_ENC_RAW);
  }

  zip_t* zip = nullptr;
  int64_t bytes;      // of the archive
  std::string where;  // in front of messages
};

ZipReader::ZipReader(std::span<const std::byte> bytes) {
  // Which libzip takes for an archive without members.
  if (bytes.empty()) Fail(ErrorKind::kCorrupt, "it is empty");
  Reason why;
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(),
                                                  /*freep=*/0, &why.error);
  if (source == nullptr) Fail(ErrorKind::kOutOfMemory, "{}", why.Text());
  archive_ =
      std::make_unique<Archive>(source, static_cast<int64_t>(bytes.size()), "");
}

ZipReader::ZipReader(const std::string& path) {
  const int64_t bytes = FileSize(path);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    Fail(ErrorKind::kIo,
         "{}: no file on disk, which an archive must be: it is read in several "
         "places",
         path);
  }
  if (bytes == 0) Fail(ErrorKind::kCorrupt, "{}: it is empty", path);
  // What cannot be read at all is no broken archive.
  ReadFileHead(path, 1);
  Reason why;
  zip_source_t* source =
      zip_source_file_create(path.c_str(), 0, /*len=*/-1, &why.error);
  if (source == nullptr) Fail(ErrorKind::kIo, "{}: {}", path, why.Text());
  archive_ = std::make_unique<Archive>(source, bytes, path + ": ");
}

ZipReader::~ZipReader() = default;

bool ZipReader::Has(const std::string& name) const {
  return archive_->Locate(name) >= 0;
}

std::vector<std::string> ZipReader::Names() const {
  std::vector<std::string> names;
  const zip_int64_t members = zip_get_num_entries(archive_->zip, 0);
  for (zip_int64_t i = 0; i < members; ++i)
    names.emplace_back(archive_->NameOf(i));
  return names;
}

ZipStream ZipReader::Open(const std::string& name) const {
  const std::string& where = archive_->where;
  const zip_int64_t place = archive_->Locate(name);
  if (place < 0)
    Fail(ErrorKind::kCorrupt, "{}it has no member '{}'", where, name);
  const auto index = static_cast<zip_uint64_t>(place);
  zip_stat_t stat;
  if (zip_stat_index(archive_->zip, index, 0, &stat) != 0) {
    Fail(ErrorKind::kCorrupt, "{}its member '{}' cannot be read: {}", where,
         name, zip_strerror(archive_->zip));
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
      stat.encryption_method != ZIP_EM_NONE) {
    Fail(ErrorKind::kUnsupported, "{}its member '{}' is encrypted", where,
         name);
  }
  if ((stat.valid & ZIP_STAT_COMP_METHOD) != 0 &&
      stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
    Fail(
        ErrorKind::kUnsupported,
        "{}its member '{}' is packed by method {}; stored and deflate are read",
        where, name, stat.comp_method);
  }
  ZipStream stream;
  stream.where_ = where;
  stream.name_ = name;
  stream.claimed_ = Clamped(stat.size);
  // No member is longer than the archive, whatever its header says.
  const int64_t packed = std::min(Clamped(stat.comp_size), archive_->bytes);
  stream.most_ =
      stat.comp_method == ZIP_CM_STORE ? packed : packed * kDeflateRatio;
  stream.file_ = zip_fopen_index(archive_->zip, index, 0);
  if (stream.file_ == nullptr) {
    Fail(ErrorKind::kCorrupt, "{}its member '{}' cannot be read: {}", where,
         name, zip_strerror(archive_->zip));
  }
  return stream;
}

std::vector<std::byte> ZipReader::Read(const std::string& name,
                                       int64_t limit) const {
  ZipStream stream = Open(name);
  // The size that the archive claims is not asked for.
  std::vector<std::byte> bytes;
  for (;;) {
    const size_t done = bytes.size();
    bytes.resize(done + kBlock);
    bytes.resize(done + stream.Read(std::span(bytes).subspan(done)));
    if (bytes.size() > static_cast<uint64_t>(limit)) {
      Fail(ErrorKind::kUnsupported,
           "{}its member '{}' has more than {} bytes when unpacked",
           archive_->where, name, limit);
    }
    if (bytes.size() < done + kBlock) return bytes;
  }
}

ZipStream::~ZipStream() {
  if (file_ != nullptr) zip_fclose(file_);
}

ZipStream::ZipStream(ZipStream&& other) noexcept
    : where_(std::move(other.where_)),
      name_(std::move(other.name_)),
      file_(std::exchange(other.file_, nullptr)),
      claimed_(other.claimed_),
      most_(other.most_) {}

size_t ZipStream::Read(std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t got =
        zip_fread(file_, out.data() + done, out.size() - done);
    if (got < 0) {
      Fail(ErrorKind::kCorrupt, "{}its member '{}' is damaged: {}", where_,
           name_, zip_file_strerror(file_));
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
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
