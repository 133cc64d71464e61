// Calibration: the running min and max of every activation over the first
// samples, as TFLite's default method (specs/tflite.md 5.1).
#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/data/batch.h"
#include "src/graph/facts.h"
#include "src/quant/convert.h"
#include "src/quant/prepare.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/transform/batch_norm.h"
#include "src/transform/expand_rnn.h"

namespace litesmith {
namespace {

constexpr int64_t kEnough = 100;

// Sums over the samples, by channel.
struct Moments {
  std::vector<double> sum, square;

  void Add(std::span<const float> values, const Shape& shape) {
    if (shape.rank() == 0) return;
    sum.resize(static_cast<size_t>(shape[shape.rank() - 1]));
    square.resize(sum.size());
    for (size_t at = 0; at < values.size(); at += sum.size()) {
      for (size_t c = 0; c < sum.size(); ++c) {
        const double v = values[at + c];
        sum[c] += v;
        square[c] += v * v;
      }
    }
    count += values.size();
  }

  // Shrunk by how uncertain it is: the mean of n samples is off by a variance
  // of var / n.
  std::vector<float> Mean(int64_t samples) const {
    std::vector<float> result;
    const double each = static_cast<double>(count) / sum.size();
    for (size_t c = 0; c < sum.size(); ++c) {
      const double mean = sum[c] / each;
      const double variance = std::max(square[c] / each - mean * mean, 0.0);
      const double sure = mean * mean;
      const double all = sure + variance / static_cast<double>(samples);
      result.push_back(static_cast<float>(all > 0 ? mean * sure / all : 0));
    }
    return result;
  }

  size_t count = 0;
};

}  // namespace

Ranges Calibrate(const Graph& model, const Dataset& data, int64_t samples) {
  // What only some schemes have is at the end: ids are what ranges go by.
  const Graph graph =
      SplitCostlyBatchNorms(ExpandRnns(Prepare(model), RnnForm::kWatched));
  samples = std::min(samples, data.size());
  if (samples < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "calibration wants at least one sample; the data has {}", data.size());
  }
  // Every float activation becomes an output of a copy, so that the plan keeps
  // it.
  Graph watched = graph;
  std::vector<TensorId> ids;
  for (const TensorId id : graph.inputs) {
    if (graph.tensor(id).dtype == DType::kFloat32) ids.push_back(id);
  }
  watched.outputs.clear();
  // What is computed of constants alone has no batch and is no activation.
  const GraphFacts facts = FactsOf(graph);
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.outputs) {
      if (graph.tensor(id).dtype != DType::kFloat32 || !facts.IsBatched(id)) {
        continue;
      }
      ids.push_back(id);
    }
  }
  watched.outputs = ids;
  watched.output_names.clear();
  InterpreterOptions options;
  options.batch = 1;
  options.inner_outputs = true;
  Interpreter interpreter(watched, options);
  const InputFeeder feed(data.inputs(), interpreter);
  BatchReader reader(data, 1);
  Ranges ranges(graph.tensors.size());
  std::vector<Moments> moments(ids.size());
  for (int64_t s = 0; s < samples; ++s) {
    feed(reader.Read(s, 1), &interpreter);
    interpreter.Invoke();
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto bytes = interpreter.output(static_cast<int>(i));
      const std::span<const float> values{
          reinterpret_cast<const float*>(bytes.data()),
          bytes.size() / sizeof(float)};
      Range& range = ranges[static_cast<size_t>(ids[i])];
      range.few = samples < kEnough;
      for (const float v : values) {
        if (!std::isfinite(v)) {
          Fail(ErrorKind::kInvalidArgument,
               "tensor '{}' takes the value {} on calibration sample {}; the "
               "model or the data "
               "holds a number that is not finite",
               graph.tensor(ids[i]).name, v, s);
        }
        range.min = std::min(range.min, v);
        range.max = std::max(range.max, v);
      }
      moments[i].Add(values,
                     interpreter.output_tensor(static_cast<int>(i)).shape);
    }
  }
  for (size_t i = 0; i < ids.size(); ++i)
    ranges[static_cast<size_t>(ids[i])].mean = moments[i].Mean(samples);
  return ranges;
}

}  // namespace litesmith
