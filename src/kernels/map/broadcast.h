// Elementwise functions of two arrays whose shapes are broadcast against each
// other (numpy's rule). Neighbouring dimensions that both arrays walk through
// alike are one, so that the innermost loop is long.
#ifndef LITESMITH_KERNELS_MAP_BROADCAST_H_
#define LITESMITH_KERNELS_MAP_BROADCAST_H_

#include <array>
#include <cstdint>
#include <span>

namespace litesmith::kernels {

// TFLite broadcasts up to this rank (specs/ops.md 3).
inline constexpr int kMaxBroadcastRank = 8;

struct BroadcastPlan {
  int rank = 1;
  // Outermost first; strides in elements, 0 where the array is repeated.
  std::array<int64_t, kMaxBroadcastRank> size{};
  std::array<int64_t, kMaxBroadcastRank> a{};
  std::array<int64_t, kMaxBroadcastRank> b{};
};

// Of shapes that broadcast to `out`. The first dimension of `out` is never
// merged with others: a caller may run over its first part only.
BroadcastPlan PlanBroadcast(std::span<const int32_t> a,
                            std::span<const int32_t> b,
                            std::span<const int32_t> out);

namespace broadcast_internal {

template <class Body>
void Walk(const BroadcastPlan& plan, int dim, int64_t a, int64_t b,
          int64_t* out, const Body& body) {
  const auto d = static_cast<size_t>(dim);
  if (dim == plan.rank - 1) {
    body(a, b, *out, plan.size[d], plan.a[d], plan.b[d]);
    *out += plan.size[d];
    return;
  }
  for (int64_t i = 0; i < plan.size[d]; ++i) {
    Walk(plan, dim + 1, a, b, out, body);
    a += plan.a[d];
    b += plan.b[d];
  }
}

}  // namespace broadcast_internal

// Calls body(a, b, out, count, step of a, step of b) for each innermost run of
// elements, in the output's order: positions in elements. `first` is how much
// of the first dimension is walked.
template <class Body>
void ForEachRun(BroadcastPlan plan, int64_t first, const Body& body) {
  plan.size[0] = first;
  int64_t out = 0;
  broadcast_internal::Walk(plan, 0, 0, 0, &out, body);
}

// y = f(a, b).
template <class T, class R, class F>
void Binary(const BroadcastPlan& plan, int64_t first, const T* a, const T* b,
            R* __restrict y, const F& f) {
  ForEachRun(plan, first,
             [&](int64_t at_a, int64_t at_b, int64_t out, int64_t n,
                 int64_t step_a, int64_t step_b) {
               const T* from_a = a + at_a;
               const T* from_b = b + at_b;
               R* to = y + out;
               // The usual steps as constants: compilers vectorize these.
               if (step_a == 1 && step_b == 1) {
                 for (int64_t i = 0; i < n; ++i)
                   to[i] = f(from_a[i], from_b[i]);
               } else if (step_a == 1 && step_b == 0) {
                 for (int64_t i = 0; i < n; ++i) to[i] = f(from_a[i], *from_b);
               } else {
                 for (int64_t i = 0; i < n; ++i)
                   to[i] = f(from_a[i * step_a], from_b[i * step_b]);
               }
             });
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_BROADCAST_H_
