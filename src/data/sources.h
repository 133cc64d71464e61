// Where data comes from: one row a source.
#ifndef LITESMITH_DATA_SOURCES_H_
#define LITESMITH_DATA_SOURCES_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "src/data/dataset.h"

namespace litesmith {

// One half of a data set. Nothing of its samples is read or made before it is
// opened, and then only what is asked for.
struct DataHalf {
  int64_t size = 0;
  // Its first `count` samples, 0 <= count <= size. Throws Error{corrupt, io}.
  std::function<DatasetPtr(int64_t count)> first;

  // The first `limit` samples, or all of them if there are fewer or for 0.
  DatasetPtr Open(int64_t limit = 0) const {
    return first(limit > 0 && limit < size ? limit : size);
  }
};

// The two halves that every source gives; the fields of both are the same,
// except that a half without targets may stand beside one with them.
struct DataSplits {
  std::string name;  // "mnist", "digits": for reports
  DataHalf train;
  DataHalf test;
};

// One kind of SPEC on the command line: "NAME" or "NAME:ARGUMENT".
struct DataSource {
  const char* name;      // "mnist"
  const char* argument;  // "DIR" for help; empty if it takes none
  const char* summary;   // one line for `litesmith list datasets`
  // Finds it. `argument` is what follows the colon. Throws Error.
  DataSplits (*find)(const std::string& argument);
};

// Every source there is (sources.cc holds the list).
std::span<const DataSource> DataSources();

// Finds what SPEC names: "digits", "mnist:DIR", "npz:FILE". Throws
// Error{invalid argument} listing the sources for an unknown name; Error{not
// found, corrupt, io} for missing or damaged files, as far as they are looked
// at here.
DataSplits LoadData(const std::string& spec);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_H_
