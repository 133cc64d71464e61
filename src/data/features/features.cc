// The list of front ends.
#include "src/data/features/features.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

namespace litesmith {
namespace {

constexpr int kBands = 10;
constexpr int kChannels = 40;

Field PcmField(int64_t samples) {
  return {"sound",
          {static_cast<int32_t>(samples)},
          DType::kInt16,
          {{1.0 / 32768}, {0}}};
}

std::vector<int16_t> PcmOf(std::span<const float> clip) {
  std::vector<int16_t> pcm(clip.size());
  std::transform(clip.begin(), clip.end(), pcm.begin(),
                 [](float sample) { return ToPcm(sample); });
  return pcm;
}

constexpr FrontEnd kFrontEnds[] = {
    {"none", "samples as they are, 16 bits for -1 to 1", 0, PcmField,
     [](std::span<const float> clip, std::byte* out) {
       const std::vector<int16_t> pcm = PcmOf(clip);
       std::ranges::copy(std::as_bytes(std::span(pcm)), out);
     }},
    {"mfcc", "MLPerf Tiny's 49 x 10 coefficients of a second", 16000,
     [](int64_t samples) {
       return Field{"mfcc",
                    {static_cast<int32_t>(MfccFrames(samples)), kBands},
                    DType::kFloat32,
                    {}};
     },
     [](std::span<const float> clip, std::byte* out) {
       ComputeMfcc(clip, reinterpret_cast<float*>(out));
     }},
    {"micro",
     "98 x 40 integers of a second, by the front end of microcontroller "
     "firmware",
     16000,
     // No value is above 16 * ln(2^32) * 4 < 2^15.
     [](int64_t samples) {
       return Field{"micro",
                    {static_cast<int32_t>(MicroFrames(samples)), kChannels},
                    DType::kInt16,
                    {{0.0390625}, {0}}};
     },
     [](std::span<const float> clip, std::byte* out) {
       ComputeMicro(PcmOf(clip), reinterpret_cast<uint16_t*>(out));
     }},
};

}  // namespace

std::span<const FrontEnd> FrontEnds() { return kFrontEnds; }

int16_t ToPcm(float sample) {
  return static_cast<int16_t>(
      std::lround(std::clamp(sample * 32768.0f, -32768.0f, 32767.0f)));
}

}  // namespace litesmith
