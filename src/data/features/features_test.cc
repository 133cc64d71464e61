// Front ends against what tools/record_features.py recorded of TensorFlow and
// pymicro-features.
#include "src/data/features/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "src/containers/npy.h"

namespace litesmith {
namespace {

template <typename T>
std::vector<T> Golden(const std::string& name) {
  const NpyArray array = ReadNpy(std::string(LITESMITH_SOURCE_DIR) +
                                 "/tests/golden/features/" + name);
  std::vector<T> values(array.bytes.size() / sizeof(T));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

constexpr size_t kClips = 3;
constexpr size_t kSamples = 16000;

TEST(Micro, IsBitForBitTheReference) {
  const std::vector<int16_t> clips = Golden<int16_t>("clips.npy");
  const std::vector<int16_t> wanted = Golden<int16_t>("micro.npy");
  ASSERT_EQ(clips.size(), kClips * kSamples);
  ASSERT_EQ(wanted.size(), kClips * 98 * 40);
  for (size_t c = 0; c < kClips; ++c) {
    std::vector<uint16_t> got(98 * 40);
    ComputeMicro(std::span(clips).subspan(c * kSamples, kSamples), got.data());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(got[i], wanted[c * got.size() + i]) << "clip " << c << " " << i;
  }
}

TEST(Mfcc, IsWithinAThousandthOfTensorFlow) {
  const std::vector<int16_t> clips = Golden<int16_t>("clips.npy");
  const std::vector<float> wanted = Golden<float>("mfcc.npy");
  ASSERT_EQ(wanted.size(), kClips * 49 * 10);
  for (size_t c = 0; c < kClips; ++c) {
    std::vector<float> clip;
    for (size_t i = 0; i < kSamples; ++i)
      clip.push_back(static_cast<float>(clips[c * kSamples + i]) / 32768);
    std::vector<float> got(49 * 10);
    ComputeMfcc(clip, got.data());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], wanted[c * got.size() + i], 1e-3) << c << " " << i;
  }
}

TEST(FrontEnds, TakeClipsOfAnyLength) {
  for (const FrontEnd& each : FrontEnds()) {
    for (const int64_t samples : {0, 1, 479, 480, 639, 800, 16001}) {
      const Field field = each.field(samples);
      std::vector<std::byte> out(field.bytes() + 1);
      const std::vector<float> clip(static_cast<size_t>(samples));
      each.compute(clip, out.data());
      for (const std::byte byte : std::span(out).last(1))
        EXPECT_EQ(byte, std::byte{0});
    }
  }
}

}  // namespace
}  // namespace litesmith
