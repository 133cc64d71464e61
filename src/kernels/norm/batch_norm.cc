// Sums and normalization by channel, compiled for each SIMD target. Sums go
// through the rows in blocks that stay in the first-level cache while each
// group of channels walks down them.
#include "src/kernels/norm/batch_norm.h"

#include <algorithm>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/norm/batch_norm.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DD = hn::ScalableTag<double>;
using VD = hn::Vec<DD>;
// As many floats as there are doubles in a vector.
using DH = hn::Rebind<float, DD>;
using VH = hn::Vec<DH>;

constexpr size_t kBlockBytes = 16 * 1024;

size_t BlockRows(size_t channels) {
  return std::max<size_t>(1, kBlockBytes / sizeof(float) / channels);
}

// Calls f(first row, rows) for each block.
template <typename F>
HWY_INLINE void ForEachBlock(ChannelRows shape, F&& f) {
  const size_t block = BlockRows(shape.channels);
  for (size_t r = 0; r < shape.rows; r += block)
    f(r, std::min(block, shape.rows - r));
}

// sums and squares of one block, added.
void AddSums(const float* x, size_t rows, size_t channels, double* sums,
             double* squares) {
  const DD d;
  const DH dh;
  const size_t lanes = hn::Lanes(d);
  size_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    VD sum = hn::LoadU(d, sums + c);
    VD square = hn::LoadU(d, squares + c);
    const float* at = x + c;
    for (size_t r = 0; r < rows; ++r, at += channels) {
      const VD v = hn::PromoteTo(d, hn::LoadU(dh, at));
      sum = hn::Add(sum, v);
      square = hn::MulAdd(v, v, square);
    }
    hn::StoreU(sum, d, sums + c);
    hn::StoreU(square, d, squares + c);
  }
  for (; c < channels; ++c) {
    for (size_t r = 0; r < rows; ++r) {
      const double v = x[r * channels + c];
      sums[c] += v;
      squares[c] += v * v;
    }
  }
}

void Sums(const float* x, ChannelRows shape, double* sums, double* squares) {
  std::fill_n(sums, shape.channels, 0.0);
  std::fill_n(squares, shape.channels, 0.0);
  ForEachBlock(shape, [&](size_t first, size_t rows) {
    AddSums(x + first * shape.channels, rows, shape.channels, sums, squares);
  });
}

void Affine(const float* x, ChannelRows shape, const float* scale,
            const float* offset, FloatRange range, float* y) {
  const DF d;
  const VF low = hn::Set(d, range.low);
  const VF high = hn::Set(d, range.high);
  for (size_t r = 0; r < shape.rows; ++r) {
    ForEachVector(
        0, shape.channels, [&](auto&& load, auto&& store, size_t c) HWY_ATTR {
          const VF v =
              hn::Add(hn::Mul(load(x + c), load(scale + c)), load(offset + c));
          store(hn::Min(hn::Max(v, low), high), y + c);
        });
    x += shape.channels;
    y += shape.channels;
  }
}

// The gradient where the range lets it pass.
template <bool kRange, class D, class V>
HWY_INLINE V Passed(D d, const FloatRange& range, V y, V dy) {
  if constexpr (!kRange) return dy;
  return hn::IfThenElseZero(hn::And(hn::Gt(y, hn::Set(d, range.low)),
                                    hn::Lt(y, hn::Set(d, range.high))),
                            dy);
}

template <bool kRange>
void AddGradientSums(const NormGradient& a, size_t first, size_t rows,
                     double* sums, double* products) {
  const DD d;
  const DH dh;
  const size_t channels = a.shape.channels;
  const size_t lanes = hn::Lanes(d);
  size_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    VD sum = hn::LoadU(d, sums + c);
    VD product = hn::LoadU(d, products + c);
    const VH mean = hn::LoadU(dh, a.mean + c);
    const VH inverse = hn::LoadU(dh, a.inverse + c);
    for (size_t r = first; r < first + rows; ++r) {
      const size_t at = r * channels + c;
      const VH g =
          Passed<kRange>(dh, a.range, hn::LoadU(dh, (kRange ? a.y : a.x) + at),
                         hn::LoadU(dh, a.dy + at));
      const VH n = hn::Mul(hn::Sub(hn::LoadU(dh, a.x + at), mean), inverse);
      const VD wide = hn::PromoteTo(d, g);
      sum = hn::Add(sum, wide);
      product = hn::MulAdd(wide, hn::PromoteTo(d, n), product);
    }
    hn::StoreU(sum, d, sums + c);
    hn::StoreU(product, d, products + c);
  }
  for (; c < channels; ++c) {
    for (size_t r = first; r < first + rows; ++r) {
      const size_t at = r * channels + c;
      if (kRange && !a.range.Passes(a.y[at])) continue;
      sums[c] += double{a.dy[at]};
      products[c] +=
          double{a.dy[at]} * double{(a.x[at] - a.mean[c]) * a.inverse[c]};
    }
  }
}

void GradientSums(const NormGradient& a, double* sums, double* products) {
  std::fill_n(sums, a.shape.channels, 0.0);
  std::fill_n(products, a.shape.channels, 0.0);
  ForEachBlock(a.shape, [&](size_t first, size_t rows) {
    if (a.range.IsNone()) {
      AddGradientSums<false>(a, first, rows, sums, products);
    } else {
      AddGradientSums<true>(a, first, rows, sums, products);
    }
  });
}

template <bool kRange>
void GradientOfInputRows(const NormGradient& a, const float* factor,
                         const float* mean_g, const float* mean_gn, float* dx) {
  const DF d;
  for (size_t r = 0; r < a.shape.rows; ++r) {
    const size_t row = r * a.shape.channels;
    ForEachVector(
        0, a.shape.channels, [&](auto&& load, auto&& store, size_t c) HWY_ATTR {
          const VF g =
              Passed<kRange>(d, a.range, load((kRange ? a.y : a.x) + row + c),
                             load(a.dy + row + c));
          const VF n = hn::Mul(hn::Sub(load(a.x + row + c), load(a.mean + c)),
                               load(a.inverse + c));
          const VF centred =
              hn::NegMulAdd(n, load(mean_gn + c), hn::Sub(g, load(mean_g + c)));
          store(hn::Mul(centred, load(factor + c)), dx + row + c);
        });
  }
}

void GradientOfInput(const NormGradient& a, const float* factor,
                     const float* mean_g, const float* mean_gn, float* dx) {
  if (a.range.IsNone()) {
    GradientOfInputRows<false>(a, factor, mean_g, mean_gn, dx);
  } else {
    GradientOfInputRows<true>(a, factor, mean_g, mean_gn, dx);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Sums);
HWY_EXPORT(Affine);
HWY_EXPORT(GradientSums);
HWY_EXPORT(GradientOfInput);

void ChannelSums(const float* x, ChannelRows shape, double* sums,
                 double* squares) {
  HWY_DYNAMIC_DISPATCH(Sums)(x, shape, sums, squares);
}

void ChannelAffine(const float* x, ChannelRows shape, const float* scale,
                   const float* offset, FloatRange range, float* y) {
  HWY_DYNAMIC_DISPATCH(Affine)(x, shape, scale, offset, range, y);
}

void NormGradientSums(const NormGradient& a, double* sums, double* products) {
  HWY_DYNAMIC_DISPATCH(GradientSums)(a, sums, products);
}

void NormGradientOfInput(const NormGradient& a, const float* factor,
                         const float* mean_g, const float* mean_gn, float* dx) {
  HWY_DYNAMIC_DISPATCH(GradientOfInput)(a, factor, mean_g, mean_gn, dx);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
