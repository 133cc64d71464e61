// The reader of .tflite files under damage: files of TensorFlow's converter
// with flipped bits, numbers at their limits and missing ends are an Error, or
// a graph that can be run. A sanitizer watches.
//
// Where the files are: LITESMITH_SHARED, ../shared beside the checkout
// otherwise. LITESMITH_DAMAGES is how many damaged files are tried; 2000
// without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/formats/tflite/tflite.h"
#include "src/runtime/bind.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

using Bytes = std::vector<std::byte>;

// Larger graphs are read, not run.
constexpr int64_t kMaxElements = 1 << 16;
constexpr size_t kSmallFile = 3000;  // bytes
constexpr size_t kSmallFiles = 10;

fs::path Shared() {
  const char* shared = std::getenv("LITESMITH_SHARED");
  return shared != nullptr ? fs::path(shared)
                           : fs::path(LITESMITH_SOURCE_DIR) / "../shared";
}

// Every .tflite file of the zoo, the models and the cases.
std::vector<Bytes> Files() {
  std::vector<std::string> paths;
  for (const char* folder : {"zoo", "models", "cases"}) {
    if (!fs::is_directory(Shared() / folder)) continue;
    for (const auto& entry :
         fs::recursive_directory_iterator(Shared() / folder)) {
      if (entry.path().extension() == ".tflite") paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const std::string& path : paths) files.push_back(ReadFile(path));
  return files;
}

bool Runs(const Graph& graph) {
  int64_t elements = 0;
  for (const Tensor& tensor : graph.tensors) {
    try {
      elements += tensor.shape.Bind(1).NumElements();
    } catch (const Error&) {
      return false;
    }
  }
  // A loop need not end.
  return graph.subgraphs.empty() && elements < kMaxElements;
}

enum class Result { kError, kRead, kRun };

Result Try(const Bytes& bytes) {
  Graph graph;
  try {
    graph = ReadTflite(bytes, "damaged.tflite");
  } catch (const Error&) {
    return Result::kError;
  }
  VerifyStructure(graph);
  if (!Runs(graph)) return Result::kRead;
  try {
    Interpreter interpreter(graph, {kAsWritten, Numerics::kLiteRt, true});
    if (interpreter.arena_bytes() > (size_t{1} << 24)) return Result::kRead;
    interpreter.Invoke();
  } catch (const Error&) {
    return Result::kRead;
  }
  return Result::kRun;
}

// One to three damages.
void Damage(Rng* rng, Bytes* bytes) {
  constexpr uint32_t kLimits[] = {
      0,          1,          0x7F,       0xFF,       0x7FFF,     0xFFFF,
      0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x40000000, 0xFFFFFFFC, 16};
  const uint32_t damages = 1 + rng->Below(3);
  for (uint32_t d = 0; d < damages; ++d) {
    const size_t at = rng->Below(static_cast<uint32_t>(bytes->size()));
    switch (rng->Below(4)) {
      case 0:
        (*bytes)[at] = static_cast<std::byte>(rng->Below(256));
        break;
      case 1:
      case 2:
        (*bytes)[at] ^= static_cast<std::byte>(1u << rng->Below(8));
        break;
      default: {
        const uint32_t value = kLimits[rng->Below(std::size(kLimits))];
        const size_t word = at - at % 4;
        for (size_t i = 0; i < 4 && word + i < bytes->size(); ++i)
          (*bytes)[word + i] = static_cast<std::byte>(value >> (8 * i));
      }
    }
  }
}

#define LITESMITH_FILES_OR_SKIP(files)                                \
  const std::vector<Bytes> files = Files();                           \
  if (files.empty() && std::getenv("CI") != nullptr)                  \
    FAIL() << "no files at " << Shared() << "; set LITESMITH_SHARED"; \
  if (files.empty())                                                  \
  GTEST_SKIP() << "NO FILES AT " << Shared() << "; set LITESMITH_SHARED"

TEST(DamageTest, FlipsEndInAnErrorOrAGraph) {
  LITESMITH_FILES_OR_SKIP(files);
  const char* count = std::getenv("LITESMITH_DAMAGES");
  const int damages = count != nullptr ? std::atoi(count) : 2000;
  int results[3] = {};
  for (int i = 0; i < damages; ++i) {
    Rng rng(1, static_cast<uint64_t>(i));
    Bytes bytes = files[static_cast<size_t>(i) % files.size()];
    Damage(&rng, &bytes);
    SCOPED_TRACE("damage " + std::to_string(i));
    ++results[static_cast<int>(Try(bytes))];
  }
  RecordProperty("errors", results[0]);
  RecordProperty("runs", results[2]);
  EXPECT_GT(results[0], damages / 10);
  EXPECT_GT(results[2], damages / 20);
}

TEST(DamageTest, EveryTruncationIsAnError) {
  LITESMITH_FILES_OR_SKIP(files);
  size_t tried = 0;
  for (const Bytes& whole : files) {
    // A few spread over all: the kinds lie next to each other.
    if (whole.size() > kSmallFile || (&whole - files.data()) % 31 != 0)
      continue;
    if (tried++ == kSmallFiles) break;
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(Try(Bytes(whole.begin(),
                          whole.begin() + static_cast<std::ptrdiff_t>(size))),
                Result::kError)
          << "file " << &whole - files.data() << " at byte " << size;
    }
  }
  EXPECT_GE(tried, kSmallFiles);
}

}  // namespace
}  // namespace litesmith
