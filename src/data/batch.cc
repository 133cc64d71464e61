// BatchReader: in place, or through Dataset::Read.
#include "src/data/batch.h"

#include <numeric>

namespace litesmith {

bool BatchReader::IsInMemory(const Dataset& data) {
  // Data without samples are nowhere, and nothing is read of them.
  for (size_t f = 0; f < NumFields(data) && data.size() > 0; ++f) {
    if (data.Stored(f).empty()) return false;
  }
  return true;
}

BatchReader::BatchReader(const Dataset& data, int capacity)
    : data_(data), in_memory_(IsInMemory(data)) {
  const auto room = static_cast<size_t>(capacity);
  const size_t fields = NumFields(data);
  size_t bytes = 0;
  for (size_t f = 0; f < fields; ++f) {
    const size_t sample = FieldAt(data, f).bytes();
    batch_.places_.push_back(
        {in_memory_ ? data.Stored(f).data() : nullptr, sample, in_memory_});
    bytes += sample * room;
  }
  batch_.samples_.reserve(room);
  if (in_memory_) return;
  buffer_.resize(bytes);
  fields_.resize(fields);
  std::byte* at = buffer_.data();
  for (size_t f = 0; f < fields; ++f) {
    batch_.places_[f].base = at;
    at += batch_.places_[f].bytes * room;
  }
}

const Batch& BatchReader::Read(std::span<const int32_t> samples, Draw draw) {
  batch_.samples_.assign(samples.begin(), samples.end());
  Fill(draw);
  return batch_;
}

const Batch& BatchReader::Read(int64_t first, int count) {
  batch_.samples_.resize(static_cast<size_t>(count));
  std::iota(batch_.samples_.begin(), batch_.samples_.end(),
            static_cast<int32_t>(first));
  Fill({});
  return batch_;
}

void BatchReader::Fill(Draw draw) {
  if (in_memory_) return;
  for (int i = 0; i < batch_.size(); ++i) {
    for (size_t f = 0; f < fields_.size(); ++f)
      fields_[f] = const_cast<std::byte*>(batch_.at(f, i));
    data_.Read(batch_.samples_[static_cast<size_t>(i)], draw, fields_.data());
  }
}

}  // namespace litesmith
