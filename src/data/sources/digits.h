// The built-in data set: digits drawn by a pen that follows a skeleton of
// strokes, each sample bent, slanted and jittered in its own way. It stands in
// for MNIST where no file is at hand: same shape, same classes, similar
// difficulty; it is not MNIST and its accuracies are not comparable.
#ifndef LITESMITH_DATA_SOURCES_DIGITS_H_
#define LITESMITH_DATA_SOURCES_DIGITS_H_

#include <cstdint>
#include <span>

#include "src/data/sources.h"

namespace litesmith {

inline constexpr int kDigitsSide = 28;
inline constexpr int64_t kDigitsTrain = 12000;
inline constexpr int64_t kDigitsTest = 2000;

// Draws digit 0..9 as `side` x `side` pixels, row-major, ink 255 on paper 0:
// the picture that (seed, stream) stands for. Same bits on every machine.
void DrawDigit(int digit, uint64_t seed, uint64_t stream,
               std::span<uint8_t, kDigitsSide * kDigitsSide> pixels);

// The whole set: [28, 28] samples of 10 classes, sample i of class i mod 10.
// Every sample has its own random stream, so the first n samples do not depend
// on how many follow, nor any on the number of threads. Throws
// Error{invalid argument} for negative counts and above 10 million.
DataSplits MakeDigits(uint64_t seed, int64_t train_count = kDigitsTrain,
                      int64_t test_count = kDigitsTest, int threads = 0);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_DIGITS_H_
