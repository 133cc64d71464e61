// The list of data sources, and what is done to the samples of every one.
#include "src/data/sources.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/base/names.h"
#include "src/data/augment.h"
#include "src/data/described.h"
#include "src/data/sources/cifar10.h"
#include "src/data/sources/csv.h"
#include "src/data/sources/digits.h"
#include "src/data/sources/idx.h"
#include "src/data/sources/images.h"
#include "src/data/sources/npz.h"
#include "src/data/sources/wav.h"

namespace litesmith {
namespace {

// Generated data are the same in every run, whatever the training's seed.
constexpr uint64_t kDataSeed = 0;

constexpr const char* kImageOptions[] = {"split", "seed", "resize", "method",
                                         "color"};

constexpr const char* kCsvOptions[] = {"split",     "seed",    "target",
                                       "task",      "columns", "header",
                                       "separator", "window",  "stride"};

constexpr const char* kWavOptions[] = {"split", "seed",   "window",  "stride",
                                       "rate",  "length", "features"};

constexpr DataSource kSources[] = {
    {"digits",
     "",
     "built-in drawn digits, 12,000 for training and 2,000 for testing, "
     "28 x 28",
     {},
     [](const DataRequest&) { return MakeDigits(kDataSeed); }},
    {"mnist",
     "DIR",
     "a folder with the four MNIST files (IDX, gzipped or not; Fashion-MNIST "
     "and others of that form too)",
     {},
     [](const DataRequest& r) { return LoadIdx(r.argument, "mnist"); }},
    {"npz",
     "FILE",
     "savez_compressed; further inputs x_train_1, x_train_2, ... and targets "
     "y_train_1, ...; bytes stay 0 to 255",
     {},
     [](const DataRequest& r) { return LoadNpz(r.argument); }},
    {"images", "DIR",
     "a folder of JPEG and PNG pictures for each class, in train/ and test/ or "
     "split by a seed",
     kImageOptions, LoadImages},
    {"cifar10", "DIR",
     "CIFAR-10's binary files (data_batch_1.bin, ...), or a folder of its "
     "pictures",
     kImageOptions, LoadCifar10},
    {"csv", "FILE|DIR",
     "a table, a row a sample, with target=COLUMN; or a folder of recordings "
     "for each class, a file each, cut into windows",
     kCsvOptions, LoadCsv},
    {"wav", "DIR",
     "a folder of WAV sounds for each class, as samples or by a front end "
     "(features=mfcc, features=micro)",
     kWavOptions, LoadWav},
};

// "NAME" or "NAME:ARGUMENT", as one writes it.
std::string Usage(const DataSource& source) {
  if (source.argument[0] == '\0') return source.name;
  return fmt::format("{}:{}", source.name, source.argument);
}

// Every option is one that this source takes.
void CheckOptions(const DataSource& source, const SpecOptions& options) {
  std::vector<std::string> known(source.options.begin(), source.options.end());
  const auto common = CommonDataOptions();
  known.insert(known.end(), common.begin(), common.end());
  for (const auto& [name, value] : options.values()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    Fail(ErrorKind::kInvalidArgument, "data \"{}\": {}: {}", options.spec(),
         source.name, UnknownName("option", name, known));
  }
}

}  // namespace

std::span<const DataSource> DataSources() { return kSources; }

DataSplits LoadData(const std::string& spec, const DataContext& context) {
  const DataSpec parsed = ParseSpec(spec);
  const DataSource& source = FindByName(kSources, parsed.name, "data source");
  const bool takes = source.argument[0] != '\0';
  if (takes == parsed.argument.empty()) {
    Fail(ErrorKind::kInvalidArgument, "data \"{}\": {} {}; {} is wanted", spec,
         source.name, takes ? "needs an argument" : "takes no argument",
         Usage(source));
  }
  CheckOptions(source, parsed.options);
  DataSplits found = source.find({parsed.argument, parsed.options, context});
  if (!found.augmented) found = Augmented(std::move(found), parsed.options);
  return Described(std::move(found), parsed.options, context);
}

}  // namespace litesmith
