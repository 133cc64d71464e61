// What `litesmith --version` prints.
#include "src/cli/version.h"

#include <fmt/format.h>

#include "src/base/build_id.h"
#include "src/base/isa.h"
#include "src/formats/hdf5/h5_version.h"

namespace litesmith {
namespace {

#if defined(__clang__)
constexpr char kCompiler[] = __VERSION__;  // "Debian Clang 14.0.6"
#else
constexpr char kCompiler[] = "g++ " __VERSION__;
#endif

}  // namespace

std::string VersionText() {
  return fmt::format(
      "litesmith {}\n"
      "commit    {}\n"
      "build     {} ({})\n"
      "isa       {}\n"
      "hdf5      {}\n"
      "compiler  {}",
      LITESMITH_VERSION, BuildCommit(), BuildId(), BuildType(), IsaName(),
      Hdf5Version(), kCompiler);
}

OrderedJson VersionJson() {
  return {{"version", LITESMITH_VERSION},
          {"commit", BuildCommit()},
          {"build", BuildId()},
          {"type", BuildType()},
          {"isa", IsaName()},
          {"hdf5", Hdf5Version()},
          {"compiler", kCompiler}};
}

}  // namespace litesmith
