// Interpolations that no op of TFLite's is, as weights of pixels: those of
// tf.image.resize (TensorFlow 2.18), along one side.
#include "src/formats/keras/layers/resize.h"

#include <algorithm>
#include <cmath>

namespace litesmith {
namespace {

double Lanczos(double x, double radius) {
  if (x > radius) return 0;
  if (x <= 1e-3) return 1;
  return radius * std::sin(M_PI * x) * std::sin(M_PI * x / radius) /
         (M_PI * M_PI * x * x);
}

struct ResizeKernel {
  const char* name;
  double radius;
  double (*at)(double distance);
};
constexpr ResizeKernel kResizeKernels[] = {
    {"lanczos3", 3, [](double x) { return Lanczos(x, 3); }},
    {"lanczos5", 5, [](double x) { return Lanczos(x, 5); }},
    {"gaussian", 1.5,
     [](double x) { return x < 1.5 ? std::exp(-2 * x * x) : 0; }},
    {"mitchellcubic", 2,
     [](double x) {
       if (x < 1) return ((7.0 / 6 * x - 2) * x) * x + 8.0 / 9;
       if (x < 2) return ((-7.0 / 18 * x + 2) * x - 10.0 / 3) * x + 16.0 / 9;
       return 0.0;
     }},
};

// Of pixels [first, last] around `center` that there are.
void AddByKernel(const ResizeKernel& kernel, double center, int32_t in,
                 double* row) {
  const int64_t first =
      static_cast<int64_t>(std::ceil(center - kernel.radius - 0.5));
  const int64_t last =
      static_cast<int64_t>(std::floor(center + kernel.radius - 0.5));
  for (int64_t i = std::max<int64_t>(first, 0);
       i <= std::min<int64_t>(last, in - 1); ++i)
    row[i] = kernel.at(std::fabs(static_cast<double>(i) + 0.5 - center));
}

// Keys' cubic with A = -0.5, whose distance is rounded to 1/1024.
void AddCubic(float center, int32_t in, double* row) {
  const float floor = std::floor(center);
  const double near = std::lrint((center - floor) * 1024) / 1024.0;
  const auto inner = [](double x) { return (1.5 * x - 2.5) * x * x + 1; };
  const auto outer = [](double x) {
    return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  };
  const double weights[] = {outer(1 + near), inner(near), inner(1 - near),
                            outer(2 - near)};
  for (int k = 0; k < 4; ++k) {
    const int64_t i = static_cast<int64_t>(floor) + k - 1;
    if (i >= 0 && i < in) row[i] = weights[k];
  }
}

// By how much of each pixel lies in [from, to).
void AddArea(double from, double to, int32_t in, double* row) {
  for (auto i = static_cast<int64_t>(std::floor(from));
       static_cast<double>(i) < to; ++i) {
    const double x = static_cast<double>(i);
    row[std::min<int64_t>(i, in - 1)] +=
        std::min(x + 1, to) - std::max(x, from);
  }
}

}  // namespace

std::vector<float> ResizeWeights(const std::string& interpolation, int32_t in,
                                 int32_t out) {
  const auto kernel = std::find_if(
      std::begin(kResizeKernels), std::end(kResizeKernels),
      [&](const ResizeKernel& k) { return interpolation == k.name; });
  const bool cubic = interpolation == "bicubic";
  if (kernel == std::end(kResizeKernels) && !cubic && interpolation != "area")
    return {};
  const double scale = static_cast<double>(in) / out;
  std::vector<float> weights;
  for (int32_t y = 0; y < out; ++y) {
    std::vector<double> row(static_cast<size_t>(in));
    if (cubic) {
      const float scale_f = static_cast<float>(in) / static_cast<float>(out);
      AddCubic((static_cast<float>(y) + 0.5f) * scale_f - 0.5f, in, row.data());
    } else if (kernel != std::end(kResizeKernels)) {
      AddByKernel(*kernel, (y + 0.5) * scale, in, row.data());
    } else {
      AddArea(y * scale, (y + 1) * scale, in, row.data());
    }
    double sum = 0;
    for (const double w : row) sum += w;
    for (const double w : row) weights.push_back(static_cast<float>(w / sum));
  }
  return weights;
}

}  // namespace litesmith
