// Layers that only rename the places of values.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<TensorId> ReshapeTo(LayerIn* in,
                                const std::vector<int32_t>& target) {
  const TensorId input = in->input();
  const TensorId constant = in->graph->AddConstant<int32_t>(
      in->name + "/shape", {static_cast<int32_t>(target.size())}, target);
  in->graph->AddNode(kReshape, in->name, {input, constant}, {in->name});
  return InferLast(in->graph);
}

std::vector<TensorId> BuildReshape(LayerIn* in) {
  std::vector<int32_t> target =
      JsonDims(JsonAt(in->config, "target_shape"), "target_shape");
  if (target.size() >= Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its target shape has {} dimensions",
         target.size());
  }
  const int64_t sample = in->input_shape().NumElementsPerSample();
  int64_t known = 1;
  int32_t* unknown = nullptr;
  for (int32_t& dim : target) {
    if (dim == -1 && unknown == nullptr) {
      unknown = &dim;
      continue;
    }
    if (dim < 1 || known > sample) {
      Fail(ErrorKind::kCorrupt, "its target shape has the dimension {}", dim);
    }
    known *= dim;
  }
  if (sample % known != 0 || (unknown == nullptr && sample != known)) {
    Fail(ErrorKind::kCorrupt, "its target shape does not fit its input {}",
         in->input_shape().ToString());
  }
  if (unknown != nullptr) *unknown = static_cast<int32_t>(sample / known);
  target.insert(target.begin(), -1);
  return ReshapeTo(in, target);
}

std::vector<TensorId> BuildFlatten(LayerIn* in) {
  CheckChannelsLast(in->config);
  const int64_t sample = in->input_shape().NumElementsPerSample();
  return ReshapeTo(in, {-1, static_cast<int32_t>(sample)});
}

// Flatten where the result is one row, else Reshape.
bool WriteReshape(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kReshape) return false;
  const Shape& x = out.input(0).shape;
  const Shape& y = out.output().shape;
  if (x.rank() < 1 || y.rank() < 1 || x[0] != y[0] ||
      x.NumElementsPerSample() != y.NumElementsPerSample()) {
    Fail(ErrorKind::kUnsupported, "{} to {} does not keep the batch in front",
         x.ToString(), y.ToString());
  }
  if (y.rank() == 2) {
    AddFlatten(out.node.name, out.inputs, layers);
  } else {
    layers->Add("Reshape", out.node.name, out.inputs)
        .Set("target_shape", SampleDims(y));
  }
  return true;
}

constexpr LayerRow kRows[] = {
    {"Reshape",
     "target_shape with at most one -1",
     {},
     BuildReshape,
     WriteReshape},
    {"Flatten", "channels_last", {}, BuildFlatten, nullptr},
};

}  // namespace

OutTensor AddFlatten(const std::string& name, std::vector<OutTensor> inputs,
                     LayerWriter* out) {
  out->Add("Flatten", name, std::move(inputs))
      .Set("data_format", "channels_last");
  return out->Last();
}

std::span<const LayerRow> ReshapeLayers() { return kRows; }

}  // namespace litesmith
