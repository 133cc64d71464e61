// Zip archives in memory, through libzip. An archive is somebody else's: sizes
// in it are claims, names in it are never paths of this machine.
#ifndef LITESMITH_FORMATS_ZIP_ZIP_H_
#define LITESMITH_FORMATS_ZIP_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace litesmith {

class ZipReader {
 public:
  // Reads the directory of the archive that `bytes` is; they must outlive this.
  // Throws Error{corrupt} for what is no whole archive, for two members of one
  // name and for a name that leads out of the archive.
  explicit ZipReader(std::span<const std::byte> bytes);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  bool Has(const std::string& name) const;
  // The member's bytes, unpacked. Throws Error{corrupt} if there is no such
  // member, or it is cut off or damaged; Error{unsupported} if it is encrypted,
  // packed otherwise than by deflate, or has more than `limit` bytes.
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

#endif  // LITESMITH_FORMATS_ZIP_ZIP_H_
