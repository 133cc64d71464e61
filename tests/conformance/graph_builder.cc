#include "tests/conformance/graph_builder.h"

#include <utility>

#include "src/ops/registry.h"
#include "tests/conformance/fill.h"

namespace litesmith {
Quantization PerTensor(float scale, int64_t zero_point) {
  return {{scale}, {zero_point}, 0};
}

Quantization PerAxis(int channels, float scale, int axis) {
  Quantization q;
  q.axis = axis;
  for (int c = 0; c < channels; ++c) {
    q.scale.push_back(scale * (0.5f + static_cast<float>(c % 7) * 0.21f));
    q.zero_point.push_back(0);
  }
  return q;
}

TensorId GraphBuilder::Input(const std::string& name, DType dtype,
                             const std::vector<int32_t>& shape,
                             const Quantization& quant) {
  std::vector<int32_t> dims = {kDynamic};
  dims.insert(dims.end(), shape.begin(), shape.end());
  return Fixed(name, dtype, Shape(dims), quant);
}

TensorId GraphBuilder::Fixed(const std::string& name, DType dtype,
                             const Shape& shape, const Quantization& quant) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.kind = TensorKind::kInput;
  tensor.shape = shape;
  tensor.quant = quant;
  graph_.inputs.push_back(graph_.AddTensor(std::move(tensor)));
  graph_.input_names.push_back(name);
  return graph_.inputs.back();
}

TensorId GraphBuilder::Variable(const std::string& name, DType dtype,
                                const Shape& shape, const Quantization& quant) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.kind = TensorKind::kVariable;
  tensor.shape = shape;
  tensor.quant = quant;
  return graph_.AddTensor(std::move(tensor));
}

TensorId GraphBuilder::Random(const std::string& name, DType dtype,
                              const Shape& shape, const Quantization& quant,
                              TensorKind kind) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.kind = kind;
  tensor.shape = shape;
  tensor.quant = quant;
  tensor.data =
      TensorData(static_cast<size_t>(shape.NumElements()) * SizeOf(dtype));
  FillRandom(rng_, dtype, {tensor.data.MutableData(), tensor.data.size()});
  return graph_.AddTensor(std::move(tensor));
}

TensorId GraphBuilder::Grid(const std::string& name, const Shape& shape,
                            int largest, float offset, TensorKind kind) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  GridFill(largest)(rng_, values);
  for (float& v : values) v += offset;
  return Values(name, shape, values, {}, kind);
}

Node& GraphBuilder::Add(const OpDef& op, const std::string& name,
                        std::vector<TensorId> inputs, Quantization quant,
                        DType dtype) {
  return AddMany(op, {name}, std::move(inputs), std::move(quant), dtype);
}

Node& GraphBuilder::AddMany(const OpDef& op,
                            const std::vector<std::string>& names,
                            std::vector<TensorId> inputs, Quantization quant,
                            DType dtype) {
  Node& node = graph_.AddNode(op, names[0] + "_node", std::move(inputs), names);
  for (const TensorId id : node.outputs) {
    graph_.tensor(id).quant = quant;
    graph_.tensor(id).dtype = dtype;
  }
  return node;
}

TensorId GraphBuilder::Reshape(const std::string& name, TensorId x,
                               std::vector<int32_t> shape) {
  shape.insert(shape.begin(), kDynamic);
  const TensorId dims = Values<int32_t>(
      name + "_shape", {static_cast<int32_t>(shape.size())}, shape);
  Add(kReshape, name, {x, dims}, tensor(x).quant);
  return last();
}

Graph GraphBuilder::Finish(const std::vector<TensorId>& outputs) {
  graph_.outputs = outputs;
  for (const TensorId id : outputs) {
    graph_.output_names.push_back(graph_.tensor(id).name);
  }
  InferShapes(&graph_);
  return std::move(graph_);
}

}  // namespace litesmith
