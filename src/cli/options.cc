// The shared options. CLI11 takes "-1" and 2^70 for unsigned numbers, "0x10"
// and "010" for whole ones; here a number is what a decimal number is.
#include "src/cli/options.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <system_error>
#include <type_traits>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/cli/complete.h"
#include "src/cli/terminal.h"
#include "src/data/sources.h"
#include "src/measure/metrics.h"
#include "src/models/class_names.h"
#include "src/models/model_data.h"
#include "src/models/models.h"
#include "src/ops/registry.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"
#include "src/train/settings.h"

namespace litesmith {
namespace {

// Where PrintOut prints: standard output unless that is a file's place.
int print_to = STDOUT_FILENO;

// Validators are told by these names.
constexpr char kWhole[] = "whole";
constexpr char kReal[] = "real";

bool Has(const CLI::Option& option, const char* validator) {
  try {
    // Only a look, but CLI11's is not const.
    return const_cast<CLI::Option&>(option).get_validator(validator) != nullptr;
  } catch (const CLI::OptionNotFound&) {
    return false;
  }
}

// "a whole number of at least 0". The end of the type is only said to those
// who went beyond it.
template <typename T>
std::string Wanted(const Limits<T>& range, bool beyond_type) {
  const char* kind = std::is_integral_v<T> ? "a whole number" : "a number";
  const bool open_ended = range.high == std::numeric_limits<T>::max();
  if (range.above_low || range.below_high || (open_ended && !beyond_type)) {
    std::string text = fmt::format(
        "{} {} {}", kind, range.above_low ? "above" : "of at least", range.low);
    if (!open_ended) {
      text += fmt::format(" and {} {}", range.below_high ? "below" : "at most",
                          range.high);
    }
    return text;
  }
  return fmt::format("{} from {} to {}", kind, range.low, range.high);
}

template <typename T>
void CheckNumber(const CLI::Option& option, const std::string& text,
                 const Limits<T>& range) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  // Written so that NaN fails too.
  const bool fits =
      error == std::errc() && stopped == end &&
      (range.above_low ? value > range.low : value >= range.low) &&
      (range.below_high ? value < range.high : value <= range.high);
  if (fits) return;
  const bool beyond =
      error == std::errc::result_out_of_range && !text.starts_with('-');
  throw BadValue(option.get_name(), text, Wanted(range, beyond) + " is wanted");
}

// The digits without zeros in front, which CLI11 takes for an octal number.
std::string Canonical(const std::string& text) {
  const bool minus = text.starts_with('-');
  size_t at = minus ? 1 : 0;
  while (at + 1 < text.size() && text[at] == '0' && text[at + 1] >= '0' &&
         text[at + 1] <= '9') {
    ++at;
  }
  return (minus ? "-" : "") + text.substr(at);
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::string OptionName(const TrainSetting& setting) {
  std::string name = setting.name;
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

}  // namespace

BadValue::BadValue(const std::string& option, const std::string& value,
                   const std::string& problem)
    : CLI::ParseError(
          "BadValue",
          fmt::format("{} {}: {}", option,
                      value.empty() ? std::string("\"\"") : value, problem),
          CLI::ExitCodes::ValidationError),
      problem_(problem) {}

ValueType TypeOf(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return ValueType::kFlag;
  if (option.get_delimiter() != '\0') return ValueType::kTexts;
  if (Has(option, kWhole)) return ValueType::kWhole;
  if (Has(option, kReal)) return ValueType::kReal;
  return ValueType::kText;
}

template <typename T>
CLI::Option* AddNumber(CLI::App* app, const std::string& name, T* value,
                       const std::string& help, Limits<T> range) {
  CLI::Option* option = app->add_option(name, *value, help)
                            ->capture_default_str()
                            ->type_name(std::is_integral_v<T> ? "N" : "X");
  CLI::Validator check(
      [option, range](std::string& text) {
        CheckNumber(*option, text, range);
        if (std::is_integral_v<T>) text = Canonical(text);
        return std::string();
      },
      "", std::is_integral_v<T> ? kWhole : kReal);
  return option->transform(check);
}

template CLI::Option* AddNumber(CLI::App*, const std::string&, int*,
                                const std::string&, Limits<int>);
template CLI::Option* AddNumber(CLI::App*, const std::string&, int64_t*,
                                const std::string&, Limits<int64_t>);
template CLI::Option* AddNumber(CLI::App*, const std::string&, uint64_t*,
                                const std::string&, Limits<uint64_t>);
template CLI::Option* AddNumber(CLI::App*, const std::string&, float*,
                                const std::string&, Limits<float>);
template CLI::Option* AddNumber(CLI::App*, const std::string&, double*,
                                const std::string&, Limits<double>);

CLI::Option* AddChoice(CLI::App* app, const std::string& name,
                       std::string* value, std::vector<std::string> words,
                       const std::string& help) {
  CLI::Option* option = app->add_option(name, *value, help);
  if (!value->empty()) option->capture_default_str();
  CLI::Validator check(
      [option, words](std::string& text) {
        if (std::find(words.begin(), words.end(), text) == words.end()) {
          throw BadValue(option->get_name(), text,
                         UnknownName("word", text, words));
        }
        return std::string();
      },
      "");
  CompleteWith(option, {Completes::kWords, words});
  return option->check(check);
}

CLI::Option* AddNames(CLI::App* app, const std::string& name,
                      std::vector<std::string>* names,
                      const std::string& help) {
  return app
      ->add_option_function<std::vector<std::string>>(
          name,
          [names](const std::vector<std::string>& given) {
            names->clear();
            for (const std::string& each : given) {
              const std::string trimmed = Trimmed(each);
              if (!trimmed.empty() && std::find(names->begin(), names->end(),
                                                trimmed) == names->end())
                names->push_back(trimmed);
            }
          },
          help)
      ->type_name("A,B")
      ->delimiter(',');
}

Numerics RuntimeFlags::Contract() const {
  return numerics == "tflm" ? Numerics::kTflm : Numerics::kLiteRt;
}

void AddThreads(CLI::App* app, int* threads) {
  CLI::Validator cap(
      [](std::string& text) {
        int given = 0;
        const char* end = text.data() + text.size();
        const auto [stopped, error] = std::from_chars(text.data(), end, given);
        if (error == std::errc() && stopped == end && given > 0)
          text = fmt::format("{}", ThreadCount(given));
        return std::string();
      },
      "");
  AddNumber<int>(app, "--threads", threads,
                 "Threads, at most one a processor; 0 takes every processor. "
                 "Never changes a result")
      ->transform(cap);
}

void AddRuntimeFlags(CLI::App* app, RuntimeFlags* flags) {
  AddThreads(app, &flags->threads);
  AddChoice(app, "--numerics", &flags->numerics, {"litert", "tflm"},
            "Whose integer results to give: litert (LiteRT's reference "
            "kernels) or tflm (tflite-micro); they differ in a few ops, mostly "
            "fully connected layers")
      ->type_name("NAME");
  app->add_flag("--reference", flags->reference,
                "Plain reference kernels only: slow, for comparison");
}

void WarnIfNumericsUnused(const RuntimeFlags& flags, const Graph& graph) {
  if (flags.Contract() != Numerics::kTflm) return;
  static const OpDef* const kDifferent[] = {&kAbs,
                                            &kAdd,
                                            &kDiv,
                                            &kFullyConnected,
                                            &kMul,
                                            &kPrelu,
                                            &kRelu6,
                                            &kRsqrt,
                                            &kSoftmax,
                                            &kSub,
                                            &kSum,
                                            &kSvdf,
                                            &kUnidirectionalSequenceLstm};
  const bool differs = std::any_of(
      graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
        return !node.outputs.empty() &&
               std::find(std::begin(kDifferent), std::end(kDifferent),
                         node.op) != std::end(kDifferent) &&
               IsInteger(graph.tensor(node.outputs[0]).dtype);
      });
  if (!differs) {
    Warn(
        "--numerics {} has no effect: no fully connected layer of integers, or "
        "other op that runtimes compute differently, is in the model",
        flags.numerics);
  }
}

CLI::Option* AddSeed(CLI::App* app, uint64_t* seed, const std::string& help) {
  return AddNumber<uint64_t>(app, "--seed", seed, help);
}

void AddTraining(CLI::App* app, TrainOptions* train) {
  AddNumber<int>(app, "--epochs", &train->epochs,
                 "Passes over the data, each training", {0, 1000000});
  AddNumber<int>(app, "--batch", &train->batch, "Samples an optimizer step",
                 {1, 65536});
  std::vector<std::string> losses = NamesOf(Losses());
  losses.insert(losses.begin(), kAutoLoss);
  AddChoice(app, "--loss", &train->loss, losses,
            "What is made small (`litesmith list losses`); auto is what fits "
            "the model's last layer and the data")
      ->type_name("NAME");
  AddChoice(app, "--optimizer", &train->optimizer, NamesOf(Optimizers()),
            "How (`litesmith list optimizers`)")
      ->type_name("NAME");
  AddNumber<float>(app, "--learning-rate", &train->learning_rate,
                   "The optimizer's", {.above_low = true});
  AddChoice(app, "--schedule", &train->schedule, NamesOf(Schedules()),
            "The learning rate over the steps of a training (`litesmith list "
            "schedules`)")
      ->type_name("NAME");
  AddNumber<double>(app, "--validation-split", &train->validation_split,
                    "Fraction held out from the end of the training half",
                    {.high = 1, .below_high = true});
  for (const TrainSetting& setting : TrainSettings()) {
    const std::string name = OptionName(setting);
    if (setting.number != nullptr) {
      const SettingRange& range = setting.range;
      const bool open = !std::isfinite(range.high);
      AddNumber<float>(
          app, name, &(train->*setting.number), setting.help,
          {range.low, open ? std::numeric_limits<float>::max() : range.high,
           range.above_low, !open && range.below_high});
    } else if (setting.whole != nullptr) {
      AddNumber<int>(app, name, &(train->*setting.whole), setting.help);
    } else if (setting.flag != nullptr) {
      app->add_flag(name, train->*setting.flag, setting.help);
    } else {
      app->add_option(name, train->*setting.text, setting.help)
          ->type_name("TEXT");
    }
  }
  AddSeed(app, &train->seed, "Of start weights and shuffles");
  AddThreads(app, &train->threads);
}

void WarnIfMomentumUnused(const CLI::App& app, const TrainOptions& train) {
  for (const TrainSetting& setting : TrainSettings()) {
    const std::string name = OptionName(setting);
    if (app.get_option(name)->count() == 0) continue;
    if (setting.optimizer != nullptr && train.optimizer != setting.optimizer)
      Warn("{} has no effect: {} has none", name, train.optimizer);
    if (setting.schedules != nullptr &&
        std::string(setting.schedules).find(train.schedule) ==
            std::string::npos) {
      Warn("{} has no effect: schedule {} has none", name, train.schedule);
    }
  }
}

void AddCheckpoint(CLI::App* app, TrainOptions* train) {
  app->add_option("--checkpoint", train->checkpoint,
                  "A file that is written after every epoch; a later run with "
                  "the same settings, or with more epochs of them, goes on "
                  "from it. Any other file of that name is an error and stays "
                  "as it is")
      ->type_name("FILE");
}

std::string ScoreText(const std::string& metric, const Score& score) {
  const Metric& row = FindMetric(metric);
  const std::string value = ValueText(row, score.value);
  return row.is_share ? fmt::format("{} {} ({} of {})", ShownName(metric),
                                    value, score.correct, score.samples)
                      : fmt::format("{} {} ({})", metric, value,
                                    Counted(score.samples, "sample"));
}

TestResult TestOf(const Graph& graph, const Dataset& test,
                  const TrainOptions& train, const std::string& metric) {
  const Evaluation loss = EvaluateFloat(graph, test, train);
  TestResult result;
  result.loss = loss.loss;
  const std::vector<std::string> metrics = ChooseMetrics(metric, graph, test);
  for (size_t o = 0; o < metrics.size(); ++o) {
    EvaluateOptions options;
    options.threads = train.threads;
    options.metric = metrics[o];
    options.output = o;
    // The loss has counted what top1 of the first would.
    const bool known =
        o == 0 && metrics[o] == "top1" && !std::isnan(loss.accuracy);
    const Score score = known ? Score{loss.accuracy, loss.correct, test.size()}
                              : EvaluateGraph(graph, test, options);
    if (o == 0) {
      result.metric = metrics[o];
      result.score = score;
    } else {
      result.outputs.push_back({OutputName(graph, o), metrics[o], score});
    }
  }
  return result;
}

std::string TestText(const TestResult& result) {
  std::string text = fmt::format("test loss {:.4f}, {}", result.loss,
                                 ScoreText(result.metric, result.score));
  for (const TestOutput& output : result.outputs) {
    text += fmt::format(", {} {}", Harmless(output.name),
                        ScoreText(output.metric, output.score));
  }
  return text;
}

std::string TrainingJson(int64_t steps, std::vector<double> step_ms,
                         double seconds, const std::vector<EpochResult>& epochs,
                         const TestResult& test, const std::string& out,
                         const std::vector<CoverageRow>* coverage) {
  double median = 0;
  if (!step_ms.empty()) {
    const auto middle =
        step_ms.begin() + static_cast<ptrdiff_t>(step_ms.size() / 2);
    std::nth_element(step_ms.begin(), middle, step_ms.end());
    median = *middle;
  }
  nlohmann::ordered_json json = {{"steps", steps},
                                 {"step_ms", median},
                                 {"train_s", seconds},
                                 {"epochs", epochs.size()},
                                 {"loss", test.loss},
                                 {"metric", test.metric},
                                 {"value", test.score.value},
                                 {"samples", test.score.samples},
                                 {"out", out}};
  if (!epochs.empty()) json["train_loss"] = epochs.back().loss;
  if (test.metric == "top1") json["accuracy"] = test.score.value;
  if (FindMetric(test.metric).is_share) json["correct"] = test.score.correct;
  json["outputs"] = nlohmann::ordered_json::array();
  for (const TestOutput& output : test.outputs) {
    json["outputs"].push_back({{"name", output.name},
                               {"metric", output.metric},
                               {"value", output.score.value}});
  }
  if (coverage != nullptr) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const CoverageRow& row : *coverage) {
      VisitFields(row, [&, &back = rows.emplace_back()](const char* name,
                                                        const auto& value) {
        back[name] = value;
      });
    }
    json["coverage"] = std::move(rows);
  }
  // A path may be no UTF-8.
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

std::vector<std::string> NamesFor(const Dataset& data,
                                  const std::string& model) {
  const auto names = data.class_names();
  if (!names.empty()) return {names.begin(), names.end()};
  return ReadClassNames(model);
}

void WarnIfUntrained(const std::string& model) {
  if (!IsBuiltin(model)) return;
  Warn(
      "{} is built in and not trained: its weights are random; `litesmith "
      "train {}` makes a trained file",
      model, model);
}

void WarnIfOverwritten(const std::string& source, const std::string& out) {
  std::error_code code;  // a file that is not there is none that is lost
  if (std::filesystem::equivalent(source, out, code) && !code &&
      std::filesystem::is_regular_file(out, code)) {
    Warn("-o {} overwrites its source", out);
  }
}

std::vector<std::string> IoNames() {
  return {"float", "float32", "int8", "uint8", "int16"};
}

void AddDequantize(CLI::App* app, bool* dequantize) {
  app->add_flag("--dequantize", *dequantize,
                "Take a model of integers too (dynamic, uint8, int8, int16x8): "
                "its weights are multiplied by their scales");
}

ModelFormat RequireEnding(const std::string& out, ModelFormat usual,
                          const std::string& hint) {
  const std::optional<ModelFormat> format = FormatOfEnding(out);
  if (format && IsKeras(*format) == IsKeras(usual)) return *format;
  if (IsStream(out)) return usual;
  Fail(ErrorKind::kInvalidArgument, "-o {}: a name ending in {} is wanted{}{}",
       out, EndingsOf(usual), hint.empty() ? "" : "; ", hint);
}

ModelShape ShapeFlags::Shape() const {
  ModelShape shape;
  shape.classes = classes;
  const char* at = input.data();
  const char* end = at + input.size();
  while (at < end) {
    int32_t dim = 0;
    const auto [stopped, error] = std::from_chars(at, end, dim);
    const bool more = stopped < end;
    if (error != std::errc() || dim < 1 || (more && *stopped != 'x') ||
        stopped + 1 == end) {
      Fail(ErrorKind::kInvalidArgument,
           "--input {}: sizes above 0 with x between, as 96x96x3, are wanted",
           input);
    }
    shape.input.push_back(dim);
    at = more ? stopped + 1 : end;
  }
  return shape;
}

void AddShape(CLI::App* app, ShapeFlags* shape) {
  app->add_option("--input", shape->input,
                  "A built-in model's input, without the batch: 96x96x3")
      ->type_name("HxWxC");
  AddNumber<int>(app, "--classes", &shape->classes,
                 "How many classes a built-in model tells apart; 0: the data's "
                 "or its usual ones",
                 {0, 1000000});
}

void TakeUsualTraining(const CLI::App& app, const std::string& model,
                       TrainOptions* train) {
  if (!IsBuiltin(model) || FindBuiltin(model).train == nullptr) return;
  TrainOptions usual;
  FindBuiltin(model).train(&usual);
  const auto take = [&](const char* option, auto* value, const auto& of) {
    if (app.get_option(option)->count() == 0) *value = of;
  };
  take("--epochs", &train->epochs, usual.epochs);
  take("--batch", &train->batch, usual.batch);
  take("--schedule", &train->schedule, usual.schedule);
}

ModelFormat RequireModelEnding(const std::string& out) {
  if (const std::optional<ModelFormat> format = FormatOfEnding(out))
    return *format;
  if (IsStream(out)) return ModelFormat::kKerasH5;
  Fail(ErrorKind::kInvalidArgument,
       "-o {}: a name ending in {}, or {} is wanted", out,
       EndingsOf(ModelFormat::kKerasH5), EndingsOf(ModelFormat::kTflite));
}

DType ParseIo(const std::string& name) {
  return name == "float" ? DType::kFloat32 : DTypeFromName(name).value();
}

int ThreadCount(int threads) {
  const int all = AvailableThreads();
  return threads > 0 ? std::min(threads, all) : all;
}

void UseOutput(const std::string& path) {
  static std::vector<std::string> used;
  TryOutput(path);
  const Output output = ResolveOutput(path);
  const bool device = output.kind == Output::Kind::kDevice;
  const std::string place =
      output.fd >= 0 ? fmt::format("descriptor {}", output.fd) : output.path;
  if (!device && std::find(used.begin(), used.end(), place) != used.end()) {
    Fail(ErrorKind::kInvalidArgument,
         "two outputs would be written to {}; each wants a file of its own",
         path);
  }
  used.push_back(place);
  if (output.fd == STDOUT_FILENO) print_to = STDERR_FILENO;
}

void UseCheckpoint(const std::string& path) {
  if (path.empty()) {
    NoteNothingKept("--checkpoint FILE would keep each epoch");
    return;
  }
  if (IsStream(path)) {
    Fail(ErrorKind::kInvalidArgument,
         "--checkpoint {}: a file is wanted, which can be read back", path);
  }
  UseOutput(path);
  NoteNothingKept(fmt::format("{} is written after each epoch", path));
}

void PrintLine(const std::string& text) {
  PrintOut(Wrapped(text, static_cast<size_t>(WidthOf(print_to)), 0, 2) + "\n");
}

void PrintOut(const std::string& text) {
  if (!WriteAll(print_to, std::as_bytes(std::span(text)))) {
    Fail(ErrorKind::kIo, "cannot write to standard {}: {}",
         print_to == STDOUT_FILENO ? "output" : "error", strerror(errno));
  }
}

}  // namespace litesmith
