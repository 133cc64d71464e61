// Adds the nodes of a layer.
#include "src/formats/keras/nodes.h"

#include "src/ops/map/cast.h"
#include "src/ops/registry.h"

namespace litesmith {

TensorId Nodes::Float(const std::string& step, float value) {
  return Floats(step, Shape(), {value});
}

TensorId Nodes::Floats(const std::string& step, const Shape& shape,
                       const std::vector<float>& values) {
  return graph_->AddConstant<float>(Name(step), shape, values);
}

TensorId Nodes::Ints(const std::string& step,
                     const std::vector<int32_t>& values) {
  return graph_->AddConstant<int32_t>(
      Name(step), {static_cast<int32_t>(values.size())}, values);
}

TensorId Nodes::Reshape(const std::string& step, TensorId x,
                        const std::vector<int32_t>& dims) {
  return Add(kReshape, step, {x, Ints(Below(step, "shape"), dims)});
}

TensorId Nodes::Transpose(const std::string& step, TensorId x,
                          const std::vector<int32_t>& axes) {
  return Add(kTranspose, step, {x, Ints(Below(step, "axes"), axes)});
}

// The type of CAST's output is the tensor's, before it is inferred.
TensorId Nodes::Cast(const std::string& step, TensorId x, DType to) {
  Node& node = New(kCast, step, {x});
  Put(CastAttrs{.from = graph_->tensor(x).dtype, .to = to}, &node);
  graph_->tensor(node.outputs[0]).dtype = to;
  return Infer(node);
}

TensorId Nodes::WithFloat(const OpDef& op, const std::string& step, TensorId x,
                          const char* name, float value) {
  return Add(op, step, {x, Float(Below(step, name), value)});
}

std::vector<int32_t> WithBatch(std::vector<int32_t> sample) {
  sample.insert(sample.begin(), -1);
  return sample;
}

}  // namespace litesmith
