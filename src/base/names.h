// Names that users type: found in a table, or refused with the nearest one that
// there is and a list of all. Every "unknown X" of the house is said here.
#ifndef LITESMITH_BASE_NAMES_H_
#define LITESMITH_BASE_NAMES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/error.h"

namespace litesmith {

// The one of `names` that was probably meant: the same but for letter case,
// dashes and underscores, a few typing errors away (an error more for every
// three letters), the only one that continues it, or the one whose words begin
// with its letters ("lr": "learning-rate"). Empty if none is near.
std::string NearestName(std::string_view typed,
                        std::span<const std::string> names);

// "a, b, c".
std::string JoinNames(std::span<const std::string> names);

// unknown WHAT "TYPED"; did you mean "b"? Known: a, b, c
std::string UnknownName(std::string_view what, std::string_view typed,
                        std::span<const std::string> known);

// "1 sample", "2 samples"; `noun` is the singular of a word that takes an s.
std::string Counted(int64_t count, std::string_view noun);

// The `name`s of a table's rows, in its order.
template <typename Rows>
std::vector<std::string> NamesOf(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

// The row of that name. Throws Error{invalid argument} as UnknownName says it.
template <typename Rows>
const auto& FindByName(const Rows& rows, std::string_view name,
                       std::string_view what) {
  for (const auto& row : rows) {
    if (name == row.name) return row;
  }
  Fail(ErrorKind::kInvalidArgument, "{}",
       UnknownName(what, name, NamesOf(rows)));
}

}  // namespace litesmith

#endif  // LITESMITH_BASE_NAMES_H_
