// Decoded samples on disk, in one file for each data set, with room for each:
// what was decoded once is read from there. Files are named by the digest of
// all that their samples follow from, so one that is there is right; a sample
// is checked by a digest of its own. No cache is an error: without one, samples
// are decoded again.
#ifndef LITESMITH_DATA_SAMPLE_CACHE_H_
#define LITESMITH_DATA_SAMPLE_CACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/descriptor.h"

namespace litesmith {

// The folder that `given` names (DataContext::cache); empty for none.
std::string CacheFolder(const std::string& given);

class SampleCache {
 public:
  // The file for `key`, of `count` samples of `bytes` each, in this folder,
  // which is made if it is not there; files that were not used for longest are
  // removed until all take at most `most` bytes. Null where there can be none,
  // with a warning.
  static std::unique_ptr<SampleCache> Open(const std::string& folder,
                                           const std::string& key,
                                           int64_t count, size_t bytes,
                                           int64_t most);

  // Whether sample `index` is there; then it is in `out`. Safe to call from
  // several threads, as Put.
  bool Get(int64_t index, std::byte* out) const;
  void Put(int64_t index, const std::byte* sample);

 private:
  SampleCache() = default;

  Descriptor file_;
  size_t bytes_ = 0;
  int64_t count_ = 0;
  int64_t room_ = 0;  // samples that fit `most`
  // The digest of each sample; 0: not there.
  std::vector<std::atomic<uint64_t>> digests_;
  std::atomic<bool> broken_{false};
};

// The digests of these files' contents, by all threads. A file that has the
// size and times of a digest that is kept in `folder` (empty: none) is not read
// again. Throws Error{not found, io}; zero for those if `skip_bad`.
std::vector<uint64_t> ContentDigests(const std::string& folder,
                                     std::span<const std::string> paths,
                                     bool skip_bad);

// A file of a data set may not be larger.
inline constexpr int64_t kMostFileBytes = int64_t{1} << 30;

}  // namespace litesmith

#endif  // LITESMITH_DATA_SAMPLE_CACHE_H_
