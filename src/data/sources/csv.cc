// csv: rows as samples, or windows of recordings.
#include "src/data/sources/csv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/data/decode/table.h"
#include "src/data/memory_dataset.h"
#include "src/data/sources/folder.h"
#include "src/data/views.h"

namespace litesmith {
namespace {

constexpr const char* kTasks[] = {"auto", "classes", "regression"};
constexpr const char* kEndings[] = {".csv", ".tsv", ".txt"};
constexpr uint64_t kRowStream = 3;
constexpr int kMostClasses = 1000;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// What rows are to be answered with.
struct Target {
  std::vector<std::string> classes;  // names, if they are texts
  int num_classes = 0;               // 0: values
  std::vector<int32_t> labels;
  std::vector<float> values;  // [rows, width]
  int width = 0;
};

// The numbers of the target columns; nothing if one is none.
std::vector<float> Numbers(const Table& table) {
  std::vector<float> numbers;
  for (const std::string& text : table.texts) {
    const std::optional<float> number = CellNumber(text, table.separator);
    if (!number) return {};
    numbers.push_back(*number);
  }
  return numbers;
}

[[noreturn]] void RefuseTarget(const Table& table, const std::string& where,
                               const char* wanted) {
  const size_t width = table.text_columns.size();
  for (size_t i = 0; i < table.texts.size(); ++i) {
    const std::optional<float> number =
        CellNumber(table.texts[i], table.separator);
    if (number && *number == std::floor(*number) && *number >= 0 &&
        *number < kMostClasses)
      continue;
    Fail(ErrorKind::kInvalidArgument, "{}:{}: target column {}: \"{}\": {}",
         where, table.lines[i / width],
         table.names[table.text_columns[i % width]], table.texts[i], wanted);
  }
  Fail(ErrorKind::kInvalidArgument, "{}: {}", where, wanted);
}

Target ReadTarget(const Table& table, const SpecOptions& options,
                  const std::string& where) {
  Target target;
  target.width = static_cast<int>(table.text_columns.size());
  if (target.width == 0) return target;
  const std::string task = options.Choice("task", kTasks);
  std::vector<float> numbers = Numbers(table);
  const bool whole = !numbers.empty() &&
                     std::all_of(numbers.begin(), numbers.end(), [](float v) {
                       return v == std::floor(v) && v >= 0 && v < kMostClasses;
                     });
  if (task == "regression" || target.width > 1 ||
      (task == "auto" && !numbers.empty() && !whole)) {
    if (numbers.empty())
      RefuseTarget(table, where, "a number is wanted for regression");
    target.values = std::move(numbers);
    return target;
  }
  if (whole) {
    for (const float v : numbers)
      target.labels.push_back(static_cast<int32_t>(v));
    target.num_classes =
        1 + *std::max_element(target.labels.begin(), target.labels.end());
    return target;
  }
  if (!numbers.empty())
    RefuseTarget(table, where,
                 "classes are whole numbers from 0 to 999, or texts");
  const std::set<std::string> names(table.texts.begin(), table.texts.end());
  target.classes.assign(names.begin(), names.end());
  target.num_classes = static_cast<int>(names.size());
  for (const std::string& text : table.texts) {
    target.labels.push_back(static_cast<int32_t>(
        std::lower_bound(target.classes.begin(), target.classes.end(), text) -
        target.classes.begin()));
  }
  return target;
}

// Rows by their lines in the file.
class TableDataset : public MemoryDataset {
 public:
  TableDataset(const std::vector<Column>& inputs,
               const std::vector<Column>& targets, const Target& target,
               std::vector<int64_t> lines, std::string path)
      : MemoryDataset(inputs, targets, target.num_classes, path,
                      target.classes),
        lines_(std::move(lines)),
        path_(std::move(path)) {}
  std::string Origin(int64_t index) const override {
    return fmt::format("{}:{}", path_, lines_[static_cast<size_t>(index)]);
  }

 private:
  std::vector<int64_t> lines_;
  std::string path_;
};

// Rows `order` of the table.
DatasetPtr Rows(const Table& table, const Target& target,
                std::span<const size_t> order, const std::string& path) {
  const size_t width = table.columns.size();
  const auto values = static_cast<size_t>(target.width);
  std::vector<float> inputs;
  std::vector<float> answers;
  std::vector<int32_t> labels;
  std::vector<int64_t> lines;
  for (const size_t row : order) {
    inputs.insert(inputs.end(), &table.numbers[row * width],
                  &table.numbers[row * width] + width);
    lines.push_back(table.lines[row]);
    if (target.num_classes > 0) {
      labels.push_back(target.labels[row]);
    } else if (values > 0) {
      answers.insert(answers.end(), &target.values[row * values],
                     &target.values[row * values] + values);
    }
  }
  const Field input = {
      "row", {static_cast<int32_t>(width)}, DType::kFloat32, {}};
  std::vector<Column> targets;
  if (target.num_classes > 0) {
    targets.emplace_back(Field{"label", {}, DType::kInt32, {}},
                         std::move(labels));
  } else if (values > 0) {
    targets.emplace_back(Field{"value", {target.width}, DType::kFloat32, {}},
                         std::move(answers));
  }
  return std::make_shared<const TableDataset>(
      std::vector<Column>{{input, std::move(inputs)}}, targets, target,
      std::move(lines), path);
}

DataSplits LoadTable(const DataRequest& request) {
  const std::string& path = request.argument;
  const SpecOptions& options = request.options;
  for (const char* name : {"window", "stride"}) {
    if (options.Has(name))
      options.Refuse(name,
                     "nothing: a file's rows are samples; for a folder "
                     "of recordings a window");
  }
  std::vector<std::string> columns;
  if (options.Has("target")) columns = Split(options.Text("target", ""), ':');
  const auto table = std::make_shared<const Table>(
      ReadTable(ReadFile(path), path, options, columns));
  if (table->rows() == 0)
    Fail(ErrorKind::kCorrupt, "{}: there is a header and no row", path);
  const auto target =
      std::make_shared<const Target>(ReadTarget(*table, options, path));
  const double share = options.Number("split", 0.2, 0, 1);
  const auto seed = static_cast<uint64_t>(
      options.Whole("seed", 1, 0, std::numeric_limits<int64_t>::max()));
  std::vector<size_t> order(table->rows());
  std::iota(order.begin(), order.end(), size_t{0});
  Rng rng(seed, kRowStream);
  rng.Shuffle(std::span<size_t>(order));
  const auto test = static_cast<size_t>(
      std::llround(share * static_cast<double>(order.size())));
  const auto half = [&](size_t begin, size_t end) {
    const std::vector<size_t> rows(
        order.begin() + static_cast<std::ptrdiff_t>(begin),
        order.begin() + static_cast<std::ptrdiff_t>(end));
    return DataHalf{
        static_cast<int64_t>(rows.size()), [=](int64_t count) {
          if (count == 0) {
            Fail(ErrorKind::kInvalidArgument,
                 "{}: no row is in this half; a split between 0 and 1 would do",
                 path);
          }
          return Rows(*table, *target,
                      std::span(rows).first(static_cast<size_t>(count)), path);
        }};
  };
  return {"csv", half(test, order.size()), half(0, test)};
}

// A file's rows, one after another.
struct Recording {
  std::string path;
  int label = -1;
  std::vector<float> values;  // [steps, width]
};

struct Recordings {
  std::vector<std::string> classes;
  std::vector<Recording> files;
  struct Window {
    size_t file;
    size_t step;
  };
  std::vector<Window> windows;
  size_t width = 0;
  size_t window = 0;
};

class WindowDataset : public Dataset {
 public:
  explicit WindowDataset(std::shared_ptr<const Recordings> from)
      : from_(std::move(from)),
        inputs_{{"window",
                 {static_cast<int32_t>(from_->window),
                  static_cast<int32_t>(from_->width)},
                 DType::kFloat32,
                 {}}} {
    if (from_->classes.empty()) return;
    targets_ = {{"label", {}, DType::kInt32, {}}};
    for (const auto& window : from_->windows)
      labels_.push_back(from_->files[window.file].label);
  }
  int64_t size() const override {
    return static_cast<int64_t>(from_->windows.size());
  }
  std::span<const Field> inputs() const override { return inputs_; }
  std::span<const Field> targets() const override { return targets_; }
  int classes() const override {
    return static_cast<int>(from_->classes.size());
  }
  std::span<const std::string> class_names() const override {
    return from_->classes;
  }
  std::string Origin(int64_t index) const override {
    const auto& window = from_->windows[static_cast<size_t>(index)];
    return fmt::format("{} from step {}", from_->files[window.file].path,
                       window.step);
  }
  void Read(int64_t index, Draw, std::byte* const* fields) const override {
    const auto& window = from_->windows[static_cast<size_t>(index)];
    std::memcpy(
        fields[0],
        from_->files[window.file].values.data() + window.step * from_->width,
        inputs_[0].bytes());
    if (!labels_.empty()) {
      std::memcpy(fields[1], &labels_[static_cast<size_t>(index)],
                  sizeof(int32_t));
    }
  }
  std::span<const std::byte> Stored(size_t f) const override {
    if (f == 0) return {};
    return std::as_bytes(std::span(labels_));
  }
  void AddTo(Digest* digest) const override {
    digest->Word(from_->window);
    digest->Word(from_->classes.size());
    for (const Recording& file : from_->files) {
      digest->Word(static_cast<uint64_t>(file.label + 1));
      digest->Block(std::as_bytes(std::span(file.values)));
    }
    for (const auto& window : from_->windows) {
      digest->Word(window.file);
      digest->Word(window.step);
    }
  }

 private:
  std::shared_ptr<const Recordings> from_;
  std::vector<Field> inputs_;
  std::vector<Field> targets_;
  std::vector<int32_t> labels_;
};

// Reads the files of a half; all have as many columns.
std::vector<Recording> ReadRecordings(const std::vector<LabelledFile>& files,
                                      const DataRequest& request,
                                      size_t* width) {
  std::vector<Recording> recordings;
  int64_t bad = 0;
  std::string problem;
  for (const LabelledFile& file : files) {
    try {
      Table table =
          ReadTable(ReadFile(file.path), file.path, request.options, {});
      if (*width == 0) *width = table.columns.size();
      if (table.columns.size() != *width) {
        Fail(ErrorKind::kCorrupt, "{}: {}; the recordings before it have {}",
             file.path,
             Counted(static_cast<int64_t>(table.columns.size()), "column"),
             *width);
      }
      recordings.push_back({file.path, file.label, std::move(table.numbers)});
    } catch (const Error& error) {
      if (!request.context.skip_bad) throw;
      if (bad++ == 0) problem = error.what();
    }
  }
  if (bad > 0) {
    Warn("{} of {} in {} cannot be read and are left out, the first: {}", bad,
         Counted(static_cast<int64_t>(files.size()), "recording"),
         request.argument, problem);
  }
  return recordings;
}

// The steps of a window: the option's, what the model takes, or those of the
// shortest recording.
size_t WindowSteps(const DataRequest& request, size_t width, size_t shortest) {
  const int64_t given = request.options.Whole("window", 0, 1, 1 << 24);
  if (given > 0) return static_cast<size_t>(given);
  const DataContext& context = request.context;
  if (context.has_input && context.input.IsStatic()) {
    const int64_t values = context.input.NumElements();
    if (values > 0 && values % static_cast<int64_t>(width) == 0)
      return static_cast<size_t>(values) / width;
  }
  return shortest;
}

void Cut(Recordings* of, size_t window, size_t stride) {
  of->window = window;
  std::string first_short;
  int64_t too_short = 0;
  for (size_t f = 0; f < of->files.size(); ++f) {
    const size_t steps = of->files[f].values.size() / of->width;
    if (steps < window && too_short++ == 0) first_short = of->files[f].path;
    for (size_t at = 0; at + window <= steps; at += stride)
      of->windows.push_back({f, at});
  }
  if (too_short > 0) {
    Warn(
        "{} shorter than a window of {} steps, the first {}; no sample is "
        "made of them",
        too_short == 1 ? std::string("1 recording is")
                       : fmt::format("{} recordings are", too_short),
        window, first_short);
  }
}

// Windows in an order drawn by the seed, so that the first are of all classes.
void Mix(Recordings* of, uint64_t seed) {
  Rng rng(seed, kRowStream);
  rng.Shuffle(std::span<Recordings::Window>(of->windows));
}

DataSplits LoadRecordings(const DataRequest& request) {
  const SpecOptions& options = request.options;
  for (const char* name : {"target", "task"}) {
    if (options.Has(name))
      options.Refuse(name, "nothing: a recording's folder is its class, so it");
  }
  FolderFiles found = FindFiles(request.argument, options, kEndings,
                                "recording", request.context.skip_bad);
  const auto train = std::make_shared<Recordings>();
  const auto test = std::make_shared<Recordings>();
  size_t width = 0;
  train->files = ReadRecordings(found.train, request, &width);
  test->files = ReadRecordings(found.test, request, &width);
  size_t shortest = std::numeric_limits<size_t>::max();
  for (const auto& half : {train, test}) {
    half->classes = found.classes;
    half->width = width;
    for (const Recording& file : half->files)
      shortest = std::min(shortest, file.values.size() / width);
  }
  if (width == 0 || shortest == 0) {
    Fail(ErrorKind::kCorrupt, "{}: a recording without a row",
         request.argument);
  }
  const size_t window = WindowSteps(request, width, shortest);
  const auto stride = static_cast<size_t>(
      options.Whole("stride", static_cast<int64_t>(window), 1, 1 << 24));
  const auto seed = static_cast<uint64_t>(
      options.Whole("seed", 1, 0, std::numeric_limits<int64_t>::max()));
  const auto half = [&](const std::shared_ptr<Recordings>& of) {
    Cut(of.get(), window, stride);
    Mix(of.get(), seed);
    return DataHalf{
        static_cast<int64_t>(of->windows.size()),
        [of, folder = request.argument, window](int64_t count) -> DatasetPtr {
          if (count == 0) {
            Fail(ErrorKind::kInvalidArgument,
                 "{}: no recording of this half is as long as a window of {} "
                 "steps",
                 folder, window);
          }
          return Take(std::make_shared<const WindowDataset>(of), count);
        }};
  };
  DataHalf first = half(train);
  DataHalf second = half(test);
  return {"csv", std::move(first), std::move(second)};
}

}  // namespace

DataSplits LoadCsv(const DataRequest& request) {
  std::error_code code;
  if (std::filesystem::is_directory(request.argument, code))
    return LoadRecordings(request);
  return LoadTable(request);
}

}  // namespace litesmith
