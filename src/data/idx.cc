// Reads IDX files with zlib. No size in a file is trusted: a buffer is made
// only after the size was found to be possible for the bytes that are there.
#include "src/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/data/byte_dataset.h"

namespace litesmith {
namespace {

constexpr int kUnsignedByte = 0x08;
// Deflate cannot do better than 258 bytes for 2 bits, 1032 : 1.
constexpr int64_t kDeflateRatio = 1032;

// The bytes of a file in order, decompressed if they are gzip.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where)
      : where_(where), input_(bytes) {
    gzip_ = bytes.size() >= 2 && bytes[0] == std::byte{0x1F} &&
            bytes[1] == std::byte{0x8B};
    if (!gzip_) return;
    // 15: the largest window; +16: a gzip header and its checksum.
    LS_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK);
  }
  ~Reader() {
    if (gzip_) inflateEnd(&stream_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Fills `out` and returns how many bytes there were: fewer only at the end
  // of the file. Throws Error{corrupt} for damaged gzip.
  size_t Read(std::span<uint8_t> out) {
    if (gzip_) return Inflate(out);
    const size_t count = std::min(out.size(), input_.size());
    if (count != 0) std::memcpy(out.data(), input_.data(), count);
    input_ = input_.subspan(count);
    return count;
  }

  // No more bytes than this can follow.
  int64_t MostBytes() const {
    const auto left = static_cast<int64_t>(gzip_ ? stream_.avail_in : 0) +
                      static_cast<int64_t>(input_.size());
    return gzip_ ? (left + 64) * kDeflateRatio + kPending : left;
  }

 private:
  // inflate() may hold a window of output and a few bytes of input.
  static constexpr int64_t kPending = 1 << 16;

  size_t Inflate(std::span<uint8_t> out) {
    size_t done = 0;
    while (done < out.size() && !finished_) {
      Feed();
      const size_t room = std::min(out.size() - done, size_t{1} << 30);
      stream_.next_out = out.data() + done;
      stream_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (code == Z_STREAM_END) {
        // A gzip file may be several members, one after another.
        Feed();
        if (stream_.avail_in == 0) {
          finished_ = true;
        } else {
          LS_CHECK(inflateReset(&stream_) == Z_OK);
        }
      } else if (code == Z_BUF_ERROR) {  // no progress: no input is left
        Fail(ErrorKind::kCorrupt, "{}: the gzip data end early", where_);
      } else if (code == Z_MEM_ERROR) {
        throw std::bad_alloc();
      } else if (code != Z_OK) {
        Fail(ErrorKind::kCorrupt, "{}: damaged gzip data ({})", where_,
             stream_.msg != nullptr ? stream_.msg : "no reason given");
      }
    }
    return done;
  }

  // zlib counts input in 32 bits.
  void Feed() {
    if (stream_.avail_in != 0) return;
    const size_t count = std::min(input_.size(), size_t{1} << 30);
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<std::byte*>(input_.data()));
    stream_.avail_in = static_cast<uInt>(count);
    input_ = input_.subspan(count);
  }

  const std::string& where_;
  std::span<const std::byte> input_;
  bool gzip_ = false;
  bool finished_ = false;
  z_stream stream_{};
};

std::string FindFile(const std::string& directory, const std::string& stem,
                     const std::string& suffix) {
  for (const char* separator : {"-", "."}) {
    for (const char* packing : {"", ".gz"}) {
      const std::string path =
          (std::filesystem::path(directory) /
           fmt::format("{}{}{}{}", stem, separator, suffix, packing))
              .string();
      if (FileExists(path)) return path;
    }
  }
  Fail(ErrorKind::kNotFound,
       "no {}-{} in {} (with or without .gz); a folder with the four MNIST "
       "files {{train,t10k}}-images-idx3-ubyte and "
       "{{train,t10k}}-labels-idx1-ubyte is wanted",
       stem, suffix, directory);
}

IdxArray ReadFileAsIdx(const std::string& path, size_t rank) {
  IdxArray array = ParseIdx(ReadFile(path, kIdxLimit), path);
  if (array.dims.size() != rank) {
    Fail(ErrorKind::kCorrupt, "{}: {} dimensions, {} wanted", path,
         array.dims.size(), rank);
  }
  return array;
}

// One half of the set: its images and labels, checked against each other.
struct IdxHalf {
  std::string images_path;
  std::string labels_path;
  IdxArray images;
  IdxArray labels;
};

IdxHalf ReadHalf(const std::string& directory, const std::string& prefix) {
  IdxHalf half;
  half.images_path = FindFile(directory, prefix + "-images", "idx3-ubyte");
  half.labels_path = FindFile(directory, prefix + "-labels", "idx1-ubyte");
  half.images = ReadFileAsIdx(half.images_path, 3);
  half.labels = ReadFileAsIdx(half.labels_path, 1);
  const int32_t images = half.images.dims[0];
  const int32_t labels = half.labels.dims[0];
  if (images != labels) {
    Fail(ErrorKind::kCorrupt,
         "{} holds {} labels, but {} holds {} images; as many are wanted",
         half.labels_path, labels, half.images_path, images);
  }
  if (half.images.values.empty()) {
    Fail(ErrorKind::kCorrupt, "{}: {} images of {} x {} hold no pixels",
         half.images_path, images, half.images.dims[1], half.images.dims[2]);
  }
  return half;
}

}  // namespace

IdxArray ParseIdx(std::span<const std::byte> bytes, const std::string& where,
                  int64_t limit) {
  Reader reader(bytes, where);
  std::array<uint8_t, 4> word{};
  const size_t got = reader.Read(word);
  if (got < 4) {
    Fail(ErrorKind::kCorrupt,
         "{}: {} bytes, too short for an IDX file, which has a header of at "
         "least 8",
         where, got);
  }
  // The magic number: two zeros, the element type, the number of dimensions.
  const int rank = word[3];
  if (word[0] != 0 || word[1] != 0 || rank < 1 || rank > Shape::kMaxRank) {
    Fail(ErrorKind::kCorrupt,
         "{}: not an IDX file: it starts with {:02x} {:02x} {:02x} {:02x}; "
         "00 00 08 and the number of dimensions (1 to {}) are wanted",
         where, word[0], word[1], word[2], word[3], Shape::kMaxRank);
  }
  if (word[2] != kUnsignedByte) {
    Fail(ErrorKind::kUnsupported,
         "{}: IDX element type 0x{:02x}; only unsigned bytes (0x08) are read",
         where, word[2]);
  }

  IdxArray array;
  int64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    if (reader.Read(word) < 4) {
      Fail(ErrorKind::kCorrupt,
           "{}: the header of an IDX file of {} dimensions has {} bytes, but "
           "the file ends inside it",
           where, rank, 4 + 4 * rank);
    }
    const uint32_t dim = uint32_t{word[0]} << 24 | uint32_t{word[1]} << 16 |
                         uint32_t{word[2]} << 8 | uint32_t{word[3]};
    // count <= limit < 2^31 and dim < 2^32, so the product fits 63 bits. A
    // dimension of zero still leaves each other dimension below the limit.
    if (dim > limit || count * int64_t{dim} > limit) {
      Fail(ErrorKind::kUnsupported,
           "{}: dimension {} of {} is {}, which makes more than {} bytes",
           where, i + 1, rank, dim, limit);
    }
    count *= dim;
    array.dims.push_back(static_cast<int32_t>(dim));
  }
  // Checked before the buffer is made, so that a header cannot demand memory
  // that the file has no bytes for.
  if (count > reader.MostBytes()) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but at most {} can "
         "follow it",
         where, count, reader.MostBytes());
  }
  array.values.resize(static_cast<size_t>(count));
  const size_t filled = reader.Read(array.values);
  if (filled < array.values.size()) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but {} follow it",
         where, count, filled);
  }
  // Asking for one more byte also makes zlib check the sum at the end.
  if (reader.Read(std::span(word).first(1)) != 0) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but more follow it",
         where, count);
  }
  return array;
}

DataSplits LoadIdx(const std::string& directory, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    Fail(ErrorKind::kNotFound,
         "{} is not a folder; one with the MNIST files is wanted", directory);
  }
  IdxHalf train = ReadHalf(directory, "train");
  IdxHalf test = ReadHalf(directory, "t10k");
  for (size_t i : {1u, 2u}) {
    if (train.images.dims[i] == test.images.dims[i]) continue;
    Fail(ErrorKind::kCorrupt,
         "{} holds images of {} x {}, but {} of {} x {}; one size is wanted",
         test.images_path, test.images.dims[1], test.images.dims[2],
         train.images_path, train.images.dims[1], train.images.dims[2]);
  }
  int classes = 0;
  for (const IdxHalf* half : {&train, &test}) {
    for (uint8_t label : half->labels.values) {
      classes = std::max(classes, label + 1);
    }
  }
  const Shape shape{train.images.dims[1], train.images.dims[2]};
  auto train_set = std::make_shared<const ByteDataset>(
      shape, classes, std::move(train.images.values),
      std::move(train.labels.values), train.labels_path);
  auto test_set = std::make_shared<const ByteDataset>(
      shape, classes, std::move(test.images.values),
      std::move(test.labels.values), test.labels_path);
  std::string fingerprint = Fingerprint(*train_set, *test_set);
  return {name, std::move(fingerprint), std::move(train_set),
          std::move(test_set)};
}

}  // namespace litesmith
