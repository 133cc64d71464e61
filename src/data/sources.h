// Where data comes from: one row a source.
#ifndef LITESMITH_DATA_SOURCES_H_
#define LITESMITH_DATA_SOURCES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/data/dataset.h"

namespace litesmith {

// One kind of SPEC on the command line: "NAME" or "NAME:ARGUMENT".
struct DataSource {
  const char* name;      // "mnist"
  const char* argument;  // "DIR" for help; empty if it takes none
  const char* summary;   // one line for `litesmith list datasets`
  // Loads it. `argument` is what follows the colon; `seed` matters only to
  // generated data. Throws Error.
  DataSplits (*load)(const std::string& argument, uint64_t seed);
};

// Every source there is (sources.cc holds the list).
std::span<const DataSource> DataSources();

// Loads what SPEC names: "digits", "mnist:DIR". Throws Error{invalid argument}
// listing the sources for an unknown name; Error{not found, corrupt, io} for
// missing or damaged files.
DataSplits LoadData(const std::string& spec);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_H_
