// A walk over CLI11's objects.
#include "src/cli/option_table.h"

#include "src/cli/terminal.h"

namespace litesmith {
namespace {

OptionRow RowOf(const CLI::Option& option) {
  OptionRow row;
  for (const std::string& name : option.get_snames())
    row.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    row.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) row.value = option.get_type_name();
  row.help = OneLine(option.get_description());
  row.initial = option.get_default_str();
  row.required = option.get_required();
  row.repeats = option.get_items_expected_max() > 1;
  row.completion = CompletionOf(option);
  return row;
}

std::vector<OptionRow> Options(const CLI::App& app, bool positional) {
  std::vector<OptionRow> rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional() == positional) rows.push_back(RowOf(*option));
  }
  return rows;
}

}  // namespace

std::vector<VerbRow> VerbTable(const CLI::App& app) {
  std::vector<VerbRow> verbs;
  // CLI11 filters its own list only if it may give it away for change.
  for (const CLI::App* verb : const_cast<CLI::App&>(app).get_subcommands(
           [](CLI::App*) { return true; })) {
    if (verb->get_group().empty()) continue;
    verbs.push_back({verb->get_name(), verb->get_description(),
                     Options(*verb, /*positional=*/true),
                     Options(*verb, /*positional=*/false)});
  }
  return verbs;
}

std::vector<OptionRow> ProgramOptions(const CLI::App& app) {
  return Options(app, /*positional=*/false);
}

std::string FirstSentence(const std::string& help) {
  const std::string line = OneLine(help);
  size_t end = line.find_first_of(".:;");
  // ".h5" and ".tflite" end no sentence.
  while (end != std::string::npos && end + 1 < line.size() &&
         line[end + 1] != ' ')
    end = line.find_first_of(".:;", end + 1);
  return line.substr(0, end);
}

}  // namespace litesmith
