// litesmith completion SHELL and litesmith man: hidden verbs, for those who
// install the program.
#include <CLI/App.hpp>
#include <memory>
#include <string>

#include "src/base/names.h"
#include "src/cli/completion_scripts.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"

namespace litesmith {
namespace {

struct Shell {
  const char* name;
  std::string (*script)(std::span<const VerbRow>, std::span<const OptionRow>);
};

constexpr Shell kShells[] = {
    {"bash", BashCompletion}, {"zsh", ZshCompletion}, {"fish", FishCompletion}};

}  // namespace

void AddCompletion(CLI::App* app) {
  const auto name = std::make_shared<std::string>();
  CLI::App* verb = app->add_subcommand(
      "completion",
      "Print the script that completes litesmith's command lines in a shell.");
  verb->group("");
  verb->add_option("shell", *name, JoinNames(NamesOf(kShells)))
      ->type_name("SHELL")
      ->required();
  const auto json = std::make_shared<bool>(false);
  AddJson(verb, json.get());
  verb->callback([name, app, json] {
    const Shell& shell = FindByName(kShells, *name, "shell");
    const std::string script =
        shell.script(VerbTable(*app), ProgramOptions(*app));
    if (*json) {
      PrintJson({{"shell", shell.name}, {"script", script}});
    } else {
      PrintOut(script);
    }
  });
  CLI::App* man = app->add_subcommand(
      "man",
      "Print the manual page, as man reads it: `litesmith man | man -l -`.");
  man->group("");
  const auto page_json = std::make_shared<bool>(false);
  AddJson(man, page_json.get());
  man->callback([app, page_json] {
    const std::string page =
        ManualPage(VerbTable(*app), ProgramOptions(*app),
                   app->get_description(), app->get_footer());
    if (*page_json) {
      PrintJson({{"page", page}});
    } else {
      PrintOut(page);
    }
  });
}

}  // namespace litesmith
