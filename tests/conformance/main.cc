// The program of the conformance run.
//
//   conformance_test [--seed N] [GoogleTest's options]
//   conformance_test [--seed N] --dump DIR [--random N]
//                                             writes the cases, or N random
//                                             ones a kind, for other runtimes
//                                             (dump.h), tests nothing
//   conformance_test --run FILE --arrays STEM [--runs N]
//                                             runs a file on arrays (dump.h)
//   conformance_test --rewrite FILE --to OUT  reads a file and writes it again
//   conformance_test --support FILE           writes docs/support.md
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/file.h"
#include "tests/conformance/dump.h"
#include "tests/conformance/run.h"
#include "tests/conformance/support.h"

namespace litesmith {
namespace {

INSTANTIATE_TEST_SUITE_P(All, Conformance, testing::ValuesIn(CaseFiles()),
                         [](const testing::TestParamInfo<CaseFile>& info) {
                           return std::string(info.param.name);
                         });

int Main(int argc, char** argv) {
  std::string dump;
  std::string file;
  std::string arrays;
  std::string support;
  std::string seed;
  std::string runs = "1";
  std::string rewrite;
  std::string to;
  std::string random = "0";
  const std::pair<std::string_view, std::string*> options[] = {
      {"--dump", &dump},       {"--run", &file},      {"--arrays", &arrays},
      {"--support", &support}, {"--runs", &runs},     {"--rewrite", &rewrite},
      {"--to", &to},           {"--random", &random}, {"--seed", &seed}};
  for (int i = 1; i < argc; i += 2) {
    const auto* option =
        std::find_if(std::begin(options), std::end(options),
                     [&](const auto& o) { return o.first == argv[i]; });
    if (option == std::end(options) || i + 1 == argc) {
      std::fprintf(stderr, "%s: not an option, or without its value\n",
                   argv[i]);
      return 2;
    }
    *option->second = argv[i + 1];
  }
  if (!seed.empty()) SetSeed(std::strtoull(seed.c_str(), nullptr, 10));
  if (dump.empty() && file.empty() && support.empty() && rewrite.empty())
    return RUN_ALL_TESTS();
  try {
    if (!dump.empty()) DumpCases(dump, std::atoi(random.c_str()));
    if (!file.empty()) RunFile(file, arrays, std::atoi(runs.c_str()));
    if (!rewrite.empty()) RewriteFile(rewrite, to);
    if (!support.empty()) WriteFile(support, SupportPage());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace litesmith

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return litesmith::Main(argc, argv);
}
