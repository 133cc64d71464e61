// The panels, and the products with them, compiled for each SIMD target.
#include "src/kernels/matmul/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/matmul/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool PackForFloats(PackedMatMul*) { return false; }
bool PackForBytes(const Requantizer&, PackedMatMul*) { return false; }

#else

constexpr int kLanes = hn::MaxLanes(DS32());
constexpr int kVectors = 2;  // of columns in a panel
constexpr int kPanel = kVectors * kLanes;
constexpr int kRows = 4;  // of x at a time

// Sums of floats become the output as they are.
struct FinishFloats {
  using Out = float;
  explicit FinishFloats(const PackedMatMul&) {}
  HWY_INLINE void Store(VF32 sum, float* out, int columns) const {
    if (columns >= kLanes) {
      hn::StoreU(sum, DF32(), out);
      return;
    }
    HWY_ALIGN float lanes[kLanes];
    hn::Store(sum, DF32(), lanes);
    std::copy_n(lanes, columns, out);
  }
};

template <RequantForm kForm>
class FinishBytes {
 public:
  using Out = int8_t;
  explicit FinishBytes(const PackedMatMul& p)
      : requantizer_(p.requantizer, 0),
        lo_(hn::Set(DS32(), p.requantizer.lo)),
        hi_(hn::Set(DS32(), p.requantizer.hi)) {}
  HWY_INLINE void Store(VS32 sum, int8_t* out, int columns) const {
    const hn::Rebind<int8_t, DS32> d8;
    const auto y =
        hn::DemoteTo(d8, hn::Min(hn::Max(requantizer_.Apply(sum), lo_), hi_));
    if (columns >= kLanes) {
      hn::StoreU(y, d8, out);
      return;
    }
    HWY_ALIGN int8_t lanes[kLanes];
    hn::Store(y, d8, lanes);
    std::copy_n(lanes, columns, out);
  }

 private:
  VectorRequantizer<kForm> requantizer_;
  VS32 lo_, hi_;
};

// How x and y are laid out: kWord of their elements are a word of 32 bits.
struct Floats {
  using In = float;
  using Element = float;
  using Words = WordsF32Exact;
  static constexpr int kWord = 1;
  static float Of(float v, int32_t) { return v; }
};
template <class W>
struct Bytes {
  using In = int8_t;
  using Element = int16_t;
  using Words = W;
  static constexpr int kWord = 2;
  static int16_t Of(int8_t v, int32_t zero) {
    return static_cast<int16_t>(v - zero);
  }
};

template <class Kind>
int64_t WordsOf(int64_t depth) {
  return (depth + Kind::kWord - 1) / Kind::kWord;
}

// y as panels. What lies beyond its columns and its depth is zero.
template <class Kind>
void LayOutY(const MatMulShape& s, const typename Kind::In* y, int32_t zero,
             typename Kind::Element* to) {
  const auto words = static_cast<int>(WordsOf<Kind>(s.depth));
  for (int first = 0; first < s.columns; first += kPanel) {
    const int columns = std::min(kPanel, s.columns - first);
    for (int word = 0; word < words; ++word, to += kPanel * Kind::kWord) {
      for (int i = 0; i < Kind::kWord; ++i) {
        const int k = word * Kind::kWord + i;
        if (k >= s.depth) {
          for (int c = 0; c < kPanel; ++c) to[c * Kind::kWord + i] = 0;
          continue;
        }
        const typename Kind::In* from = y + s.Y(k, first);
        const int64_t step = s.y_transposed ? s.depth : 1;
        for (int c = 0; c < columns; ++c)
          to[c * Kind::kWord + i] = Kind::Of(from[c * step], zero);
        for (int c = columns; c < kPanel; ++c) to[c * Kind::kWord + i] = 0;
      }
    }
  }
}

// x as [rows][words].
template <class Kind>
void LayOutX(const MatMulShape& s, const typename Kind::In* x, int32_t zero,
             typename Kind::Element* to) {
  const auto pitch = static_cast<int>(WordsOf<Kind>(s.depth)) * Kind::kWord;
  for (int row = 0; row < s.rows; ++row, to += pitch) {
    for (int k = 0; k < s.depth; ++k) to[k] = Kind::Of(x[s.X(row, k)], zero);
    std::fill(to + s.depth, to + pitch, typename Kind::Element{0});
  }
}

// kR rows of x with one panel.
template <class Kind, int kR, class Finish>
HWY_INLINE void Panel(const typename Kind::Element* x, int words,
                      const typename Kind::Element* y, const Finish& finish,
                      int columns, typename Finish::Out* out,
                      ptrdiff_t out_pitch) {
  using Words = typename Kind::Words;
  using D = typename Words::D;
  using V = hn::Vec<D>;
  const D d;
  const ptrdiff_t pitch = ptrdiff_t{words} * Kind::kWord;
  V sums[kR][kVectors];
  HWY_UNROLL(4)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  const auto* at = reinterpret_cast<const hn::TFromD<D>*>(y);
  for (int word = 0; word < words; ++word, at += kPanel, x += Kind::kWord) {
    const V y0 = hn::Load(d, at);
    const V y1 = hn::Load(d, at + kLanes);
    HWY_UNROLL(4)
    for (int r = 0; r < kR; ++r) {
      const V xs = Words::Broadcast(x + r * pitch);
      sums[r][0] = Words::Step(sums[r][0], xs, y0);
      sums[r][1] = Words::Step(sums[r][1], xs, y1);
    }
  }
  HWY_UNROLL(4)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      const int left = columns - v * kLanes;
      if (left > 0)
        finish.Store(sums[r][v], out + r * out_pitch + v * kLanes, left);
    }
  }
}

template <class Kind, class Finish>
void Run(const PackedMatMul& p, const MatMulShape& s, const void* x,
         const void* y, void* out, std::byte* workspace) {
  using In = typename Kind::In;
  using Element = typename Kind::Element;
  auto* panels = reinterpret_cast<Element*>(workspace);
  LayOutY<Kind>(s, static_cast<const In*>(y), p.zeros.w, panels);
  const auto* rows = static_cast<const Element*>(x);
  if (!std::is_same_v<In, Element> || s.x_transposed) {
    auto* laid_out = reinterpret_cast<Element*>(workspace + p.x_at);
    LayOutX<Kind>(s, static_cast<const In*>(x), p.zeros.x, laid_out);
    rows = laid_out;
  }
  const Finish finish(p);
  const auto words = static_cast<int>(WordsOf<Kind>(s.depth));
  const ptrdiff_t pitch = ptrdiff_t{words} * Kind::kWord;
  for (int first = 0; first < s.columns; first += kPanel) {
    auto* to = static_cast<typename Finish::Out*>(out) + first;
    const int columns = s.columns - first;
    int row = 0;
    for (; row + kRows <= s.rows; row += kRows) {
      Panel<Kind, kRows>(rows + row * pitch, words, panels, finish, columns,
                         to + int64_t{row} * s.columns, s.columns);
    }
    for (; row < s.rows; ++row) {
      Panel<Kind, 1>(rows + row * pitch, words, panels, finish, columns,
                     to + int64_t{row} * s.columns, s.columns);
    }
    panels += pitch * kPanel;
  }
}

template <class Kind>
void Reserve(PackedMatMul* p) {
  const MatMulShape& s = p->shape;
  const auto bytes = [](int64_t words) {
    return (static_cast<size_t>(words) * 4 + 63) / 64 * 64;
  };
  const int64_t words = WordsOf<Kind>(s.depth);
  const int64_t panels = (int64_t{s.columns} + kPanel - 1) / kPanel;
  p->x_at = bytes(panels * kPanel * words);
  const bool reads_x =
      std::is_same_v<typename Kind::In, typename Kind::Element> &&
      !s.x_transposed;
  p->workspace_bytes = p->x_at + (reads_x ? 0 : bytes(s.rows * words));
}

bool PackForFloats(PackedMatMul* p) {
  Reserve<Floats>(p);
  p->run = &Run<Floats, FinishFloats>;
  return true;
}

template <class Words>
void ChooseBytes(PackedMatMul* p) {
  Reserve<Bytes<Words> >(p);
  switch (p->requantizer.form) {
    case RequantForm::kPlain:
      p->run = &Run<Bytes<Words>, FinishBytes<RequantForm::kPlain> >;
      return;
    case RequantForm::kSigned:
      p->run = &Run<Bytes<Words>, FinishBytes<RequantForm::kSigned> >;
      return;
    default:
      p->run = &Run<Bytes<Words>, FinishBytes<RequantForm::kLeft> >;
  }
}

bool PackForBytes(const Requantizer& requantizer, PackedMatMul* p) {
  Requantizer lanes = requantizer;
  lanes.multipliers.assign(kLanes, requantizer.multipliers[0]);
  const int64_t bound = int64_t{255} * 255 * p->shape.depth;
  if (bound >= int64_t{1} << 31) return false;
  const std::vector<int64_t> bounds(kLanes, bound);
  if (!PackRequantizer(lanes, bounds, kLanes, 1, &p->requantizer)) return false;
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) {
    ChooseBytes<WordsS16Vnni>(p);
    return true;
  }
#endif
  ChooseBytes<WordsS16>(p);
  return true;
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(PackForFloats);
HWY_EXPORT(PackForBytes);

std::unique_ptr<const PackedMatMul> PackMatMulF32(const MatMulShape& shape) {
  auto packed = std::make_unique<PackedMatMul>();
  packed->shape = shape;
  if (!HWY_DYNAMIC_DISPATCH(PackForFloats)(packed.get())) return nullptr;
  return packed;
}

std::unique_ptr<const PackedMatMul> PackMatMulS8(
    const MatMulShape& shape, LayerZeros zeros,
    const Requantizer& requantizer) {
  auto packed = std::make_unique<PackedMatMul>();
  packed->shape = shape;
  packed->zeros = zeros;
  if (!HWY_DYNAMIC_DISPATCH(PackForBytes)(requantizer, packed.get()))
    return nullptr;
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
