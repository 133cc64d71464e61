// What is in a model, as numbers: gathered once, printed as text or as JSON.
#ifndef LITESMITH_CLI_INSPECTION_H_
#define LITESMITH_CLI_INSPECTION_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/weights.h"

namespace litesmith {

// A layer with weights.
struct LayerFacts {
  std::string name;
  std::string op;
  std::string weights;  // the tensor's name
  Shape shape;          // as it is stored
  Shape keras_shape;    // as Keras has it: [h, w, in, out], [in, out]
  DType dtype = DType::kFloat32;
  Shape output;
  int64_t macs = 0;
  int64_t values = 0;
  int64_t zeros = 0;
  int64_t distinct = -1;  // -1: too many to count
};

struct ModelSummary {
  std::string path;
  std::string numbers;      // "a float32 model"
  int64_t file_bytes = 0;   // 0: a built-in model
  int64_t gzip_bytes = -1;  // -1: not computed
  std::vector<std::pair<std::string, int64_t>> operators;  // by how many
  int64_t operator_count = 0;
  int64_t tensor_count = 0;
  int64_t subgraphs = 0;
  int64_t constant_bytes = 0;
  int64_t weights = 0;
  int64_t zero_weights = 0;
  int64_t macs = 0;
  int64_t arena_bytes = -1;  // of one sample; -1: not known, as it cannot run
  std::vector<std::string> targets;  // of `advise`, that take such a file
  std::vector<LayerFacts> layers;
};

// `path` names the file; `all` counts and compresses what takes long, too.
ModelSummary Summarize(const std::string& path, const Graph& graph, bool all);

// Ten lines.
std::string SummaryText(const ModelSummary& summary, const Graph& graph);
// A line of the summary for a file that knows its classes' names.
std::string ClassNamesText(std::span<const std::string> names);
// The table of layers.
std::string LayersText(const ModelSummary& summary, bool keras);

// "scale 0.5 zero point 3", "12 scales along axis 0, 0.1 to 0.2", "-".
std::string QuantText(const Tensor& tensor);

// Values of the layers whose name or weights' name matches the shell pattern:
// range, mean, zeros, distinct, and a histogram in `width` columns (0: 80).
// Throws Error{invalid argument} with the nearest name if there is none.
std::string WeightsText(const Graph& graph, const std::string& pattern,
                        int width);

}  // namespace litesmith

#endif  // LITESMITH_CLI_INSPECTION_H_
