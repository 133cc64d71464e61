// numpy's own description of the format: numpy/lib/format.py. The header is a
// Python dictionary; only what numpy itself writes is accepted, in any order.
#include "src/containers/npy.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/containers/content.h"

namespace litesmith {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderAlignment = 64;
constexpr size_t kMaxHeaderBytes = 65536;

struct TypeRow {
  std::string_view code;  // without the byte order
  DType dtype;
};

constexpr TypeRow kTypes[] = {
    {"f4", DType::kFloat32}, {"f2", DType::kFloat16}, {"f8", DType::kFloat64},
    {"i1", DType::kInt8},    {"u1", DType::kUInt8},   {"i2", DType::kInt16},
    {"i4", DType::kInt32},   {"i8", DType::kInt64},   {"b1", DType::kBool},
};

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path)
      : text_(text), path_(path) {}

  Header Parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    Expect('{');
    while (!Accept('}')) {
      const std::string key = ParseString();
      Expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        if (Peek() == '[') {
          Fail(ErrorKind::kUnsupported,
               "{}: a structured array; plain element types are supported",
               path_);
        }
        header.descr = ParseString();
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = ParseBool();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = ParseTuple();
      } else {
        Corrupt("an unknown or repeated key");
      }
      if (!Accept(',')) {
        Expect('}');
        break;
      }
    }
    if (Peek() != '\0') Corrupt("something after the dictionary");
    if (!has_descr || !has_order || !has_shape) {
      Corrupt("not all of descr, fortran_order and shape");
    }
    return header;
  }

 private:
  [[noreturn]] void Corrupt(std::string_view what) const {
    Fail(ErrorKind::kCorrupt, "{}: the header has {} at its character {}",
         path_, what, pos_);
  }
  // The next character that is not blank; NUL at the end.
  char Peek() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\n')) {
      ++pos_;
    }
    if (pos_ == text_.size()) return '\0';
    if (text_[pos_] == '\0') Corrupt("a NUL");
    return text_[pos_];
  }
  bool Accept(char c) {
    if (Peek() != c) return false;
    ++pos_;
    return true;
  }
  void Expect(char c) {
    if (!Accept(c)) Corrupt(fmt::format("no '{}'", c));
  }
  std::string ParseString() {
    const char quote = Peek();
    if (quote != '\'' && quote != '"') Corrupt("no string");
    const size_t end = text_.find(quote, pos_ + 1);
    if (end == std::string_view::npos) Corrupt("a string without an end");
    std::string result(text_.substr(pos_ + 1, end - pos_ - 1));
    pos_ = end + 1;
    return result;
  }
  bool ParseBool() {
    Peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(pos_, word.size()) == word) {
        pos_ += word.size();
        return value;
      }
    }
    Corrupt("neither True nor False");
  }
  std::vector<int64_t> ParseTuple() {
    std::vector<int64_t> values;
    Expect('(');
    while (!Accept(')')) {
      values.push_back(ParseInt());
      if (!Accept(',')) {
        // Without a comma, "(3)" would be a number and no tuple.
        if (values.size() == 1) Corrupt("a number in parentheses, no tuple,");
        Expect(')');
        break;
      }
    }
    return values;
  }
  int64_t ParseInt() {
    constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
    if (!std::isdigit(static_cast<unsigned char>(Peek()))) {
      Corrupt("no dimension");
    }
    int64_t value = 0;
    while (pos_ < text_.size() &&
           std::isdigit(static_cast<unsigned char>(text_[pos_]))) {
      value = value * 10 + (text_[pos_++] - '0');
      if (value > kMax) Corrupt("a dimension above 2^31 - 1");
    }
    return value;
  }

  std::string_view text_;
  const std::string& path_;
  size_t pos_ = 0;
};

// "<U12" or "|S7".
bool ParseText(const std::string& descr, const std::string& path,
               NpyHeader* header) {
  if (descr.size() < 3 || (descr[1] != 'U' && descr[1] != 'S')) return false;
  if (descr[1] == 'U' && descr[0] != '<') return false;
  constexpr int32_t kMost = 4096;
  int32_t width = 0;
  const char* end = descr.data() + descr.size();
  const auto [at, error] = std::from_chars(descr.data() + 2, end, width);
  if (error != std::errc() || at != end || width < 1 || width > kMost) {
    Fail(ErrorKind::kUnsupported,
         "{}: texts of type '{}'; 1 to {} characters are supported", path,
         descr, kMost);
  }
  header->text = descr[1];
  header->width = width;
  return true;
}

void AppendUtf8(uint32_t c, std::string* text) {
  const auto put = [&](uint32_t byte) { *text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xe0 | c >> 12);
    } else {
      put(0xf0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3f));
    }
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

DType ParseType(const std::string& descr, const std::string& path) {
  if (descr.size() >= 2) {
    for (const TypeRow& row : kTypes) {
      if (std::string_view(descr).substr(1) != row.code) continue;
      const char order = descr[0];
      const bool one_byte = SizeOf(row.dtype) == 1;
      if (order == '<' || (one_byte && (order == '|' || order == '>'))) {
        return row.dtype;
      }
      if (order == '>') {
        Fail(ErrorKind::kUnsupported,
             "{}: big-endian elements ('{}'); little-endian is supported", path,
             descr);
      }
    }
  }
  const char kind = descr.size() > 1 ? descr[1] : ' ';
  Fail(ErrorKind::kUnsupported,
       "{}: elements of type '{}'; float16, 32, 64, int8 to int64, uint8 and "
       "bool are supported{}",
       path, descr,
       kind == 'U' || kind == 'S'
           ? "; numpy.unique(y, return_inverse=True)[1] makes numbers of names"
       : kind == 'O' ? "; y.astype(str) makes texts of Python's strings, which "
                       "can be labels"
                     : "");
}

}  // namespace

size_t NpyHeader::ElementBytes() const {
  return text == 0 ? SizeOf(dtype)
                   : static_cast<size_t>(width) * (text == 'U' ? 4 : 1);
}

NpyHeader ParseNpyHeader(std::span<const std::byte> head,
                         const std::string& where, bool texts) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()),
                              head.size());
  if (text.size() < 10 || text.substr(0, kMagic.size()) != kMagic) {
    const Content content = ContentOf(head);
    if (content == Content::kNpy || content == Content::kUnknown) {
      Fail(ErrorKind::kCorrupt, "{}: not a .npy file: no {} at byte 0", where,
           content == Content::kNpy ? "whole header" : "\\x93NUMPY");
    }
    const std::string advice = Advice(content);
    Fail(ErrorKind::kCorrupt, "{}: not a .npy file: it is {}{}{}", where,
         Name(content), advice.empty() ? "" : "; ", advice);
  }
  const auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(text[i]));
  };
  const size_t major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0) {
    Fail(ErrorKind::kUnsupported,
         "{}: .npy version {}.{}; 1.0 to 3.0 are known", where, major, byte(7));
  }
  size_t start = 10;
  size_t length = byte(8) | byte(9) << 8;
  if (major > 1) {
    start = 12;
    if (text.size() < start) {
      Fail(ErrorKind::kCorrupt, "{}: ends within its first 12 bytes", where);
    }
    length |= byte(10) << 16 | byte(11) << 24;
  }
  if (length > kMaxHeaderBytes || length > text.size() - start) {
    Fail(ErrorKind::kCorrupt, "{}: a header of {} bytes, of which {} are there",
         where, length, text.size() - start);
  }
  const Header parsed = HeaderParser(text.substr(start, length), where).Parse();
  NpyHeader header;
  if (!texts || !ParseText(parsed.descr, where, &header))
    header.dtype = ParseType(parsed.descr, where);
  header.bytes = start + length;
  if (parsed.fortran_order) {
    Fail(ErrorKind::kUnsupported,
         "{}: Fortran order; save it with numpy.ascontiguousarray", where);
  }
  if (parsed.shape.size() > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "{}: of rank {}; at most {} is supported",
         where, parsed.shape.size(), Shape::kMaxRank);
  }
  header.dims.assign(parsed.shape.begin(), parsed.shape.end());
  return header;
}

std::vector<std::string> ParseNpyTexts(const NpyHeader& header,
                                       std::span<const std::byte> values,
                                       const std::string& where) {
  LS_CHECK(header.text != 0);
  const size_t bytes = header.ElementBytes();
  const size_t unit = bytes / static_cast<size_t>(header.width);
  std::vector<std::string> texts(values.size() / bytes);
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::byte* at = values.data() + i * bytes;
    const auto character = [&](size_t c) {
      uint32_t code = 0;
      for (size_t b = 0; b < unit; ++b)
        code |= static_cast<uint32_t>(at[c * unit + b]) << 8 * b;
      return code;
    };
    auto length = static_cast<size_t>(header.width);
    while (length > 0 && character(length - 1) == 0) --length;
    for (size_t c = 0; c < length; ++c) {
      const uint32_t code = character(c);
      if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        Fail(ErrorKind::kCorrupt,
             "{}: text {} has {:#x}, which is no character", where, i, code);
      }
      if (header.text == 'U') {
        AppendUtf8(code, &texts[i]);
      } else {
        texts[i] += static_cast<char>(code);
      }
    }
  }
  return texts;
}

void CheckNpyValues(DType dtype, std::span<const std::byte> values,
                    const std::string& where) {
  if (dtype == DType::kBool &&
      std::any_of(values.begin(), values.end(),
                  [](std::byte b) { return b > std::byte{1}; })) {
    Fail(ErrorKind::kCorrupt, "{}: a bool that is neither 0 nor 1", where);
  }
}

NpyArray ReadNpy(const std::string& path) {
  const std::vector<std::byte> file = ReadFile(path);
  const NpyHeader header = ParseNpyHeader(
      std::span(file).first(std::min(file.size(), kNpyHead)), path);
  NpyArray array;
  array.dtype = header.dtype;
  array.shape = Shape(header.dims);
  // A product of up to 8 dimensions overflows 64 bits; Shape checks each step.
  size_t wanted = 0;
  try {
    wanted =
        static_cast<size_t>(array.shape.NumElements()) * SizeOf(array.dtype);
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
  const size_t got = file.size() - header.bytes;
  if (got != wanted) {
    Fail(ErrorKind::kCorrupt, "{}: shape {} of {} is {} bytes; there are {}",
         path, array.shape.ToString(), Name(array.dtype), wanted, got);
  }
  array.bytes.assign(file.end() - static_cast<std::ptrdiff_t>(got), file.end());
  CheckNpyValues(array.dtype, array.bytes, path);
  return array;
}

void WriteNpy(const std::string& path, DType dtype, const Shape& shape,
              std::span<const std::byte> bytes) {
  LS_CHECK(static_cast<size_t>(shape.NumElements()) * SizeOf(dtype) ==
           bytes.size());
  const auto* row =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const TypeRow& r) { return r.dtype == dtype; });
  LS_CHECK(row != std::end(kTypes));
  std::string dims;
  for (int i = 0; i < shape.rank(); ++i) {
    dims += fmt::format("{}{}", i > 0 ? ", " : "", shape[i]);
  }
  if (shape.rank() == 1) dims += ",";
  std::string header = fmt::format(
      "{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
      SizeOf(dtype) == 1 ? '|' : '<', row->code, dims);
  const size_t prefix = kMagic.size() + 4;
  const size_t total = (prefix + header.size() + 1 + kHeaderAlignment - 1) /
                       kHeaderAlignment * kHeaderAlignment;
  header.resize(total - prefix - 1, ' ');
  header += '\n';
  std::string file(kMagic);
  file += '\x01';
  file += '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  WriteFile(path, std::string_view(file));
}

}  // namespace litesmith
