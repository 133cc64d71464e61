// Where data comes from: one row a source.
#ifndef LITESMITH_DATA_SOURCES_H_
#define LITESMITH_DATA_SOURCES_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "src/data/dataset.h"
#include "src/data/spec.h"

namespace litesmith {

// How data are read, beside what SPEC says.
struct DataContext {
  // Where decoded samples are kept; empty: $XDG_CACHE_HOME/litesmith, or
  // ~/.cache/litesmith; "none": nowhere.
  std::string cache;
  int64_t cache_bytes = int64_t{4} << 30;  // all that may be in there
  bool skip_bad = false;  // leave out files that cannot be read
  // What the model takes, for what SPEC leaves open: the shape of its first
  // input without the batch, and whether that input is bytes of 0 to 255
  // rather than 0 to 1 (it rescales itself). No shape: nothing is known.
  bool has_input = false;
  Shape input;
  bool takes_bytes = false;
};

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
  // Whether the source has already done what the options of augmentation ask.
  bool augmented = false;
};

// What a source is asked for.
struct DataRequest {
  std::string argument;  // what follows the colon
  SpecOptions options;   // names that the row or every source takes
  DataContext context;
};

// One kind of SPEC on the command line: "NAME" or "NAME:ARGUMENT".
struct DataSource {
  const char* name;      // "mnist"
  const char* argument;  // "DIR" for help; empty if it takes none
  const char* summary;   // one line for `litesmith list datasets`
  // Options beside those of every source.
  std::span<const char* const> options;
  // Finds it. Throws Error.
  DataSplits (*find)(const DataRequest& request);
};

// Every source there is (sources.cc holds the list).
std::span<const DataSource> DataSources();

// Finds what SPEC names: "digits", "mnist:DIR", "images:DIR,resize=96"
// (spec.h). Throws Error{invalid argument} listing the sources for an unknown
// name, and for options that the source does not take; Error{not found,
// corrupt, io} for missing or damaged files, as far as they are looked at here.
DataSplits LoadData(const std::string& spec, const DataContext& context = {});

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_H_
