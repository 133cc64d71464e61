// Small files for the tests of sources: pictures made by libjpeg and libpng, in
// a folder of their own.
#ifndef LITESMITH_DATA_SOURCES_FILES_TEST_H_
#define LITESMITH_DATA_SOURCES_FILES_TEST_H_

#include <gtest/gtest.h>
#include <jpeglib.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/data/decode/picture.h"

namespace litesmith {

// A folder that is removed at the end.
class TestFolder {
 public:
  TestFolder() {
    std::string name = testing::TempDir() + "litesmith-data-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }
  const std::string& path() const { return path_; }
  // Writes a file and the folders that it is in.
  void Add(const std::string& name, std::span<const std::byte> bytes) const {
    std::filesystem::create_directories(
        std::filesystem::path(*this / name).parent_path());
    WriteFile(*this / name, bytes);
  }
  void Add(const std::string& name, const std::string& text) const {
    Add(name, std::as_bytes(std::span(text)));
  }

 private:
  std::string path_;
};

// The call throws an Error of this kind whose message has all these words.
inline void ExpectFails(const std::function<void()>& call, ErrorKind kind,
                        std::initializer_list<std::string> words) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const std::string& word : words)
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
          << error.what() << "\nlacks " << word;
    return;
  }
  ADD_FAILURE() << "no error";
}

// Waves and grain, another picture for each seed.
inline Picture TestPicture(int width, int height, int channels, uint64_t seed) {
  Picture picture{width, height, channels, {}};
  Rng rng(seed);
  const float fx = rng.Uniform(0.1f, 0.5f);
  const float fy = rng.Uniform(0.1f, 0.5f);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const float wave = 100 +
                           60 * std::sin(fx * static_cast<float>(x + 9 * c)) +
                           60 * std::cos(fy * static_cast<float>(y));
        picture.pixels.push_back(static_cast<uint8_t>(
            std::clamp(wave + 20 * rng.Uniform(), 0.0f, 255.0f)));
      }
    }
  }
  return picture;
}

inline std::vector<std::byte> ToJpeg(const Picture& picture, int quality = 90,
                                     bool progressive = false) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<unsigned>(picture.width);
  info.image_height = static_cast<unsigned>(picture.height);
  info.input_components = picture.channels;
  info.in_color_space = picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<unsigned char*>(picture.pixels.data()) +
                info.next_scanline *
                    static_cast<size_t>(picture.width * picture.channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const auto* bytes = reinterpret_cast<const std::byte*>(memory);
  std::vector<std::byte> result(bytes, bytes + size);
  free(memory);
  return result;
}

inline std::vector<std::byte> ToPng(const Picture& picture) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<unsigned>(picture.width);
  image.height = static_cast<unsigned>(picture.height);
  image.format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, picture.pixels.data(), 0,
                            nullptr);
  std::vector<std::byte> result(size);
  png_image_write_to_memory(&image, result.data(), &size, 0,
                            picture.pixels.data(), 0, nullptr);
  result.resize(size);
  return result;
}

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_FILES_TEST_H_
