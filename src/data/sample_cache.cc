// The cache's files:
//   KEY.samples  64 bytes of magic, key and sizes; 8 bytes a sample: its digest
//                or 0; then the samples, one behind another
//   KEY.stamps   what is known of the contents of files
#include "src/data/sample_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeader = 64;
constexpr char kMagic[] = "litesmith samples 1";

uint64_t DigestOfSample(const std::byte* sample, size_t bytes) {
  Digest digest;
  digest.Block({sample, bytes});
  return std::max<uint64_t>(1, digest.value());
}

bool ReadAt(int fd, void* out, size_t bytes, int64_t at) {
  auto* to = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t got = pread(fd, to, bytes, at);
    if (got <= 0) return false;
    to += got;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAt(int fd, const void* from, size_t bytes, int64_t at) {
  const auto* data = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t done = pwrite(fd, data, bytes, at);
    if (done <= 0) return false;
    data += done;
    at += done;
    bytes -= static_cast<size_t>(done);
  }
  return true;
}

int64_t DiskBytes(const struct stat& status) {
  return int64_t{status.st_blocks} * 512;
}

// Removes files of ours, those used longest ago first, until the rest and
// `wanted` bytes fit.
void MakeRoom(const std::string& folder, const std::string& keep,
              int64_t wanted, int64_t most) {
  struct Old {
    std::string path;
    int64_t bytes;
    timespec used;
  };
  std::vector<Old> files;
  int64_t all = wanted;
  std::error_code code;
  for (fs::directory_iterator at(folder, code);
       !code && at != fs::directory_iterator(); at.increment(code)) {
    const std::string path = at->path().string();
    struct stat status;
    if (!path.ends_with(".samples") || path == keep ||
        lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    files.push_back({path, DiskBytes(status), status.st_mtim});
    all += files.back().bytes;
  }
  std::sort(files.begin(), files.end(), [](const Old& a, const Old& b) {
    return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec
                                          : a.used.tv_nsec < b.used.tv_nsec;
  });
  for (const Old& file : files) {
    if (all <= most) return;
    if (unlink(file.path.c_str()) == 0) all -= file.bytes;
  }
}

// What tells that a file is as it was.
struct Stamp {
  uint64_t path = 0;  // its digest
  int64_t size = 0;
  int64_t changed_ns = 0;  // of its inode: no program can set it
  int64_t modified_ns = 0;
  uint64_t inode = 0;
  uint64_t content = 0;
};

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

using Stamps = std::unordered_map<uint64_t, Stamp>;

Stamps ReadStamps(const std::string& path) {
  Stamps stamps;
  if (!FileExists(path)) return stamps;
  try {
    const std::vector<std::byte> bytes = ReadFile(path);
    for (size_t at = 0; at + sizeof(Stamp) <= bytes.size();
         at += sizeof(Stamp)) {
      Stamp stamp;
      std::memcpy(&stamp, bytes.data() + at, sizeof(stamp));
      stamps[stamp.path] = stamp;
    }
  } catch (const Error&) {
    // Then all files are read.
  }
  return stamps;
}

}  // namespace

std::string CacheFolder(const std::string& given) {
  if (given == "none") return "";
  if (!given.empty()) return given;
  const char* cache = getenv("XDG_CACHE_HOME");
  // Relative paths are invalid by the XDG specification.
  if (cache != nullptr && cache[0] == '/')
    return std::string(cache) + "/litesmith";
  const char* home = getenv("HOME");
  if (home == nullptr || home[0] != '/') return "";
  return std::string(home) + "/.cache/litesmith";
}

std::unique_ptr<SampleCache> SampleCache::Open(const std::string& folder,
                                               const std::string& key,
                                               int64_t count, size_t bytes,
                                               int64_t most) {
  if (folder.empty() || count <= 0 || bytes == 0) return nullptr;
  const std::string path = folder + "/" + key + ".samples";
  try {
    MakeDirectory(folder);
  } catch (const Error& error) {
    Warn("decoded samples are not kept: {}", error.what());
    return nullptr;
  }
  const int64_t table = static_cast<int64_t>(kHeader) + count * 8;
  const int64_t room =
      std::min<int64_t>(count, (most - table) / static_cast<int64_t>(bytes));
  if (room <= 0) return nullptr;
  MakeRoom(folder, path, table + room * static_cast<int64_t>(bytes), most);
  std::unique_ptr<SampleCache> cache(new SampleCache);
  cache->file_ =
      Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const int fd = cache->file_.get();
  if (fd < 0) {
    Warn("decoded samples are not kept: cannot write to {}: {}", folder,
         strerror(errno));
    return nullptr;
  }
  cache->bytes_ = bytes;
  cache->count_ = count;
  cache->room_ = room;
  cache->digests_ =
      std::vector<std::atomic<uint64_t>>(static_cast<size_t>(count));
  char header[kHeader] = {};
  const uint64_t sizes[] = {static_cast<uint64_t>(count), bytes};
  std::memcpy(header, kMagic, sizeof(kMagic));
  std::memcpy(header + 32, sizes, sizeof(sizes));
  char there[kHeader] = {};
  std::vector<uint64_t> digests(static_cast<size_t>(count));
  if (ReadAt(fd, there, kHeader, 0) &&
      std::memcmp(there, header, kHeader) == 0 &&
      ReadAt(fd, digests.data(), digests.size() * 8, kHeader)) {
    for (size_t i = 0; i < digests.size(); ++i) cache->digests_[i] = digests[i];
  } else if (ftruncate(fd, 0) != 0 ||
             ftruncate(fd, table + room * static_cast<int64_t>(bytes)) != 0 ||
             !WriteAt(fd, header, kHeader, 0)) {
    Warn("decoded samples are not kept: cannot write to {}: {}", folder,
         strerror(errno));
    return nullptr;
  }
  futimens(fd, nullptr);  // used now
  return cache;
}

bool SampleCache::Get(int64_t index, std::byte* out) const {
  if (index >= room_) return false;
  const uint64_t digest = digests_[static_cast<size_t>(index)];
  return digest != 0 &&
         ReadAt(file_.get(), out, bytes_,
                static_cast<int64_t>(kHeader) + count_ * 8 +
                    index * static_cast<int64_t>(bytes_)) &&
         DigestOfSample(out, bytes_) == digest;
}

void SampleCache::Put(int64_t index, const std::byte* sample) {
  if (index >= room_ || broken_) return;
  const uint64_t digest = DigestOfSample(sample, bytes_);
  const int64_t at = static_cast<int64_t>(kHeader) + count_ * 8 +
                     index * static_cast<int64_t>(bytes_);
  if (!WriteAt(file_.get(), sample, bytes_, at) ||
      !WriteAt(file_.get(), &digest, 8,
               static_cast<int64_t>(kHeader) + index * 8)) {
    if (!broken_.exchange(true))
      Warn("the cache of decoded samples is full: {}", strerror(errno));
    return;
  }
  digests_[static_cast<size_t>(index)] = digest;
}

std::vector<uint64_t> ContentDigests(const std::string& folder,
                                     std::span<const std::string> paths,
                                     bool skip_bad) {
  Digest names;
  std::vector<Stamp> found(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code code;
    const std::string path = fs::absolute(paths[i], code).string();
    found[i].path = Digest().Text(code ? paths[i] : path).value();
    names.Word(found[i].path);
  }
  const std::string file = folder + "/" + names.Hex() + ".stamps";
  const Stamps known = folder.empty() ? Stamps() : ReadStamps(file);
  std::atomic<bool> changed{false};
  constexpr size_t kBlock = 64;
  const auto blocks = static_cast<int>((paths.size() + kBlock - 1) / kBlock);
  const int64_t start = int64_t{time(nullptr)} * 1'000'000'000;
  const auto digest = [&](size_t i) {
    Stamp& stamp = found[i];
    struct stat status;
    if (stat(paths[i].c_str(), &status) == 0) {
      stamp.size = status.st_size;
      stamp.changed_ns = Nanoseconds(status.st_ctim);
      stamp.modified_ns = Nanoseconds(status.st_mtim);
      stamp.inode = status.st_ino;
    }
    const auto old = known.find(stamp.path);
    if (old != known.end()) {
      stamp.content = old->second.content;
      if (std::memcmp(&stamp, &old->second, sizeof(stamp)) == 0) return;
      stamp.content = 0;
    }
    changed = true;
    try {
      Digest content;
      content.Block(ReadFile(paths[i], kMostFileBytes));
      stamp.content = std::max<uint64_t>(1, content.value());
    } catch (const Error&) {
      if (!skip_bad) throw;
    }
  };
  ParallelFor(blocks, AvailableThreads(), [&](int b) {
    if (StopRequested()) return;
    const size_t begin = static_cast<size_t>(b) * kBlock;
    for (size_t i = begin; i < std::min(begin + kBlock, paths.size()); ++i)
      digest(i);
  });
  ThrowIfStopRequested();
  std::vector<uint64_t> digests;
  for (const Stamp& stamp : found) digests.push_back(stamp.content);
  if (folder.empty() || !changed) return digests;
  // A file may change twice within a tick of its clock.
  std::erase_if(found, [&](const Stamp& stamp) {
    return stamp.content == 0 || stamp.changed_ns > start - 2'000'000'000;
  });
  try {
    MakeDirectory(folder);
    WriteFile(file, std::as_bytes(std::span(found)));
  } catch (const Error&) {
    // They are read again.
  }
  return digests;
}

}  // namespace litesmith
