// x[:, 1:3, ..., -1]: parts of tensors, of both Kerases.
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/error.h"
#include "src/formats/keras/layers/operations.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The list of what is taken of each dimension, or one such.
std::vector<Json> KeysOf(const Json& key) {
  const Json* config = JsonFind(key, "config");
  if (JsonString(key, "class_name", "") == "__tuple__" && config != nullptr)
    return KeysOf(*config);
  if (key.is_array()) return key.get<std::vector<Json>>();
  return {key};
}

bool IsEllipsis(const Json& key) {
  return JsonString(key, "class_name", "") == "__ellipsis__";
}

// Of [steps, batch, ...], for [batch, steps, ...].
void TurnKeys(LayerIn* in, std::vector<Json>* keys) {
  for (const Json& key : *keys) {
    if (key.is_null() || IsEllipsis(key))
      Fail(ErrorKind::kUnsupported,
           "its keys have more than slices and indices of steps in front");
  }
  if (keys->size() == 1) keys->push_back(Json::object());
  in->gives_steps_first = !IsWholeNumber(keys->front());
  std::swap((*keys)[0], (*keys)[1]);
}

class SliceList {
 public:
  explicit SliceList(const Shape& shape) : shape_(shape) {}

  void Add(const Json& key) {
    const auto bit = static_cast<int32_t>(1U << begin.size());
    if (key.is_null()) {
      attrs.new_axis_mask |= bit;
      Push(0, 1, 1);
      return;
    }
    if (dim_ >= shape_.rank())
      Fail(ErrorKind::kCorrupt, "it has too many keys");
    if (IsWholeNumber(key)) {
      if (dim_ == 0) CheckNoBatch({0});
      const int32_t index = JsonInt(key, "key");
      attrs.shrink_axis_mask |= bit;
      // -1 + 1 is 0, which would be empty.
      if (index == -1) attrs.end_mask |= bit;
      Push(index, index + 1, 1);
      ++dim_;
      return;
    }
    const Json* config = JsonFind(key, "config");
    const Json& slice = config == nullptr ? key : *config;
    if (!slice.is_object())
      Fail(ErrorKind::kUnsupported, "its key is {}", JsonShown(key));
    const Json* start = JsonFind(slice, "start");
    const Json* stop = JsonFind(slice, "stop");
    const Json* step = JsonFind(slice, "step");
    if (start == nullptr) attrs.begin_mask |= bit;
    if (stop == nullptr) attrs.end_mask |= bit;
    const int32_t stride = step == nullptr ? 1 : JsonInt(*step, "step");
    if (dim_ == 0 && (start != nullptr || stop != nullptr || stride != 1))
      CheckNoBatch({0});
    Push(start == nullptr ? 0 : JsonInt(*start, "start"),
         stop == nullptr ? 0 : JsonInt(*stop, "stop"), stride);
    ++dim_;
  }
  // Dimensions that are taken whole.
  void Skip(int count) {
    for (; count > 0; --count) Add(Json::object());
  }

  std::vector<int32_t> begin, end, strides;
  StridedSliceAttrs attrs;

 private:
  void Push(int32_t from, int32_t to, int32_t stride) {
    begin.push_back(from);
    end.push_back(to);
    strides.push_back(stride);
  }

  const Shape shape_;
  int dim_ = 0;  // of the input, the next
};

std::vector<TensorId> BuildGetItem(LayerIn* in) {
  const TensorId x = FirstOperand(in);
  const Json* key = GivenTo(in, 1, {"slice_spec", "key"});
  if (key == nullptr) Fail(ErrorKind::kCorrupt, "it has no key");
  const Shape shape = in->graph->tensor(x).shape;
  std::vector<Json> keys = KeysOf(*key);
  if (in->steps_first) TurnKeys(in, &keys);
  if (keys.size() > 2 * Shape::kMaxRank)
    Fail(ErrorKind::kCorrupt, "it has {} keys", keys.size());
  int dims = 0;
  for (const Json& item : keys) dims += !item.is_null() && !IsEllipsis(item);
  SliceList slices(shape);
  bool skipped = false;
  for (const Json& item : keys) {
    if (IsEllipsis(item) && !skipped) {
      slices.Skip(shape.rank() - dims);
      skipped = true;
    } else {
      slices.Add(item);
    }
  }
  if (!skipped) slices.Skip(shape.rank() - dims);
  Nodes nodes(in->name, in->graph);
  return KeepsBatch(in, nodes.Add(kStridedSlice, "",
                                  {x, nodes.Ints("begin", slices.begin),
                                   nodes.Ints("end", slices.end),
                                   nodes.Ints("strides", slices.strides)},
                                  slices.attrs));
}

constexpr LayerRow kSlicesRows[] = {
    {"operation GetItem", "slices, indices, new axes", {}, BuildGetItem},
};

}  // namespace

std::span<const LayerRow> SlicesLayers() { return kSlicesRows; }

}  // namespace litesmith
