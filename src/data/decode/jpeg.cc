// JPEG by libjpeg-turbo. Its errors are long jumps: what they cross holds plain
// data alone.
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>

// jpeglib.h wants stdio.h's FILE before it.
#include <jerror.h>
#include <jpeglib.h>

#include "src/base/error.h"
#include "src/data/decode/picture.h"

namespace litesmith::decode {
namespace {

// A damaged progressive file can have any number of scans, each as slow as a
// picture.
constexpr int kMostScans = 200;

struct Job {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  const unsigned char* bytes;
  unsigned long size;
  int channels;  // wanted; 0: the file's
  uint8_t* pixels;
};

[[noreturn]] void Stop(j_common_ptr info) {
  Job* job = static_cast<Job*>(info->client_data);
  info->err->format_message(info, job->message);
  longjmp(job->back, 1);
}

// libjpeg goes on with gray where data are damaged or missing: that is no
// picture to train on. What follows the picture, or is said twice, is.
void Warned(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
      return;
    default:
      Stop(info);
  }
}

void CountScans(j_common_ptr info) {
  Job* job = static_cast<Job*>(info->client_data);
  if (job->info.input_scan_number <= kMostScans) return;
  snprintf(job->message, sizeof(job->message), "more than %d scans",
           kMostScans);
  longjmp(job->back, 1);
}

void NoOutput(j_common_ptr) {}

bool ReadHeader(Job* job) {
  if (setjmp(job->back)) return false;
  jpeg_create_decompress(&job->info);
  job->info.client_data = job;
  job->info.progress = &job->progress;
  jpeg_mem_src(&job->info, job->bytes, job->size);
  jpeg_read_header(&job->info, TRUE);
  return true;
}

bool ReadPixels(Job* job) {
  if (setjmp(job->back)) return false;
  job->info.out_color_space = job->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&job->info);
  const size_t row = static_cast<size_t>(job->info.output_width) *
                     static_cast<size_t>(job->channels);
  while (job->info.output_scanline < job->info.output_height) {
    JSAMPROW to = job->pixels + job->info.output_scanline * row;
    jpeg_read_scanlines(&job->info, &to, 1);
  }
  jpeg_finish_decompress(&job->info);
  return true;
}

// Frees what libjpeg has, also where it throws.
struct Guard {
  Job* job;
  ~Guard() { jpeg_destroy_decompress(&job->info); }
};

}  // namespace

Picture Jpeg(std::span<const std::byte> bytes, int channels, bool header_only,
             const std::string& where) {
  Job job = {};
  job.bytes = reinterpret_cast<const unsigned char*>(bytes.data());
  job.size = bytes.size();
  job.info.err = jpeg_std_error(&job.errors);
  job.info.client_data = &job;
  job.errors.error_exit = Stop;
  job.errors.emit_message = Warned;
  job.errors.output_message = NoOutput;
  job.progress.progress_monitor = CountScans;
  const Guard guard{&job};
  const auto fail = [&] {
    Fail(ErrorKind::kCorrupt, "{}: damaged JPEG: {}", where,
         static_cast<const char*>(job.message));
  };
  if (!ReadHeader(&job)) fail();
  const J_COLOR_SPACE space = job.info.jpeg_color_space;
  if (space == JCS_CMYK || space == JCS_YCCK) {
    Fail(ErrorKind::kUnsupported,
         "{}: a JPEG in CMYK, colors of print; one in RGB or gray is wanted",
         where);
  }
  // A block of 64 pixels takes a bit at least; arithmetic coding less.
  constexpr int64_t kPixelsAByte = 4096;
  CheckSize(job.info.image_width, job.info.image_height, bytes.size(),
            kPixelsAByte, where);
  Picture picture;
  picture.width = static_cast<int>(job.info.image_width);
  picture.height = static_cast<int>(job.info.image_height);
  picture.channels =
      channels != 0 ? channels : (space == JCS_GRAYSCALE ? 1 : 3);
  if (header_only) return picture;
  picture.pixels.resize(static_cast<size_t>(picture.width) *
                        static_cast<size_t>(picture.height) *
                        static_cast<size_t>(picture.channels));
  job.pixels = picture.pixels.data();
  job.channels = picture.channels;
  if (!ReadPixels(&job)) fail();
  return picture;
}

}  // namespace litesmith::decode
