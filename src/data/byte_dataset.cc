// ByteDataset and its fingerprint.
#include "src/data/byte_dataset.h"

#include <fmt/core.h>

#include <span>
#include <utility>

#include "src/base/check.h"

namespace litesmith {
namespace {

// pixel / 255, correctly rounded, without a division or a table, so that the
// compiler takes many pixels at once: 1/255 is kHigh + kLow, and kHigh has 16
// bits, so its product with a byte is exact.
constexpr float kHigh = 0x1.01p-8f;
constexpr float kLow = 0x1.010102p-24f;
constexpr float Quotient(uint8_t pixel) {
  const auto value = static_cast<float>(pixel);
  return value * kHigh + value * kLow;
}
constexpr bool AllQuotientsAreRounded() {
  for (int i = 0; i < 256; ++i) {
    if (Quotient(static_cast<uint8_t>(i)) != static_cast<float>(i) / 255.0f)
      return false;
  }
  return true;
}
static_assert(AllQuotientsAreRounded());

// FNV-1a's step over 64-bit words instead of bytes (eight times as fast), with
// a shift so that the high bits of a word reach the low bits of the hash. Each
// step is a bijection of the hash, so one changed word always shows.
uint64_t Mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x100000001B3u;
  return hash ^ (hash >> 32);
}

uint64_t Mix(uint64_t hash, std::span<const uint8_t> bytes) {
  hash = Mix(hash, bytes.size());
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;  // little-endian on any machine
    for (size_t k = 0; k < 8; ++k) {
      word |= static_cast<uint64_t>(bytes[i + k]) << (8 * k);
    }
    hash = Mix(hash, word);
  }
  for (; i < bytes.size(); ++i) hash = Mix(hash, uint64_t{bytes[i]});
  return hash;
}

uint64_t Mix(uint64_t hash, const ByteDataset& data) {
  const Shape shape = data.sample_shape();
  hash = Mix(hash, static_cast<uint64_t>(shape.rank()));
  for (int32_t dim : shape.dims()) hash = Mix(hash, static_cast<uint64_t>(dim));
  hash = Mix(hash, static_cast<uint64_t>(data.classes()));
  hash = Mix(hash, std::span<const uint8_t>(data.pixels()));
  return Mix(hash, std::span<const uint8_t>(data.labels()));
}

}  // namespace

ByteDataset::ByteDataset(Shape sample_shape, int classes,
                         std::vector<uint8_t> pixels,
                         std::vector<uint8_t> labels, std::string label_file)
    : sample_shape_(sample_shape),
      classes_(classes),
      sample_size_(static_cast<size_t>(sample_shape.NumElements())),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      label_file_(std::move(label_file)) {
  LS_CHECK(pixels_.size() == labels_.size() * sample_size_);
  for (uint8_t label : labels_) LS_CHECK(label < classes_);
}

std::string ByteDataset::Origin(int64_t index) const {
  const std::string sample = Dataset::Origin(index);
  return label_file_.empty() ? sample : sample + " of " + label_file_;
}

void ByteDataset::Read(int64_t index, float* out) const {
  const uint8_t* in =
      pixels_.data() + static_cast<size_t>(index) * sample_size_;
  for (size_t i = 0; i < sample_size_; ++i) out[i] = Quotient(in[i]);
}

void ByteDataset::Prefetch(int64_t index) const {
  constexpr size_t kCacheLine = 64;
  const uint8_t* first =
      pixels_.data() + static_cast<size_t>(index) * sample_size_;
  for (size_t i = 0; i < sample_size_; i += kCacheLine)
    __builtin_prefetch(first + i);
}

std::string Fingerprint(const ByteDataset& train, const ByteDataset& test) {
  const uint64_t hash = Mix(Mix(0xCBF29CE484222325u, train), test);
  return fmt::format("{:016x}", hash);
}

}  // namespace litesmith
