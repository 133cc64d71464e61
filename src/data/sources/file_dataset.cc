// FileDataset: decoded at once, or when read.
#include "src/data/sources/file_dataset.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/data/memory_dataset.h"
#include "src/data/sample_cache.h"

namespace litesmith {
namespace {

// Halves of at most so many bytes are decoded when they are opened, and held.
constexpr int64_t kHeldBytes = int64_t{48} << 20;
// So few samples, as calibration takes, need no cache.
constexpr int64_t kFew = 512;

class FileDataset : public Dataset {
 public:
  FileDataset(const FileHalf& half, int64_t count)
      : half_(half), inputs_{half.decoder->field()} {
    half_.parts.resize(static_cast<size_t>(count));
    half_.parts.shrink_to_fit();
    if (!half_.classes.empty()) {
      targets_ = {{"label", {}, DType::kInt32, {}}};
      for (const FilePart& part : half_.parts)
        labels_.push_back(FileOf(part).label);
    }
  }

  // By the contents of its files, the name of the cache's file.
  void UseCache(const std::string& folder) {
    const std::vector<uint64_t>& contents = Contents(folder);
    Digest key;
    key.Text(half_.decoder->Key());
    for (const FilePart& part : half_.parts) {
      key.Word(contents[static_cast<size_t>(part.file)]);
      key.Word(static_cast<uint64_t>(part.part));
    }
    cache_ = SampleCache::Open(folder, key.Hex(), size(), inputs_[0].bytes(),
                               half_.context.cache_bytes);
  }

  int64_t size() const override {
    return static_cast<int64_t>(half_.parts.size());
  }
  std::span<const Field> inputs() const override { return inputs_; }
  std::span<const Field> targets() const override { return targets_; }
  int classes() const override {
    return static_cast<int>(half_.classes.size());
  }
  std::span<const std::string> class_names() const override {
    return half_.classes;
  }
  std::string Origin(int64_t index) const override {
    const FilePart& part = half_.parts[static_cast<size_t>(index)];
    const std::string& path = FileOf(part).path;
    return part.part == 0 ? path : fmt::format("{}, part {}", path, part.part);
  }
  // Of the file's content, however it is called.
  uint64_t InputDigest(int64_t index) const override {
    const std::vector<uint64_t>& contents =
        Contents(CacheFolder(half_.context.cache));
    const FilePart& part = half_.parts[static_cast<size_t>(index)];
    Digest digest;
    digest.Word(contents[static_cast<size_t>(part.file)]);
    digest.Word(static_cast<uint64_t>(part.part));
    return std::max<uint64_t>(1, digest.value());
  }
  void Read(int64_t index, Draw, std::byte* const* fields) const override {
    const FilePart& part = half_.parts[static_cast<size_t>(index)];
    if (cache_ == nullptr || !cache_->Get(index, fields[0])) {
      const std::string& path = FileOf(part).path;
      half_.decoder->Decode(ReadFile(path, kMostFileBytes), path, part.part,
                            fields[0]);
      if (cache_ != nullptr) cache_->Put(index, fields[0]);
    }
    if (!labels_.empty()) {
      std::memcpy(fields[1], &labels_[static_cast<size_t>(index)],
                  sizeof(int32_t));
    }
  }
  std::span<const std::byte> Stored(size_t f) const override {
    if (f == 0) return {};
    return std::as_bytes(std::span(labels_));
  }
  void AddTo(Digest* digest) const override {
    digest->Text(half_.decoder->Key());
    digest->Word(half_.classes.size());
    const std::vector<uint64_t>& contents =
        Contents(CacheFolder(half_.context.cache));
    for (size_t i = 0; i < half_.parts.size(); ++i) {
      digest->Word(contents[static_cast<size_t>(half_.parts[i].file)]);
      digest->Word(static_cast<uint64_t>(half_.parts[i].part));
      if (!labels_.empty()) digest->Word(static_cast<uint64_t>(labels_[i]));
    }
  }

  // Leaves out samples that cannot be decoded, for `bad` of these.
  void LeaveOut(const std::vector<char>& bad) {
    size_t kept = 0;
    for (size_t i = 0; i < bad.size(); ++i) {
      if (bad[i]) continue;
      half_.parts[kept] = half_.parts[i];
      if (!labels_.empty()) labels_[kept] = labels_[i];
      ++kept;
    }
    half_.parts.resize(kept);
    if (!labels_.empty()) labels_.resize(kept);
  }

 private:
  const LabelledFile& FileOf(const FilePart& part) const {
    return half_.files[static_cast<size_t>(part.file)];
  }

  // Of the files of these samples, in their order; zeros of others.
  const std::vector<uint64_t>& Contents(const std::string& folder) const {
    const std::lock_guard<std::mutex> guard(lock_);
    if (!contents_.empty()) return contents_;
    std::vector<char> used(half_.files.size());
    for (const FilePart& part : half_.parts)
      used[static_cast<size_t>(part.file)] = 1;
    std::vector<std::string> paths;
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) paths.push_back(half_.files[i].path);
    }
    const std::vector<uint64_t> digests =
        ContentDigests(folder, paths, half_.context.skip_bad);
    contents_.resize(used.size());
    size_t at = 0;
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) contents_[i] = digests[at++];
    }
    return contents_;
  }

  FileHalf half_;
  std::vector<Field> inputs_;
  std::vector<Field> targets_;
  std::vector<int32_t> labels_;  // by sample
  std::unique_ptr<SampleCache> cache_;
  mutable std::mutex lock_;
  mutable std::vector<uint64_t> contents_;
};

// Reads every sample once; to `pixels` side by side, if that is not null. With
// `bad`, marks those that throw, and gives what the first of them said.
std::string ReadAll(const Dataset& data, std::byte* pixels,
                    std::vector<char>* bad) {
  const size_t bytes = data.inputs()[0].bytes();
  constexpr int64_t kBlock = 16;
  const auto blocks = static_cast<int>((data.size() + kBlock - 1) / kBlock);
  std::mutex lock;
  int64_t first = data.size();
  std::string problem;
  ParallelFor(blocks, AvailableThreads(), [&](int b) {
    std::vector<std::byte> own(pixels == nullptr ? bytes : 0);
    const int64_t end = std::min((b + 1) * kBlock, data.size());
    for (int64_t i = b * kBlock; i < end && !StopRequested(); ++i) {
      std::byte label[8];
      std::byte* const fields[] = {
          pixels == nullptr ? own.data()
                            : pixels + static_cast<size_t>(i) * bytes,
          label};
      try {
        data.Read(i, {}, fields);
      } catch (const Error& error) {
        if (bad == nullptr) throw;
        (*bad)[static_cast<size_t>(i)] = 1;
        const std::lock_guard<std::mutex> guard(lock);
        if (i < first) {
          first = i;
          problem = error.what();
        }
      }
    }
  });
  ThrowIfStopRequested();
  return problem;
}

// In memory, for samples that are read again and again; what tells them apart
// is still their files.
class HeldDataset : public Dataset {
 public:
  explicit HeldDataset(std::shared_ptr<const FileDataset> files)
      : files_(std::move(files)),
        values_(static_cast<size_t>(files_->size()) *
                files_->inputs()[0].bytes()) {
    ReadAll(*files_, values_.data(), nullptr);
  }
  int64_t size() const override { return files_->size(); }
  std::span<const Field> inputs() const override { return files_->inputs(); }
  std::span<const Field> targets() const override { return files_->targets(); }
  int classes() const override { return files_->classes(); }
  std::span<const std::string> class_names() const override {
    return files_->class_names();
  }
  std::string Origin(int64_t index) const override {
    return files_->Origin(index);
  }
  uint64_t InputDigest(int64_t index) const override {
    return files_->InputDigest(index);
  }
  void Read(int64_t index, Draw, std::byte* const* fields) const override {
    for (size_t f = 0; f < NumFields(*this); ++f) {
      const size_t bytes = FieldAt(*this, f).bytes();
      std::memcpy(fields[f],
                  Stored(f).data() + static_cast<size_t>(index) * bytes, bytes);
    }
  }
  std::span<const std::byte> Stored(size_t f) const override {
    return f == 0 ? std::span<const std::byte>(values_) : files_->Stored(f);
  }
  void AddTo(Digest* digest) const override { files_->AddTo(digest); }

 private:
  std::shared_ptr<const FileDataset> files_;
  std::vector<std::byte> values_;
};

}  // namespace

DatasetPtr OpenFiles(const FileHalf& half, int64_t count) {
  if (count == 0) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: there are no files for this half of the data; a folder train or "
         "test beside the other, or split=X, would do",
         half.folder);
  }
  const auto files = std::make_shared<FileDataset>(half, count);
  const std::string folder = CacheFolder(half.context.cache);
  const bool few =
      count <= kFew && count < static_cast<int64_t>(half.parts.size());
  if (!few) files->UseCache(folder);
  if (half.context.skip_bad) {
    std::vector<char> bad(static_cast<size_t>(count));
    const std::string problem = ReadAll(*files, nullptr, &bad);
    const int64_t lost = std::count(bad.begin(), bad.end(), 1);
    if (lost > 0) {
      Warn("{} of {} in {} cannot be read and are left out, the first: {}",
           lost, Counted(count, "sample"), half.folder, problem);
      if (lost == count) {
        Fail(ErrorKind::kCorrupt, "{}: no file can be read; {}", half.folder,
             problem);
      }
      files->LeaveOut(bad);
      if (!few) files->UseCache(folder);
    }
  }
  const int64_t bytes =
      files->size() * static_cast<int64_t>(files->inputs()[0].bytes());
  if (bytes > kHeldBytes) return files;
  return std::make_shared<const HeldDataset>(files);
}

DataSplits FileSplits(std::string name, FolderFiles files,
                      const std::string& folder,
                      std::shared_ptr<const FileDecoder> decoder,
                      const DataContext& context,
                      std::vector<FilePart> train_parts,
                      std::vector<FilePart> test_parts) {
  const auto half = [&](std::vector<LabelledFile> of,
                        std::vector<FilePart> parts) {
    auto made = std::make_shared<FileHalf>();
    made->decoder = decoder;
    made->classes = files.classes;
    made->parts = std::move(parts);
    if (made->parts.empty()) {
      made->parts.resize(of.size());
      for (size_t i = 0; i < of.size(); ++i)
        made->parts[i].file = static_cast<int32_t>(i);
    }
    made->files = std::move(of);
    made->folder = folder;
    made->context = context;
    const auto size = static_cast<int64_t>(made->parts.size());
    return DataHalf{
        size, [made = std::shared_ptr<const FileHalf>(made)](int64_t count) {
          return OpenFiles(*made, count);
        }};
  };
  DataHalf train = half(std::move(files.train), std::move(train_parts));
  DataHalf test = half(std::move(files.test), std::move(test_parts));
  return {std::move(name), std::move(train), std::move(test)};
}

}  // namespace litesmith
