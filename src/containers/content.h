// What a file is, by its bytes and never by its name: the formats of models
// that are read here, and what else people give for one.
#ifndef LITESMITH_CONTAINERS_CONTENT_H_
#define LITESMITH_CONTAINERS_CONTENT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "src/base/error.h"

namespace litesmith {

enum class Content : uint8_t {
  kTflite,
  kHdf5,
  kEmpty,
  kKerasArchive,  // .keras
  kPyTorch,
  kNpz,
  kNpy,
  kZip,
  kOnnx,
  kSavedModel,  // saved_model.pb
  kHtml,
  kLfsPointer,
  kGzip,
  kJson,
  kUnknown,
};

// Bytes from the start of a file that are enough to know it.
inline constexpr size_t kContentHead = size_t{1} << 16;

// `head`: the file's first kContentHead bytes, or all if it has fewer.
Content ContentOf(std::span<const std::byte> head);

// "a web page (HTML)".
const char* Name(Content content);
// What would do instead for somebody who wants a model, or "" if nothing can
// be said: "download the file itself, not the page that shows it".
const char* Advice(Content content);
// Where it is no model that is read here: kUnsupported for another format,
// kCorrupt for what is no model at all.
ErrorKind RefusalOf(Content content);

// The bytes that an HDF5 file says it has, by its superblock; 0 if unknown. A
// file with fewer was cut off.
uint64_t Hdf5Size(std::span<const std::byte> head);

}  // namespace litesmith

#endif  // LITESMITH_CONTAINERS_CONTENT_H_
