// Small pictures of samples, by libpng.
#include <png.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/data/values.h"
#include "src/measure/answers.h"

namespace litesmith {
namespace {

constexpr int kMostPixels = 64;

std::string Base64(const std::vector<uint8_t>& bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k)
      text += k <= count ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::vector<uint8_t> Png(int width, int height, int channels,
                         const std::vector<uint8_t>& pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::vector<uint8_t> bytes(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = bytes.size();
  if (png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(),
                                0, nullptr) == 0) {
    return {};
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace

std::string PictureOf(const Dataset& data, int64_t sample) {
  if (data.inputs().empty()) return "";
  const Field& field = data.inputs()[0];
  const int rank = field.shape.rank();
  if (rank != 2 && rank != 3) return "";
  const int channels = rank == 3 ? field.shape[2] : 1;
  const int height = field.shape[0];
  const int width = field.shape[1];
  if ((channels != 1 && channels != 3) || height < 8 || width < 8) return "";
  std::vector<std::vector<std::byte>> bytes;
  std::vector<std::byte*> fields;
  for (size_t f = 0; f < NumFields(data); ++f) {
    bytes.emplace_back(FieldAt(data, f).bytes());
    fields.push_back(bytes.back().data());
  }
  data.Read(sample, {}, fields.data());
  std::vector<double> values(bytes[0].size() / SizeOf(field.dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] =
        StoredNumber(field.dtype, bytes[0].data() + i * SizeOf(field.dtype));
  }
  double low = 0;
  double high = 255;
  if (field.dtype != DType::kUInt8) {
    low = *std::min_element(values.begin(), values.end());
    high = *std::max_element(values.begin(), values.end());
  }
  const int skip = (std::max(width, height) + kMostPixels - 1) / kMostPixels;
  std::vector<uint8_t> pixels;
  const int rows = (height + skip - 1) / skip;
  const int columns = (width + skip - 1) / skip;
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      for (int c = 0; c < channels; ++c) {
        const auto at =
            static_cast<size_t>((y * skip * width + x * skip) * channels + c);
        const double share = high > low ? (values[at] - low) / (high - low) : 0;
        pixels.push_back(
            static_cast<uint8_t>(std::lround(255 * std::clamp(share, 0., 1.))));
      }
    }
  }
  return Base64(Png(columns, rows, channels, pixels));
}

}  // namespace litesmith
