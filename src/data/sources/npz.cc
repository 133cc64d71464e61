// Reads .npz archives. Every size is a claim: memory is asked for only after
// header, archive and file were found to agree on it.
#include "src/data/sources/npz.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/containers/npy.h"
#include "src/containers/zip.h"
#include "src/data/memory_dataset.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

constexpr std::string_view kEnding = ".npy";

// One array of the archive, as its header says it is.
struct NpzArray {
  std::string name;  // "x_train_1"
  NpyHeader header;
  Field field;          // of a sample; its name is the array's without the half
  bool labels = false;  // of a target: it may hold classes

  int64_t samples() const { return header.dims[0]; }
};

// One half: its arrays, none read yet.
struct NpzHalf {
  std::string path;
  std::string name;  // "train"
  std::vector<NpzArray> inputs;
  std::vector<NpzArray> targets;
};

std::string Where(const std::string& path, const std::string& array) {
  return path + ": " + array;
}

// The names of the archive's arrays, for a message.
std::string ArraysOf(const ZipReader& zip) {
  constexpr size_t kShown = 8;
  std::vector<std::string> names;
  for (std::string name : zip.Names()) {
    if (!name.ends_with(kEnding)) continue;
    name.resize(std::min<size_t>(name.size() - kEnding.size(), 40));
    for (char& c : name) {
      if (static_cast<unsigned char>(c) < ' ') c = '?';
    }
    names.push_back(std::move(name));
  }
  if (names.empty()) return "no arrays";
  const size_t all = names.size();
  names.resize(std::min(all, kShown));
  return JoinNames(names) + (all > kShown ? ", ..." : "");
}

// The number of a name like "x_train_12", written as this house writes it.
std::optional<int> NumberOf(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return std::nullopt;
  name.remove_prefix(stem.size());
  if (name.size() < 2 || name[0] != '_' || name[1] == '0') return std::nullopt;
  int number = 0;
  const char* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + 1, end, number);
  if (error != std::errc() || at != end || number < 1) return std::nullopt;
  return number;
}

// Which of STEM, STEM_1, STEM_2, ... there are. A gap is a mistake: what is
// behind it would be left out in silence.
std::vector<std::string> Numbered(const ZipReader& zip, const std::string& path,
                                  const std::string& stem) {
  const auto name = [&](size_t i) {
    return i == 0 ? stem : fmt::format("{}_{}", stem, i);
  };
  std::vector<std::string> names;
  while (zip.Has(name(names.size()) + std::string(kEnding)))
    names.push_back(name(names.size()));
  for (const std::string& member : zip.Names()) {
    if (!member.ends_with(kEnding)) continue;
    const std::string_view array(member.data(), member.size() - kEnding.size());
    const std::optional<int> number = NumberOf(array, stem);
    if (!number || static_cast<size_t>(*number) < names.size()) continue;
    Fail(ErrorKind::kCorrupt, "{}: there is {}, but no {}", path, array,
         name(names.size()));
  }
  return names;
}

// The product of the dimensions and the size of a value, or the largest number
// if it is larger than that.
int64_t BytesOf(const NpyHeader& header) {
  auto bytes = static_cast<int64_t>(header.ElementBytes());
  for (const int32_t dim : header.dims) {
    // A zero stays one.
    if (__builtin_mul_overflow(bytes, int64_t{dim}, &bytes))
      bytes = std::numeric_limits<int64_t>::max() / 2;
  }
  return bytes;
}

// Header, archive and file agree on the size, and it fits.
void CheckSize(const NpyHeader& header, const ZipStream& stream,
               const std::string& where, int64_t limit) {
  if (stream.claimed() > stream.most()) {
    Fail(ErrorKind::kCorrupt,
         "{}: it is said to have {} bytes; what it is packed in can hold {} at "
         "most",
         where, stream.claimed(), stream.most());
  }
  const int64_t wanted = BytesOf(header);
  const int64_t there = stream.claimed() - static_cast<int64_t>(header.bytes);
  if (there != wanted) {
    Fail(ErrorKind::kCorrupt, "{}: shape {} of {} is {} bytes; there are {}",
         where, Shape(header.dims).ToString(),
         header.text == 0 ? Name(header.dtype) : "texts", wanted, there);
  }
  if (wanted > limit) {
    Fail(ErrorKind::kUnsupported, "{}: {} bytes; this machine has memory of {}",
         where, wanted, limit);
  }
}

NpzArray ReadHeader(const ZipReader& zip, const std::string& path,
                    const std::string& name, bool texts, int64_t limit) {
  const std::string where = Where(path, name);
  NpzArray array;
  array.name = name;
  ZipStream stream = zip.Open(name + std::string(kEnding));
  std::vector<std::byte> head(kNpyHead);
  head.resize(stream.Read(head));
  array.header = ParseNpyHeader(head, where, texts);
  const std::span<const int32_t> dims = array.header.dims;
  if (dims.empty()) {
    Fail(ErrorKind::kUnsupported,
         "{}: a single number; an array is wanted whose first dimension counts "
         "the samples",
         where);
  }
  CheckSize(array.header, stream, where, limit);
  NpyHeader sample = array.header;
  sample.dims.erase(sample.dims.begin());
  const int64_t bytes = BytesOf(sample);
  if (bytes == 0 || bytes > std::numeric_limits<int32_t>::max()) {
    Fail(ErrorKind::kUnsupported, "{}: samples of shape {} have {} bytes",
         where, Shape(sample.dims).ToString(), bytes);
  }
  array.field.shape = Shape(sample.dims);
  array.field.dtype = array.header.dtype;
  if (array.header.text != 0) {
    // Numbers of names, which are read when a half is opened.
    if (sample.dims.size() > 1 || Shape(sample.dims).NumElements() != 1) {
      Fail(ErrorKind::kUnsupported,
           "{}: texts of shape {}; labels are of shape [samples]", where,
           Shape(array.header.dims).ToString());
    }
    array.field.dtype = DType::kInt32;
  }
  return array;
}

bool MayBeLabels(const NpzArray& y) {
  return (IsInteger(y.field.dtype) || y.field.dtype == DType::kBool) &&
         y.field.shape.NumElements() == 1 && y.field.shape.rank() <= 1;
}

NpzHalf FindHalf(const ZipReader& zip, const std::string& path,
                 const std::string& half, int64_t limit) {
  NpzHalf found;
  found.path = path;
  found.name = half;
  for (const char* side : {"x", "y"}) {
    std::vector<NpzArray>& arrays = *side == 'x' ? found.inputs : found.targets;
    const std::string stem = fmt::format("{}_{}", side, half);
    for (const std::string& name : Numbered(zip, path, stem)) {
      NpzArray& array =
          arrays.emplace_back(ReadHeader(zip, path, name, *side == 'y', limit));
      array.field.name = side + name.substr(stem.size());
      const NpzArray& first = (found.inputs.empty() ? arrays : found.inputs)[0];
      if (array.samples() == first.samples()) continue;
      Fail(ErrorKind::kCorrupt,
           "{}: {} has {}, but {} has {}; as many are wanted", path, name,
           Counted(array.samples(), "sample"), first.name, first.samples());
    }
  }
  for (NpzArray& target : found.targets) {
    target.labels = MayBeLabels(target);
    // [n,1] is [n].
    if (target.labels) target.field.shape = {};
  }
  return found;
}

// The halves hold samples of the same form, as far as both have them.
void CheckAlike(const std::vector<NpzArray>& train,
                const std::vector<NpzArray>& test, const std::string& path) {
  if (train.empty() || test.empty()) return;
  const std::vector<NpzArray>& more = train.size() > test.size() ? train : test;
  const size_t both = std::min(train.size(), test.size());
  if (more.size() > both) {
    Fail(ErrorKind::kCorrupt,
         "{}: there is {}, but the other half has nothing beside it", path,
         more[both].name);
  }
  for (size_t i = 0; i < both; ++i) {
    const Field& a = train[i].field;
    const Field& b = test[i].field;
    const bool texts = train[i].header.text != 0;
    if (texts != (test[i].header.text != 0)) {
      Fail(ErrorKind::kCorrupt,
           "{}: {} holds {}, {} {}; the same are wanted of both", path,
           train[i].name, texts ? "texts" : "numbers", test[i].name,
           texts ? "numbers" : "texts");
    }
    if (a == b) continue;
    Fail(ErrorKind::kCorrupt,
         "{}: {} has samples of {} {}, but {} of {} {}; the same are wanted",
         path, test[i].name, Name(b.dtype), b.shape.ToString(), train[i].name,
         Name(a.dtype), a.shape.ToString());
  }
}

// The first `count` samples. Asking for one byte behind the last one makes
// libzip compare the checksum.
std::vector<std::byte> ReadValues(const ZipReader& zip, const std::string& path,
                                  const NpzArray& array, int64_t count) {
  const std::string where = Where(path, array.name);
  ZipStream stream = zip.Open(array.name + std::string(kEnding));
  std::vector<std::byte> head(array.header.bytes);
  head.resize(stream.Read(head));
  if (ParseNpyHeader(head, where, array.header.text != 0) != array.header) {
    Fail(ErrorKind::kCorrupt, "{} has changed while it was read", where);
  }
  const auto elements = static_cast<size_t>(array.field.shape.NumElements()) *
                        static_cast<size_t>(count);
  std::vector<std::byte> values(elements * array.header.ElementBytes());
  const size_t got = stream.Read(values);
  std::byte more{};
  if (got < values.size() ||
      (count == array.samples() && stream.Read({&more, 1}) != 0)) {
    Fail(ErrorKind::kCorrupt, "{}: {} bytes of values are wanted; {} are there",
         where, values.size(),
         got < values.size() ? std::to_string(got) : "more");
  }
  if (array.header.text == 0) CheckNpyValues(array.header.dtype, values, where);
  return values;
}

// How many classes the labels are of; 0 if they are none.
int CountClasses(const NpzHalf& half, const NpzArray& array,
                 std::span<const std::byte> labels) {
  const size_t size = array.field.bytes();
  int classes = 0;
  for (size_t i = 0; i < labels.size() / size; ++i) {
    const double label =
        StoredNumber(array.field.dtype, labels.data() + i * size);
    if (label < 0 || label >= std::numeric_limits<int32_t>::max()) {
      Warn("{}: {} is {} for sample {}, which is no class: these are values",
           half.path, array.name, label, i);
      return 0;
    }
    classes = std::max(classes, static_cast<int>(label) + 1);
  }
  return classes;
}

// The texts of target `t`; none if the half has no such target.
std::vector<std::string> TextsOf(const NpzHalf& half, size_t t) {
  if (t >= half.targets.size()) return {};
  const NpzArray& array = half.targets[t];
  const ZipReader zip(half.path);
  return ParseNpyTexts(array.header,
                       ReadValues(zip, half.path, array, array.samples()),
                       Where(half.path, array.name));
}

// Labels as numbers of names; these in the order of their bytes, as folders
// are, and of both halves, since a number means the same in each.
std::vector<int32_t> NumberTexts(const NpzHalf& half, const NpzHalf& other,
                                 size_t t, std::vector<std::string>* names) {
  const std::vector<std::string> texts = TextsOf(half, t);
  *names = TextsOf(other, t);
  names->insert(names->end(), texts.begin(), texts.end());
  std::sort(names->begin(), names->end());
  names->erase(std::unique(names->begin(), names->end()), names->end());
  std::vector<int32_t> labels;
  labels.reserve(texts.size());
  for (const std::string& text : texts) {
    labels.push_back(static_cast<int32_t>(
        std::lower_bound(names->begin(), names->end(), text) - names->begin()));
  }
  return labels;
}

// Its first `count` samples.
DatasetPtr OpenHalf(const NpzHalf& half, const NpzHalf& other, int64_t count) {
  const ZipReader zip(half.path);
  if (half.inputs.empty()) {
    Fail(ErrorKind::kNotFound, "{}: there is no x_{}; it holds {}", half.path,
         half.name, ArraysOf(zip));
  }
  if (count == 0) {
    Fail(ErrorKind::kInvalidArgument, "{}: {} holds no samples", half.path,
         half.inputs[0].name);
  }
  std::vector<int> classes;
  std::vector<Column> inputs;
  std::vector<Column> targets;
  for (const NpzArray& array : half.inputs)
    inputs.emplace_back(array.field, ReadValues(zip, half.path, array, count));
  std::vector<std::vector<std::string>> names(half.targets.size());
  for (size_t t = 0; t < half.targets.size(); ++t) {
    const NpzArray& array = half.targets[t];
    if (array.header.text != 0) {
      std::vector<int32_t> labels = NumberTexts(half, other, t, &names[t]);
      labels.resize(static_cast<size_t>(count));
      classes.push_back(static_cast<int>(names[t].size()));
      targets.emplace_back(array.field, std::move(labels));
      continue;
    }
    std::vector<std::byte> values = ReadValues(
        zip, half.path, array, array.labels ? array.samples() : count);
    classes.push_back(array.labels ? CountClasses(half, array, values) : 0);
    values.resize(static_cast<size_t>(count) * array.field.bytes());
    targets.emplace_back(array.field, std::move(values));
  }
  const int first = classes.empty() ? 0 : classes[0];
  std::vector<std::string> first_names;
  if (!classes.empty()) {
    classes.erase(classes.begin());
    first_names = std::move(names[0]);
    names.erase(names.begin());
  }
  return std::make_shared<const MemoryDataset>(
      inputs, targets, first,
      fmt::format("the {} half of {}", half.name, half.path),
      std::move(first_names), std::move(classes), std::move(names));
}

}  // namespace

int64_t MemoryBytes() {
  return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

DataSplits LoadNpz(const std::string& path, int64_t limit) {
  const ZipReader zip(path);
  const NpzHalf train = FindHalf(zip, path, "train", limit);
  const NpzHalf test = FindHalf(zip, path, "test", limit);
  if (train.inputs.empty() && test.inputs.empty()) {
    Fail(ErrorKind::kNotFound,
         "{}: there is neither x_train nor x_test, but {}; "
         "numpy.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...) "
         "makes what is wanted",
         path, ArraysOf(zip));
  }
  CheckAlike(train.inputs, test.inputs, path);
  CheckAlike(train.targets, test.targets, path);
  const auto half = [](const NpzHalf& of, const NpzHalf& other) {
    return DataHalf{
        of.inputs.empty() ? 0 : of.inputs[0].samples(),
        [of, other](int64_t count) { return OpenHalf(of, other, count); }};
  };
  return {"npz", half(train, test), half(test, train)};
}

}  // namespace litesmith
