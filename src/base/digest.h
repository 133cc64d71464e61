// Hashes that tell results, files and data sets apart: of accidents, not of
// adversaries. A digest is part of what is kept on disk; its numbers stay.
#ifndef LITESMITH_BASE_DIGEST_H_
#define LITESMITH_BASE_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace litesmith {

class Digest {
 public:
  // FNV-1a, byte by byte: for texts and files.
  Digest& Bytes(std::span<const std::byte> bytes);
  Digest& Text(std::string_view text);
  // The same step on 64-bit words, with a shift so that the high bits of a word
  // reach the low bits of the hash. Each step is a bijection of the hash, so
  // one changed word always shows.
  Digest& Word(uint64_t word);
  // The length, then eight bytes a word, little-endian on any machine: eight
  // times as fast as Bytes, for much data.
  Digest& Block(std::span<const std::byte> bytes);

  uint64_t value() const { return hash_; }
  // 16 hexadecimal digits.
  std::string Hex() const;

 private:
  static constexpr uint64_t kPrime = 0x100000001B3u;
  uint64_t hash_ = 0xCBF29CE484222325u;
};

// The hexadecimal digits of these bytes alone.
std::string DigestOf(std::span<const std::byte> bytes);
std::string DigestOf(std::string_view text);

}  // namespace litesmith

#endif  // LITESMITH_BASE_DIGEST_H_
