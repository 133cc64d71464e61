// The binary version: records of 3,073 bytes.
#include "src/data/sources/cifar10.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/near_file.h"
#include "src/data/memory_dataset.h"
#include "src/data/sources/images.h"

namespace litesmith {
namespace {

constexpr int kSide = 32;
constexpr size_t kPlane = size_t{kSide} * kSide;
constexpr size_t kRecord = 1 + 3 * kPlane;
constexpr int kClasses = 10;
constexpr const char* kPictureOptions[] = {"split", "seed", "resize", "method",
                                           "color"};

// The folder that holds the batches; empty if none does.
std::string BatchesIn(const std::string& folder) {
  for (const std::string& each : {folder, folder + "/cifar-10-batches-bin"}) {
    if (FileExists(each + "/test_batch.bin") ||
        FileExists(each + "/data_batch_1.bin"))
      return each;
  }
  return "";
}

int64_t RecordsIn(const std::string& path) {
  const int64_t bytes = FileSize(path);
  if (bytes == 0 || bytes % static_cast<int64_t>(kRecord) != 0) {
    Fail(ErrorKind::kCorrupt,
         "{}: {} bytes; records of {}, a label and 32 x 32 x 3 pixels, are "
         "wanted",
         path, bytes, kRecord);
  }
  return bytes / static_cast<int64_t>(kRecord);
}

std::vector<std::string> ReadNames(const std::string& folder) {
  std::vector<std::string> names;
  const std::string path = folder + "/batches.meta.txt";
  if (!FileExists(path)) return names;
  std::string name;
  for (const std::byte byte : ReadFile(path, 1 << 16)) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      if (!name.empty()) names.push_back(name);
      name.clear();
    } else if (c != '\r') {
      name += c;
    }
  }
  if (!name.empty()) names.push_back(name);
  if (names.size() != kClasses) names.clear();
  return names;
}

// The first `count` records of these files.
DatasetPtr Open(const std::vector<std::string>& paths,
                const std::vector<std::string>& names, int64_t count) {
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
  pixels.reserve(static_cast<size_t>(count) * 3 * kPlane);
  for (const std::string& path : paths) {
    const auto left = static_cast<size_t>(count) - labels.size();
    if (left == 0) break;
    const std::vector<std::byte> bytes = ReadFileHead(path, left * kRecord);
    if (bytes.size() % kRecord != 0)
      Fail(ErrorKind::kCorrupt, "{} has changed while it was read", path);
    for (size_t at = 0; at < bytes.size(); at += kRecord) {
      const auto* record = reinterpret_cast<const uint8_t*>(&bytes[at]);
      if (record[0] >= kClasses) {
        Fail(ErrorKind::kCorrupt,
             "{}: record {} has label {}; 0 to {} are wanted", path,
             at / kRecord, record[0], kClasses - 1);
      }
      labels.push_back(record[0]);
      for (size_t p = 0; p < kPlane; ++p) {
        for (size_t c = 0; c < 3; ++c)
          pixels.push_back(record[1 + c * kPlane + p]);
      }
    }
  }
  if (labels.size() != static_cast<size_t>(count) || count == 0) {
    Fail(ErrorKind::kCorrupt, "{}: {} records where {} were",
         paths.empty() ? "no batch" : paths[0], labels.size(), count);
  }
  return LabelledBytes({kSide, kSide, 3}, kClasses, std::move(pixels),
                       std::move(labels), paths[0], names);
}

}  // namespace

DataSplits LoadCifar10(const DataRequest& request) {
  const std::string folder = BatchesIn(request.argument);
  if (folder.empty()) {
    std::error_code code;
    if (!std::filesystem::is_directory(request.argument, code)) {
      Fail(ErrorKind::kNotFound,
           "{} is no folder; one with data_batch_1.bin to data_batch_5.bin and "
           "test_batch.bin, or of pictures by class, is wanted{}",
           request.argument, DidYouMeanFile(request.argument));
    }
    DataSplits pictures = LoadImages(request);
    pictures.name = "cifar10";
    return pictures;
  }
  for (const char* name : kPictureOptions) {
    if (request.options.Has(name))
      request.options.Refuse(name,
                             "nothing: the binary files are as they are, "
                             "so no such option");
  }
  std::vector<std::string> train;
  for (int i = 1; i <= 5; ++i) {
    const std::string path = fmt::format("{}/data_batch_{}.bin", folder, i);
    if (FileExists(path)) train.push_back(path);
  }
  std::vector<std::string> test;
  if (FileExists(folder + "/test_batch.bin"))
    test.push_back(folder + "/test_batch.bin");
  const std::vector<std::string> names = ReadNames(folder);
  const auto half = [&](const std::vector<std::string>& paths) {
    int64_t size = 0;
    for (const std::string& path : paths) size += RecordsIn(path);
    return DataHalf{size, [paths, names](int64_t count) {
                      return Open(paths, names, count);
                    }};
  };
  return {"cifar10", half(train), half(test)};
}

}  // namespace litesmith
