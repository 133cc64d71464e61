// Types are as strict as the command line's: "3" is text and no number, 1e3 is
// no whole number, "yes" is not true.
#include "src/cli/config_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/cli/options.h"

namespace litesmith {
namespace {

// What a file may say: every option but those that are for the terminal.
std::vector<std::string> ConfigKeys(const CLI::App& study) {
  constexpr std::string_view kOfTheTerminal[] = {
      "config", "help", "show", "plan", "sort", "json", "quiet", "verbose"};
  std::vector<std::string> keys;
  for (const CLI::Option* option : study.get_options()) {
    const std::string name = option->get_single_name();
    if (std::find(std::begin(kOfTheTerminal), std::end(kOfTheTerminal), name) ==
        std::end(kOfTheTerminal))
      keys.push_back(name);
  }
  return keys;
}

// Empty if the option takes values of this type, else what would do.
std::string WantedType(ConfigType given, ValueType wanted) {
  switch (wanted) {
    case ValueType::kText:
      return given == ConfigType::kText ? "" : "text in quotes";
    case ValueType::kTexts:
      return given == ConfigType::kText || given == ConfigType::kTexts
                 ? ""
                 : "a list of names such as [\"a\", \"b\"]";
    case ValueType::kWhole:
      return given == ConfigType::kWhole ? "" : "a whole number";
    case ValueType::kReal:
      return given == ConfigType::kWhole || given == ConfigType::kReal
                 ? ""
                 : "a number";
    case ValueType::kFlag:
      return given == ConfigType::kFlag ? "" : "true or false";
  }
  return "";
}

}  // namespace

std::vector<ConfigEntry> ReadStudyConfig(const std::string& path,
                                         const CLI::App& verb) {
  const std::vector<std::string> keys =
      ConfigKeys(*verb.get_parent()->get_subcommand("study"));
  std::vector<ConfigEntry> entries = ReadConfig(path);
  for (const ConfigEntry& entry : entries) {
    if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
    Fail(ErrorKind::kInvalidArgument, "{}:{}: {}", path, entry.line,
         UnknownName("key", entry.key, keys));
  }
  return entries;
}

void ApplyConfig(const std::string& path, CLI::App* study) {
  for (const ConfigEntry& entry : ReadStudyConfig(path, *study)) {
    CLI::Option* option = study->get_option("--" + entry.key);
    const auto fail = [&](const std::string& problem) {
      Fail(ErrorKind::kInvalidArgument, "{}:{}: {} = {}: {}", path, entry.line,
           entry.key, entry.text, problem);
    };
    const std::string wanted = WantedType(entry.type, TypeOf(*option));
    if (!wanted.empty()) fail(wanted + " is wanted");
    if (option->count() > 0) continue;   // the command line wins
    if (entry.values.empty()) continue;  // an empty list
    try {
      for (const std::string& value : entry.values) option->add_result(value);
      option->run_callback();
    } catch (const BadValue& error) {
      fail(error.problem());
    } catch (const CLI::ParseError& error) {
      fail(error.what());
    }
  }
}

}  // namespace litesmith
