// MLPerf Tiny's ResNet-8, a network that users have, against Keras: what it
// predicts, the loss and the gradients of a batch, ten steps, and the moments
// that its batch normalizations have then (tools/record_resnet8.py).
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "src/data/memory_dataset.h"
#include "src/models/models.h"
#include "tests/golden/golden.h"
#include "tests/golden/ten_steps.h"

namespace litesmith::golden {
namespace {

constexpr int kBatch = 128;

// A byte that looks random; the recorder's, too.
uint32_t Mix(uint32_t image, uint32_t y, uint32_t x, uint32_t channel) {
  uint32_t h = (image * 73856093u) ^ (y * 19349663u) ^ (x * 83492791u) ^
               (channel * 49979687u);
  h ^= h >> 16;
  h *= 0x45d9f3bu;
  h ^= h >> 16;
  return h & 0xff;
}

// Squares of 8x8 pixels in four shades, and noise; 0 to 255, undivided.
DatasetPtr Images(int count) {
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
  for (uint32_t i = 0; i < static_cast<uint32_t>(count); ++i) {
    for (uint32_t y = 0; y < 32; ++y) {
      for (uint32_t x = 0; x < 32; ++x) {
        for (uint32_t c = 0; c < 3; ++c)
          pixels.push_back(
              static_cast<uint8_t>((Mix(i, y / 8, x / 8, c) & 0xc0) +
                                   (Mix(i, y + 32, x, c) & 0x3f)));
      }
    }
    labels.push_back(static_cast<uint8_t>(Mix(i, 99, 0, 0) % 10));
  }
  const Field image = {"image", {32, 32, 3}, DType::kUInt8, {}};
  const Field label = {"label", {}, DType::kUInt8, {}};
  return std::make_shared<const MemoryDataset>(
      std::vector<Column>{{image, std::move(pixels)}},
      std::vector<Column>{{label, std::move(labels)}}, 10);
}

std::vector<int32_t> InOrder(int count) {
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

class ResNet8Golden : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = SharedPath("models/resnet8.h5");
    if (!path.empty()) graph_ = LoadFloatModel(path, 1, false);
  }

  // Calls visit(name, its part of `all`) for each entry of a recorded list.
  template <typename Visit>
  static void ForEach(const char* list, std::span<const float> all,
                      const Visit& visit) {
    const nlohmann::json info = ReadJson("resnet8/info");
    size_t at = 0;
    for (const auto& entry : info[list]) {
      size_t count = 1;
      for (const auto& dim : entry[1]) count *= dim.get<size_t>();
      visit(entry[0].get<std::string>(), all.subspan(at, count));
      at += count;
    }
    EXPECT_EQ(at, all.size());
  }

  Graph graph_;
};

TEST_F(ResNet8Golden, PredictsAsKerasDoes) {
  const Array want = Read("resnet8/predictions");
  const std::vector<float> got = Outputs(graph_, *Images(32), 32);
  ASSERT_EQ(got.size(), want.values.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want.values[i], 1e-4) << i;
}

// A step of plain descent at a rate of one moves each parameter by its
// gradient.
TEST_F(ResNet8Golden, GradientsOfABatchAreThoseOfKeras) {
  TrainOptions options;
  options.optimizer = "sgd";
  options.learning_rate = 1;
  options.momentum = 0;
  options.batch = 16;
  const TenSteps run = Train(graph_, *Images(16), options, InOrder(16));
  EXPECT_NEAR(run.losses[0] / Read("resnet8/loss").values[0], 1, 1e-5);
  const Array all = Read("resnet8/gradients");
  float largest = 0;
  for (const float g : all.values) largest = std::max(largest, std::abs(g));
  const auto check = [&](const std::string& name, std::span<const float> want) {
    const auto before = Values(graph_, name);
    const auto after = Values(run.end(), name);
    ASSERT_EQ(before.size(), want.size()) << name;
    // A bias in front of a batch normalization has none but for roundings,
    // which in Keras are up to 1e-5 of the largest.
    float scale = 2e-2f * largest;
    for (const float g : want) scale = std::max(scale, std::abs(g));
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(before[i] - after[i], want[i], 1e-3f * scale)
          << name << " " << i;
  };
  ForEach("gradients", all.values, check);
}

TEST_F(ResNet8Golden, TenStepsGiveTheLossesAndMomentsOfKeras) {
  TrainOptions options;
  options.learning_rate = 1e-4f;
  const TenSteps run = Train(graph_, *Images(kSteps * kBatch), options,
                             InOrder(kSteps * kBatch));
  // Biases in front of batch normalizations are moved by roundings alone: both
  // go apart, twice as far every other step.
  const Array losses = Read("resnet8/losses");
  const std::span<const float> want(losses.values);
  const std::span<const float> got(run.losses);
  EXPECT_LE(Relative(got.first(5), want.first(5)), 2e-5);
  EXPECT_LE(Relative(got, want), 2e-4);
  const Array moments = Read("resnet8/moments");
  const auto check = [&](int step, int row, double tolerance) {
    const Graph& graph = run.graphs[static_cast<size_t>(step)];
    ForEach("moments", moments.Row(row),
            [&](const std::string& name, std::span<const float> want) {
              EXPECT_LE(Distance(Values(graph, name), want), tolerance)
                  << name << " after step " << step;
            });
  };
  check(1, 0, 1e-5);
  // From then on Adam moves those biases by roundings alone, as far as it moves
  // anything, and the means with them.
  check(kSteps, 1, 1e-4);
}

}  // namespace
}  // namespace litesmith::golden
