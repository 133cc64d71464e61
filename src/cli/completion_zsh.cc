// For zsh, by _arguments, and for fish, a line for each option.
#include <fmt/format.h>

#include <string_view>

#include "src/cli/completion_scripts.h"
#include "src/study/report/html.h"

namespace litesmith {
namespace {

// The text with a backslash before each of these characters.
std::string Guarded(std::string_view text, std::string_view characters) {
  std::string guarded;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) guarded += '\\';
    guarded += c;
  }
  return guarded;
}

// ":message:action" of _arguments.
std::string ZshValue(const OptionRow& option) {
  std::string words;
  for (const std::string& word : option.completion.words)
    words += (words.empty() ? "" : " ") + Guarded(word, ":\\ ()");
  std::string action;
  switch (option.completion.kind) {
    case Completes::kNothing:
      action = " ";
      break;
    case Completes::kFiles:
      action = "_files";
      break;
    case Completes::kFolders:
      action = "_files -/";
      break;
    case Completes::kWords:
      action = fmt::format("({})", words);
      break;
    case Completes::kWordsFiles:
      action = fmt::format(
          "{{_alternative \"words:word:({})\" "
          "\"files:file:_files\"}}",
          words);
      break;
    case Completes::kList:
      action = fmt::format("{{_values -s , name {}}}", words);
      break;
  }
  return fmt::format(":{}:{}", Guarded(option.value, ":\\"), action);
}

std::string ZshOption(const OptionRow& option) {
  const std::string help =
      fmt::format("[{}]", Guarded(FirstSentence(option.help), "[]\\:"));
  const std::string value = option.value.empty() ? "" : ZshValue(option);
  std::string lines;
  for (const std::string& name : option.names) {
    // The other names of an option that may be given once are not offered
    // again.
    const std::string others =
        option.repeats ? "*"
                       : fmt::format("({})", fmt::join(option.names, " "));
    lines += fmt::format(" \\\n        {}",
                         SingleQuoted(others + name + help + value));
  }
  return lines;
}

std::string ZshPositional(const OptionRow& option, int place) {
  return fmt::format(" \\\n        {}",
                     SingleQuoted((option.repeats ? std::string("*")
                                                  : fmt::format("{}", place)) +
                                  ZshValue(option)));
}

// The value of fish's -a.
std::string FishWords(const Completion& completion) {
  return SingleQuoted(fmt::format("{}", fmt::join(completion.words, " ")));
}

std::string FishOption(const std::string& condition, const OptionRow& option) {
  std::string line = "complete -c litesmith" + condition;
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2)
                                   : " -s " + name.substr(1);
  }
  line += " -d " + SingleQuoted(FirstSentence(option.help));
  if (!option.value.empty()) {
    switch (option.completion.kind) {
      case Completes::kNothing:
        line += " -x";
        break;
      case Completes::kFiles:
        line += " -r -F";
        break;
      case Completes::kFolders:
        line += " -x -a '(__fish_complete_directories)'";
        break;
      case Completes::kWords:
        line += " -x -a " + FishWords(option.completion);
        break;
      case Completes::kWordsFiles:
        line += " -r -F -a " + FishWords(option.completion);
        break;
      case Completes::kList:
        line += fmt::format(" -x -a \"(__fish_append , {})\"",
                            fmt::join(option.completion.words, " "));
        break;
    }
  }
  return line + "\n";
}

}  // namespace

std::string ZshCompletion(std::span<const VerbRow> verbs,
                          std::span<const OptionRow> program) {
  std::string script =
      "#compdef litesmith\n"
      "# zsh completion of litesmith; `litesmith completion zsh` writes it.\n"
      "_litesmith() {\n"
      "  local curcontext=$curcontext state line ret=1\n"
      "  typeset -A opt_args\n"
      "  local -a verbs\n  verbs=(\n";
  for (const VerbRow& verb : verbs) {
    script += fmt::format(
        "    {}\n",
        SingleQuoted(fmt::format("{}:{}", verb.name,
                                 Guarded(FirstSentence(verb.help), ":\\"))));
  }
  script += "    'help:Explain a verb'\n    'version:Print the version'\n  )\n";
  script += "  _arguments -C";
  for (const OptionRow& option : program) script += ZshOption(option);
  script +=
      " \\\n        '1:verb:->verb' \\\n        '*::argument:->argument' && "
      "ret=0\n"
      "  case $state in\n"
      "    verb) _describe -t verbs verb verbs && ret=0 ;;\n"
      "    argument) case $words[1] in\n"
      "      help) _describe -t verbs verb verbs && ret=0 ;;\n";
  for (const VerbRow& verb : verbs) {
    script += fmt::format("      {}) _arguments", verb.name);
    for (const OptionRow& option : verb.options) script += ZshOption(option);
    int place = 1;
    for (const OptionRow& each : verb.positionals)
      script += ZshPositional(each, place++);
    script += " && ret=0 ;;\n";
  }
  return script +
         "    esac ;;\n  esac\n  return ret\n}\n"
         "# Loaded by name or read by hand.\n"
         "if [ \"$funcstack[1]\" = _litesmith ]; then\n  _litesmith \"$@\"\n"
         "else\n  compdef _litesmith litesmith\nfi\n";
}

std::string FishCompletion(std::span<const VerbRow> verbs,
                           std::span<const OptionRow> program) {
  std::string script =
      "# fish completion of litesmith; `litesmith completion fish` writes it.\n"
      "complete -c litesmith -f\n";
  const std::string at_verb = " -n __fish_use_subcommand";
  for (const OptionRow& option : program) script += FishOption(at_verb, option);
  for (const VerbRow& verb : verbs) {
    script += fmt::format("complete -c litesmith{} -a {} -d {}\n", at_verb,
                          verb.name, SingleQuoted(FirstSentence(verb.help)));
  }
  script += fmt::format(
      "complete -c litesmith{0} -a help -d 'Explain a verb'\n"
      "complete -c litesmith{0} -a version -d 'Print the version'\n",
      at_verb);
  std::string names;
  for (const VerbRow& verb : verbs) {
    names += " " + verb.name;
    const std::string condition =
        fmt::format(" -n '__fish_seen_subcommand_from {}'", verb.name);
    for (const OptionRow& option : verb.options)
      script += FishOption(condition, option);
    for (const OptionRow& each : verb.positionals) {
      if (!each.completion.words.empty()) {
        script += fmt::format("complete -c litesmith{} -a {}\n", condition,
                              FishWords(each.completion));
      }
      if (each.completion.kind == Completes::kFiles ||
          each.completion.kind == Completes::kWordsFiles) {
        script += fmt::format("complete -c litesmith{} -F\n", condition);
      }
      if (each.completion.kind == Completes::kFolders) {
        script += fmt::format(
            "complete -c litesmith{} -a '(__fish_complete_directories)'\n",
            condition);
      }
    }
  }
  return script +
         fmt::format(
             "complete -c litesmith -n '__fish_seen_subcommand_from help' -a "
             "'{}'\n",
             names.substr(1));
}

}  // namespace litesmith
