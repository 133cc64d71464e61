// Images and sequences of another size: zeros around them, less of them, more
// of each pixel.
#include <algorithm>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/images.h"
#include "src/formats/keras/layers/resize.h"
#include "src/ops/indices.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Sides = std::array<std::array<int32_t, 2>, 2>;

// What is before and behind height and width; of sequences width alone.
Sides SidesOf(const Json& config, const char* key, int spatial) {
  if (spatial == 2) return JsonSides(config, key, 1);
  const auto pair = JsonPair(config, key, {1, 1});
  return {{{0, 0}, {pair[0], pair[1]}}};
}

// The dimensions of the image in its tensor, one behind another.
template <int kSpatial>
std::vector<TensorId> BuildZeroPadding(LayerIn* in) {
  const Shape x = ImageOf(*in, kSpatial);
  const Sides sides = SidesOf(in->config, "padding", kSpatial);
  const bool first = IsChannelsFirst(in->config);
  std::vector<int32_t> paddings(static_cast<size_t>(2 * x.rank()));
  for (size_t d = 0; d < kSpatial; ++d) {
    const std::array<int32_t, 2>& side = sides[2 - kSpatial + d];
    const size_t at = 2 * (d + (first ? 2 : 1));
    paddings[at] = side[0];
    paddings[at + 1] = side[1];
  }
  const TensorId constant = in->graph->AddConstant<int32_t>(
      in->name + "/paddings", {x.rank(), 2}, paddings);
  return {Nodes(in->name, in->graph).Add(kPad, "", {in->input(), constant})};
}

template <int kSpatial>
bool WriteZeroPadding(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kPad || out.input(0).shape.rank() != kSpatial + 2)
    return false;
  const std::vector<int64_t> values = ConstantIndices(out.input(1), "paddings");
  const std::vector<int32_t> sides(values.begin(), values.end());
  const auto is_zero = [&](size_t d) {
    return sides[2 * d] == 0 && sides[2 * d + 1] == 0;
  };
  const bool first = is_zero(1) && !is_zero(kSpatial + 1);
  if (!is_zero(0) || !is_zero(first ? 1 : kSpatial + 1)) return false;
  const size_t at = first ? 4 : 2;
  OutLayer& layer =
      layers->Add(kSpatial == 2 ? "ZeroPadding2D" : "ZeroPadding1D",
                  out.node.name, out.inputs);
  if (kSpatial == 1) {
    layer.Set("padding", Pair(sides[at], sides[at + 1]));
    return !first;
  }
  layer.Set("padding",
            std::vector<std::vector<int32_t>>{{sides[at], sides[at + 1]},
                                              {sides[at + 2], sides[at + 3]}});
  layer.Set("data_format", first ? "channels_first" : "channels_last");
  return true;
}

// The sample's part from `begin` on of these sizes, all of the batch.
TensorId AddSlice(Nodes* nodes, TensorId x, std::vector<int32_t> begin,
                  std::vector<int32_t> size, const std::string& step = "") {
  begin.insert(begin.begin(), 0);
  size.insert(size.begin(), -1);
  return nodes->Add(kSlice, step,
                    {x, nodes->Ints(Nodes::Below(step, "begin"), begin),
                     nodes->Ints(Nodes::Below(step, "size"), size)});
}

template <int kSpatial>
std::vector<TensorId> BuildCropping(LayerIn* in) {
  const Shape x = ImageOf(*in, kSpatial);
  const Sides sides = SidesOf(in->config, "cropping", kSpatial);
  const bool first = IsChannelsFirst(in->config);
  std::vector<int32_t> begin(kSpatial + 1), size = SampleDims(x);
  for (size_t d = 0; d < kSpatial; ++d) {
    const std::array<int32_t, 2>& side = sides[2 - kSpatial + d];
    const size_t at = d + (first ? 1 : 0);
    begin[at] = side[0];
    const int64_t rest = int64_t{size[at]} - side[0] - side[1];
    if (side[0] < 0 || side[1] < 0 || rest < 1) {
      Fail(ErrorKind::kCorrupt, "its cropping leaves nothing of its input {}",
           x.ToString());
    }
    size[at] = static_cast<int32_t>(rest);
  }
  Nodes nodes(in->name, in->graph);
  return {AddSlice(&nodes, in->input(), begin, size)};
}

// Of SLICE: what is taken of the sample, or nothing of what a layer says.
struct Cut {
  std::vector<int32_t> begin, end;  // by dimension of the sample: cut off
};
bool CutOf(const NodeGroup& group, Cut* cut) {
  const Node& node = group.last();
  if (node.op != &kSlice || group.nodes.size() != 1) return false;
  const std::vector<int64_t> begin =
      ConstantIndices(group.graph.tensor(node.inputs[1]), "begin");
  const Shape& x = group.input_shape();
  const Shape& y = group.output_shape();
  if (begin[0] != 0) return false;
  for (int d = 1; d < x.rank(); ++d) {
    cut->begin.push_back(static_cast<int32_t>(begin[static_cast<size_t>(d)]));
    cut->end.push_back(x[d] - y[d] - cut->begin.back());
  }
  return true;
}

template <int kSpatial>
bool GuessCropping(const NodeGroup& group, LayerConfig* config) {
  Cut cut;
  if (!CutOf(group, &cut) || cut.begin.size() != kSpatial + 1) return false;
  if (kSpatial == 1) {
    config->emplace_back("cropping", Pair(cut.begin[0], cut.end[0]));
    return true;
  }
  const bool first = cut.begin[2] != 0 || cut.end[2] != 0;
  const size_t at = first ? 1 : 0;
  config->emplace_back("cropping", std::vector<std::vector<int32_t>>{
                                       {cut.begin[at], cut.end[at]},
                                       {cut.begin[at + 1], cut.end[at + 1]}});
  config->emplace_back("data_format",
                       std::string(first ? "channels_first" : "channels_last"));
  return true;
}

// Rows and then columns as sums of those of `image`: two products of matrices.
TensorId AddSums(Nodes* nodes, const std::string& step, TensorId image,
                 const std::string& interpolation, int32_t height,
                 int32_t width) {
  const Shape x = nodes->ShapeOf(image);
  constexpr int64_t kMost = int64_t{1} << 24;  // weights
  if (int64_t{x[1]} * height > kMost || int64_t{x[2]} * width > kMost) {
    Fail(ErrorKind::kUnsupported, "it makes {} x {} of {} by {}", height, width,
         x.ToString(), interpolation);
  }
  const std::vector<float> rows = ResizeWeights(interpolation, x[1], height);
  const std::vector<float> columns = ResizeWeights(interpolation, x[2], width);
  if (rows.empty()) {
    Fail(ErrorKind::kUnsupported,
         "its interpolation is {}; nearest, bilinear, bicubic, area, lanczos3, "
         "lanczos5, gaussian and mitchellcubic are supported",
         interpolation);
  }
  const auto at = [&](const char* name) { return Nodes::Below(step, name); };
  const TensorId by_rows =
      nodes->Floats(at("of_rows"), {1, height, x[1]}, rows);
  const TensorId by_columns =
      nodes->Floats(at("of_columns"), {1, 1, width, x[2]}, columns);
  TensorId y = nodes->Reshape(at("flat"), image, {-1, x[1], x[2] * x[3]});
  y = nodes->Add(kBatchMatMul, at("rows"), {by_rows, y}, BatchMatMulAttrs{});
  y = nodes->Reshape(at("image"), y, {-1, height, x[2], x[3]});
  return nodes->Add(kBatchMatMul, step, {by_columns, y}, BatchMatMulAttrs{});
}

// Makes an image of that size of `image`.
TensorId AddResize(Nodes* nodes, const std::string& step, TensorId image,
                   const std::string& interpolation, int32_t height,
                   int32_t width) {
  if (height < 1 || width < 1) {
    Fail(ErrorKind::kCorrupt, "its output would be {} x {}", height, width);
  }
  const TensorId size =
      nodes->Ints(Nodes::Below(step, "size"), {height, width});
  if (interpolation == "bilinear") {
    return nodes->Add(kResizeBilinear, step, {image, size},
                      ResizeBilinearAttrs{.half_pixel_centers = true});
  }
  if (interpolation == "nearest") {
    return nodes->Add(kResizeNearestNeighbor, step, {image, size},
                      ResizeNearestAttrs{.half_pixel_centers = true});
  }
  return AddSums(nodes, step, image, interpolation, height, width);
}

int32_t Times(int32_t size, int32_t factor) {
  const int64_t product = int64_t{size} * factor;
  if (factor < 1 || product > (int64_t{1} << 29)) {
    Fail(ErrorKind::kCorrupt, "its size is {} of {}", factor, size);
  }
  return static_cast<int32_t>(product);
}

std::vector<TensorId> BuildUpSampling2D(LayerIn* in) {
  return InChannelsLast(in, [](LayerIn* inner) {
    const Shape x = ImageOf(*inner, 2);
    const auto size = JsonPair(inner->config, "size", {2, 2});
    Nodes nodes(inner->name, inner->graph);
    return std::vector<TensorId>{
        AddResize(&nodes, "", inner->input(),
                  JsonString(inner->config, "interpolation", "nearest"),
                  Times(x[1], size[0]), Times(x[2], size[1]))};
  });
}

std::vector<TensorId> BuildUpSampling1D(LayerIn* in) {
  const Shape x = ImageOf(*in, 1);
  const auto size = SizesOf(in->config, "size", 1, {2, 2});
  Nodes nodes(in->name, in->graph);
  const TensorId image = ExpandSequence(&nodes, in->input());
  const TensorId y =
      AddResize(&nodes, "repeat", image, "nearest", 1, Times(x[1], size[1]));
  return {SqueezeSequence(&nodes, y)};
}

bool GuessUpSampling1D(const NodeGroup& group, LayerConfig* config) {
  if (!group.Are({&kReshape, &kResizeNearestNeighbor, &kReshape})) return false;
  const int32_t from = group.input_shape()[1];
  config->emplace_back("size", int64_t{group.output_shape()[1] / from});
  return true;
}

const char* InterpolationOf(const NodeGroup& group) {
  return group.Are({&kResizeBilinear})          ? "bilinear"
         : group.Are({&kResizeNearestNeighbor}) ? "nearest"
                                                : nullptr;
}

bool GuessUpSampling2D(const NodeGroup& group, LayerConfig* config) {
  const char* interpolation = InterpolationOf(group);
  if (interpolation == nullptr) return false;
  const Shape& x = group.input_shape();
  const Shape& y = group.output_shape();
  config->emplace_back("size", Pair(y[1] / x[1], y[2] / x[2]));
  config->emplace_back("interpolation", std::string(interpolation));
  return true;
}

// The part in the middle whose sides are as the wanted ones, as Keras rounds
// them.
TensorId AddCropToAspect(Nodes* nodes, TensorId image, int32_t height,
                         int32_t width) {
  const Shape x = nodes->ShapeOf(image);
  const auto side = [](int32_t other, int32_t wanted, int32_t of, int32_t all) {
    const double size = static_cast<double>(other) * wanted / of;
    return std::clamp(static_cast<int32_t>(size), 1, all);
  };
  const int32_t h = side(x[2], height, width, x[1]);
  const int32_t w = side(x[1], width, height, x[2]);
  return AddSlice(nodes, image, {(x[1] - h) / 2, (x[2] - w) / 2, 0},
                  {h, w, x[3]}, "crop");
}

std::vector<TensorId> BuildResizing(LayerIn* in) {
  if (JsonBool(in->config, "pad_to_aspect_ratio", false))
    Fail(ErrorKind::kUnsupported, "its pad_to_aspect_ratio is true");
  return InChannelsLast(in, [](LayerIn* inner) {
    ImageOf(*inner, 2);
    Nodes nodes(inner->name, inner->graph);
    const int32_t height = JsonInt(JsonAt(inner->config, "height"), "height");
    const int32_t width = JsonInt(JsonAt(inner->config, "width"), "width");
    if (height < 1 || width < 1)
      Fail(ErrorKind::kCorrupt, "its output would be {} x {}", height, width);
    TensorId image = inner->input();
    if (JsonBool(inner->config, "crop_to_aspect_ratio", false))
      image = AddCropToAspect(&nodes, image, height, width);
    return std::vector<TensorId>{AddResize(
        &nodes, "", image,
        JsonString(inner->config, "interpolation", "bilinear"), height, width)};
  });
}

// The interpolation of sums is one that gives the same: its name is not kept.
bool GuessResizing(const NodeGroup& group, LayerConfig* config) {
  const bool crops = group.Find("crop") != nullptr;
  const OpDef* op = group.last().op;
  std::string interpolation = op == &kResizeBilinear          ? "bilinear"
                              : op == &kResizeNearestNeighbor ? "nearest"
                                                              : "";
  const Node* rows = group.Find("rows");
  if (rows != nullptr && op == &kBatchMatMul) {
    const Tensor& weights = group.graph.tensor(rows->inputs[0]);
    if (!weights.has_data() || weights.shape.rank() != 3) return false;
    const auto values = weights.As<float>();
    for (const char* name : {"bicubic", "area", "lanczos3", "lanczos5",
                             "gaussian", "mitchellcubic"}) {
      const std::vector<float> wanted =
          ResizeWeights(name, weights.shape[2], weights.shape[1]);
      if (std::equal(values.begin(), values.end(), wanted.begin(),
                     wanted.end()))
        interpolation = name;
    }
  }
  if (interpolation.empty()) return false;
  const Shape& y = group.output_shape();
  if (y.rank() != 4) return false;
  config->emplace_back("height", int64_t{y[1]});
  config->emplace_back("width", int64_t{y[2]});
  config->emplace_back("interpolation", interpolation);
  if (crops) config->emplace_back("crop_to_aspect_ratio", true);
  return true;
}

std::vector<TensorId> BuildCenterCrop(LayerIn* in) {
  return InChannelsLast(in, [](LayerIn* inner) {
    const Shape x = ImageOf(*inner, 2);
    const int32_t height = JsonInt(JsonAt(inner->config, "height"), "height");
    const int32_t width = JsonInt(JsonAt(inner->config, "width"), "width");
    if (height < 1 || width < 1 || height > x[1] || width > x[2]) {
      Fail(ErrorKind::kUnsupported,
           "it crops {} to {} x {}; a smaller size is supported", x.ToString(),
           height, width);
    }
    Nodes nodes(inner->name, inner->graph);
    return std::vector<TensorId>{AddSlice(
        &nodes, inner->input(), {(x[1] - height) / 2, (x[2] - width) / 2, 0},
        {height, width, x[3]})};
  });
}

// STRIDED_SLICE of neighbours, of images and sequences: a cropping.
template <int kSpatial>
bool WriteCropping(const NodeOut& out, LayerWriter* layers) {
  if (out.node.op != &kStridedSlice) return false;
  const Shape& x = out.input(0).shape;
  const Shape& y = out.output().shape;
  const auto attrs = Get<StridedSliceAttrs>(out.node);
  if (x.rank() != kSpatial + 2 || y.rank() != x.rank() ||
      attrs.shrink_axis_mask != 0 || attrs.new_axis_mask != 0 ||
      attrs.ellipsis_mask != 0 || x[kSpatial + 1] != y[kSpatial + 1])
    return false;
  const std::vector<int64_t> begin = ConstantIndices(out.input(1), "begin");
  const std::vector<int64_t> strides = ConstantIndices(out.input(3), "strides");
  if (begin.size() != static_cast<size_t>(x.rank())) return false;
  std::vector<std::vector<int32_t>> sides;
  for (int d = 1; d <= kSpatial; ++d) {
    const auto at = static_cast<size_t>(d);
    const bool whole = (attrs.begin_mask >> d & 1) != 0;
    const int64_t from = whole           ? 0
                         : begin[at] < 0 ? begin[at] + x[d]
                                         : begin[at];
    if (strides[at] != 1 || from < 0 || from + y[d] > x[d]) return false;
    sides.push_back(
        {static_cast<int32_t>(from), static_cast<int32_t>(x[d] - from - y[d])});
  }
  OutLayer& layer = layers->Add(kSpatial == 2 ? "Cropping2D" : "Cropping1D",
                                out.node.name, out.inputs);
  layer.Set("cropping",
            kSpatial == 2 ? ConfigValue(sides) : ConfigValue(sides[0]));
  return true;
}

constexpr LayerRow kPaddingRows[] = {
    {"ZeroPadding2D",
     "any padding",
     {},
     BuildZeroPadding<2>,
     WriteZeroPadding<2>},
    {"ZeroPadding1D",
     "any padding",
     {},
     BuildZeroPadding<1>,
     WriteZeroPadding<1>},
    {"Cropping2D",
     "any cropping",
     {},
     BuildCropping<2>,
     WriteCropping<2>,
     GuessCropping<2>},
    {"Cropping1D",
     "any cropping",
     {},
     BuildCropping<1>,
     WriteCropping<1>,
     GuessCropping<1>},
    {"UpSampling2D",
     "size, interpolation nearest or bilinear",
     {},
     BuildUpSampling2D,
     nullptr,
     GuessUpSampling2D},
    {"UpSampling1D", "size", {}, BuildUpSampling1D, nullptr, GuessUpSampling1D},
    {"Resizing",
     "height, width, interpolation nearest or bilinear",
     {},
     BuildResizing,
     nullptr,
     GuessResizing},
    {"CenterCrop",
     "to a smaller size; written as a Cropping2D",
     {},
     BuildCenterCrop},
};

}  // namespace

std::span<const LayerRow> PaddingLayers() { return kPaddingRows; }

}  // namespace litesmith
