// WAV files (RIFF): PCM of 8 to 32 bits and floats, mixed to one channel, and
// other rates. Follows Microsoft's Multimedia Programming Interface 1.0 and the
// extensible format of mmreg.h.
#ifndef LITESMITH_DATA_DECODE_SOUND_H_
#define LITESMITH_DATA_DECODE_SOUND_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace litesmith {

struct SoundHeader {
  int rate = 0;  // samples a second
  int channels = 0;
  int bits = 0;
  bool floats = false;
  int64_t samples = 0;  // of each channel
  int64_t at = 0;       // where in the file they begin
};

// The header of a file of `size` bytes that begins with these; what is in front
// of the samples must be in them. Throws Error{corrupt} naming `where` for
// damaged or cut files, Error{unsupported} for compressed ones.
SoundHeader ParseSoundHeader(std::span<const std::byte> bytes, int64_t size,
                             const std::string& where);
// The same of a file of which no more is read than that takes.
SoundHeader ReadSoundHeader(const std::string& path);

// The samples of a whole file as numbers from -1 to 1, the mean of the
// channels. Throws what ParseSoundHeader does.
std::vector<float> DecodeSound(std::span<const std::byte> bytes,
                               const std::string& where, int* rate);

// Brought from a rate to another by a windowed sinc of 16 zero crossings a
// side, below both rates' halves.
std::vector<float> Resampled(const std::vector<float>& sound, int from, int to);

}  // namespace litesmith

#endif  // LITESMITH_DATA_DECODE_SOUND_H_
