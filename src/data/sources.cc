// The list of data sources, and the reader of their specs.
#include "src/data/sources.h"

#include "src/base/names.h"
#include "src/data/sources/digits.h"
#include "src/data/sources/idx.h"
#include "src/data/sources/npz.h"

namespace litesmith {
namespace {

// Generated data are the same in every run, whatever the training's seed.
constexpr uint64_t kDataSeed = 0;

constexpr DataSource kSources[] = {
    {"digits", "",
     "built-in drawn digits, 12,000 for training and 2,000 for testing, "
     "28 x 28",
     [](const std::string&) { return MakeDigits(kDataSeed); }},
    {"mnist", "DIR",
     "a folder with the four MNIST files (IDX, gzipped or not; Fashion-MNIST "
     "and others of that form too)",
     [](const std::string& directory) { return LoadIdx(directory, "mnist"); }},
    {"npz", "FILE",
     "arrays x_train, y_train, x_test, y_test by numpy.savez or "
     "savez_compressed; further inputs x_train_1, x_train_2, ... and targets "
     "y_train_1, ...; bytes stay 0 to 255",
     [](const std::string& path) { return LoadNpz(path); }},
};

// "NAME" or "NAME:ARGUMENT", as one writes it.
std::string Usage(const DataSource& source) {
  if (source.argument[0] == '\0') return source.name;
  return fmt::format("{}:{}", source.name, source.argument);
}

}  // namespace

std::span<const DataSource> DataSources() { return kSources; }

DataSplits LoadData(const std::string& spec) {
  const size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  const std::string argument =
      colon == std::string::npos ? "" : spec.substr(colon + 1);
  const DataSource& source = FindByName(kSources, name, "data source");
  const bool takes = source.argument[0] != '\0';
  if (takes == argument.empty()) {
    Fail(ErrorKind::kInvalidArgument, "data \"{}\": {} {}; {} is wanted", spec,
         name, takes ? "needs an argument" : "takes no argument",
         Usage(source));
  }
  return source.find(argument);
}

}  // namespace litesmith
