// Records and their checks.
#include "src/formats/hdf5/h5_stream.h"

#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <optional>

namespace litesmith {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

// Takes values off the front of a stream; throws Error{corrupt} at its end.
class Cursor {
 public:
  Cursor(std::span<const std::byte> rest, const std::string& path)
      : rest_(rest), path_(path) {}

  std::span<const std::byte> Take(uint64_t bytes) {
    if (bytes > rest_.size()) Broken();
    const auto taken = rest_.first(static_cast<size_t>(bytes));
    rest_ = rest_.subspan(static_cast<size_t>(bytes));
    return taken;
  }
  template <typename T>
  T Number() {
    T value;
    std::memcpy(&value, Take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string Text() {
    const auto bytes = Take(Number<uint64_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // Of the trees the one that the next record is about.
  H5Tree& Tree(std::vector<H5Tree>* trees) {
    const auto tree = Number<uint8_t>();
    if (tree >= trees->size()) Broken();
    return (*trees)[tree];
  }
  size_t size() const { return rest_.size(); }
  [[noreturn]] void Broken() const {
    Fail(ErrorKind::kCorrupt, "{}: reading it as HDF5 ended half-way", path_);
  }

 private:
  std::span<const std::byte> rest_;
  const std::string& path_;
};

H5Dataset TakeDataset(Cursor* in) {
  H5Dataset dataset;
  const std::optional<DType> dtype = DTypeFromTflite(in->Number<uint8_t>());
  if (!dtype) in->Broken();
  dataset.dtype = *dtype;
  dataset.dims.resize(in->Number<uint8_t>());
  uint64_t elements = 1;
  for (int64_t& dim : dataset.dims) {
    dim = in->Number<int64_t>();
    // Below 2^31 each and in product, so the product fits 64 bits.
    constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
    if (dim < 0 || dim > kMax) in->Broken();
    elements *= static_cast<uint64_t>(dim);
    if (elements > static_cast<uint64_t>(kMax)) in->Broken();
  }
  const auto bytes = in->Take(elements * SizeOf(dataset.dtype));
  dataset.bytes.assign(bytes.begin(), bytes.end());
  return dataset;
}

}  // namespace

void H5StreamWriter::Raw(const void* data, size_t bytes) {
  const auto* from = static_cast<const std::byte*>(data);
  buffer_.insert(buffer_.end(), from, from + bytes);
  if (buffer_.size() >= kBufferBytes) Flush();
}

void H5StreamWriter::Text(const std::string& text) {
  Number<uint64_t>(text.size());
  Raw(text.data(), text.size());
}

void H5StreamWriter::Flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t put =
        write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) _exit(1);
    done += static_cast<size_t>(put);
  }
  buffer_.clear();
}

void H5StreamWriter::Present(uint8_t tree) {
  Number(H5Record::kPresent);
  Number(tree);
}

void H5StreamWriter::Attribute(uint8_t tree, const std::string& key,
                               const std::vector<std::string>& values) {
  Number(H5Record::kAttribute);
  Number(tree);
  Text(key);
  Number<uint64_t>(values.size());
  for (const std::string& value : values) Text(value);
}

void H5StreamWriter::Dataset(uint8_t tree, const std::string& path,
                             const H5Dataset& dataset) {
  Number(H5Record::kDataset);
  Number(tree);
  Text(path);
  Number(dataset.dtype);
  Number(static_cast<uint8_t>(dataset.dims.size()));
  for (const int64_t dim : dataset.dims) Number(dim);
  Raw(dataset.bytes.data(), dataset.bytes.size());
}

void H5StreamWriter::Failure(ErrorKind kind, const std::string& message) {
  Number(H5Record::kError);
  Number(static_cast<uint8_t>(kind));
  Text(message);
}

void H5StreamWriter::End() {
  Number(H5Record::kEnd);
  Flush();
}

std::vector<H5Tree> ParseH5Stream(std::span<const std::byte> stream,
                                  size_t trees, const std::string& path) {
  std::vector<H5Tree> contents(trees);
  Cursor in(stream, path);
  for (;;) {
    switch (in.Number<H5Record>()) {
      case H5Record::kPresent:
        in.Tree(&contents).present = true;
        break;
      case H5Record::kAttribute: {
        H5Tree& tree = in.Tree(&contents);
        std::vector<std::string>& values = tree.attributes[in.Text()];
        const auto count = in.Number<uint64_t>();
        // Each string has at least its length in the stream.
        if (count > in.size() / sizeof(uint64_t)) in.Broken();
        values.clear();
        for (uint64_t i = 0; i < count; ++i) values.push_back(in.Text());
        break;
      }
      case H5Record::kDataset: {
        H5Tree& tree = in.Tree(&contents);
        std::string name = in.Text();
        tree.datasets[std::move(name)] = TakeDataset(&in);
        break;
      }
      case H5Record::kError: {
        const auto kind = in.Number<uint8_t>();
        if (kind > static_cast<uint8_t>(ErrorKind::kInterrupted)) in.Broken();
        Fail(static_cast<ErrorKind>(kind), "{}: {}", path, in.Text());
      }
      case H5Record::kEnd:
        if (in.size() != 0) in.Broken();
        return contents;
      default:
        in.Broken();
    }
  }
}

}  // namespace litesmith
