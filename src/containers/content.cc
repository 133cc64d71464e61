// The first bytes by which each kind of file is known.
#include "src/containers/content.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "src/base/check.h"

namespace litesmith {
namespace {

constexpr std::string_view kHdf5Signature("\x89HDF\r\n\x1a\n", 8);
// HDF5 allows bytes of the user's own in front: 0, 512, 1024, 2048, ...
constexpr size_t kFirstUserBlock = 512;

struct Row {
  Content content;
  ErrorKind refusal;
  const char* name;
  const char* advice;
};

constexpr Row kRows[] = {
    {Content::kTflite, ErrorKind::kUnsupported, "a TFLite file", ""},
    {Content::kHdf5, ErrorKind::kUnsupported, "an HDF5 file", ""},
    {Content::kEmpty, ErrorKind::kCorrupt, "empty",
     "a copy or a download may have been interrupted"},
    {Content::kKerasArchive, ErrorKind::kUnsupported,
     "a Keras archive (.keras)", ""},
    {Content::kPyTorch, ErrorKind::kUnsupported,
     "a PyTorch file (a pickle), which is not read",
     "rebuild the model in Keras and save it with model.save('m.h5'), or "
     "convert it with ai-edge-torch to a float .tflite"},
    {Content::kNpz, ErrorKind::kUnsupported, "a .npz archive of arrays",
     "save the one array that is wanted with numpy.save"},
    {Content::kNpy, ErrorKind::kUnsupported, "an array (.npy), no model", ""},
    {Content::kZip, ErrorKind::kUnsupported,
     "a zip archive, which is not read as it is", "unzip it first"},
    {Content::kOnnx, ErrorKind::kUnsupported,
     "an ONNX model, which is not read",
     "convert it to Keras or to a float .tflite first (onnx2tf does)"},
    {Content::kSavedModel, ErrorKind::kUnsupported,
     "TensorFlow's SavedModel, which is not read",
     "tf.lite.TFLiteConverter.from_saved_model makes a float .tflite of it"},
    {Content::kHtml, ErrorKind::kCorrupt, "a web page (HTML), no model",
     "download the file itself, not the page that shows it"},
    {Content::kLfsPointer, ErrorKind::kCorrupt,
     "a Git LFS pointer, which only names the file", "run `git lfs pull`"},
    {Content::kGzip, ErrorKind::kUnsupported,
     "compressed by gzip, which is not read as it is", "gunzip it first"},
    {Content::kJson, ErrorKind::kUnsupported,
     "a JSON text: an architecture without weights",
     "save the whole model with model.save('m.h5')"},
    {Content::kUnknown, ErrorKind::kCorrupt,
     "no model that is known: neither Keras (.h5, .keras) nor TFLite", ""},
};

const Row& RowOf(Content content) {
  const auto* row =
      std::find_if(std::begin(kRows), std::end(kRows),
                   [&](const Row& each) { return each.content == content; });
  LS_CHECK(row != std::end(kRows));
  return *row;
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little endian; 0 if it does not lie within the text.
uint64_t Number(std::string_view text, size_t at, size_t bytes) {
  if (at > text.size() || text.size() - at < bytes) return 0;
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(text[at + i]);
  return value;
}

// Where the HDF5 signature is, or npos.
size_t Hdf5Start(std::string_view text) {
  for (size_t at = 0; at < text.size();
       at = at == 0 ? kFirstUserBlock : 2 * at) {
    if (text.substr(at).starts_with(kHdf5Signature)) return at;
  }
  return std::string_view::npos;
}

// By the names of the archive's members, as far as they are in the text.
Content ZipContent(std::string_view text) {
  constexpr std::string_view kMember("PK\x03\x04", 4);
  constexpr size_t kHeader = 30;
  for (size_t at = text.find(kMember); at != std::string_view::npos;
       at = text.find(kMember, at + kMember.size())) {
    const auto length = static_cast<size_t>(Number(text, at + 26, 2));
    if (text.size() - at < kHeader) break;
    const std::string_view name = text.substr(at + kHeader, length);
    if (name == "model.weights.h5" || name == "config.json" ||
        name == "metadata.json") {
      return Content::kKerasArchive;
    }
    if (name.ends_with("/data.pkl") || name == "data.pkl")
      return Content::kPyTorch;
    if (name.ends_with(".npy")) return Content::kNpz;
  }
  return Content::kZip;
}

// Protocol buffers have no signature: a field number, then its value. Both
// begin with a version, ONNX's being 3 or more, and go on with a text or a
// table.
Content ProtobufContent(std::string_view text) {
  if (text.size() < 4 || text[0] != '\x08') return Content::kUnknown;
  const auto version = static_cast<unsigned char>(text[1]);
  if (version == 1 && text[2] == '\x12') return Content::kSavedModel;
  constexpr std::string_view kOnnxFields("\x12\x1a\x22\x28\x32\x3a\x42");
  const bool onnx = version >= 2 && version < 32 &&
                    kOnnxFields.find(text[2]) != std::string_view::npos;
  return onnx ? Content::kOnnx : Content::kUnknown;
}

Content TextContent(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text[0])))
    text.remove_prefix(1);
  std::string start(text.substr(0, 16));
  std::transform(start.begin(), start.end(), start.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  const std::string_view small = start;
  if (small.starts_with("<!doctype") || small.starts_with("<html") ||
      small.starts_with("<?xml") || small.starts_with("<head")) {
    return Content::kHtml;
  }
  if (small.starts_with("{\"") || small.starts_with("{\n"))
    return Content::kJson;
  return Content::kUnknown;
}

}  // namespace

Content ContentOf(std::span<const std::byte> head) {
  const std::string_view text = Text(head);
  if (text.empty()) return Content::kEmpty;
  if (text.substr(std::min<size_t>(4, text.size())).starts_with("TFL3"))
    return Content::kTflite;
  if (text.starts_with("PK\x03\x04")) return ZipContent(text);
  if (text.starts_with("\x93NUMPY")) return Content::kNpy;
  if (text.starts_with("version https://git-lfs.github.com/"))
    return Content::kLfsPointer;
  if (text.starts_with("\x1f\x8b")) return Content::kGzip;
  // A pickle of protocol 2 to 5.
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5)
    return Content::kPyTorch;
  if (Hdf5Start(text) != std::string_view::npos) return Content::kHdf5;
  const Content written = TextContent(text);
  return written != Content::kUnknown ? written : ProtobufContent(text);
}

const char* Name(Content content) { return RowOf(content).name; }
const char* Advice(Content content) { return RowOf(content).advice; }
ErrorKind RefusalOf(Content content) { return RowOf(content).refusal; }

uint64_t Hdf5Size(std::span<const std::byte> head) {
  const std::string_view text = Text(head);
  const size_t start = Hdf5Start(text);
  if (start == std::string_view::npos) return 0;
  const std::string_view block = text.substr(start);
  // The superblock (HDF5 File Format Specification III.A): its version, then
  // by version the size of addresses and, after others, the end-of-file one.
  const uint64_t version = Number(block, 8, 1);
  const bool old = version <= 1;
  if (version > 3) return 0;
  const uint64_t size = Number(block, old ? 13 : 9, 1);
  if (size != 4 && size != 8) return 0;
  const size_t addresses = version == 0 ? 24 : version == 1 ? 28 : 12;
  return Number(block, addresses + 2 * size, size);
}

}  // namespace litesmith
