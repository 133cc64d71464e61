// Which decoder, channels and sizes.
#include "src/data/decode/picture.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "src/base/check.h"
#include "src/base/error.h"

namespace litesmith {
namespace {

bool StartsWith(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() &&
         std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

Picture Decode(std::span<const std::byte> bytes, int channels, bool header_only,
               const std::string& where) {
  if (StartsWith(bytes, "\xFF\xD8"))
    return decode::Jpeg(bytes, channels, header_only, where);
  if (StartsWith(bytes, "\x89PNG")) {
    Picture picture = decode::Png(bytes, header_only, where);
    if (channels == 0 || channels == picture.channels) return picture;
    if (!header_only) return WithChannels(std::move(picture), channels);
    picture.channels = channels;
    return picture;
  }
  if (bytes.empty())
    Fail(ErrorKind::kCorrupt, "{}: the file is empty; a JPEG or PNG is wanted",
         where);
  constexpr std::pair<const char*, const char*> kOthers[] = {
      {"GIF8", "a GIF"}, {"BM", "a BMP"},  {"RIFF", "a WebP or another RIFF"},
      {"II*", "a TIFF"}, {"MM", "a TIFF"}, {"<", "a text such as SVG or HTML"}};
  for (const auto& [magic, name] : kOthers) {
    if (StartsWith(bytes, magic)) {
      Fail(ErrorKind::kUnsupported,
           "{}: it is {} by its first bytes; a JPEG or PNG is wanted", where,
           name);
    }
  }
  Fail(ErrorKind::kCorrupt,
       "{}: neither JPEG (FF D8) nor PNG (89 50 4E 47) by its first bytes",
       where);
}

// What an output pixel is made of along one axis.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

std::vector<Taps> BilinearTaps(int from, int to) {
  std::vector<Taps> taps(static_cast<size_t>(to));
  const double step = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double at = (i + 0.5) * step - 0.5;
    const double low = std::floor(at);
    Taps& tap = taps[static_cast<size_t>(i)];
    if (low < 0 || low + 1 >= from) {  // at an edge: that pixel alone
      tap.first = low < 0 ? 0 : from - 1;
      tap.weights = {1};
      continue;
    }
    tap.first = static_cast<int>(low);
    const auto part = static_cast<float>(at - low);
    tap.weights = {1 - part, part};
  }
  return taps;
}

std::vector<Taps> AreaTaps(int from, int to) {
  std::vector<Taps> taps(static_cast<size_t>(to));
  const double step = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * step;
    const double end = std::min((i + 1) * step, static_cast<double>(from));
    Taps& tap = taps[static_cast<size_t>(i)];
    tap.first = std::min(static_cast<int>(begin), from - 1);
    for (int p = tap.first; p < from && p < end; ++p) {
      const double covered =
          std::min<double>(p + 1, end) - std::max<double>(p, begin);
      if (covered > 1e-9 || tap.weights.empty())
        tap.weights.push_back(static_cast<float>(covered / step));
    }
  }
  return taps;
}

// A window of a picture.
struct Window {
  int x, y, width, height;
};

// The window brought to `to`, which has its size and channels already, at
// (left, top) in it.
void Scale(const Picture& from, const Window& window, Resize method, int left,
           int top, int width, int height, Picture* to) {
  const auto taps = method == Resize::kArea ? AreaTaps : BilinearTaps;
  const std::vector<Taps> columns = taps(window.width, width);
  const std::vector<Taps> rows = taps(window.height, height);
  const auto channels = static_cast<size_t>(from.channels);
  const size_t stride = static_cast<size_t>(from.width) * channels;
  // Along the rows first, each source row once: rows of outputs ask for source
  // rows in order.
  std::vector<float> line(static_cast<size_t>(width) * channels);
  std::vector<std::vector<float>> kept(static_cast<size_t>(window.height));
  const auto across = [&](int y) -> const std::vector<float>& {
    std::vector<float>& sums = kept[static_cast<size_t>(y)];
    if (!sums.empty()) return sums;
    sums.assign(line.size(), 0);
    const uint8_t* row = from.pixels.data() +
                         static_cast<size_t>(window.y + y) * stride +
                         static_cast<size_t>(window.x) * channels;
    for (size_t x = 0; x < columns.size(); ++x) {
      for (size_t k = 0; k < columns[x].weights.size(); ++k) {
        const uint8_t* pixel =
            row + (static_cast<size_t>(columns[x].first) + k) * channels;
        for (size_t c = 0; c < channels; ++c)
          sums[x * channels + c] +=
              columns[x].weights[k] * static_cast<float>(pixel[c]);
      }
    }
    return sums;
  };
  for (int y = 0; y < height; ++y) {
    const Taps& tap = rows[static_cast<size_t>(y)];
    std::fill(line.begin(), line.end(), 0.0f);
    for (size_t k = 0; k < tap.weights.size(); ++k) {
      const std::vector<float>& sums = across(tap.first + static_cast<int>(k));
      for (size_t i = 0; i < line.size(); ++i)
        line[i] += tap.weights[k] * sums[i];
    }
    // Rows above are not asked for again.
    for (int above = tap.first - 1; above >= 0; --above) {
      if (kept[static_cast<size_t>(above)].empty()) break;
      kept[static_cast<size_t>(above)] = {};
    }
    uint8_t* out = to->pixels.data() + (static_cast<size_t>(top + y) *
                                            static_cast<size_t>(to->width) +
                                        static_cast<size_t>(left)) *
                                           channels;
    for (size_t i = 0; i < line.size(); ++i)
      out[i] = static_cast<uint8_t>(std::clamp(line[i], 0.0f, 255.0f) + 0.5f);
  }
}

}  // namespace

namespace decode {

void CheckSize(int64_t width, int64_t height, size_t bytes, int64_t ratio,
               const std::string& where) {
  // Both below 2^31.
  const int64_t pixels = width * height;
  if (pixels == 0)
    Fail(ErrorKind::kCorrupt, "{}: {} x {} pixels", where, width, height);
  if (pixels > (static_cast<int64_t>(bytes) + 64) * ratio) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} x {} pixels; {} bytes cannot hold so many",
         where, width, height, bytes);
  }
  if (pixels > kMostPixels) {
    Fail(ErrorKind::kUnsupported, "{}: {} x {} pixels; {} million are read",
         where, width, height, kMostPixels / 1'000'000);
  }
}

}  // namespace decode

Picture PictureHeader(std::span<const std::byte> bytes,
                      const std::string& where) {
  return Decode(bytes, 0, true, where);
}

Picture DecodePicture(std::span<const std::byte> bytes, int channels,
                      const std::string& where) {
  return Decode(bytes, channels, false, where);
}

Picture WithChannels(Picture picture, int channels) {
  LS_CHECK(channels == 1 || channels == 3);
  if (picture.channels == channels) return picture;
  const size_t count = picture.pixels.size() /
                       static_cast<size_t>(std::max(1, picture.channels));
  std::vector<uint8_t> pixels(count * static_cast<size_t>(channels));
  const std::vector<uint8_t>& from = picture.pixels;
  for (size_t i = 0; i < count; ++i) {
    if (channels == 3) {
      std::fill_n(pixels.begin() + static_cast<std::ptrdiff_t>(3 * i), 3,
                  from[i]);
      continue;
    }
    const uint32_t sum = 19595u * from[3 * i] + 38470u * from[3 * i + 1] +
                         7471u * from[3 * i + 2];
    pixels[i] = static_cast<uint8_t>((sum + 0x8000) >> 16);
  }
  picture.pixels = std::move(pixels);
  picture.channels = channels;
  return picture;
}

Picture Resized(const Picture& picture, int width, int height, Resize method) {
  const bool same = picture.width == width && picture.height == height;
  if (same) return picture;
  Picture to;
  to.width = width;
  to.height = height;
  to.channels = picture.channels;
  to.pixels.assign(static_cast<size_t>(width) * static_cast<size_t>(height) *
                       static_cast<size_t>(picture.channels),
                   0);
  Window window{0, 0, picture.width, picture.height};
  int left = 0;
  int top = 0;
  int w = width;
  int h = height;
  const int64_t wide = int64_t{picture.width} * height;
  const int64_t high = int64_t{picture.height} * width;
  if (method == Resize::kCrop) {
    if (wide > high) {
      window.width = static_cast<int>(std::max<int64_t>(1, high / height));
      window.x = (picture.width - window.width) / 2;
    } else {
      window.height = static_cast<int>(std::max<int64_t>(1, wide / width));
      window.y = (picture.height - window.height) / 2;
    }
  } else if (method == Resize::kFit) {
    if (wide > high) {
      h = static_cast<int>(std::max<int64_t>(1, high / picture.width));
      top = (height - h) / 2;
    } else {
      w = static_cast<int>(std::max<int64_t>(1, wide / picture.height));
      left = (width - w) / 2;
    }
  }
  Scale(picture, window, method, left, top, w, h, &to);
  return to;
}

}  // namespace litesmith
