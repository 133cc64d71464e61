// A convolution of bytes by tiles (amx.h), which are requantized as vectors.
// For the AVX3 target alone.
#if defined(LITESMITH_KERNELS_CONV_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_AMX_INL_H_
#undef LITESMITH_KERNELS_CONV_AMX_INL_H_
#else
#define LITESMITH_KERNELS_CONV_AMX_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/conv/amx.h"
#include "src/kernels/conv/run-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

// The instructions, as assembly: their intrinsics want a target of their own.
// kT, ...: numbers of tile registers; `step`: bytes from row to row.
template <int kT>
HWY_INLINE void LoadTile(const void* from, ptrdiff_t step) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2"
               :
               : "r"(from), "r"(step), "i"(kT)
               : "memory");
}
template <int kT>
HWY_INLINE void StoreTileTo(void* to, ptrdiff_t step) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)"
               :
               : "r"(to), "r"(step), "i"(kT)
               : "memory");
}
// Sums += unsigned words of windows * words of weights.
template <int kSums, int kX, int kW>
HWY_INLINE void DotTiles() {
  asm volatile("tdpbusd %%tmm%c0, %%tmm%c1, %%tmm%c2"
               :
               : "i"(kW), "i"(kX), "i"(kSums));
}

// The tile registers while this lives: sums, then windows, then weights.
class AmxRegisters {
 public:
  static constexpr int kSums = 4, kX = 2, kW = 2;
  AmxRegisters(int windows, int words) {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, unused[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int i = 0; i < kSums + kX + kW; ++i) {
      const bool x = i >= kSums && i < kSums + kX;
      config.row_bytes[i] = static_cast<uint16_t>(x ? words * 4 : 64);
      config.rows[i] = static_cast<uint8_t>(i < kSums + kX ? windows : words);
    }
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  ~AmxRegisters() { asm volatile("tilerelease"); }
  AmxRegisters(const AmxRegisters&) = delete;
  AmxRegisters& operator=(const AmxRegisters&) = delete;
};

// Two tiles of windows by kV blocks of channels.
template <class Epilogue, int kV>
class AmxBlocks {
 public:
  using Out = typename Epilogue::Out;
  AmxBlocks(const PackedConv& p, int block, DynamicScale scale)
      : p_(p),
        block_(block),
        weights_(p.weights.as<int32_t>() +
                 static_cast<size_t>(block) * p.word_offsets.size() * kLanes),
        epilogues_{Epilogue(p, block * kLanes, scale),
                   Epilogue(p, (block + kV - 1) * kLanes, scale)} {
    for (int v = 0; v < kV; ++v)
      hn::Store(epilogues_[v].Start(), DS32(), starts_ + v * kLanes);
  }

  // All windows of an image.
  void Run(const uint8_t* x, Out* y) const {
    const Window& g = p_.spec.window;
    const bool even = p_.window_pitch > 0;
    const int rows = even ? 1 : g.out_h;
    const int row = even ? g.out_h * g.out_w : g.out_w;
    // The last tile of a row may overlap the one before.
    const int tiles = (row + p_.amx_windows - 1) / p_.amx_windows;
    const int total = rows * tiles;
    const auto first = [&](int tile) {
      return tile / tiles * row +
             std::min(tile % tiles * p_.amx_windows, row - p_.amx_windows);
    };
    for (int i = 0; i < total; i += 2) {
      const bool two = i + 1 < total;
      const int windows[] = {first(i), two ? first(i + 1) : 0};
      Multiply(x, windows, two);
      Write(0, windows[0], y);
      if (two) Write(1, windows[1], y);
    }
  }

 private:
  static constexpr int kLanes = 16;
  static constexpr int kTileSums = 16 * kLanes;
  static constexpr int kX = AmxRegisters::kSums;
  static constexpr int kW = kX + AmxRegisters::kX;

  // sums_[tile][block][window][lane], of one tile of windows or of two.
  HWY_INLINE void Multiply(const uint8_t* x, const int* windows,
                           bool two) const {
    LoadTile<0>(starts_, 0), LoadTile<kV>(starts_, 0);
    if constexpr (kV == 2) {
      LoadTile<1>(starts_ + kLanes, 0), LoadTile<3>(starts_ + kLanes, 0);
    }
    const Window& g = p_.spec.window;
    const ptrdiff_t step = ptrdiff_t{g.stride_w} * g.in_c;
    const uint8_t* const x0 = x + p_.window_offsets[At(windows[0])];
    const uint8_t* const x1 = x + p_.window_offsets[At(windows[1])];
    const size_t words = p_.word_offsets.size();
    const int32_t* w = weights_;
    for (size_t at = 0; at < words; at += At(p_.amx_words)) {
      const int32_t offset = p_.word_offsets[at];
      LoadTile<kW>(w, kLanes * 4);
      LoadTile<kX>(x0 + offset, step);
      DotTiles<0, kX, kW>();
      if constexpr (kV == 2) {
        LoadTile<kW + 1>(w + words * kLanes, kLanes * 4);
        DotTiles<1, kX, kW + 1>();
      }
      if (two) {
        LoadTile<kX + 1>(x1 + offset, step);
        DotTiles<kV, kX + 1, kW>();
        if constexpr (kV == 2) DotTiles<3, kX + 1, kW + 1>();
      }
      w += p_.amx_words * kLanes;
    }
    StoreTileTo<0>(sums_, kLanes * 4);
    StoreTileTo<kV>(sums_ + kV * kTileSums, kLanes * 4);
    if constexpr (kV == 2) {
      StoreTileTo<1>(sums_ + kTileSums, kLanes * 4);
      StoreTileTo<3>(sums_ + 3 * kTileSums, kLanes * 4);
    }
  }

  // The outputs of a tile, four windows at a time, of which the last may have
  // been written before.
  HWY_INLINE void Write(int tile, int window, Out* y) const {
    const ptrdiff_t pitch = p_.spec.window.out_c;
    for (int v = 0; v < kV; ++v) {
      const int32_t* sums = sums_ + (tile * kV + v) * kTileSums;
      Out* to = y + window * pitch + (block_ + v) * kLanes;
      for (int k = 0; k < p_.amx_windows; k += 4) {
        const int at = std::min(k, p_.amx_windows - 4);
        decltype(epilogues_->Finish(hn::Zero(DS32()))) out[4];
        Out* positions[4];
        for (int i = 0; i < 4; ++i) {
          out[i] =
              epilogues_[v].Finish(hn::Load(DS32(), sums + (at + i) * kLanes));
          positions[i] = to + (at + i) * pitch;
        }
        StoreTile<4, 1>(out, p_.requantizer, positions);
      }
    }
  }

  static size_t At(int i) { return static_cast<size_t>(i); }

  const PackedConv& p_;
  int block_;
  const int32_t* weights_;
  const Epilogue epilogues_[2];
  HWY_ALIGN int32_t starts_[kV * kLanes];
  HWY_ALIGN mutable int32_t sums_[2 * kV * kTileSums];
};

// All images of one call.
template <class Epilogue>
void RunAmx(const PackedConv& p, int images, const void* x, void* y,
            std::byte* workspace) {
  const AmxRegisters registers(p.amx_windows, p.amx_words);
  ForEachImage<Epilogue>(
      p, images, x, y, workspace, p.spec.window.out_size(),
      [&](const std::byte* image, DynamicScale scale, auto* out, const auto*) {
        const auto* from = reinterpret_cast<const uint8_t*>(image);
        int block = 0;
        for (; block + 2 <= p.blocks; block += 2)
          AmxBlocks<Epilogue, 2>(p, block, scale).Run(from, out);
        if (block < p.blocks)
          AmxBlocks<Epilogue, 1>(p, block, scale).Run(from, out);
      });
}

// Whether p goes by tiles, which it is then told.
inline bool CutForAmx(PackedConv* p) {
  const AmxTiles tiles = ChooseAmxTiles(*p);
  if (tiles.words == 0 || !HasAmx()) return false;
  p->amx_windows = tiles.windows, p->amx_words = tiles.words;
  return true;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LITESMITH_KERNELS_CONV_AMX_INL_H_
