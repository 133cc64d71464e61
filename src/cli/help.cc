// Names on the left, what they mean on the right.
#include "src/cli/help.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "src/cli/option_table.h"
#include "src/cli/terminal.h"

namespace litesmith {
namespace {

constexpr size_t kColumn = 26;

// Longer lines are hard to read; shorter ones than this cannot be helped.
size_t HelpWidth() {
  const int width = WidthOf(STDOUT_FILENO);
  return width == 0 ? 80 : static_cast<size_t>(std::clamp(width, 40, 100));
}

std::string Entry(const std::string& name, const std::string& text) {
  const std::string head = "  " + name;
  const bool fits = ShownWidth(head) + 2 <= kColumn;
  std::string body = Wrapped(text, HelpWidth(), kColumn, kColumn);
  if (!fits) return head + "\n" + body + "\n";
  return head + body.substr(std::min(ShownWidth(head), body.size())) + "\n";
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  if (app->get_parent() == nullptr) return app->get_description() + "\n";
  return Wrapped(OneLine(app->get_description()), HelpWidth(), 0, 0) + "\n";
}

std::string HelpFormatter::make_subcommand(const CLI::App* verb) const {
  return Entry(verb->get_name(), FirstSentence(verb->get_description()));
}

std::string HelpFormatter::make_option(const CLI::Option* option,
                                       bool is_positional) const {
  std::string name = option->get_name(is_positional, !is_positional);
  std::string text = OneLine(option->get_description());
  if (is_positional) {
    name = option->get_type_name();
  } else if (option->get_items_expected_max() > 0) {
    name += " " + option->get_type_name();
  }
  if (option->get_required()) {
    text += is_positional ? "" : " (required)";
  } else if (!option->get_default_str().empty()) {
    text += fmt::format(" ({} if not given)", option->get_default_str());
  }
  return Entry(name, text);
}

}  // namespace litesmith
