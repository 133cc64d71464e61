// gzip by zlib, for the size alone.
#include "src/measure/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "src/base/check.h"

namespace litesmith {

int64_t GzipSize(std::span<const std::byte> bytes) {
  z_stream stream = {};
  constexpr int kGzip = 15 + 16;  // 32 kB window, gzip header and trailer
  LS_CHECK(deflateInit2(&stream, 9, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) ==
           Z_OK);
  std::array<Bytef, 1 << 15> out;
  int64_t size = 0;
  // avail_in is 32 bits: the input goes in by pieces.
  constexpr size_t kPiece = size_t{1} << 30;
  size_t begin = 0;
  int status = Z_OK;
  do {
    const size_t count = std::min(kPiece, bytes.size() - begin);
    stream.next_in =
        const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data())) +
        begin;
    stream.avail_in = static_cast<uInt>(count);
    begin += count;
    const int flush = begin == bytes.size() ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = out.data();
      stream.avail_out = static_cast<uInt>(out.size());
      status = deflate(&stream, flush);
      LS_CHECK(status == Z_OK || status == Z_STREAM_END ||
               status == Z_BUF_ERROR);
      size += static_cast<int64_t>(out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (status != Z_STREAM_END);
  deflateEnd(&stream);
  return size;
}

}  // namespace litesmith
