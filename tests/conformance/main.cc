// The program of the conformance run.
//
//   conformance_test [--seed N] [GoogleTest's options]
//   conformance_test [--seed N] --dump DIR    writes the cases for other
//                                             runtimes (dump.h), tests nothing
//   conformance_test --support FILE           writes docs/support.md
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

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
  std::string support;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if ((option != "--seed" && option != "--dump" && option != "--support") ||
        i + 1 == argc) {
      std::fprintf(stderr, "%s: not an option, or without its value\n",
                   argv[i]);
      return 2;
    }
    ++i;
    if (option == "--dump") dump = argv[i];
    if (option == "--support") support = argv[i];
    if (option == "--seed") SetSeed(std::strtoull(argv[i], nullptr, 10));
  }
  if (dump.empty() && support.empty()) return RUN_ALL_TESTS();
  try {
    if (!dump.empty()) DumpCases(dump);
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
