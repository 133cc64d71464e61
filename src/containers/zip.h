// Zip archives in memory or on disk, through libzip. An archive is somebody
// else's: sizes in it are claims, names in it are never paths of this machine.
#ifndef LITESMITH_CONTAINERS_ZIP_H_
#define LITESMITH_CONTAINERS_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct zip_file;  // libzip's

namespace litesmith {

// One member's bytes in order, unpacked.
class ZipStream {
 public:
  ~ZipStream();
  ZipStream(ZipStream&&) noexcept;

  // How many bytes there are: what the archive says, and the most that those
  // which they are packed in can hold. A size above that is a lie.
  int64_t claimed() const { return claimed_; }
  int64_t most() const { return most_; }
  // Fills `out` and returns how many bytes there were: fewer only at the end,
  // where the checksum is compared. Throws Error{corrupt}.
  size_t Read(std::span<std::byte> out);

 private:
  friend class ZipReader;
  ZipStream() = default;

  std::string where_;  // in front of messages: "FILE: ", or nothing
  std::string name_;   // of the member
  ::zip_file* file_ = nullptr;
  int64_t claimed_ = 0;
  int64_t most_ = 0;
};

class ZipReader {
 public:
  // Reads the directory of the archive that `bytes` is; they must outlive this.
  // Throws Error{corrupt} for what is no whole archive, for two members of one
  // name and for a name that leads out of the archive. Messages begin with
  // "it" or "its"; the caller says what that is.
  explicit ZipReader(std::span<const std::byte> bytes);
  // Reads the directory of the archive in a file, of which nothing more is held
  // in memory. Throws Error{not found, io}, too. Messages begin with the path.
  explicit ZipReader(const std::string& path);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  bool Has(const std::string& name) const;
  // Of all members, in the archive's order.
  std::vector<std::string> Names() const;
  // Throws Error{corrupt} if there is no such member, or its header is damaged;
  // Error{unsupported} if it is encrypted or packed otherwise than by deflate.
  // The reader must outlive the stream.
  ZipStream Open(const std::string& name) const;
  // All of the member's bytes. Throws what Open and reading throw, and
  // Error{unsupported} if there are more than `limit`.
  std::vector<std::byte> Read(const std::string& name, int64_t limit) const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

struct ZipMember {
  std::string name;
  std::vector<std::byte> bytes;
};

// An archive of these members, at least one, in this order, stored without
// compression and without times: the same members give the same bytes.
std::vector<std::byte> WriteZip(std::span<const ZipMember> members);

}  // namespace litesmith

#endif  // LITESMITH_CONTAINERS_ZIP_H_
