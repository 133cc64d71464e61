// A table in plain text that fits the terminal: columns that do not are left
// out, the least important first, and named below it.
#ifndef LITESMITH_CLI_TABLE_H_
#define LITESMITH_CLI_TABLE_H_

#include <string>
#include <vector>

namespace litesmith {

class TextTable {
 public:
  struct Column {
    std::string header;
    bool right = false;  // aligned
    // 0: always shown; of the others the largest is left out first.
    int dispensable = 0;
    // What has no room goes on in lines below it; such columns become narrow
    // before others are left out.
    bool wraps = false;
  };

  explicit TextTable(std::vector<Column> columns);
  // A cell for each column; those of a short row are empty.
  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }

  // In `width` columns, or as wide as it is for 0. What is always shown and
  // still does not fit is clipped. Header in bold if `coloured`.
  std::string Text(int width, bool coloured = false) const;
  // For standard output as it is.
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace litesmith

#endif  // LITESMITH_CLI_TABLE_H_
