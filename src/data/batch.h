// Samples side by side: read where they are in memory if they are there, else
// into a buffer.
#ifndef LITESMITH_DATA_BATCH_H_
#define LITESMITH_DATA_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/data/dataset.h"

namespace litesmith {

// Where the fields of some samples are. Safe to read from several threads.
class Batch {
 public:
  int size() const { return static_cast<int>(samples_.size()); }
  // The stored bytes of field `f`, counted as in Dataset::Read, of the batch's
  // sample `i`.
  const std::byte* at(size_t f, int i) const {
    const Place& place = places_[f];
    const auto row = static_cast<size_t>(i);
    return place.base +
           (place.in_data ? static_cast<size_t>(samples_[row]) : row) *
               place.bytes;
  }
  // Says that this will be read soon. A shuffled epoch jumps through more
  // memory than the caches hold, and no processor foresees where to.
  void Prefetch(size_t f, int i) const {
    constexpr size_t kCacheLine = 64;
    if (!places_[f].in_data) return;
    const std::byte* first = at(f, i);
    for (size_t b = 0; b < places_[f].bytes; b += kCacheLine)
      __builtin_prefetch(first + b);
  }

 private:
  friend class BatchReader;
  struct Place {
    const std::byte* base = nullptr;
    size_t bytes = 0;  // of a sample
    bool in_data = false;
  };
  std::vector<Place> places_;
  std::vector<int32_t> samples_;  // their indices in the data
};

// Reads samples of a data set, one batch at a time. For one thread.
class BatchReader {
 public:
  // `data` must outlive the reader; `capacity` is its largest batch.
  BatchReader(const Dataset& data, int capacity);

  // Whether all fields are in memory, so that reading costs and fails nothing.
  static bool IsInMemory(const Dataset& data);

  // Samples of these indices; good until the next call. Throws what
  // Dataset::Read throws.
  const Batch& Read(std::span<const int32_t> samples, Draw draw);
  // Samples [first, first + count), as they are without any draw.
  const Batch& Read(int64_t first, int count);

 private:
  void Fill(Draw draw);

  const Dataset& data_;
  bool in_memory_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte*> fields_;  // of the sample that is read
  Batch batch_;
};

}  // namespace litesmith

#endif  // LITESMITH_DATA_BATCH_H_
