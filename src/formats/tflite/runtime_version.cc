#include "src/formats/tflite/runtime_version.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace litesmith {
namespace {

// The release for each version of an operator, from version 1 on.
struct Row {
  int code;
  std::string_view since;
};

constexpr Row kRows[] = {
    // ADD
    {0, "1.5 1.14 2.4 2.6 2.13 2.23"},
    // AVERAGE_POOL_2D
    {1, "1.5 1.14 2.3"},
    // CONCATENATION
    {2, "1.5 1.14 2.3"},
    // CONV_2D
    {3, "1.5 1.14 1.14 2.3 2.4 2.9 2.11 2.15"},
    // DEPTHWISE_CONV_2D
    {4, "1.5 1.12 1.14 2.2 2.3 2.3 2.11"},
    // DEQUANTIZE
    {6, "1.13.1 1.14 1.15 2.2 2.7 2.18 2.21"},
    // FULLY_CONNECTED
    {9, "1.5 1.10 1.14 1.14 2.0 2.1 2.3 2.3 2.3 2.11 2.15 2.17 2.18 2.21"},
    // LOGISTIC
    {14, "1.14 1.14 2.3"},
    // MAX_POOL_2D
    {17, "1.5 1.14 2.3"},
    // MUL
    {18, "1.5 1.14 1.15 2.3 2.6"},
    // RELU
    {19, "1.5 2.1 2.5"},
    // RELU_N1_TO_1
    {20, "1.5"},
    // RELU6
    {21, "1.5 1.14 2.5"},
    // RESHAPE
    {22, "1.5"},
    // RESIZE_BILINEAR
    {23, "1.7 1.14 2.2 2.5"},
    // SOFTMAX
    {25, "1.5 1.14 2.3"},
    // TANH
    {28, "1.14 1.14 2.3"},
    // PAD
    {34, "1.5 1.14 2.4 2.6 2.20"},
    // GATHER
    {36, "1.6 1.14 1.15 2.4 2.5"},
    // TRANSPOSE
    {39, "1.6 1.14 1.15 2.3 2.4 2.12"},
    // MEAN
    {40, "1.6 1.14 2.4"},
    // SUB
    {41, "1.6 1.14 2.3 2.4 2.4"},
    // DIV
    {42, "1.6 2.3"},
    // SQUEEZE
    {43, "1.6 2.5"},
    // STRIDED_SLICE
    {45, "1.6 1.14 2.1 2.2 2.5 2.6 2.14 2.14"},
    // SPLIT
    {49, "1.5 1.14 1.14 2.3"},
    // PRELU
    {54, "1.8"},
    // PADV2
    {60, "1.9 1.14 2.4 2.6 2.20"},
    // TRANSPOSE_CONV
    {67, "1.9 2.2 2.3 2.13 2.15"},
    // EXPAND_DIMS
    {70, "1.10"},
    // SUM
    {74, "1.10 1.15"},
    // SHAPE
    {77, "1.10"},
    // PACK
    {83, "1.11 1.14 2.3"},
    // RESIZE_NEAREST_NEIGHBOR
    {97, "1.13.1 1.14 2.3 2.4"},
    // LEAKY_RELU
    {98, "1.13.1 2.3"},
    // QUANTIZE
    {114, "1.14 1.15 2.7 2.21"},
    // HARD_SWISH
    {117, "1.15"},
    // DENSIFY
    {124, "2.2"},
    // BATCH_MATMUL
    {126, "2.3 2.3 2.4 2.5"},
};

// The number at the start of `text`, which is cut off together with the
// character after it.
int TakeNumber(std::string_view* text) {
  int number = 0;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    number = number * 10 + (text->front() - '0');
    text->remove_prefix(1);
  }
  if (!text->empty()) text->remove_prefix(1);
  return number;
}

RuntimeVersion Parse(std::string_view text) {
  RuntimeVersion version;
  version.major = TakeNumber(&text);
  version.minor = TakeNumber(&text);
  version.patch = TakeNumber(&text);
  return version;
}

}  // namespace

std::string RuntimeVersion::ToString() const {
  return fmt::format("{}.{}.{}", major, minor, patch);
}

RuntimeVersion MinRuntimeVersion(int builtin_code, int version) {
  for (const Row& row : kRows) {
    if (row.code != builtin_code) continue;
    std::string_view rest = row.since;
    for (int v = 1; !rest.empty(); ++v) {
      const std::string_view release = rest.substr(0, rest.find(' '));
      if (v == version) return Parse(release);
      rest.remove_prefix(std::min(release.size() + 1, rest.size()));
    }
  }
  return {};
}

}  // namespace litesmith
