// --json: standard output is one object, and nothing else. docs/json.md has the
// fields of each verb's.
#ifndef LITESMITH_CLI_JSON_H_
#define LITESMITH_CLI_JSON_H_

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

namespace litesmith {

// In their order.
using OrderedJson = nlohmann::ordered_json;

// One line. Names of files that are no UTF-8 get replacement characters;
// numbers that are not finite become null.
void PrintJson(const OrderedJson& json);

// --json
CLI::Option* AddJson(CLI::App* app, bool* json);

}  // namespace litesmith

#endif  // LITESMITH_CLI_JSON_H_
