// Text tables: rows of cells by commas, semicolons, tabs or blanks, quoted as
// RFC 4180 has it. Knows nothing of samples.
#ifndef LITESMITH_DATA_DECODE_TABLE_H_
#define LITESMITH_DATA_DECODE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/spec.h"

namespace litesmith {

// The rows of a text, one after another; blank lines and what begins with '#'
// are none. For one thread.
class TableReader {
 public:
  // `text` and `where`, its file, must outlive the reader.
  TableReader(std::string_view text, char separator, const std::string& where);

  // Goes to the next row; false behind the last one. Throws Error{corrupt} with
  // file and line for a quote that is not closed, and for bytes of 0.
  bool Next();
  std::span<const std::string> cells() const { return {cells_.data(), count_}; }
  // Of the row's first line, from 1.
  int64_t line() const { return line_; }

 private:
  std::string& NewCell();
  void ReadCell();

  std::string_view text_;
  char separator_;
  const std::string& where_;
  std::vector<std::string> cells_;
  size_t count_ = 0;
  size_t at_ = 0;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
};

// A finite decimal number, blanks around it aside. Where commas are not what is
// between cells, one may be the point: "0,5".
std::optional<float> CellNumber(std::string_view cell, char separator);

// A table of numbers in memory, but for columns that are kept as text.
struct Table {
  char separator = ',';
  std::vector<std::string> names;  // of all columns: the header's, or "1", ...
  std::vector<size_t> columns;     // which of them are in `numbers`
  std::vector<float> numbers;      // [rows, columns]
  std::vector<size_t> text_columns;
  std::vector<std::string> texts;  // [rows, text_columns]
  std::vector<int64_t> lines;      // of each row, from 1

  size_t rows() const { return lines.size(); }
};

// Reads the table by the options `separator`, `header` and `columns` (all but
// the text columns if it is not given); `text_columns` are names or numbers
// from 1. Throws Error{corrupt} with file, line and column for rows of another
// length than the first and for cells that are no number, Error{invalid
// argument} for columns that are not there.
Table ReadTable(std::span<const std::byte> bytes, const std::string& where,
                const SpecOptions& options,
                const std::vector<std::string>& text_columns);

}  // namespace litesmith

#endif  // LITESMITH_DATA_DECODE_TABLE_H_
