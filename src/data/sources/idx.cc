// Reads IDX files with zlib. No size in a file is trusted: a buffer is made
// only after the size was found to be possible for the bytes that are there.
#include "src/data/sources/idx.h"

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
#include "src/base/near_file.h"
#include "src/data/memory_dataset.h"

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

// The dimensions, whose product is at most `limit`.
std::vector<int32_t> ReadDims(Reader* reader, const std::string& where,
                              int64_t limit) {
  std::array<uint8_t, 4> word{};
  const size_t got = reader->Read(word);
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

  std::vector<int32_t> dims;
  int64_t count = 1;
  for (int i = 0; i < rank; ++i) {
    if (reader->Read(word) < 4) {
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
    dims.push_back(static_cast<int32_t>(dim));
  }
  return dims;
}

int64_t Product(const std::vector<int32_t>& dims) {
  int64_t count = 1;
  for (const int32_t dim : dims) count *= dim;
  return count;
}

// Fills `values` of the `promised` bytes that the header speaks of.
void ReadValues(Reader* reader, const std::string& where, int64_t promised,
                std::vector<uint8_t>* values, int64_t count) {
  // Checked before the buffer is made, so that a header cannot demand memory
  // that the file has no bytes for.
  if (count > reader->MostBytes()) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but at most {} can "
         "follow it",
         where, promised, reader->MostBytes());
  }
  values->resize(static_cast<size_t>(count));
  const size_t filled = reader->Read(*values);
  if (filled < values->size()) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but {} follow it",
         where, promised, filled);
  }
}

void RequireRank(const std::vector<int32_t>& dims, size_t rank,
                 const std::string& where) {
  if (dims.size() == rank) return;
  Fail(ErrorKind::kCorrupt, "{}: {} dimensions, {} wanted", where, dims.size(),
       rank);
}

// The dimensions of a file of which nothing else is read. A gzip header is
// longer than so much only by an absurd file name in it.
std::vector<int32_t> DimsOfFile(const std::string& path, size_t rank) {
  constexpr size_t kHead = 1 << 16;
  const std::vector<std::byte> head = ReadFileHead(path, kHead);
  Reader reader(head, path);
  std::vector<int32_t> dims = ReadDims(&reader, path, kIdxLimit);
  RequireRank(dims, rank, path);
  return dims;
}

// One half of the set: where its images are, and its labels, checked against
// each other.
struct IdxHalf {
  std::string images_path;
  std::string labels_path;
  std::vector<int32_t> dims;  // of the images
  std::vector<uint8_t> labels;
};

IdxHalf FindHalf(const std::string& directory, const std::string& prefix) {
  IdxHalf half;
  half.images_path = FindFile(directory, prefix + "-images", "idx3-ubyte");
  half.labels_path = FindFile(directory, prefix + "-labels", "idx1-ubyte");
  half.dims = DimsOfFile(half.images_path, 3);
  IdxArray labels =
      ParseIdx(ReadFile(half.labels_path, kIdxLimit), half.labels_path);
  RequireRank(labels.dims, 1, half.labels_path);
  half.labels = std::move(labels.values);
  const int32_t images = half.dims[0];
  if (images != labels.dims[0]) {
    Fail(ErrorKind::kCorrupt,
         "{} holds {} labels, but {} holds {} images; as many are wanted",
         half.labels_path, labels.dims[0], half.images_path, images);
  }
  if (Product(half.dims) == 0) {
    Fail(ErrorKind::kCorrupt, "{}: {} images of {} x {} hold no pixels",
         half.images_path, images, half.dims[1], half.dims[2]);
  }
  return half;
}

// Its first `count` samples.
DatasetPtr OpenHalf(const IdxHalf& half, int classes, int64_t count) {
  const std::vector<std::byte> bytes = ReadFile(half.images_path, kIdxLimit);
  IdxArray images = count < half.dims[0]
                        ? ParseIdxHead(bytes, half.images_path, count)
                        : ParseIdx(bytes, half.images_path);
  if (!std::equal(images.dims.begin() + 1, images.dims.end(),
                  half.dims.begin() + 1, half.dims.end()) ||
      images.dims[0] != count) {
    Fail(ErrorKind::kCorrupt, "{} has changed while it was read",
         half.images_path);
  }
  return LabelledBytes(
      {half.dims[1], half.dims[2]}, classes, std::move(images.values),
      {half.labels.begin(), half.labels.begin() + count}, half.labels_path);
}

}  // namespace

IdxArray ParseIdx(std::span<const std::byte> bytes, const std::string& where,
                  int64_t limit) {
  Reader reader(bytes, where);
  IdxArray array;
  array.dims = ReadDims(&reader, where, limit);
  const int64_t count = Product(array.dims);
  ReadValues(&reader, where, count, &array.values, count);
  // Asking for one more byte also makes zlib check the sum at the end.
  std::array<uint8_t, 1> more{};
  if (reader.Read(more) != 0) {
    Fail(ErrorKind::kCorrupt,
         "{}: the header promises {} bytes of elements, but more follow it",
         where, count);
  }
  return array;
}

IdxArray ParseIdxHead(std::span<const std::byte> bytes,
                      const std::string& where, int64_t samples) {
  Reader reader(bytes, where);
  IdxArray array;
  array.dims = ReadDims(&reader, where, kIdxLimit);
  const int64_t promised = Product(array.dims);
  array.dims[0] =
      static_cast<int32_t>(std::min<int64_t>(samples, array.dims[0]));
  ReadValues(&reader, where, promised, &array.values, Product(array.dims));
  return array;
}

DataSplits LoadIdx(const std::string& directory, const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    Fail(ErrorKind::kNotFound,
         "{} is not a folder; one with the MNIST files is wanted{}", directory,
         DidYouMeanFile(directory));
  }
  const auto train =
      std::make_shared<const IdxHalf>(FindHalf(directory, "train"));
  const auto test =
      std::make_shared<const IdxHalf>(FindHalf(directory, "t10k"));
  for (size_t i : {1u, 2u}) {
    if (train->dims[i] == test->dims[i]) continue;
    Fail(ErrorKind::kCorrupt,
         "{} holds images of {} x {}, but {} of {} x {}; one size is wanted",
         test->images_path, test->dims[1], test->dims[2], train->images_path,
         train->dims[1], train->dims[2]);
  }
  int classes = 0;
  for (const auto& half : {train, test}) {
    for (const uint8_t label : half->labels)
      classes = std::max(classes, label + 1);
  }
  const auto half = [&](const std::shared_ptr<const IdxHalf>& of) {
    return DataHalf{of->dims[0], [of, classes](int64_t count) {
                      return OpenHalf(*of, classes, count);
                    }};
  };
  return {name, half(train), half(test)};
}

}  // namespace litesmith
