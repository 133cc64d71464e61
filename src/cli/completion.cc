// litesmith completion SHELL and litesmith man: hidden verbs, for those who
// install the program.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "src/base/names.h"
#include "src/cli/completion_scripts.h"
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
  verb->callback([name, app] {
    const Shell& shell = FindByName(kShells, *name, "shell");
    PrintOut(shell.script(VerbTable(*app), ProgramOptions(*app)));
  });
  CLI::App* man = app->add_subcommand(
      "man",
      "Print the manual page, as man reads it: `litesmith man | man -l -`.");
  man->group("");
  man->callback([app] {
    PrintOut(ManualPage(VerbTable(*app), ProgramOptions(*app),
                        app->get_description(), app->get_footer()));
  });
}

}  // namespace litesmith
