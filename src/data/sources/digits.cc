// Draws the built-in digits. The only arithmetic is + - * / and sqrt, which
// IEEE 754 rounds in one way, so the pixels have the same bits everywhere.
#include "src/data/sources/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/data/sources/digit_strokes.h"

namespace litesmith {
namespace {

constexpr int kSide = kDigitsSide;
constexpr size_t kPixels = size_t{kSide} * kSide;

// How much samples differ. Tuned so that `mnist-cnn` ends near 97 %.
constexpr float kJitter = 0.035f;   // of each skeleton point, in digit heights
constexpr float kElastic = 0.045f;  // of each node of the bending grid
constexpr float kMaxSlant = 0.35f;  // shear, sideways per height
constexpr float kMaxTurn = 0.09f;   // tangent of half the turning angle
constexpr float kMaxShift = 1.0f;   // pixels
constexpr float kNoise = 0.10f;     // of full ink

struct Point {
  float x;
  float y;
};

// Roughly normal with deviation 1, never beyond 3: the sum of six uniforms
// (variance 1/12 each) needs no logarithm.
float Bell(Rng& rng) {
  float sum = 0;
  for (int i = 0; i < 6; ++i) sum += rng.Uniform();
  return (sum - 3.0f) * 1.41421356f;
}

// A map of the digit's box [0, 1]^2 to pixels: a smooth random bending, then
// slant, turn, scale and shift.
class Warp {
 public:
  explicit Warp(Rng& rng) {
    for (Point& node : grid_) {
      node.x = kElastic * Bell(rng);
      node.y = kElastic * Bell(rng);
    }
    slant_ = kMaxSlant * rng.Uniform(-0.6f, 1.0f);
    // The turn's sine and cosine from the tangent of its half.
    const float t = kMaxTurn * rng.Uniform(-1.0f, 1.0f);
    cosine_ = (1 - t * t) / (1 + t * t);
    sine_ = 2 * t / (1 + t * t);
    height_ = rng.Uniform(15.5f, 20.5f);
    width_ = height_ * rng.Uniform(0.50f, 0.95f);
    shift_.x = kMaxShift * rng.Uniform(-1.0f, 1.0f);
    shift_.y = kMaxShift * rng.Uniform(-1.0f, 1.0f);
  }

  Point operator()(Point p) const {
    const Point bend = Bend(p);
    const float y = (p.y + bend.y - 0.5f) * height_;
    const float x = (p.x + bend.x - 0.5f) * width_ - slant_ * y;
    // Pixel i covers [i, i + 1), so the middle is at side / 2.
    return {cosine_ * x - sine_ * y + kSide * 0.5f + shift_.x,
            sine_ * x + cosine_ * y + kSide * 0.5f + shift_.y};
  }

 private:
  static constexpr int kNodes = 4;

  // The grid's displacement at p by uniform quadratic B-splines: smooth, and
  // never larger than the largest node's.
  Point Bend(Point p) const {
    constexpr int kSpans = kNodes - 2;
    int column = 0;
    int row = 0;
    const std::array<float, 3> wx = Weights(p.x * kSpans, kSpans, &column);
    const std::array<float, 3> wy = Weights(p.y * kSpans, kSpans, &row);
    Point sum{0, 0};
    for (int r = 0; r < 3; ++r) {
      for (int c = 0; c < 3; ++c) {
        const float w = wx[size_t(c)] * wy[size_t(r)];
        const Point& node = grid_[size_t((row + r) * kNodes + column + c)];
        sum.x += w * node.x;
        sum.y += w * node.y;
      }
    }
    return sum;
  }

  static std::array<float, 3> Weights(float position, int spans, int* first) {
    position = std::clamp(position, 0.0f, static_cast<float>(spans));
    *first = std::min(static_cast<int>(position), spans - 1);
    const float t = position - static_cast<float>(*first);
    return {0.5f * (1 - t) * (1 - t), 0.5f + t * (1 - t), 0.5f * t * t};
  }

  std::array<Point, kNodes * kNodes> grid_;
  Point shift_;
  float slant_, cosine_, sine_, height_, width_;
};

// A pen that covers a pixel by how near its tip passed: 1 inside the radius,
// falling to 0 over `softness` pixels.
class Canvas {
 public:
  Canvas(float softness) : softness_(softness) { ink_.fill(0); }

  // A straight stroke whose radius goes from `radius_a` to `radius_b`.
  void Segment(Point a, Point b, float radius_a, float radius_b) {
    const float reach = std::max(radius_a, radius_b) + 0.5f * softness_;
    const int left = Cell(std::min(a.x, b.x) - reach);
    const int right = Cell(std::max(a.x, b.x) + reach);
    const int top = Cell(std::min(a.y, b.y) - reach);
    const int bottom = Cell(std::max(a.y, b.y) + reach);
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float length2 = dx * dx + dy * dy;
    const float inverse = length2 > 1e-12f ? 1.0f / length2 : 0.0f;
    for (int y = top; y <= bottom; ++y) {
      for (int x = left; x <= right; ++x) {
        const float px = static_cast<float>(x) + 0.5f - a.x;
        const float py = static_cast<float>(y) + 0.5f - a.y;
        const float t = std::clamp((px * dx + py * dy) * inverse, 0.0f, 1.0f);
        const float ex = px - t * dx;
        const float ey = py - t * dy;
        const float distance = std::sqrt(ex * ex + ey * ey);
        const float radius = radius_a + t * (radius_b - radius_a);
        const float cover = (radius - distance) / softness_ + 0.5f;
        float& ink = ink_[size_t(y * kSide + x)];
        ink = std::max(ink, std::min(cover, 1.0f));
      }
    }
  }

  // Uneven ink and a noisy paper, as bytes.
  void Develop(float strength, float noise, Rng& rng,
               std::span<uint8_t, kPixels> pixels) const {
    uint64_t bits = 0;
    for (size_t i = 0; i < kPixels; ++i) {
      // Eight noise bytes a draw.
      bits = i % 8 == 0 ? rng.Next() : bits >> 8;
      const float grain =
          (static_cast<float>(bits & 0xFF) / 255.0f - 0.5f) * 2 * noise;
      const float value = std::clamp(ink_[i] * strength + grain, 0.0f, 1.0f);
      pixels[i] = static_cast<uint8_t>(value * 255.0f + 0.5f);
    }
  }

 private:
  // The cell that holds a coordinate, moved into the picture.
  static int Cell(float at) {
    return static_cast<int>(std::clamp(at, 0.0f, kSide - 1.0f));
  }

  float softness_;
  std::array<float, kPixels> ink_;
};

// A point of the Catmull-Rom spline between b and c, t in [0, 1].
Point Spline(Point a, Point b, Point c, Point d, float t) {
  const auto mix = [t](float a, float b, float c, float d) {
    return b + 0.5f * t *
                   ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) +
                                   t * (3 * (b - c) + d - a)));
  };
  return {mix(a.x, b.x, c.x, d.x), mix(a.y, b.y, c.y, d.y)};
}

// The pen's pressure, which wanders along a stroke.
struct Pen {
  float radius;
  float sway;  // of the radius, at most
};

void DrawStroke(const digit_strokes::Stroke& stroke, const Warp& warp, Pen pen,
                Rng& rng, Canvas& canvas) {
  constexpr int kSteps = 5;  // straight pieces a span
  std::array<Point, digit_strokes::kMaxPoints> points;
  std::array<float, digit_strokes::kMaxPoints> radii;
  const size_t count = stroke.count;
  for (size_t i = 0; i < count; ++i) {
    points[i].x =
        static_cast<float>(stroke.points[i].x) * 0.01f + kJitter * Bell(rng);
    points[i].y =
        static_cast<float>(stroke.points[i].y) * 0.01f + kJitter * Bell(rng);
    radii[i] = pen.radius * (1 + pen.sway * rng.Uniform(-1.0f, 1.0f));
  }
  for (size_t i = 0; i + 1 < count; ++i) {
    const Point b = points[i];
    const Point c = points[i + 1];
    // A straight span, or the end of a curved stroke, has no neighbour to
    // lean towards: the missing one is mirrored.
    const bool curved = stroke.curved;
    const Point a =
        curved && i > 0 ? points[i - 1] : Point{2 * b.x - c.x, 2 * b.y - c.y};
    const Point d = curved && i + 2 < count
                        ? points[i + 2]
                        : Point{2 * c.x - b.x, 2 * c.y - b.y};
    Point from = warp(b);
    float radius_from = radii[i];
    for (int step = 1; step <= kSteps; ++step) {
      const float t = static_cast<float>(step) / kSteps;
      const Point to = warp(Spline(a, b, c, d, t));
      const float radius_to = radii[i] + t * (radii[i + 1] - radii[i]);
      canvas.Segment(from, to, radius_from, radius_to);
      from = to;
      radius_from = radius_to;
    }
  }
}

DatasetPtr Make(uint64_t seed, uint64_t first_stream, int64_t count,
                int threads) {
  constexpr int64_t kBlock = 64;  // samples a task
  std::vector<uint8_t> pixels(static_cast<size_t>(count) * kPixels);
  std::vector<uint8_t> labels(static_cast<size_t>(count));
  const int tasks = static_cast<int>((count + kBlock - 1) / kBlock);
  ParallelFor(tasks, threads, [&](int task) {
    const int64_t begin = task * kBlock;
    const int64_t end = std::min(begin + kBlock, count);
    for (int64_t i = begin; i < end; ++i) {
      const auto index = static_cast<size_t>(i);
      labels[index] = static_cast<uint8_t>(i % 10);
      DrawDigit(labels[index], seed, first_stream + index,
                std::span<uint8_t, kPixels>(pixels.data() + index * kPixels,
                                            kPixels));
    }
  });
  return LabelledBytes({kSide, kSide}, 10, std::move(pixels),
                       std::move(labels));
}

}  // namespace

void DrawDigit(int digit, uint64_t seed, uint64_t stream,
               std::span<uint8_t, kPixels> pixels) {
  Rng rng(seed, stream);
  const std::span<const digit_strokes::Form> forms =
      digit_strokes::Forms(digit);
  const digit_strokes::Form& form =
      forms[rng.Below(static_cast<uint32_t>(forms.size()))];
  const Warp warp(rng);
  Pen pen;
  pen.radius = rng.Uniform(0.7f, 1.7f);
  pen.sway = 0.25f;
  Canvas canvas(rng.Uniform(1.0f, 1.8f));
  for (size_t i = 0; i < form.count; ++i) {
    DrawStroke(form.strokes[i], warp, pen, rng, canvas);
  }
  const float strength = rng.Uniform(0.65f, 1.1f);
  const float noise = kNoise * rng.Uniform();
  canvas.Develop(strength, noise, rng, pixels);
}

DataSplits MakeDigits(uint64_t seed, int64_t train_count, int64_t test_count,
                      int threads) {
  constexpr int64_t kMost = 10'000'000;
  for (int64_t count : {train_count, test_count}) {
    if (count >= 0 && count <= kMost) continue;
    Fail(ErrorKind::kInvalidArgument,
         "cannot draw {} digits; 0 to {} are wanted", count, kMost);
  }
  if (threads <= 0) threads = AvailableThreads();
  // The halves' streams are far apart, so neither depends on the other's size.
  const auto half = [=](uint64_t first_stream, int64_t size) {
    return DataHalf{size, [=](int64_t count) {
                      return Make(seed, first_stream, count, threads);
                    }};
  };
  return {"digits", half(0, train_count), half(uint64_t{1} << 32, test_count)};
}

}  // namespace litesmith
