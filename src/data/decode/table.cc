// Reads tables. Memory is bounded by the text's own size.
#include "src/data/decode/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "src/base/error.h"
#include "src/base/names.h"

namespace litesmith {
namespace {

constexpr const char* kSeparators[] = {"auto", "comma", "semicolon", "tab",
                                       "space"};
constexpr char kSeparatorChars[] = {'\0', ',', ';', '\t', ' '};
constexpr const char* kHeaders[] = {"auto", "yes", "no"};

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// What is there most often in the first line that says anything.
char GuessSeparator(std::string_view text) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (Trimmed(line).empty() || line[0] == '#') continue;
    for (const char each : {',', ';', '\t', ' '}) {
      if (Trimmed(line).find(each) != std::string_view::npos) {
        const auto count = std::count(line.begin(), line.end(), each);
        const auto semicolons = std::count(line.begin(), line.end(), ';');
        // Commas of decimals may stand between semicolons.
        return each == ',' && semicolons >= count ? ';' : each;
      }
    }
    break;
  }
  return ',';
}

// Which column a name or a number from 1 says.
size_t FindColumn(const std::vector<std::string>& names,
                  std::string_view wanted, const SpecOptions& options,
                  const std::string& where) {
  const auto named = std::find(names.begin(), names.end(), wanted);
  if (named != names.end()) return static_cast<size_t>(named - names.begin());
  size_t number = 0;
  const char* end = wanted.data() + wanted.size();
  const auto [at, error] = std::from_chars(wanted.data(), end, number);
  if (error == std::errc() && at == end && number >= 1 &&
      number <= names.size())
    return number - 1;
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(
                                         std::min<size_t>(names.size(), 30)));
  Fail(ErrorKind::kInvalidArgument,
       "data \"{}\": {} has no such column: {}, or a number from 1 to {}",
       options.spec(), where, UnknownName("column", wanted, shown),
       names.size());
}

// "A:B:3-7".
std::vector<size_t> FindColumns(const std::vector<std::string>& names,
                                std::string_view list,
                                const SpecOptions& options,
                                const std::string& where) {
  std::vector<size_t> columns;
  while (true) {
    const size_t colon = list.find(':');
    const std::string_view part = list.substr(0, colon);
    const size_t dash = part.find('-');
    const bool named =
        std::find(names.begin(), names.end(), part) != names.end();
    if (!named && dash != std::string_view::npos && dash > 0) {
      const size_t first =
          FindColumn(names, part.substr(0, dash), options, where);
      const size_t last =
          FindColumn(names, part.substr(dash + 1), options, where);
      for (size_t c = first; c <= last; ++c) columns.push_back(c);
      if (first > last) options.Refuse("columns", "a range that goes upwards");
    } else {
      columns.push_back(FindColumn(names, part, options, where));
    }
    if (colon == std::string_view::npos) return columns;
    list.remove_prefix(colon + 1);
  }
}

// Whether the first row has names: no number at all, or text where the second
// row has a number.
bool HasHeader(const std::vector<std::string>& first,
               const std::vector<std::string>& second, char separator) {
  const auto is_number = [&](const std::string& cell) {
    return CellNumber(cell, separator).has_value();
  };
  if (std::none_of(first.begin(), first.end(), is_number)) {
    return second.empty() ||
           std::any_of(second.begin(), second.end(), is_number);
  }
  for (size_t c = 0; c < std::min(first.size(), second.size()); ++c) {
    if (!is_number(first[c]) && !Trimmed(first[c]).empty() &&
        is_number(second[c]))
      return true;
  }
  return false;
}

std::vector<std::string> Cells(const TableReader& reader) {
  return {reader.cells().begin(), reader.cells().end()};
}

}  // namespace

TableReader::TableReader(std::string_view text, char separator,
                         const std::string& where)
    : text_(text), separator_(separator), where_(where) {
  // Some programs put a byte order mark in front.
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
}

std::string& TableReader::NewCell() {
  if (count_ == cells_.size()) cells_.emplace_back();
  cells_[count_].clear();
  return cells_[count_++];
}

void TableReader::ReadCell() {
  std::string& cell = NewCell();
  if (at_ < text_.size() && text_[at_] == '"') {
    ++at_;
    while (true) {
      if (at_ >= text_.size()) {
        Fail(ErrorKind::kCorrupt, "{}:{}: a quote is not closed", where_,
             line_);
      }
      const char c = text_[at_++];
      if (c == '"') {
        if (at_ >= text_.size() || text_[at_] != '"') break;
        ++at_;
      } else if (c == '\n') {
        ++next_line_;
      }
      cell += c;
    }
  }
  while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n')
    cell += text_[at_++];
  while (!cell.empty() && cell.back() == '\r') cell.pop_back();
}

bool TableReader::Next() {
  count_ = 0;
  while (at_ < text_.size()) {
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = Trimmed(text_.substr(at_, end - at_));
    line_ = next_line_;
    if (!line.empty() && line[0] != '#') break;
    at_ = end + 1;
    ++next_line_;
  }
  if (at_ >= text_.size()) return false;
  const bool blanks = separator_ == ' ';
  while (true) {
    while (blanks && at_ < text_.size() && text_[at_] == ' ') ++at_;
    ReadCell();
    if (at_ >= text_.size()) break;
    if (text_[at_++] == '\n') {
      ++next_line_;
      break;
    }
    if (at_ >= text_.size()) NewCell();  // an empty cell at the end
  }
  if (blanks && count_ > 1 && cells_[count_ - 1].empty()) --count_;
  return true;
}

std::optional<float> CellNumber(std::string_view cell, char separator) {
  cell = Trimmed(cell);
  std::string pointed;
  const size_t comma = cell.find(',');
  if (separator != ',' && comma != std::string_view::npos &&
      cell.find('.') == std::string_view::npos && cell.size() < 64) {
    pointed = cell;
    pointed[comma] = '.';
    cell = pointed;
  }
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-')
    cell.remove_prefix(1);
  double value = 0;
  const char* end = cell.data() + cell.size();
  const auto [at, error] = std::from_chars(cell.data(), end, value);
  const auto number = static_cast<float>(value);
  if (error != std::errc() || at != end || cell.empty() ||
      !std::isfinite(number))
    return std::nullopt;
  return number;
}

Table ReadTable(std::span<const std::byte> bytes, const std::string& where,
                const SpecOptions& options,
                const std::vector<std::string>& text_columns) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    Fail(ErrorKind::kUnsupported,
         "{}: it is text in UTF-16; saved as UTF-8 it can be read", where);
  }
  if (text.find('\0') != std::string_view::npos) {
    Fail(ErrorKind::kCorrupt,
         "{}: no text table: it holds a byte of 0; numbers as text, a row a "
         "line, are wanted",
         where);
  }
  const std::string separator = options.Choice("separator", kSeparators);
  char between = GuessSeparator(text);
  for (size_t i = 1; i < std::size(kSeparators); ++i) {
    if (separator == kSeparators[i]) between = kSeparatorChars[i];
  }
  TableReader reader(text, between, where);
  if (!reader.Next())
    Fail(ErrorKind::kCorrupt, "{}: there is no row in it", where);
  const std::vector<std::string> first = Cells(reader);
  int64_t first_line = reader.line();
  TableReader second(reader);
  const std::string header = options.Choice("header", kHeaders);
  const bool has_header =
      header == "yes" ||
      (header == "auto" &&
       HasHeader(first,
                 second.Next() ? Cells(second) : std::vector<std::string>(),
                 between));
  Table table;
  table.separator = between;
  for (size_t c = 0; c < first.size(); ++c) {
    table.names.push_back(has_header ? std::string(Trimmed(first[c]))
                                     : std::to_string(c + 1));
  }
  for (const std::string& each : text_columns)
    table.text_columns.push_back(FindColumn(table.names, each, options, where));
  if (options.Has("columns")) {
    table.columns =
        FindColumns(table.names, options.Text("columns", ""), options, where);
  } else {
    for (size_t c = 0; c < first.size(); ++c) {
      if (std::find(table.text_columns.begin(), table.text_columns.end(), c) ==
          table.text_columns.end())
        table.columns.push_back(c);
    }
  }
  if (table.columns.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: no column is left for the inputs; it has {}", where,
         Counted(static_cast<int64_t>(first.size()), "column"));
  }
  const auto add = [&](std::span<const std::string> cells, int64_t line) {
    if (cells.size() != first.size()) {
      Fail(ErrorKind::kCorrupt, "{}:{}: {}; line {} has {}", where, line,
           Counted(static_cast<int64_t>(cells.size()), "column"), first_line,
           first.size());
    }
    for (const size_t c : table.columns) {
      const std::optional<float> number = CellNumber(cells[c], between);
      if (!number && Trimmed(cells[c]).empty()) {
        Fail(ErrorKind::kCorrupt,
             "{}:{}: column {} is empty; a number is wanted: fill it in, or "
             "leave out the line or, with columns=A:B, the column",
             where, line, table.names[c]);
      }
      if (!number) {
        Fail(ErrorKind::kCorrupt,
             "{}:{}: column {}: \"{}\" is no finite number; columns=A:B names "
             "those that are inputs{}",
             where, line, table.names[c], cells[c].substr(0, 40),
             text_columns.empty()
                 ? fmt::format(", target={} what is to be answered",
                               EscapeSpec(table.names[c]))
                 : std::string());
      }
      table.numbers.push_back(*number);
    }
    for (const size_t c : table.text_columns)
      table.texts.emplace_back(Trimmed(cells[c]));
    table.lines.push_back(line);
  };
  if (!has_header) add(first, first_line);
  while (reader.Next()) add(reader.cells(), reader.line());
  return table;
}

}  // namespace litesmith
