// PNG by libpng. Its errors are long jumps: what they cross holds plain data
// alone.
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <vector>

#include "src/base/error.h"
#include "src/data/decode/picture.h"

namespace litesmith::decode {
namespace {

struct Job {
  png_structp png;
  png_infop info;
  char message[200];
  const unsigned char* at;
  size_t left;
  unsigned char** rows;
};

[[noreturn]] void Stop(png_structp png, png_const_charp message) {
  Job* job = static_cast<Job*>(png_get_error_ptr(png));
  snprintf(job->message, sizeof(job->message), "%s", message);
  png_longjmp(png, 1);
}

void Warned(png_structp, png_const_charp) {}

void Take(png_structp png, png_bytep out, png_size_t count) {
  Job* job = static_cast<Job*>(png_get_io_ptr(png));
  if (count > job->left) png_error(png, "the file ends early");
  memcpy(out, job->at, count);
  job->at += count;
  job->left -= count;
}

bool ReadHeader(Job* job) {
  job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, Stop, Warned);
  if (job->png == nullptr) return false;
  if (setjmp(png_jmpbuf(job->png))) return false;
  job->info = png_create_info_struct(job->png);
  if (job->info == nullptr) return false;
  png_set_read_fn(job->png, job, Take);
  // Texts and profiles are not read.
  png_set_chunk_malloc_max(job->png, 1 << 20);
  png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(job->png, job->info);
  return true;
}

// 8 bits of gray or RGB, whatever the file has.
bool Prepare(Job* job) {
  if (setjmp(png_jmpbuf(job->png))) return false;
  png_set_expand(job->png);
  png_set_scale_16(job->png);
  png_set_strip_alpha(job->png);
  png_set_interlace_handling(job->png);
  png_read_update_info(job->png, job->info);
  return true;
}

bool ReadPixels(Job* job) {
  if (setjmp(png_jmpbuf(job->png))) return false;
  png_read_image(job->png, job->rows);
  png_read_end(job->png, nullptr);
  return true;
}

struct Guard {
  Job* job;
  ~Guard() { png_destroy_read_struct(&job->png, &job->info, nullptr); }
};

}  // namespace

Picture Png(std::span<const std::byte> bytes, bool header_only,
            const std::string& where) {
  Job job = {};
  job.at = reinterpret_cast<const unsigned char*>(bytes.data());
  job.left = bytes.size();
  const Guard guard{&job};
  const auto fail = [&] {
    Fail(ErrorKind::kCorrupt, "{}: damaged PNG: {}", where,
         static_cast<const char*>(job.message));
  };
  if (!ReadHeader(&job)) fail();
  // A byte of deflate makes 1032 at most, of 8 pixels each of 1 bit.
  constexpr int64_t kPixelsAByte = 1032 * 8;
  CheckSize(png_get_image_width(job.png, job.info),
            png_get_image_height(job.png, job.info), bytes.size(), kPixelsAByte,
            where);
  if (!Prepare(&job)) fail();
  Picture picture;
  picture.width = static_cast<int>(png_get_image_width(job.png, job.info));
  picture.height = static_cast<int>(png_get_image_height(job.png, job.info));
  picture.channels = png_get_channels(job.png, job.info);
  const size_t row = png_get_rowbytes(job.png, job.info);
  if ((picture.channels != 1 && picture.channels != 3) ||
      row != static_cast<size_t>(picture.width) *
                 static_cast<size_t>(picture.channels)) {
    Fail(ErrorKind::kUnsupported, "{}: a PNG of {} channels", where,
         picture.channels);
  }
  if (header_only) return picture;
  picture.pixels.resize(row * static_cast<size_t>(picture.height));
  std::vector<unsigned char*> rows;
  for (int y = 0; y < picture.height; ++y)
    rows.push_back(picture.pixels.data() + static_cast<size_t>(y) * row);
  job.rows = rows.data();
  if (!ReadPixels(&job)) fail();
  return picture;
}

}  // namespace litesmith::decode
