// litesmith inspect: what is in a model file, in words and numbers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/measure/gzip.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct Options {
  std::string file;
  bool graph = false;
  uint64_t seed = 1;
};

// A table whose columns are as wide as they need to be.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { Add(std::move(header)); }
  void Add(std::vector<std::string> row) {
    width_.resize(std::max(width_.size(), row.size()), 0);
    for (size_t c = 0; c < row.size(); ++c)
      width_[c] = std::max(width_[c], row[c].size());
    rows_.push_back(std::move(row));
  }
  std::string Text() const {
    std::string text;
    for (const auto& row : rows_) {
      std::string line;
      for (size_t c = 0; c < row.size(); ++c)
        line += fmt::format("{:<{}}  ", row[c], width_[c]);
      line.erase(line.find_last_not_of(' ') + 1);
      text += "  " + line + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> width_;
};

std::string QuantText(const Tensor& tensor) {
  const Quantization& quant = tensor.quant;
  if (quant.empty()) return "-";
  if (!quant.per_axis()) {
    return fmt::format("scale {:g} zero point {}", quant.scale[0],
                       quant.zero_point.empty() ? 0 : quant.zero_point[0]);
  }
  const auto range =
      std::minmax_element(quant.scale.begin(), quant.scale.end());
  return fmt::format("{} scales along axis {}, {:g} to {:g}",
                     quant.scale.size(), quant.axis, *range.first,
                     *range.second);
}

void Run(const Options& options) {
  const Graph graph = LoadModel(options.file, options.seed);
  WarnNotFinite(graph, options.file);
  std::string text = options.file;
  if (FileExists(options.file)) {
    const std::vector<std::byte> bytes = ReadFile(options.file);
    text +=
        fmt::format(": {} bytes, {} gzipped", bytes.size(), GzipSize(bytes));
  }
  int64_t total_macs = 0;
  std::vector<int64_t> macs;
  for (const Node& node : graph.nodes) {
    macs.push_back(node.op->macs != nullptr ? node.op->macs(graph, node) : 0);
    total_macs += macs.back();
  }
  int64_t stored = 0;
  for (const Tensor& tensor : graph.tensors)
    stored += static_cast<int64_t>(tensor.data.size());
  text += fmt::format(
      "\n{} operators, {} tensors, {} bytes of constants, {} "
      "multiply-accumulates an inference, {:.1f} % of weights zero\n",
      graph.nodes.size(), graph.tensors.size(), stored, total_macs,
      100 * WeightSparsity(graph));

  const auto put = [&](const char* title, const std::vector<TensorId>& ids) {
    text += fmt::format("\n{}\n", title);
    Table table({"name", "type", "shape", "quantization"});
    for (const TensorId id : ids) {
      const Tensor& tensor = graph.tensor(id);
      table.Add({tensor.name, Name(tensor.dtype), tensor.shape.ToString(),
                 QuantText(tensor)});
    }
    text += table.Text();
  };
  put("Inputs", graph.inputs);
  put("Outputs", graph.outputs);

  text += "\nOperators\n";
  Table ops({"#", "operator", "inputs", "outputs", "MACs"});
  const auto ids = [](const std::vector<TensorId>& list) {
    std::string joined;
    for (const TensorId id : list) {
      joined += (joined.empty() ? "" : " ") +
                (id == kNoTensor ? std::string("-") : fmt::format("%{}", id));
    }
    return joined;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    ops.Add({fmt::format("{}", n), node.op->name, ids(node.inputs),
             ids(node.outputs), fmt::format("{}", macs[n])});
  }
  text += ops.Text();

  text += "\nTensors\n";
  Table tensors({"#", "kind", "type", "shape", "bytes", "zero", "distinct",
                 "name", "quantization"});
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    std::vector<std::string> row = {fmt::format("%{}", t), Name(tensor.kind),
                                    Name(tensor.dtype),
                                    tensor.shape.ToString()};
    if (tensor.has_data()) {
      const ValueCounts counts = CountValues(tensor);
      const double zero =
          100.0 * static_cast<double>(counts.zeros) /
          static_cast<double>(std::max<int64_t>(1, counts.values));
      row.push_back(fmt::format("{}", tensor.data.size()));
      row.push_back(fmt::format("{:.1f} %", zero));
      row.push_back(fmt::format("{}", counts.distinct));
    } else {
      row.insert(row.end(), {"-", "-", "-"});
    }
    row.push_back(tensor.name);
    row.push_back(QuantText(tensor));
    tensors.Add(std::move(row));
  }
  text += tensors.Text();
  if (options.graph) text += "\nGraph\n" + Print(graph);
  PrintOut(text);
}

}  // namespace

void AddInspect(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "inspect",
      "Print what is in a model: operators and multiply-accumulates, tensors\n"
      "with type, shape, quantization and bytes, and of stored ones the share\n"
      "of zeros and the number of distinct values.");
  verb->add_option("file", options->file,
                   "A .tflite, .h5 or .keras file, or a built-in")
      ->type_name("FILE")
      ->required();
  verb->add_flag("--graph", options->graph,
                 "Also print every operator with its attributes");
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
