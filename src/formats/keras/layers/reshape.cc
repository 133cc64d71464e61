// Layers that only move values to other places.
#include <numeric>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/layers/shared.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/indices.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<TensorId> ReshapeTo(LayerIn* in,
                                const std::vector<int32_t>& target) {
  return {Nodes(in->name, in->graph).Reshape("", in->input(), target)};
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
  return ReshapeTo(in, WithBatch(target));
}

// Channels are the last in either format.
std::vector<TensorId> BuildFlatten(LayerIn* in) {
  const Shape x = in->input_shape();
  if (IsChannelsFirst(in->config) && x.rank() > 2)
    in->inputs = {ToChannelsLast(*in, in->input())};
  return ReshapeTo(in, {-1, static_cast<int32_t>(x.NumElementsPerSample())});
}

bool GuessFlatten(const NodeGroup& group, LayerConfig* config) {
  if (!group.Are({&kTranspose, &kReshape})) return false;
  config->emplace_back("data_format", std::string("channels_first"));
  return true;
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

std::vector<TensorId> BuildPermute(LayerIn* in) {
  std::vector<int32_t> dims = JsonDims(JsonAt(in->config, "dims"), "dims");
  dims.insert(dims.begin(), 0);
  return {Nodes(in->name, in->graph).Transpose("", in->input(), dims)};
}

bool WritePermute(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kTranspose) return false;
  const std::vector<int64_t> axes = ConstantIndices(out.input(1), "axes");
  if (axes.size() < 2 || axes[0] != 0) return false;
  layers->Add("Permute", out.node.name, out.inputs)
      .Set("dims", std::vector<int32_t>(axes.begin() + 1, axes.end()));
  return true;
}

std::vector<TensorId> BuildRepeatVector(LayerIn* in) {
  const int32_t n = JsonInt(JsonAt(in->config, "n"), "n");
  const Shape x = in->input_shape();
  if (x.rank() != 2 || n < 1) {
    Fail(ErrorKind::kCorrupt,
         "it repeats {} {} times; [batch, features] is wanted", x.ToString(),
         n);
  }
  Nodes nodes(in->name, in->graph);
  const TensorId row = nodes.Reshape("expand", in->input(), {-1, 1, x[1]});
  return {nodes.Add(kTile, "", {row, nodes.Ints("multiples", {1, n, 1})})};
}

bool GuessRepeatVector(const NodeGroup& group, LayerConfig* config) {
  if (!group.Are({&kReshape, &kTile})) return false;
  config->emplace_back("n", int64_t{group.output_shape()[1]});
  return true;
}

constexpr LayerRow kReshapeRows[] = {
    {"Reshape",
     "target_shape with at most one -1",
     {},
     BuildReshape,
     WriteReshape},
    {"Flatten",
     "in either data_format",
     {},
     BuildFlatten,
     nullptr,
     GuessFlatten},
    {"Permute", "dims", {}, BuildPermute, WritePermute},
    {"RepeatVector", "n", {}, BuildRepeatVector, nullptr, GuessRepeatVector},
};

}  // namespace

OutTensor AddFlatten(const std::string& name, std::vector<OutTensor> inputs,
                     LayerWriter* out) {
  out->Add("Flatten", name, std::move(inputs))
      .Set("data_format", "channels_last");
  return out->Last();
}

std::span<const LayerRow> ReshapeLayers() { return kReshapeRows; }

}  // namespace litesmith
