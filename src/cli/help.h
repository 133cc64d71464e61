// --help, wrapped to the terminal.
#ifndef LITESMITH_CLI_HELP_H_
#define LITESMITH_CLI_HELP_H_

#include <CLI/CLI.hpp>
#include <string>

namespace litesmith {

class HelpFormatter : public CLI::Formatter {
 public:
  // A verb's, as one paragraph; the program's own as it is written.
  std::string make_description(const CLI::App* app) const override;
  std::string make_subcommand(const CLI::App* verb) const override;
  std::string make_option(const CLI::Option* option,
                          bool is_positional) const override;
};

}  // namespace litesmith

#endif  // LITESMITH_CLI_HELP_H_
