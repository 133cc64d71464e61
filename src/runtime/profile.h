// How much there is to compute, and what limit of the machine it runs against:
// what times kernels prints both.
#ifndef LITESMITH_RUNTIME_PROFILE_H_
#define LITESMITH_RUNTIME_PROFILE_H_

#include <cstdint>
#include <span>

#include "src/graph/graph.h"

namespace litesmith {

// Of src/kernels/common/peak.h, which the library's users do not need.
enum class PeakKind : uint8_t;

struct Work {
  double macs = 0;  // of a sample; 0: the ops count none
  PeakKind peak{};  // what the products run against
};

// Of one kernel's nodes together, in a bound graph.
Work WorkOf(const Graph& graph, std::span<const NodeId> nodes);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_PROFILE_H_
