// The manual page, in man's macros.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "src/cli/completion_scripts.h"

namespace litesmith {
namespace {

// Text that troff leaves as it is.
std::string Plain(std::string_view text) {
  std::string plain;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) plain += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      plain += "\\e";
    } else if (c == '-') {
      plain += "\\-";
    } else if (c == '`') {
      plain += "\\`";
    } else if (c == '\'') {
      plain += "\\(aq";
    } else {
      plain += c;
    }
  }
  return plain;
}

// "\fB\-o\fR, \fB\-\-out\fR \fIFILE\fR".
std::string Names(const OptionRow& option) {
  std::string names;
  for (const std::string& name : option.names)
    names +=
        fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", Plain(name));
  if (names.empty()) return fmt::format("\\fI{}\\fR", Plain(option.value));
  if (!option.value.empty())
    names += fmt::format(" \\fI{}\\fR", Plain(option.value));
  return names;
}

std::string Entry(const OptionRow& option) {
  std::string text = option.help;
  if (!option.initial.empty() && option.initial != "0" &&
      option.help.find(option.initial) == std::string::npos)
    text += fmt::format(" (usually {})", option.initial);
  if (option.required) text += ". Required";
  return fmt::format(".TP\n{}\n{}.\n", Names(option), Plain(text));
}

std::string Synopsis(const VerbRow& verb) {
  std::string line = fmt::format(".B litesmith {}\n", verb.name);
  for (const OptionRow& each : verb.positionals) {
    line += each.required ? fmt::format(".I {}\n", Plain(each.value))
                          : fmt::format(".RI [ {} ]\n", Plain(each.value));
  }
  for (const OptionRow& option : verb.options) {
    if (!option.required) continue;
    line += fmt::format(".B {}\n.I {}\n", Plain(option.names.back()),
                        Plain(option.value));
  }
  return line + ".RI [ option ...]\n";
}

// Paragraphs as they are; what is indented stays so.
std::string Paragraphs(const std::string& text) {
  std::string page;
  bool example = false;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    const std::string line = text.substr(begin, end - begin);
    const bool indented = line.starts_with("  ");
    if (indented != example && !line.empty()) {
      page += indented ? ".PP\n.nf\n" : ".fi\n.PP\n";
      example = indented;
    }
    if (line.empty()) {
      page += example ? "" : ".PP\n";
    } else {
      page += Plain(line) + "\n";
    }
    begin = end + 1;
  }
  return page + (example ? ".fi\n" : "");
}

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return text;
}

}  // namespace

std::string ManualPage(std::span<const VerbRow> verbs,
                       std::span<const OptionRow> program,
                       const std::string& overview, const std::string& footer) {
  std::string page = fmt::format(
      ".TH LITESMITH 1 \"\" \"litesmith {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "litesmith \\- train, compress and convert small neural networks to "
      ".tflite\n"
      ".SH SYNOPSIS\n",
      LITESMITH_VERSION);
  std::string before;
  for (const VerbRow& verb : verbs) {
    page += before + Synopsis(verb);
    before = ".br\n";
  }
  page += ".SH DESCRIPTION\n" + Paragraphs(overview);
  page += ".SH OPTIONS\n";
  for (const OptionRow& option : program) page += Entry(option);
  for (const VerbRow& verb : verbs) {
    page += fmt::format(".SH {}\n{}", Upper("litesmith " + verb.name),
                        Plain(verb.help) + ".\n");
    for (const OptionRow& each : verb.positionals) page += Entry(each);
    for (const OptionRow& option : verb.options) page += Entry(option);
  }
  page +=
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBNO_COLOR\\fR\nIf set and not empty: no colours.\n"
      ".TP\n\\fBTERM\\fR\nIf unset or \"dumb\": no colours, and progress in "
      "lines as in a pipe.\n"
      ".SH EXIT STATUS\n.nf\n";
  const size_t codes = footer.find(":\n");
  const size_t end = footer.find("\n\n", codes);
  page += Plain(footer.substr(codes + 2, end - codes - 2)) + "\n.fi\n";
  return page;
}

}  // namespace litesmith
