// Widths, what is dropped, and the lines.
#include "src/cli/table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "src/base/names.h"
#include "src/cli/terminal.h"

namespace litesmith {
namespace {

constexpr size_t kIndent = 2;
constexpr size_t kGap = 2;
// A clipped column keeps so much, one that goes on below so much.
constexpr size_t kLeast = 8;
constexpr size_t kLeastWrapped = 24;

size_t Total(const std::vector<size_t>& widths,
             const std::vector<size_t>& shown) {
  size_t total = kIndent;
  for (const size_t c : shown) total += widths[c];
  return total + kGap * (shown.empty() ? 0 : shown.size() - 1);
}

std::vector<std::string> LinesOf(const std::string& text, size_t width) {
  std::vector<std::string> lines(1);
  for (const char c : Wrapped(text, width, 0, 0)) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

std::string Pad(const std::string& text, size_t width, bool right) {
  const size_t used = ShownWidth(text);
  const std::string space(width > used ? width - used : 0, ' ');
  return right ? space + text : text + space;
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns)
    : columns_(std::move(columns)) {}

void TextTable::Add(std::vector<std::string> row) {
  row.resize(columns_.size());
  for (std::string& cell : row) cell = Harmless(cell);
  rows_.push_back(std::move(row));
}

std::string TextTable::Text() const {
  return Text(WidthOf(STDOUT_FILENO), TakesColour(STDOUT_FILENO));
}

std::string TextTable::Text(int width, bool coloured) const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(ShownWidth(columns_[c].header));
    for (const auto& row : rows_)
      widths[c] = std::max(widths[c], ShownWidth(row[c]));
  }
  std::vector<size_t> shown(columns_.size());
  std::iota(shown.begin(), shown.end(), size_t{0});
  std::vector<size_t> dropped;
  const auto room = static_cast<size_t>(std::max(0, width));
  // The widest first, down to `least`.
  const auto narrow = [&](size_t least, const auto& may) {
    while (room > 0 && Total(widths, shown) > room) {
      size_t widest = widths.size();
      for (const size_t c : shown) {
        if (may(c) && widths[c] > least &&
            (widest == widths.size() || widths[c] > widths[widest]))
          widest = c;
      }
      if (widest == widths.size()) return;
      const size_t excess = Total(widths, shown) - room;
      widths[widest] =
          std::max(least, widths[widest] - std::min(excess, widths[widest]));
    }
  };
  narrow(kLeastWrapped, [&](size_t c) { return columns_[c].wraps; });
  while (room > 0 && Total(widths, shown) > room) {
    // Of equal ones the last.
    const auto least =
        std::max_element(shown.begin(), shown.end(), [&](size_t a, size_t b) {
          return columns_[a].dispensable <= columns_[b].dispensable;
        });
    if (least == shown.end() || columns_[*least].dispensable == 0) break;
    dropped.push_back(*least);
    shown.erase(least);
  }
  narrow(kLeast, [](size_t) { return true; });
  std::string text;
  const auto line = [&](const auto& cell) {
    std::string one(kIndent, ' ');
    for (const size_t c : shown) {
      one += Pad(Clipped(cell(c), widths[c]), widths[c], columns_[c].right) +
             std::string(kGap, ' ');
    }
    one.erase(one.find_last_not_of(' ') + 1);
    return one;
  };
  text += Styled(line([&](size_t c) { return columns_[c].header; }),
                 Style::kBold, coloured) +
          "\n";
  for (const auto& row : rows_) {
    // Line by line of its cells.
    std::vector<std::vector<std::string>> cells;
    size_t lines = 1;
    for (size_t c = 0; c < columns_.size(); ++c) {
      cells.push_back(columns_[c].wraps ? LinesOf(row[c], widths[c])
                                        : std::vector<std::string>{row[c]});
      if (std::find(shown.begin(), shown.end(), c) != shown.end())
        lines = std::max(lines, cells[c].size());
    }
    for (size_t l = 0; l < lines; ++l) {
      text += line([&](size_t c) {
                return l < cells[c].size() ? cells[c][l] : std::string();
              }) +
              "\n";
    }
  }
  if (dropped.empty()) return text;
  std::sort(dropped.begin(), dropped.end());
  std::vector<std::string> names;
  for (const size_t c : dropped) names.push_back(columns_[c].header);
  const std::string note =
      fmt::format("(no room in {} columns for: {})", width, JoinNames(names));
  return text +
         Styled(Wrapped(note, room, kIndent, kIndent + 1), Style::kDim,
                coloured) +
         "\n";
}

}  // namespace litesmith
