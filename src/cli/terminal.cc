// ioctl and the environment, and a small decoder of UTF-8.
#include "src/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace litesmith {
namespace {

Verbosity verbosity = Verbosity::kNormal;

std::string_view EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Character {
  uint32_t code = 0;
  size_t bytes = 1;
  bool valid = false;
};

// The character that the text begins with.
Character Decode(std::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const uint32_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  uint32_t code = first & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool longer_than_needed =
      (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (longer_than_needed || code > 0x10ffff ||
      (code >= 0xd800 && code < 0xe000))
    return {};
  return {code, bytes, true};
}

bool IsControl(uint32_t code) {
  // C0, DEL and C1; marks that turn the direction of writing.
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
         (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

size_t ColumnsOf(uint32_t code) {
  if ((code >= 0x0300 && code <= 0x036f) ||
      (code >= 0x200b && code <= 0x200f) ||
      (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0x20d0 && code <= 0x20ff))
    return 0;
  const bool wide = (code >= 0x1100 && code <= 0x115f) ||
                    (code >= 0x2e80 && code <= 0xa4cf && code != 0x303f) ||
                    (code >= 0xac00 && code <= 0xd7a3) ||
                    (code >= 0xf900 && code <= 0xfaff) ||
                    (code >= 0xfe30 && code <= 0xfe6f) ||
                    (code >= 0xff00 && code <= 0xff60) ||
                    (code >= 0xffe0 && code <= 0xffe6) ||
                    (code >= 0x1f300 && code <= 0x1faff) ||
                    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

}  // namespace

void SetVerbosity(Verbosity given) { verbosity = given; }
Verbosity GetVerbosity() { return verbosity; }

int WidthOf(int fd) {
  if (isatty(fd) == 0) return 0;
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const int columns =
      std::atoi(std::string(EnvironmentVariable("COLUMNS")).c_str());
  return columns > 0 ? columns : 80;
}

bool TakesEscapes(int fd) {
  const std::string_view term = EnvironmentVariable("TERM");
  return isatty(fd) != 0 && !term.empty() && term != "dumb";
}

bool TakesColour(int fd) {
  return TakesEscapes(fd) && EnvironmentVariable("NO_COLOR").empty();
}

std::string Styled(std::string_view text, Style style, bool coloured) {
  if (!coloured || text.empty()) return std::string(text);
  const char* code = "1";
  switch (style) {
    case Style::kBold:
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kGood:
      code = "32";
      break;
    case Style::kBad:
      code = "31";
      break;
  }
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

size_t ShownWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Character c = Decode(text);
    width += c.valid ? ColumnsOf(c.code) : 1;
    text.remove_prefix(c.bytes);
  }
  return width;
}

std::string Clipped(std::string_view text, size_t width) {
  if (ShownWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string clipped;
  size_t used = 0;
  while (!text.empty()) {
    const Character c = Decode(text);
    const size_t columns = c.valid ? ColumnsOf(c.code) : 1;
    if (used + columns + 1 > width) break;
    clipped += text.substr(0, c.bytes);
    used += columns;
    text.remove_prefix(c.bytes);
  }
  return clipped + "\u2026";
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string Wrapped(std::string_view text, size_t width, size_t first,
                    size_t rest) {
  std::string lines(first, ' ');
  size_t used = first;
  bool begun = false;  // a word is on the line
  while (!text.empty()) {
    const size_t blank = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    if (word.empty()) continue;
    const size_t columns = ShownWidth(word);
    if (begun && width > 0 && used + 1 + columns > width) {
      lines += "\n" + std::string(rest, ' ');
      used = rest;
      begun = false;
    }
    if (begun) lines += ' ', ++used;
    lines += word;
    used += columns;
    begun = true;
  }
  return lines;
}

std::string ForStandardError(std::string_view head, std::string_view text,
                             Style style) {
  std::string line = fmt::format("{} {}", head, text);
  const int width = WidthOf(STDERR_FILENO);
  if (width > 0 && line.find('\n') == std::string::npos)
    line = Wrapped(line, static_cast<size_t>(width), 0, 2);
  if (!line.starts_with(head)) return line;
  return Styled(head, style, TakesColour(STDERR_FILENO)) +
         line.substr(head.size());
}

std::string Harmless(std::string_view text) {
  std::string harmless;
  while (!text.empty()) {
    const Character c = Decode(text);
    if (c.valid && !IsControl(c.code)) {
      harmless += text.substr(0, c.bytes);
    } else {
      harmless += '?';
    }
    text.remove_prefix(c.bytes);
  }
  return harmless;
}

}  // namespace litesmith
