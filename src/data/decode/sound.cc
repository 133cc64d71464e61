// Chunks: a name of four letters, a size, that many bytes and one more if it
// is odd. No size is believed.
#include "src/data/decode/sound.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>
#include <string_view>

#include "src/base/error.h"
#include "src/base/file.h"

namespace litesmith {
namespace {

constexpr int kPcm = 1;
constexpr int kFloat = 3;
constexpr int kExtensible = 0xFFFE;

uint32_t Little(std::span<const std::byte> bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i)
    value |= std::to_integer<uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

bool Is(std::span<const std::byte> bytes, size_t at, std::string_view name) {
  return at + name.size() <= bytes.size() &&
         std::memcmp(bytes.data() + at, name.data(), name.size()) == 0;
}

// The format chunk at `at`, of `size` bytes that are all there.
void ParseFormat(std::span<const std::byte> bytes, size_t at, uint32_t size,
                 const std::string& where, SoundHeader* header) {
  if (size < 16) {
    Fail(ErrorKind::kCorrupt,
         "{}: damaged WAV: a format of {} bytes; 16 are wanted", where, size);
  }
  uint32_t tag = Little(bytes, at, 2);
  if (tag == kExtensible && size >= 40) tag = Little(bytes, at + 24, 2);
  header->channels = static_cast<int>(Little(bytes, at + 2, 2));
  const uint32_t rate = Little(bytes, at + 4, 4);
  header->bits = static_cast<int>(Little(bytes, at + 14, 2));
  header->floats = tag == kFloat;
  const int block = static_cast<int>(Little(bytes, at + 12, 2));
  if (tag != kPcm && tag != kFloat) {
    Fail(ErrorKind::kUnsupported,
         "{}: a WAV in format {}; PCM (1) or float (3), not compressed, is "
         "wanted",
         where, tag);
  }
  const bool bits = header->floats
                        ? header->bits == 32 || header->bits == 64
                        : header->bits == 8 || header->bits == 16 ||
                              header->bits == 24 || header->bits == 32;
  if (!bits || header->channels < 1 || header->channels > 64 || rate < 100 ||
      rate > 768000 || block != header->channels * header->bits / 8) {
    Fail(ErrorKind::kUnsupported,
         "{}: a WAV of {} bits, {} channels, {} samples a second, {} bytes a "
         "sample; 8, 16, 24 or 32 bits (floats: 32 or 64) are wanted",
         where, header->bits, header->channels, rate, block);
  }
  header->rate = static_cast<int>(rate);
}

double SampleAt(const std::byte* at, const SoundHeader& header) {
  if (header.floats) {
    if (header.bits == 32) {
      float value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    double value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  const auto size = static_cast<size_t>(header.bits / 8);
  const uint32_t raw = Little({at, size}, 0, size);
  if (size == 1) return (static_cast<double>(raw) - 128) / 128;
  // The sign comes to the top bit.
  const auto value = static_cast<int32_t>(raw << (32 - header.bits));
  return value / 2147483648.0;
}

}  // namespace

SoundHeader ParseSoundHeader(std::span<const std::byte> bytes, int64_t size,
                             const std::string& where) {
  if (bytes.empty()) Fail(ErrorKind::kCorrupt, "{}: the file is empty", where);
  if (!Is(bytes, 0, "RIFF") || !Is(bytes, 8, "WAVE")) {
    Fail(ErrorKind::kCorrupt,
         "{}: no WAV file: it does not begin with RIFF and WAVE", where);
  }
  SoundHeader header;
  size_t at = 12;
  while (at + 8 <= bytes.size()) {
    const uint32_t chunk = Little(bytes, at + 4, 4);
    const size_t content = at + 8;
    if (Is(bytes, at, "fmt ")) {
      if (chunk > bytes.size() - content) break;
      ParseFormat(bytes, content, chunk, where, &header);
    } else if (Is(bytes, at, "data")) {
      if (header.rate == 0) break;
      header.at = static_cast<int64_t>(content);
      const int64_t block = header.channels * header.bits / 8;
      // Programs that write to a pipe leave the size open.
      const int64_t there = size - header.at;
      const int64_t claimed =
          chunk == 0xFFFFFFFFu || chunk == 0 ? there : int64_t{chunk};
      if (claimed > there) {
        Fail(ErrorKind::kCorrupt,
             "{}: the file is cut off: {} bytes of sound are promised, {} are "
             "there",
             where, claimed, there);
      }
      header.samples = claimed / block;
      if (header.samples == 0)
        Fail(ErrorKind::kCorrupt, "{}: there is no sound in it", where);
      return header;
    }
    // Chunks are padded to an even size; the sum is below 2^33 + 2^31.
    at = content + chunk + (chunk & 1);
  }
  Fail(ErrorKind::kCorrupt, "{}: damaged WAV: there is no {}", where,
       header.rate == 0 ? "format (fmt)" : "sound (data)");
}

SoundHeader ReadSoundHeader(const std::string& path) {
  constexpr size_t kHead = 1 << 16;
  const std::vector<std::byte> head = ReadFileHead(path, kHead);
  const int64_t size = FileSize(path);
  try {
    return ParseSoundHeader(head, size, path);
  } catch (const Error&) {
    // Pictures and texts may be in front of the sound.
    if (size <= static_cast<int64_t>(kHead)) throw;
  }
  const std::vector<std::byte> all = ReadFile(path);
  return ParseSoundHeader(all, static_cast<int64_t>(all.size()), path);
}

std::vector<float> DecodeSound(std::span<const std::byte> bytes,
                               const std::string& where, int* rate) {
  const SoundHeader header =
      ParseSoundHeader(bytes, static_cast<int64_t>(bytes.size()), where);
  *rate = header.rate;
  std::vector<float> sound(static_cast<size_t>(header.samples));
  const auto size = static_cast<size_t>(header.bits / 8);
  const std::byte* at = bytes.data() + header.at;
  for (size_t i = 0; i < sound.size(); ++i) {
    double sum = 0;
    for (int c = 0; c < header.channels; ++c, at += size)
      sum += SampleAt(at, header);
    sound[i] = static_cast<float>(sum / header.channels);
    if (!std::isfinite(sound[i])) {
      Fail(ErrorKind::kCorrupt, "{}: sample {} is not a finite number", where,
           i);
    }
  }
  return sound;
}

std::vector<float> Resampled(const std::vector<float>& sound, int from,
                             int to) {
  if (from == to || sound.empty()) return sound;
  const auto size = static_cast<int64_t>(sound.size());
  const int64_t out = std::max<int64_t>(1, size * to / from);
  // The lower rate's half is what may pass.
  const double cut = std::min(1.0, static_cast<double>(to) / from);
  constexpr int kZeros = 16;
  const double half = kZeros / cut;  // of the window, in samples
  const auto reach = static_cast<int64_t>(std::ceil(half));
  // Positions between samples repeat after `steps` outputs.
  const int steps = to / std::gcd(from, to);
  const auto taps = static_cast<size_t>(2 * reach + 1);
  const bool table = steps <= 1024;
  std::vector<float> kernel(table ? static_cast<size_t>(steps) * taps : taps);
  const auto fill = [&](double part, float* weights) {
    for (size_t k = 0; k < taps; ++k) {
      const double x =
          static_cast<double>(static_cast<int64_t>(k) - reach) - part;
      const double angle = std::numbers::pi * x * cut;
      const double sinc = std::abs(angle) < 1e-9 ? 1 : std::sin(angle) / angle;
      const double window =
          std::abs(x) >= half
              ? 0
              : 0.5 + 0.5 * std::cos(std::numbers::pi * x / half);
      weights[k] = static_cast<float>(cut * sinc * window);
    }
  };
  // Output i is at i * from / to.
  const auto part = [&](int64_t i) {
    return static_cast<double>(i * from % to) / to;
  };
  for (int s = 0; table && s < steps; ++s)
    fill(part(s), kernel.data() + static_cast<size_t>(s) * taps);
  std::vector<float> result(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const int64_t middle = i * from / to;
    const float* weights =
        kernel.data() + (table ? static_cast<size_t>(i % steps) * taps : 0);
    if (!table) fill(part(i), kernel.data());
    double sum = 0;
    for (int64_t k = std::max<int64_t>(0, middle - reach);
         k <= std::min(size - 1, middle + reach); ++k) {
      sum += double{weights[k - middle + reach]} *
             double{sound[static_cast<size_t>(k)]};
    }
    result[static_cast<size_t>(i)] = static_cast<float>(sum);
  }
  return result;
}

}  // namespace litesmith
