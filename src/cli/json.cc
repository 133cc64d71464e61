// The object as a line.
#include "src/cli/json.h"

#include "src/cli/options.h"

namespace litesmith {

void PrintJson(const OrderedJson& json) {
  PrintOut(json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) +
           "\n");
}

CLI::Option* AddJson(CLI::App* app, bool* json) {
  return app->add_flag("--json", *json,
                       "Print one JSON object and nothing else (docs/json.md)");
}

}  // namespace litesmith
