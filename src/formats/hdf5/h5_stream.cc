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
  H5Contents::Part Part() {
    const auto part = Number<uint8_t>();
    if (part >= H5Contents::kNumParts) Broken();
    return static_cast<H5Contents::Part>(part);
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

void H5StreamWriter::Present(H5Contents::Part part) {
  Number(H5Record::kPresent);
  Number(part);
}

void H5StreamWriter::Attribute(H5Contents::Part part, const std::string& key,
                               const std::vector<std::string>& values) {
  Number(H5Record::kAttribute);
  Number(part);
  Text(key);
  Number<uint64_t>(values.size());
  for (const std::string& value : values) Text(value);
}

void H5StreamWriter::Dataset(H5Contents::Part part, const std::string& path,
                             const H5Dataset& dataset) {
  Number(H5Record::kDataset);
  Number(part);
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

H5Contents ParseH5Stream(std::span<const std::byte> stream,
                         const std::string& path) {
  H5Contents contents;
  Cursor in(stream, path);
  for (;;) {
    switch (in.Number<H5Record>()) {
      case H5Record::kPresent:
        contents.parts[in.Part()].present = true;
        break;
      case H5Record::kAttribute: {
        H5Tree& part = contents.parts[in.Part()];
        std::vector<std::string>& values = part.attributes[in.Text()];
        const auto count = in.Number<uint64_t>();
        // Each string has at least its length in the stream.
        if (count > in.size() / sizeof(uint64_t)) in.Broken();
        values.clear();
        for (uint64_t i = 0; i < count; ++i) values.push_back(in.Text());
        break;
      }
      case H5Record::kDataset: {
        H5Tree& part = contents.parts[in.Part()];
        std::string name = in.Text();
        part.datasets[std::move(name)] = TakeDataset(&in);
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
