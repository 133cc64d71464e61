// Float (or fake-quantized) graph in, the graph of one numeric format out.
// Scheme facts: specs/tflite.md sections 2 and 5.
#ifndef LITESMITH_QUANT_CONVERT_H_
#define LITESMITH_QUANT_CONVERT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/dtype.h"
#include "src/base/fields.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith {

// One row of the scheme table: a numeric format that a graph can be given.
struct Scheme {
  const char* name;     // "uint8": the method's name
  const char* summary;  // one line for `litesmith list methods`
  bool full_integer;    // activations are integers: needs calibrated ranges
  DType activation;     // of a full-integer scheme
  DType weight;         // kFloat32, kFloat16 or kInt8
  DType bias;
  DType io;  // the default type of inputs and outputs
};

// fp32, fp16, dynamic, uint8, int8, int16x8.
std::span<const Scheme> Schemes();
// Throws Error{invalid argument} listing the names.
const Scheme& FindScheme(std::string_view name);

// The smallest and largest value of each tensor, by tensor id; min > max where
// nothing was seen.
struct Range {
  float min = 3.402823466e38f;
  float max = -3.402823466e38f;
  // Of so few samples that others will go beyond it.
  bool few = false;
  // By channel (the last dimension), nearer to 0 the less the samples say of
  // it; empty if it is not known.
  std::vector<float> mean = {};
  bool seen() const { return min <= max; }
};
using Ranges = std::vector<Range>;

// Runs the float graph on the first `samples` samples of `data`, a field for
// each input, and records every activation's running min and max (TFLite's
// default calibration), its mean, and whether these samples were few: less than
// 100.
Ranges Calibrate(const Graph& graph, const Dataset& data,
                 int64_t samples = 100);

// Whether Convert needs calibrated ranges: activations become integers, and of
// some no fake quant has learned the range.
bool NeedsRanges(const Graph& graph, const Scheme& scheme);

struct ConvertOptions {
  std::optional<DType> io;  // the scheme's own if not set
  // One scale a row of a dense layer's weights. By default yes, but for
  // clustered weights one for all, so that k clusters stay k integers.
  std::optional<bool> dense_per_channel;
  // Nothing may stay float among integers.
  bool strict = false;
};

template <FieldsOf<ConvertOptions> Options, typename Visit>
void VisitFields(Options& o, Visit&& visit) {
  auto& [io, dense_per_channel, strict] = o;  // a new field does not compile
  visit("io", io);
  visit("dense_per_channel", dense_per_channel);
  (void)strict;  // an error or none: it changes no file
}

// The converted graph of a float model: same inputs and outputs, `io` types.
// `ranges` may be empty for schemes that are not full-integer, and for graphs
// whose fake quants hold the ranges. float16 constants count as the floats that
// they are; weights that the scheme cannot hold (beyond float16's range) are
// named in a warning, and so is what stays float among integers, between a
// DEQUANTIZE and a QUANTIZE, as it has no integer form. Throws Error{invalid
// argument} if ranges are missing, a weight or range is not finite or the graph
// is of integers, and Error{unsupported} naming all that has no integer form if
// `strict`.
Graph Convert(const Graph& graph, const Scheme& scheme, const Ranges& ranges,
              const ConvertOptions& options = {});

// What a tensor of the float model becomes, and why.
struct Reason {
  std::string tensor;
  std::string form;  // "int8, scale 0.0235 zero point -128"
  std::string why;   // "calibrated: 0 to 6"
};

// One for each tensor that Convert decides on, in the graph's order, as it
// converts; throws as Convert does.
std::vector<Reason> Explain(const Graph& graph, const Scheme& scheme,
                            const Ranges& ranges,
                            const ConvertOptions& options = {});

}  // namespace litesmith

#endif  // LITESMITH_QUANT_CONVERT_H_
