// Lays dense weights out in groups of outputs.
#include "src/kernels/dense/pack.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace litesmith {
namespace {

template <typename T>
PackedBuffer Padded(int pitch, const std::vector<T>& values) {
  PackedBuffer buffer(static_cast<size_t>(pitch) * sizeof(T));
  if (!values.empty()) {
    std::memcpy(buffer.get(), values.data(), values.size() * sizeof(T));
  }
  return buffer;
}

// The first element of vector v. The last vector ends where the row does.
int First(const PackedDense& p, int v) {
  const int last = std::max(p.spec.shape.depth - p.elements, 0);
  return std::min(v * p.elements, last);
}

template <typename W>
void PackWeights(const DenseSpec& spec, PackedDense* p) {
  const int depth = spec.shape.depth;
  const int outputs = spec.shape.outputs;
  p->weights = PackedBuffer(sizeof(W) * static_cast<size_t>(outputs) *
                            static_cast<size_t>(p->vectors * p->elements));
  const auto* w = static_cast<const W*>(spec.weights);
  W* to = p->weights.as<W>();
  int group = kDenseGroup;
  for (int o = 0; o < outputs; o += group) {
    while (group > outputs - o) group /= 2;
    for (int v = 0; v < p->vectors; ++v) {
      for (int r = 0; r < group; ++r, to += p->elements) {
        const int first = First(*p, v);
        for (int e = v * p->elements - first; e < p->elements; ++e) {
          if (first + e < depth) to[e] = w[int64_t{o + r} * depth + first + e];
        }
      }
    }
  }
}

// For lanes-inl.h.
void PackLanes(const DenseSpec& spec, int lanes, PackedDense* p) {
  const int depth = spec.shape.depth;
  const int outputs = spec.shape.outputs;
  int blocks = (outputs + lanes - 1) / lanes;
  p->weights = PackedBuffer(static_cast<size_t>(blocks) *
                            static_cast<size_t>(p->vectors) *
                            static_cast<size_t>(lanes * p->elements));
  const auto* w = static_cast<const int8_t*>(spec.weights);
  auto* to = p->weights.as<int8_t>();
  int group = 8;
  for (int first = 0; blocks > 0; first += group * lanes) {
    while (group > blocks) group /= 2;
    blocks -= group;
    for (int word = 0; word < p->vectors; ++word) {
      for (int lane = 0; lane < group * lanes; ++lane) {
        for (int e = 0; e < p->elements; ++e, ++to) {
          const int o = first + lane;
          const int at = word * p->elements + e;
          if (o < outputs && at < depth) *to = w[int64_t{o} * depth + at];
        }
      }
    }
  }
}

// Cuts rows into as few parts as keep the sums of int16 products in 32 bits.
void Cut(const DenseSpec& spec, PackedDense* p) {
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int depth = spec.shape.depth;
  const auto fits = [&](int part) {
    for (int64_t from = 0; from < int64_t{spec.shape.outputs} * depth;
         from += depth) {
      for (int begin = 0; begin < depth; begin += part) {
        int64_t sum = 0;
        for (int i = begin; i < std::min(begin + part, depth); ++i) {
          sum += std::abs(int{w[from + i]});
        }
        if (sum * 32768 >= int64_t{1} << 31) return false;
      }
    }
    return true;
  };
  // One vector fits always.
  do {
    p->segment_vectors = (p->vectors + p->segments - 1) / p->segments;
  } while (!fits(p->segment_vectors * p->elements) && ++p->segments != 0);
  p->segments = (p->vectors + p->segment_vectors - 1) / p->segment_vectors;
}

}  // namespace

bool FitsDenseLanes(const DenseSpec& spec) {
  if (spec.kind == LayerKind::kF32F32) return false;
  if (spec.kind == LayerKind::kS16S8) return true;
  const auto* w = static_cast<const int8_t*>(spec.weights);
  const int64_t n = int64_t{spec.shape.outputs} * spec.shape.depth;
  return std::find(w, w + n, int8_t{-128}) == w + n;
}

bool PrefersDenseLanes(const DenseSpec& spec, int lanes, int elements) {
  if (spec.kind == LayerKind::kF32F32) return false;
  const bool wide = spec.kind == LayerKind::kS16S8;
  const int64_t depth = spec.shape.depth;
  const int64_t outputs = spec.shape.outputs;
  const auto parts = [](int64_t n, int64_t of) { return (n + of - 1) / of; };
  // Instructions: bytes of weights are widened for int16; the lanes of a group
  // of four outputs are added by ten or so.
  const int64_t words = parts(depth, wide ? 2 : 4);
  const int64_t in_lanes = parts(outputs, lanes) * words * (wide ? 4 : 2);
  const int64_t along =
      parts(outputs, kDenseGroup) *
      (10 + kDenseGroup * parts(depth, elements) * (wide ? 2 : 1));
  return in_lanes <= along;
}

void PackDenseCommon(const DenseSpec& spec, int elements, int rows, bool vnni,
                     int lanes, PackedDense* p) {
  p->spec = spec;
  p->spec.weights = nullptr;
  p->elements = elements;
  p->vnni = vnni;
  const int depth = spec.shape.depth;
  const auto outputs = static_cast<size_t>(spec.shape.outputs);
  p->vectors = (depth + elements - 1) / elements;
  p->segment_vectors = p->vectors;
  p->spec.bias.resize(outputs);
  p->spec.float_bias.resize(outputs);
  // Whole vectors of any target, and what a group of one output spills.
  p->pitch = (spec.shape.outputs + kDenseGroup + 15) / 16 * 16;
  std::vector<int32_t> sums;
  if (spec.kind == LayerKind::kF32F32) {
    PackWeights<float>(spec, p);
  } else {
    lanes > 0 ? PackLanes(spec, lanes, p) : PackWeights<int8_t>(spec, p);
    const auto* w = static_cast<const int8_t*>(spec.weights);
    for (size_t o = 0; o < outputs; ++o) {
      int32_t sum = 0;
      for (int i = 0; i < depth; ++i) sum += *w++;
      sums.push_back(sum);
    }
  }
  switch (spec.kind) {
    case LayerKind::kF32F32:
      p->bias = Padded(p->pitch, p->spec.float_bias);
      break;
    case LayerKind::kS8S8: {
      // Wraps as the reference's int32 accumulator does.
      const auto zero = static_cast<uint32_t>(spec.x_zero + (vnni ? 128 : 0));
      std::vector<int32_t> bias;
      for (size_t o = 0; o < outputs; ++o) {
        bias.push_back(
            static_cast<int32_t>(static_cast<uint32_t>(p->spec.bias[o]) -
                                 zero * static_cast<uint32_t>(sums[o])));
      }
      p->bias = Padded(p->pitch, bias);
      break;
    }
    case LayerKind::kS16S8:
      Cut(spec, p);
      p->bias = Padded(p->pitch, std::vector<double>(p->spec.bias.begin(),
                                                     p->spec.bias.end()));
      break;
    case LayerKind::kF32S8:
      p->bias = Padded(p->pitch, p->spec.float_bias);
      p->weight_sums = Padded(p->pitch, sums);
      p->scales = Padded(p->pitch, spec.scales);
      break;
  }
  p->reals = Padded(p->pitch, spec.requantizer.reals);
  // Sums of some rows, and the quantized rows.
  p->workspace_bytes = static_cast<size_t>(rows) * 4 *
                       static_cast<size_t>(p->segments) *
                       static_cast<size_t>(p->pitch);
  if (spec.kind == LayerKind::kF32S8) {
    p->quantized_at = p->workspace_bytes;
    p->workspace_bytes +=
        static_cast<size_t>(rows) * static_cast<size_t>(depth);
  }
  if (lanes > 0) {
    // In whole vectors; bytes have their magnitudes behind them.
    const bool wide = spec.kind == LayerKind::kS16S8;
    p->row_bytes = (ptrdiff_t{depth} * (wide ? 2 : 1) + 31) / 32 * 32;
    p->rows_at = (p->workspace_bytes + 63) / 64 * 64;
    p->workspace_bytes =
        p->rows_at + static_cast<size_t>(p->row_bytes) *
                         static_cast<size_t>(wide ? rows : 2 * rows);
  }
}

}  // namespace litesmith
