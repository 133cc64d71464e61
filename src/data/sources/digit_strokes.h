// The skeletons of the built-in digits: for each class the forms in which
// people write it, each a few strokes through points. Data for digits.cc only.
#ifndef LITESMITH_DATA_SOURCES_DIGIT_STROKES_H_
#define LITESMITH_DATA_SOURCES_DIGIT_STROKES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace litesmith::digit_strokes {

inline constexpr size_t kMaxPoints = 12;
inline constexpr size_t kMaxStrokes = 3;

// Hundredths of the digit's box; x to the right, y down.
struct Knot {
  int8_t x;
  int8_t y;
};

// Points joined by straight spans, or by one smooth curve.
struct Stroke {
  bool curved = false;
  size_t count = 0;
  std::array<Knot, kMaxPoints> points{};
};

// One way to write a digit.
struct Form {
  size_t count = 0;
  std::array<Stroke, kMaxStrokes> strokes{};
};

// The forms of digit 0..9, at least one.
std::span<const Form> Forms(int digit);

}  // namespace litesmith::digit_strokes

#endif  // LITESMITH_DATA_SOURCES_DIGIT_STROKES_H_
