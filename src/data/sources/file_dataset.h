// Samples that are decoded from files, one or several from each. A decoder
// knows the format; here are the reading, the cache, and what is done about
// files that cannot be read.
#ifndef LITESMITH_DATA_SOURCES_FILE_DATASET_H_
#define LITESMITH_DATA_SOURCES_FILE_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/data/sources.h"
#include "src/data/sources/folder.h"

namespace litesmith {

class FileDecoder {
 public:
  virtual ~FileDecoder() = default;
  // What a sample of it is.
  virtual const Field& field() const = 0;
  // Sample `part` of a file of these bytes. Safe to call from several threads.
  // Throws Error naming `where`.
  virtual void Decode(std::span<const std::byte> bytes,
                      const std::string& where, int64_t part,
                      std::byte* out) const = 0;
  // What of the options changes samples.
  virtual std::string Key() const = 0;
};

// A sample: which file, and which part of it.
struct FilePart {
  int32_t file = 0;
  int32_t part = 0;
};

// One half of a folder.
struct FileHalf {
  std::shared_ptr<const FileDecoder> decoder;
  std::vector<std::string> classes;
  std::vector<LabelledFile> files;
  std::vector<FilePart> parts;  // the samples in order
  std::string folder;
  DataContext context;
};

// Its first `count` samples. Small halves are decoded here, by all threads;
// of others each sample is decoded when it is read, and kept in the cache. With
// `skip_bad` all are decoded here, and those that cannot be are left out and
// counted. Throws Error{corrupt, unsupported, io} naming a file; Error{invalid
// argument} for a half without samples.
DatasetPtr OpenFiles(const FileHalf& half, int64_t count);

// The two halves of what was found, of these samples or, if they are empty, a
// sample a file.
DataSplits FileSplits(std::string name, FolderFiles files,
                      const std::string& folder,
                      std::shared_ptr<const FileDecoder> decoder,
                      const DataContext& context,
                      std::vector<FilePart> train_parts = {},
                      std::vector<FilePart> test_parts = {});

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_FILE_DATASET_H_
