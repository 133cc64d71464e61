// Runs written files and says what their outputs are worth. Reads the file back
// from disk; never looks at the graph that it was made of.
#ifndef LITESMITH_MEASURE_EVALUATE_H_
#define LITESMITH_MEASURE_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/metrics.h"
#include "src/runtime/interpreter.h"

namespace litesmith {

struct EvaluateOptions {
  int threads = 0;              // 0: all that the process may use
  std::string metric = "top1";  // of metrics.h
  size_t output = 0;            // of the model, against the target of its place
  Numerics numerics = Numerics::kLiteRt;
  bool reference = false;
};

struct Score {
  double value = 0;     // of the metric; a share is a fraction
  int64_t correct = 0;  // of a share: how many samples are right
  int64_t samples = 0;
};

// The metric of the file's output against the target, over all of `data`. Each
// field of the inputs is fed to the input of its place, in that input's type
// (feeder.h). Throws Error if the file cannot be read or run, does not fit the
// data, or gives a number that is not finite.
Score EvaluateFile(const std::string& path, const Dataset& data,
                   const EvaluateOptions& options);
// The same of a graph already read.
Score EvaluateGraph(const Graph& graph, const Dataset& data,
                    const EvaluateOptions& options);

// What judges outputs: a metric, or what has more to say than one value.
struct Judgement {
  std::string name;  // for messages
  TargetKind targets;
  std::function<std::unique_ptr<Scorer>(const Field& target,
                                        const Tensor& output)>
      make;
};
Judgement By(const Metric& metric);

// The parts of all samples, [samples, width], and the scorer that made them.
// Throws as EvaluateGraph.
std::vector<double> EvaluateParts(const Graph& graph, const Dataset& data,
                                  const EvaluateOptions& options,
                                  const Judgement& by,
                                  std::unique_ptr<Scorer>* scorer);
// What a metric's scorer makes of them.
Score ScoreOf(const Metric& metric, const Scorer& scorer,
              std::span<const double> parts);

// Throws Error if the graph cannot be run or does not fit the data: what
// EvaluateGraph would say at its start. Runs nothing.
void RequireEvaluable(const Graph& graph, const Dataset& data,
                      const std::string& metric, size_t output = 0);
// Likewise of each output that is judged, by its metric: `names` as
// ChooseMetrics takes them.
void RequireOutputs(const Graph& graph, const Dataset& data,
                    const std::string& names);

// The plan of an interpreter that is to do as the options say.
InterpreterOptions PlanOptions(const EvaluateOptions& options, int batch);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_EVALUATE_H_
