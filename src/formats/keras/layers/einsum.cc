// EinsumDense: a dense layer of the last dimensions of its input, of equations
// that are such a product of matrices.
#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// "abc,cd->abd": the input's last letters are the kernel's first ones and are
// summed over; the kernel's others end the output.
struct Equation {
  std::string input, kernel, output;
  size_t summed = 0;  // letters
};

[[noreturn]] void Refuse(const std::string& equation) {
  Fail(ErrorKind::kUnsupported,
       "its equation is {}; one that sums over the input's last letters, as "
       "abc,cd->abd does, is supported",
       equation);
}

Equation Parse(const std::string& text, int rank) {
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow)
    Refuse(text);
  Equation e{text.substr(0, comma), text.substr(comma + 1, arrow - comma - 1),
             text.substr(arrow + 2)};
  // What the dots stand for has letters that no equation has.
  for (std::string* part : {&e.input, &e.output}) {
    const size_t dots = part->find("...");
    if (dots == std::string::npos) continue;
    const size_t letters = e.input.size() - (part == &e.input ? 3 : 0);
    std::string some;
    size_t count = 0;
    if (part == &e.input) {
      count = static_cast<size_t>(rank) -
              std::min<size_t>(letters, static_cast<size_t>(rank));
    } else {
      count = static_cast<size_t>(std::count_if(
          e.input.begin(), e.input.end(), [](char c) { return c < 'A'; }));
    }
    for (size_t i = 0; i < count; ++i) some += static_cast<char>('0' + i);
    part->replace(dots, 3, some);
  }
  while (e.summed < e.kernel.size() &&
         e.output.find(e.kernel[e.summed]) == std::string::npos)
    ++e.summed;
  const std::string kept = e.kernel.substr(e.summed);
  if (e.summed == 0 || e.summed >= e.input.size() ||
      static_cast<size_t>(rank) != e.input.size() ||
      !e.input.ends_with(e.kernel.substr(0, e.summed)) ||
      e.output != e.input.substr(0, e.input.size() - e.summed) + kept)
    Refuse(text);
  return e;
}

// The sizes of the kernel's letters that are kept, the output's last ones.
std::vector<int32_t> KeptDims(const LayerIn& in, const Equation& e) {
  const Json& shape = JsonAt(in.config, "output_shape");
  std::vector<int32_t> dims =
      IsWholeNumber(shape)
          ? std::vector<int32_t>{JsonInt(shape, "output_shape")}
          : JsonDims(shape, "output_shape");
  const size_t kept = e.kernel.size() - e.summed;
  if (dims.size() < kept)
    Fail(ErrorKind::kCorrupt, "its output_shape has {} dimensions",
         dims.size());
  dims.erase(dims.begin(), dims.end() - static_cast<ptrdiff_t>(kept));
  int64_t product = 1;
  for (const int32_t dim : dims) {
    if (dim < 1 || (product *= dim) > (int64_t{1} << 30))
      Fail(ErrorKind::kUnsupported, "its output_shape has the dimension {}",
           dim);
  }
  return dims;
}

int32_t Product(const std::vector<int32_t>& dims) {
  int64_t product = 1;
  for (const int32_t dim : dims) product *= dim;
  return static_cast<int32_t>(product);
}

std::vector<TensorId> Build(LayerIn* in) {
  const std::string equation =
      JsonString(JsonAt(in->config, "equation"), "equation");
  const Shape x = in->input_shape();
  const Equation e = Parse(equation, x.rank());
  const std::vector<int32_t> kept = KeptDims(*in, e);
  std::vector<int32_t> summed, outer = {-1};
  for (int d = 0; d < x.rank(); ++d) {
    const bool is_summed = d >= x.rank() - static_cast<int>(e.summed);
    if (is_summed) summed.push_back(x[d]);
    if (!is_summed && d > 0) outer.push_back(x[d]);
  }
  std::vector<int32_t> dims = summed;
  dims.insert(dims.end(), kept.begin(), kept.end());
  const TensorId kernel = AddMatrix(in, "kernel", dims, summed.size());
  Nodes nodes(in->name, in->graph);
  TensorId y = in->input();
  if (summed.size() > 1) {
    std::vector<int32_t> flat = outer;
    flat.push_back(Product(summed));
    y = nodes.Reshape("flat", y, flat);
  }
  const std::string axes = JsonString(in->config, "bias_axes", "");
  std::vector<TensorId> inputs = {y, kernel};
  const bool whole = axes == e.kernel.substr(e.summed);
  if (!axes.empty() && whole) {
    inputs.push_back(AddMatrix(in, "bias", kept, 0));
  } else if (!axes.empty()) {
    Fail(ErrorKind::kUnsupported,
         "its bias_axes are {}; those of the kernel that the output has are "
         "supported",
         axes);
  }
  FullyConnectedAttrs attrs;
  attrs.keep_num_dims = outer.size() > 1;
  const bool reshapes = kept.size() != 1;
  y = nodes.Add(kFullyConnected, reshapes ? "product" : "", inputs, attrs);
  const Node product = in->graph->node(in->graph->Producer(y));
  if (reshapes) {
    std::vector<int32_t> full = outer;
    full.insert(full.end(), kept.begin(), kept.end());
    y = nodes.Reshape("", y, full);
  }
  return WithActivation(in, y, &product);
}

// The equation of a product whose result is reshaped; else it is a Dense.
bool Guess(const NodeGroup& group, LayerConfig* config) {
  const Node* product = group.Find("product");
  if (product == nullptr || product->op != &kFullyConnected) return false;
  const int inner = group.graph.tensor(product->inputs[0]).shape.rank();
  const std::string letters = "abcdefghijklmnopqrstuvwxyz";
  const auto rank = static_cast<size_t>(group.input_shape().rank());
  const size_t outer = static_cast<size_t>(inner) - 1;
  const auto kept = static_cast<size_t>(group.output_shape().rank()) - outer;
  const std::string summed = letters.substr(outer, rank - outer);
  const std::string others = letters.substr(rank, kept);
  const std::string input = letters.substr(0, rank);
  config->emplace_back("equation", input + "," + summed + others + "->" +
                                       letters.substr(0, outer) + others);
  std::vector<int32_t> shape = SampleDims(group.output_shape());
  config->emplace_back("output_shape", shape);
  config->emplace_back("bias_axes", product->inputs.size() > 2
                                        ? ConfigValue(others)
                                        : ConfigValue());
  config->emplace_back("activation", "linear");
  const int64_t fused = FusedActivation(*product)->i;
  if (fused == activation::kRelu) config->back().second = "relu";
  if (fused == activation::kRelu6) config->back().second = "relu6";
  return true;
}

constexpr Variable kEinsumVariables[] = {{"kernel", Layout::kMatrix},
                                         {"bias", Layout::kMatrix}};

constexpr LayerRow kEinsumRows[] = {
    {"EinsumDense",
     "equations that sum over the input's last letters; bias_axes of all of "
     "the "
     "kernel's others",
     kEinsumVariables, Build, nullptr, Guess},
};

}  // namespace

std::span<const LayerRow> EinsumLayers() { return kEinsumRows; }

}  // namespace litesmith
