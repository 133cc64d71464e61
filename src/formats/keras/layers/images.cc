// What layers of images and of sequences share.
#include "src/formats/keras/layers/images.h"

#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace litesmith {

std::array<int32_t, 2> SizesOf(const Json& config, const char* key, int spatial,
                               std::array<int32_t, 2> initial, int32_t other) {
  if (spatial == 2) return JsonPair(config, key, initial);
  const Json* value = JsonFind(config, key);
  if (value == nullptr) return {other, initial[1]};
  if (!value->is_array()) return {other, JsonInt(*value, key)};
  if (value->size() != 1) {
    Fail(ErrorKind::kCorrupt, "its {} is {}; one number is wanted", key,
         JsonShown(*value));
  }
  return {other, JsonInt((*value)[0], key)};
}

std::vector<int32_t> SizesFor(int spatial, int32_t height, int32_t width) {
  if (spatial == 1) return {width};
  return {height, width};
}

Shape ImageOf(const LayerIn& in, int spatial) {
  const Shape x = in.input_shape();
  if (x.rank() != spatial + 2) {
    Fail(ErrorKind::kCorrupt, "its input is {}; {} is wanted", x.ToString(),
         spatial == 2 ? "[batch, height, width, channels]"
                      : "[batch, steps, channels]");
  }
  return x;
}

bool IsChannelsFirst(const Json& config) {
  const std::string format = JsonString(config, "data_format", "channels_last");
  if (format == "channels_first") return true;
  if (format == "channels_last") return false;
  Fail(ErrorKind::kUnsupported,
       "its data_format is {}; channels_last and channels_first are supported",
       format);
}

TensorId ToChannelsLast(const LayerIn& in, TensorId x, int32_t axis) {
  const int32_t rank = in.graph->tensor(x).shape.rank();
  std::vector<int32_t> axes;
  for (int32_t d = 0; d < rank; ++d)
    if (d != axis) axes.push_back(d);
  if (axis < rank) axes.push_back(axis);
  return Nodes(in.name, in.graph).Transpose("channels_last", x, axes);
}

TensorId ToChannelsFirst(const LayerIn& in, TensorId y, int32_t axis) {
  const int32_t rank = in.graph->tensor(y).shape.rank();
  std::vector<int32_t> axes;
  for (int32_t d = 0; d + 1 < rank; ++d) axes.push_back(d);
  if (axis < rank) axes.insert(axes.begin() + axis, rank - 1);
  return Nodes(in.name, in.graph).Transpose("channels_first", y, axes);
}

TensorId ExpandSequence(Nodes* nodes, TensorId x) {
  const Shape shape = nodes->ShapeOf(x);
  return nodes->Reshape("expand", x, {-1, 1, shape[1], shape[2]});
}

TensorId SqueezeSequence(Nodes* nodes, TensorId y) {
  const Shape shape = nodes->ShapeOf(y);
  return nodes->Reshape("", y, {-1, shape[2], shape[3]});
}

}  // namespace litesmith
