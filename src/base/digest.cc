// FNV-1a (Fowler, Noll and Vo), by bytes and by words.
#include "src/base/digest.h"

#include <fmt/format.h>

namespace litesmith {

Digest& Digest::Bytes(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes)
    hash_ = (hash_ ^ static_cast<uint64_t>(b)) * kPrime;
  return *this;
}

Digest& Digest::Text(std::string_view text) {
  return Bytes(std::as_bytes(std::span(text)));
}

Digest& Digest::Word(uint64_t word) {
  hash_ = (hash_ ^ word) * kPrime;
  hash_ ^= hash_ >> 32;
  return *this;
}

Digest& Digest::Block(std::span<const std::byte> bytes) {
  Word(bytes.size());
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    for (size_t k = 0; k < 8; ++k)
      word |= static_cast<uint64_t>(bytes[i + k]) << (8 * k);
    Word(word);
  }
  for (; i < bytes.size(); ++i) Word(static_cast<uint64_t>(bytes[i]));
  return *this;
}

std::string Digest::Hex() const { return fmt::format("{:016x}", hash_); }

std::string DigestOf(std::span<const std::byte> bytes) {
  return Digest().Bytes(bytes).Hex();
}

std::string DigestOf(std::string_view text) {
  return Digest().Text(text).Hex();
}

}  // namespace litesmith
