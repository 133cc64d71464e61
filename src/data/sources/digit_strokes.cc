// The skeletons, drawn by hand on a 100 x 100 grid.
#include "src/data/sources/digit_strokes.h"

#include "src/base/check.h"

namespace litesmith::digit_strokes {
namespace {

template <size_t N>
constexpr Stroke MakeStroke(bool curved, const Knot (&knots)[N]) {
  static_assert(N >= 2 && N <= kMaxPoints);
  Stroke stroke;
  stroke.curved = curved;
  stroke.count = N;
  for (size_t i = 0; i < N; ++i) stroke.points[i] = knots[i];
  return stroke;
}

template <size_t N>
constexpr Stroke Line(const Knot (&knots)[N]) {
  return MakeStroke(false, knots);
}

template <size_t N>
constexpr Stroke Curve(const Knot (&knots)[N]) {
  return MakeStroke(true, knots);
}

template <typename... Strokes>
constexpr Form Of(Strokes... strokes) {
  static_assert(sizeof...(strokes) <= kMaxStrokes);
  return {sizeof...(strokes), {strokes...}};
}

constexpr Form kZero[] = {
    // An oval, closed at the top.
    Of(Curve({{52, 0},
              {22, 12},
              {6, 50},
              {22, 88},
              {50, 100},
              {80, 86},
              {94, 50},
              {80, 12},
              {48, 1}})),
    // Started at the right, with the ends crossing.
    Of(Curve({{70, 8},
              {40, 0},
              {12, 30},
              {10, 70},
              {38, 100},
              {78, 82},
              {92, 40},
              {72, 8},
              {42, 10}})),
    // Not quite closed.
    Of(Curve(
        {{42, 4}, {14, 30}, {12, 72}, {44, 100}, {82, 80}, {88, 34}, {62, 6}})),
};

constexpr Form kOne[] = {
    Of(Line({{50, 0}, {50, 50}, {50, 100}})),
    Of(Line({{24, 24}, {54, 0}, {54, 50}, {54, 100}})),
    Of(Line({{26, 22}, {52, 0}, {52, 100}}), Line({{22, 100}, {82, 100}})),
};

constexpr Form kTwo[] = {
    // A sharp corner at the foot.
    Of(Curve({{12, 24},
              {28, 4},
              {60, 0},
              {84, 22},
              {74, 48},
              {44, 74},
              {10, 99}}),
       Line({{10, 99}, {92, 97}})),
    // A loop at the foot.
    Of(Curve({{14, 18},
              {44, 0},
              {80, 16},
              {72, 48},
              {44, 80},
              {16, 98},
              {6, 84},
              {28, 76},
              {58, 92},
              {94, 94}})),
    // A rounded foot.
    Of(Curve({{10, 16},
              {48, 0},
              {84, 22},
              {66, 56},
              {26, 86},
              {14, 98},
              {40, 98},
              {92, 96}})),
};

constexpr Form kThree[] = {
    Of(Curve({{14, 12}, {46, 0}, {80, 16}, {72, 38}, {38, 48}}),
       Curve({{38, 48}, {76, 56}, {88, 78}, {58, 100}, {10, 90}})),
    // A flat top.
    Of(Line({{12, 2}, {82, 0}, {42, 40}}),
       Curve({{42, 40}, {80, 52}, {86, 80}, {52, 100}, {10, 90}})),
    // One curve with a loop in the middle.
    Of(Curve({{12, 10},
              {52, 0},
              {78, 20},
              {52, 46},
              {36, 50},
              {54, 50},
              {86, 70},
              {64, 98},
              {8, 94}})),
};

constexpr Form kFour[] = {
    // Open, with straight strokes.
    Of(Line({{20, 2}, {12, 56}, {92, 54}}), Line({{72, 4}, {68, 100}})),
    // Closed.
    Of(Line({{70, 100}, {72, 0}, {8, 66}, {96, 64}})),
    // Open and rounded, the stem leaving upwards.
    Of(Curve({{18, 0}, {12, 32}, {24, 54}, {56, 52}, {82, 34}}),
       Line({{84, 0}, {80, 50}, {74, 100}})),
};

constexpr Form kFive[] = {
    Of(Line({{84, 0}, {26, 2}, {20, 44}}),
       Curve({{20, 44}, {54, 36}, {86, 58}, {74, 90}, {42, 100}, {8, 90}})),
    // In one curve.
    Of(Curve({{86, 2},
              {50, 4},
              {28, 18},
              {30, 40},
              {66, 50},
              {84, 74},
              {54, 98},
              {8, 94}})),
    // The roof drawn last, with a gap.
    Of(Curve({{26, 6}, {22, 42}, {58, 42}, {84, 68}, {56, 100}, {10, 92}}),
       Line({{32, 4}, {90, 0}})),
};

constexpr Form kSix[] = {
    Of(Curve({{72, 0},
              {36, 22},
              {14, 58},
              {22, 90},
              {54, 100},
              {84, 82},
              {72, 56},
              {42, 54},
              {16, 74}})),
    // A straight back and a small loop.
    Of(Curve({{54, 0},
              {30, 36},
              {16, 70},
              {30, 98},
              {68, 96},
              {76, 72},
              {52, 60},
              {22, 78}})),
    // A hooked top and a wide loop.
    Of(Curve({{86, 10},
              {60, 0},
              {24, 26},
              {8, 64},
              {28, 96},
              {68, 98},
              {90, 72},
              {64, 48},
              {28, 54},
              {12, 70}})),
};

constexpr Form kSeven[] = {
    Of(Line({{10, 2}, {90, 0}, {64, 50}, {40, 100}})),
    // Barred.
    Of(Line({{10, 2}, {88, 0}, {62, 50}, {38, 100}}),
       Line({{28, 52}, {84, 48}})),
    // A hook at the left and a curved stem.
    Of(Line({{10, 20}, {14, 2}, {86, 4}}),
       Curve({{86, 4}, {62, 36}, {48, 68}, {44, 100}})),
};

constexpr Form kEight[] = {
    // One stroke that crosses itself.
    Of(Curve({{80, 14},
              {48, 0},
              {20, 20},
              {46, 46},
              {82, 74},
              {52, 100},
              {16, 78},
              {50, 50},
              {82, 22},
              {74, 8}})),
    // Two rings.
    Of(Curve({{50, 46}, {22, 26}, {46, 0}, {78, 22}, {50, 46}}),
       Curve({{50, 46}, {14, 72}, {48, 100}, {88, 74}, {50, 46}})),
    // Left open at the top.
    Of(Curve({{88, 6},
              {54, 0},
              {24, 14},
              {42, 44},
              {78, 70},
              {50, 100},
              {18, 80},
              {48, 52},
              {90, 12}})),
};

constexpr Form kNine[] = {
    // A ring and a straight stem.
    Of(Curve({{82, 20}, {52, 0}, {18, 18}, {20, 44}, {54, 52}, {82, 24}}),
       Line({{84, 6}, {80, 54}, {76, 100}})),
    // A curved tail.
    Of(Curve({{82, 24},
              {54, 0},
              {18, 20},
              {24, 48},
              {62, 48},
              {84, 22},
              {84, 58},
              {62, 92},
              {20, 98}})),
    // A slanted tail.
    Of(Curve({{76, 10},
              {38, 2},
              {14, 30},
              {40, 50},
              {74, 34},
              {80, 10},
              {72, 50},
              {50, 100}})),
};

}  // namespace

std::span<const Form> Forms(int digit) {
  switch (digit) {
    case 0:
      return kZero;
    case 1:
      return kOne;
    case 2:
      return kTwo;
    case 3:
      return kThree;
    case 4:
      return kFour;
    case 5:
      return kFive;
    case 6:
      return kSix;
    case 7:
      return kSeven;
    case 8:
      return kEight;
    case 9:
      return kNine;
    default:
      LS_CHECK(digit >= 0 && digit <= 9);
      return {};
  }
}

}  // namespace litesmith::digit_strokes
