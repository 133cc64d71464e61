// Reads SPECs, and holds the list of options.
#include "src/data/spec.h"

#include <charconv>
#include <optional>

#include "src/base/error.h"
#include "src/base/names.h"

namespace litesmith {
namespace {

constexpr DataOption kOptions[] = {
    // Of every source.
    {"scale", "X|X/Y", "what stored numbers are multiplied by: 1/255, 1"},
    {"mean", "X[:X...]", "what is taken off after that, one or one a channel"},
    {"std", "X[:X...]", "what is divided by after that, one or one a channel"},
    {"labels", "index|onehot|value|none",
     "what the model is to answer with: the class's number (the default), a "
     "value a class, the number as one value, or its own input"},
    {"flip", "h|v|hv", "training: turned over, each way in half of the draws"},
    {"shift", "N", "training: moved by up to N pixels each way"},
    {"crop", "N|WxH",
     "training: a window of that size anywhere; else in the middle"},
    {"brightness", "X", "training: up to X of the full range added or taken"},
    {"contrast", "X", "training: spread by a factor of 1 - X to 1 + X"},
    {"noise", "X",
     "training: normal noise of a deviation of X of the full range"},
    {"timeshift", "N",
     "training: moved by up to N steps in time, zeros for what is missing"},
    // Of folders.
    {"split", "X",
     "the share of each class's files for the test half, where there are no "
     "folders train and test (0.2)"},
    {"seed", "N", "of the split and of the order of the files (1)"},
    {"resize", "N|WxH", "width and height that pictures are brought to"},
    {"method", "bilinear|area|crop|fit",
     "how: bilinear or the mean of the area, stretched; or the middle of the "
     "picture, or all of it with black edges, both bilinear"},
    {"color", "auto|gray|rgb|bgr",
     "channels; auto is gray or rgb as the model takes it, or as the first "
     "picture is"},
    // Of tables and recordings.
    {"target", "COLUMN", "a table's column to answer with, by name or number"},
    {"task", "auto|classes|regression",
     "whether that column holds classes; numbers that are not whole are "
     "values"},
    {"columns", "A[:B...]",
     "which columns are the inputs, by name or number from 1; all others"},
    {"header", "auto|yes|no", "whether the first line has names"},
    {"separator", "auto|comma|semicolon|tab|space", "what is between columns"},
    {"window", "N|Xs",
     "samples of a recording that are one input, or seconds of sound; all"},
    {"stride", "N|Xs", "from one window to the next; a window"},
    {"rate", "N",
     "samples a second that sounds are brought to; the first file's"},
    {"length", "N|Xs",
     "every sound is cut or padded with silence to so much; the longest "
     "file's, 10 s at most"},
    {"features", "none|mfcc|micro",
     "what is made of a second of sound: MLPerf Tiny's 49 x 10 coefficients, "
     "or the 98 x 40 integers of microcontroller firmware; as the model's "
     "input is"},
};

constexpr const char* kCommon[] = {
    "scale", "mean",       "std",      "labels", "flip",     "shift",
    "crop",  "brightness", "contrast", "noise",  "timeshift"};

// A decimal number and nothing else.
std::optional<double> ParseNumber(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<double> ParseQuotient(std::string_view text) {
  const size_t slash = text.find('/');
  const auto above = ParseNumber(text.substr(0, slash));
  if (!above || slash == std::string_view::npos) return above;
  const auto below = ParseNumber(text.substr(slash + 1));
  if (!below || *below == 0) return std::nullopt;
  return *above / *below;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Cuts at single commas; double ones become commas.
std::vector<std::string> CutAtCommas(std::string_view text) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += ',';
      ++i;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

}  // namespace

std::span<const DataOption> DataOptions() { return kOptions; }
std::span<const char* const> CommonDataOptions() { return kCommon; }

void SpecOptions::Refuse(const std::string& name,
                         std::string_view wanted) const {
  Fail(ErrorKind::kInvalidArgument, "data \"{}\": {}={}: {} is wanted", spec_,
       name, values_.at(name), wanted);
}

std::string SpecOptions::Text(const std::string& name,
                              const std::string& fallback) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  if (found->second.empty()) Refuse(name, "a value");
  return found->second;
}

double SpecOptions::Number(const std::string& name, double fallback, double low,
                           double high) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  const std::optional<double> value = ParseQuotient(found->second);
  // Written so that NaN fails too.
  if (!value || !(*value >= low && *value <= high)) {
    Refuse(name, fmt::format("a number from {} to {}, or a quotient such as "
                             "1/255,",
                             low, high));
  }
  return *value;
}

int64_t SpecOptions::Whole(const std::string& name, int64_t fallback,
                           int64_t low, int64_t high) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  const std::string& text = found->second;
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || text.empty() || value < low ||
      value > high)
    Refuse(name, fmt::format("a whole number from {} to {}", low, high));
  return value;
}

std::vector<double> SpecOptions::Numbers(const std::string& name,
                                         std::vector<double> fallback) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  std::vector<double> values;
  for (const std::string_view part : Split(found->second, ':')) {
    const std::optional<double> value = ParseQuotient(part);
    if (!value || !(*value > -1e30 && *value < 1e30))
      Refuse(name, "a number, or one a channel by colons (0.5:0.4:0.4),");
    values.push_back(*value);
  }
  return values;
}

std::pair<int, int> SpecOptions::Size(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {0, 0};
  constexpr int kMost = 16384;
  const std::vector<std::string_view> parts = Split(found->second, 'x');
  int sizes[2] = {0, 0};
  bool good = parts.size() <= 2;
  for (size_t i = 0; good && i < parts.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto [at, error] = std::from_chars(parts[i].data(), end, sizes[i]);
    good =
        error == std::errc() && at == end && sizes[i] >= 1 && sizes[i] <= kMost;
  }
  if (!good) {
    Refuse(name, fmt::format("a side (96), or WIDTHxHEIGHT (160x120), of 1 to "
                             "{} pixels",
                             kMost));
  }
  return {sizes[0], parts.size() == 2 ? sizes[1] : sizes[0]};
}

std::string SpecOptions::Choice(const std::string& name,
                                std::span<const char* const> words) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return words[0];
  for (const char* word : words) {
    if (found->second == word) return word;
  }
  const std::vector<std::string> known(words.begin(), words.end());
  Fail(ErrorKind::kInvalidArgument, "data \"{}\": {}={}: {}", spec_, name,
       found->second, UnknownName("word", found->second, known));
}

DataSpec ParseSpec(const std::string& spec) {
  const std::vector<std::string> parts = CutAtCommas(spec);
  DataSpec parsed;
  const size_t colon = parts[0].find(':');
  parsed.name = parts[0].substr(0, colon);
  parsed.has_argument = colon != std::string::npos;
  if (parsed.has_argument) parsed.argument = parts[0].substr(colon + 1);
  std::map<std::string, std::string> values;
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0) {
      Fail(ErrorKind::kInvalidArgument,
           "data \"{}\": \"{}\" is no option; behind a comma KEY=VALUE is "
           "wanted, and a comma that belongs to a path is doubled (a,,b)",
           spec, parts[i]);
    }
    const std::string key = parts[i].substr(0, equals);
    if (!values.emplace(key, parts[i].substr(equals + 1)).second) {
      Fail(ErrorKind::kInvalidArgument, "data \"{}\": {} is there twice", spec,
           key);
    }
  }
  parsed.options = SpecOptions(spec, std::move(values));
  return parsed;
}

std::string EscapeSpec(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c;
    if (c == ',') escaped += c;
  }
  return escaped;
}

}  // namespace litesmith
