// Looks at the first nodes of a model.
#include "src/models/model_data.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "src/data/values.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The node that alone reads a tensor; null if there are more or none.
const Node* OnlyReader(const Graph& graph, TensorId id) {
  const Node* reader = nullptr;
  for (const Node& node : graph.nodes) {
    const auto times = std::count(node.inputs.begin(), node.inputs.end(), id);
    if (times == 0) continue;
    if (reader != nullptr || times > 1) return nullptr;
    reader = &node;
  }
  return reader;
}

// A constant's largest magnitude; 0 if it is none.
double Largest(const Graph& graph, TensorId id) {
  const Tensor& tensor = graph.tensor(id);
  if (!tensor.has_data() || tensor.dtype == DType::kResource) return 0;
  const double scale =
      tensor.quant.scale.size() == 1 ? double{tensor.quant.scale[0]} : 1.0;
  const double zero = tensor.quant.scale.size() == 1
                          ? static_cast<double>(tensor.quant.zero_point[0])
                          : 0.0;
  double largest = 0;
  const size_t size = SizeOf(tensor.dtype);
  for (size_t at = 0; at + size <= tensor.data.size(); at += size) {
    const double value = StoredNumber(tensor.dtype, tensor.data.data() + at);
    largest = std::max(largest, std::abs(scale * (value - zero)));
  }
  return largest;
}

// What the first layers multiply the input by at most.
double FactorOf(const Graph& graph, TensorId id) {
  double factor = 1;
  for (int step = 0; step < 8; ++step) {
    const Node* node = OnlyReader(graph, id);
    if (node == nullptr || node->outputs.empty()) break;
    const bool times = node->op == &kMul || node->op == &kDiv;
    if (times || node->op == &kAdd || node->op == &kSub) {
      if (node->inputs.size() != 2) break;
      const TensorId other = node->inputs[node->inputs[0] == id ? 1 : 0];
      if (other < 0 || !graph.tensor(other).has_data()) break;
      const double by = times ? Largest(graph, other) : 1;
      if (by == 0) break;
      factor *= node->op == &kDiv ? 1 / by : by;
    } else if (node->op != &kQuantize && node->op != &kDequantize &&
               node->op != &kCast && node->op != &kReshape &&
               node->op != &kFakeQuant) {
      break;
    }
    id = node->outputs[0];
  }
  return factor;
}

bool TakesBytes(const Graph& graph, TensorId id) {
  const Tensor& input = graph.tensor(id);
  if (IsInteger(input.dtype) && input.quant.scale.size() == 1) {
    const double steps = input.dtype == DType::kInt16 ? 32767 : 255;
    const double range = double{input.quant.scale[0]} * steps;
    return range > 32 && range < 1024;
  }
  // Of 0 to 255 it makes at most about 16 of either sign; of 0 to 1 next to
  // nothing.
  return FactorOf(graph, id) < 0.0625;
}

}  // namespace

DataContext ContextFor(const Graph& model, DataContext context) {
  if (model.inputs.empty()) return context;
  const Tensor& input = model.tensor(model.inputs[0]);
  if (input.shape.rank() < 1) return context;
  context.has_input = true;
  context.input = Shape(input.shape.dims().subspan(1));
  context.takes_bytes = TakesBytes(model, model.inputs[0]);
  return context;
}

}  // namespace litesmith
