// For bash: one function, with a case for each verb and each option's value.
#include <fmt/format.h>

#include "src/cli/completion_scripts.h"
#include "src/study/report/html.h"

namespace litesmith {
namespace {

std::string Action(const Completion& completion) {
  const std::string words =
      SingleQuoted(fmt::format("{}", fmt::join(completion.words, " ")));
  switch (completion.kind) {
    case Completes::kNothing:
      return ":";
    case Completes::kFiles:
      return "_litesmith_files";
    case Completes::kFolders:
      return "_litesmith_folders";
    case Completes::kWords:
      return "_litesmith_words " + words;
    case Completes::kWordsFiles:
      return "_litesmith_files; _litesmith_words " + words;
    case Completes::kList:
      return "_litesmith_list " + words;
  }
  return ":";
}

std::string Names(std::span<const OptionRow> options) {
  std::string names;
  for (const OptionRow& option : options) {
    for (const std::string& name : option.names)
      names += (names.empty() ? "" : " ") + name;
  }
  return names;
}

// Which options have a value, and what completes it.
std::string Values(std::span<const OptionRow> options) {
  std::string cases;
  for (const OptionRow& option : options) {
    if (option.value.empty()) continue;
    cases +=
        fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"),
                    Action(option.completion));
  }
  return cases;
}

std::string Positionals(std::span<const OptionRow> positionals) {
  std::string cases;
  int place = 1;
  for (const OptionRow& each : positionals) {
    cases += fmt::format("        {}) {} ;;\n",
                         each.repeats ? "*" : fmt::format("{}", place),
                         Action(each.completion));
    ++place;
  }
  return cases;
}

constexpr char kHead[] =
    R"(# bash completion of litesmith; `litesmith completion bash` writes it.
_litesmith_words() {
  COMPREPLY+=($(compgen -W "$1" -- "$cur"))
}
# Words by commas: what stands in front of the last comma stays.
_litesmith_list() {
  local before=
  [[ $cur == *,* ]] && before=${cur%,*},
  COMPREPLY+=($(compgen -P "$before" -W "$1" -- "${cur##*,}"))
  compopt -o nospace 2>/dev/null
}
_litesmith_files() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\n'
  COMPREPLY+=($(compgen -f -- "$cur"))
}
_litesmith_folders() {
  compopt -o filenames 2>/dev/null
  local IFS=$'\n'
  COMPREPLY+=($(compgen -d -- "$cur"))
}
_litesmith() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev= verb= place=0 i word takes=
  # "mnist:DIR" and "--out=X" are cut into words by bash.
  local line=${COMP_LINE:0:COMP_POINT}
  COMPREPLY=()
  [[ ${COMP_WORDBREAKS} == *:* && $line == *:"$cur" ]] && return
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -z $verb ]]; then
      [[ $word != -* ]] && verb=$word
    elif [[ -n $takes ]]; then
      takes=
    elif [[ $word == -* ]]; then
      [[ " $(_litesmith_with_value "$verb") " == *" $word "* ]] && takes=1
    else
      ((place++))
    fi
  done
  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
  ((place++))
)";

}  // namespace

std::string BashCompletion(std::span<const VerbRow> verbs,
                           std::span<const OptionRow> program) {
  std::string script = kHead;
  std::string names;
  for (const VerbRow& verb : verbs)
    names += (names.empty() ? "" : " ") + verb.name;
  script += fmt::format(
      "  if [[ -z $verb || $verb == help ]]; then\n"
      "    _litesmith_words {}\n    return\n  fi\n  case $verb in\n",
      SingleQuoted(names + " help version " + Names(program)));
  for (const VerbRow& verb : verbs) {
    script += fmt::format(
        "    {})\n      case $prev in\n{}      esac\n"
        "      if [[ $cur == -* ]]; then\n        _litesmith_words {}\n"
        "        return\n      fi\n      case $place in\n{}      esac ;;\n",
        verb.name, Values(verb.options), SingleQuoted(Names(verb.options)),
        Positionals(verb.positionals));
  }
  script += "  esac\n}\n_litesmith_with_value() {\n  case $1 in\n";
  for (const VerbRow& verb : verbs) {
    std::vector<std::string> with_value;
    for (const OptionRow& option : verb.options) {
      if (option.value.empty()) continue;
      with_value.insert(with_value.end(), option.names.begin(),
                        option.names.end());
    }
    script += fmt::format(
        "    {}) echo {} ;;\n", verb.name,
        SingleQuoted(fmt::format("{}", fmt::join(with_value, " "))));
  }
  return script + "  esac\n}\ncomplete -F _litesmith litesmith\n";
}

}  // namespace litesmith
