// A conversion with what was decided on its way, for those who explain it.
#ifndef LITESMITH_QUANT_CONVERSION_H_
#define LITESMITH_QUANT_CONVERSION_H_

#include "src/graph/graph.h"
#include "src/quant/convert.h"
#include "src/quant/decisions.h"
#include "src/quant/float_nodes.h"

namespace litesmith {

struct Conversion {
  Graph ready;  // the float graph that the decisions are about
  FloatNodes float_nodes;
  Decisions decisions;
  Graph result;
};

// As Convert.
Conversion MakeConversion(const Graph& graph, const Scheme& scheme,
                          const Ranges& ranges, const ConvertOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_CONVERSION_H_
