// What models of sound are given in place of samples: one row a front end.
#ifndef LITESMITH_DATA_FEATURES_FEATURES_H_
#define LITESMITH_DATA_FEATURES_FEATURES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/data/dataset.h"

namespace litesmith {

struct FrontEnd {
  const char* name;     // "mfcc"
  const char* summary;  // one line for lists
  int rate;             // samples a second that it is for; 0: any
  // What it makes of a clip of so many samples; [0,...] if that is too short.
  Field (*field)(int64_t samples);
  // Features of a clip, as bytes of the field. Safe to call from several
  // threads.
  void (*compute)(std::span<const float> clip, std::byte* out);
};

// "none" first: samples as int16, where 32768 stands for 1.
std::span<const FrontEnd> FrontEnds();

// Samples from -1 to 1 as 16-bit PCM has them, rounded and clamped.
int16_t ToPcm(float sample);

// MLPerf Tiny's keyword spotting: a clip divided by its largest sample, frames
// of 480 samples every 320 under a Hann window, magnitudes of an FFT of 512, 40
// mel bands from 20 to 4000 Hz, log(x + 1e-6), the first 10 of the orthogonal
// DCT: [frames, 10] floats; of 16,000 samples [49, 10].
void ComputeMfcc(std::span<const float> clip, float* out);
int64_t MfccFrames(int64_t samples);

// TensorFlow's "microfrontend", the integer front end of microcontroller
// firmware, as pymicro-features has it: frames of 480 samples every 160,
// 40 channels from 125 to 7500 Hz, noise reduction, PCAN gain, log. Follows
// tensorflow/lite/experimental/microfrontend/lib, bit for bit. [frames, 40]
// integers, of which 25.6 stand for 1; of 16,000 samples [98, 40].
void ComputeMicro(std::span<const int16_t> clip, uint16_t* out);
int64_t MicroFrames(int64_t samples);

}  // namespace litesmith

#endif  // LITESMITH_DATA_FEATURES_FEATURES_H_
