// CLI11 says what is missing before what is unknown, and knows no near names.
#include "src/cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "src/base/names.h"

namespace litesmith {
namespace {

// Those that help shows.
std::vector<CLI::App*> Verbs(const CLI::App& app) {
  // CLI11 filters its own list only if it may give it away for change.
  return const_cast<CLI::App&>(app).get_subcommands(
      [](CLI::App* verb) { return !verb->get_group().empty(); });
}

// "--seed" and the like.
std::vector<std::string> LongNames(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
  }
  return names;
}

std::string UnknownOption(const CLI::App& app, const CLI::App& verb,
                          const std::string& given) {
  const std::string name = given.substr(0, given.find('='));
  std::string text = fmt::format("unknown option \"{}\"", name);
  std::vector<std::string> others;
  for (const CLI::App* other : Verbs(app)) {
    const std::vector<std::string> names = LongNames(*other);
    if (std::find(names.begin(), names.end(), name) != names.end())
      others.push_back(other->get_name());
  }
  const std::string nearest = NearestName(name, LongNames(verb));
  if (!nearest.empty()) {
    text += fmt::format("; did you mean \"{}\"?", nearest);
  } else if (!others.empty()) {
    text += fmt::format("; it belongs to {}{}", JoinNames(others),
                        &app == &verb ? ", behind the verb" : "");
  }
  return text;
}

std::string Stray(const CLI::App& verb, const std::string& given) {
  std::string text = fmt::format("unexpected argument \"{}\"", given);
  const CLI::Option* out = verb.get_option_no_throw("--out");
  if (out != nullptr && out->count() == 0)
    text += fmt::format("; did you mean \"-o {}\"?", given);
  return text;
}

bool IsOption(const std::string& argument) {
  return argument.size() > 1 && argument[0] == '-';
}

// "file" is FILE in the help.
std::string Shown(const CLI::Option& option) {
  std::string name = option.get_name();
  if (!IsOption(name)) {
    for (char& c : name)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// The first needed option that was not given, or null.
const CLI::Option* Missing(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_required() && option->count() == 0) return option;
  }
  return nullptr;
}

std::string ExplainMissing(const CLI::App& verb) {
  const CLI::Option* missing = Missing(verb);
  if (missing == nullptr) return "";
  std::string text = fmt::format("{} is missing", Shown(*missing));
  if (IsOption(missing->get_name())) return text;
  // An option that takes many values took what stood behind them.
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional() && option->count() > 1) {
      return fmt::format("{}: {} took {}; {} goes first", text,
                         option->get_name(), JoinNames(option->results()),
                         Shown(*missing));
    }
  }
  return text;
}

}  // namespace

std::vector<std::string> WithoutWords(std::vector<std::string> arguments) {
  if (arguments.empty()) return arguments;
  if (arguments[0] == "version") {
    arguments[0] = "--version";
  } else if (arguments[0] == "help") {
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  return arguments;
}

std::string UnknownArgument(const CLI::App& app) {
  const std::vector<std::string> strangers = app.remaining();
  if (!strangers.empty()) {
    if (IsOption(strangers[0])) return UnknownOption(app, app, strangers[0]);
    std::vector<std::string> names;
    for (const CLI::App* verb : Verbs(app)) names.push_back(verb->get_name());
    return UnknownName("verb", strangers[0], names);
  }
  for (const CLI::App* verb : app.get_subcommands()) {
    const std::vector<std::string> left = verb->remaining();
    if (left.empty()) continue;
    return IsOption(left[0]) ? UnknownOption(app, *verb, left[0])
                             : Stray(*verb, left[0]);
  }
  return "";
}

std::string ExplainUsage(const CLI::App& app, const CLI::ParseError& error) {
  const std::string unknown = UnknownArgument(app);
  if (!unknown.empty()) return unknown;
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    for (const CLI::App* verb : app.get_subcommands()) {
      const std::string text = ExplainMissing(*verb);
      if (!text.empty()) return text;
    }
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    // "--epochs: 1 required N missing", "--epochs: expected 1 argument, got 2".
    const std::string text = error.what();
    const size_t colon = text.find(':');
    if (colon != std::string::npos && text.ends_with("missing"))
      return text.substr(0, colon) + ": a value is wanted";
  }
  return error.what();
}

}  // namespace litesmith
