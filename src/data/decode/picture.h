// Pictures in memory, and from the bytes of JPEG and PNG files by
// libjpeg-turbo and libpng. Pixels are those of libjpeg's defaults (the slow
// integer DCT, smooth upsampling), so those of Pillow, too; orientation tags
// are not looked at, as Keras and TensorFlow do not.
#ifndef LITESMITH_DATA_DECODE_PICTURE_H_
#define LITESMITH_DATA_DECODE_PICTURE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace litesmith {

// Row by row, channels side by side.
struct Picture {
  int width = 0;
  int height = 0;
  int channels = 0;  // 1 gray, 3 red, green, blue
  std::vector<uint8_t> pixels;
};

// A file may not be more than so many pixels.
inline constexpr int64_t kMostPixels = int64_t{1} << 27;

// What the header says; pixels stay empty. Throws what DecodePicture does.
Picture PictureHeader(std::span<const std::byte> bytes,
                      const std::string& where);

// By the first bytes, whatever the file's name. `channels` is 1, 3 or 0 for
// what the file has; transparency is left out, 16 bits are rounded to 8. Memory
// asked for is bounded by what the bytes can hold. Throws Error{corrupt} naming
// `where` for damaged or cut files, Error{unsupported} for other formats, CMYK,
// and above kMostPixels.
Picture DecodePicture(std::span<const std::byte> bytes, int channels,
                      const std::string& where);

// How a picture is brought to another size.
enum class Resize : uint8_t {
  kBilinear,  // stretched; half pixel centers, no antialiasing, as Keras
  kArea,      // stretched; the mean of what each pixel covers
  kCrop,      // the middle of the same proportions, then bilinear
  kFit,       // all of it, bilinear, in the middle of black
};

Picture Resized(const Picture& picture, int width, int height, Resize method);

// To 1 or 3 channels: gray is (19595 R + 38470 G + 7471 B) / 65536, rounded.
Picture WithChannels(Picture picture, int channels);

namespace decode {

// The two formats behind DecodePicture. With `header_only` no pixel is read.
Picture Jpeg(std::span<const std::byte> bytes, int channels, bool header_only,
             const std::string& where);
Picture Png(std::span<const std::byte> bytes, bool header_only,
            const std::string& where);
// Throws unless so many pixels are few enough, and what `bytes` bytes can be
// with at most `ratio` pixels in each.
void CheckSize(int64_t width, int64_t height, size_t bytes, int64_t ratio,
               const std::string& where);

}  // namespace decode
}  // namespace litesmith

#endif  // LITESMITH_DATA_DECODE_PICTURE_H_
