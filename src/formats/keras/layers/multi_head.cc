// Attention of several heads (specs/keras.md 3.9): projections to the heads,
// attention in each, and a projection of all that comes of it.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/attention.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

struct Heads {
  int32_t count = 0;   // of queries
  int32_t shared = 0;  // of keys and values: each for as many queries
  int32_t key = 0;     // features
  int32_t value = 0;
  bool bias = true;
  bool underscores = false;  // in the names of groups in archives
};

int32_t SizeOf(const Json& config, const char* key) {
  const int32_t n = JsonInt(JsonAt(config, key), key);
  if (n < 1 || n > 1 << 20) Fail(ErrorKind::kCorrupt, "its {} is {}", key, n);
  return n;
}

Heads HeadsOf(const Json& config, int generation) {
  Heads heads;
  heads.count = heads.shared = SizeOf(config, "num_heads");
  heads.key = heads.value = SizeOf(config, "key_dim");
  const Json* value = JsonFind(config, "value_dim");
  if (value != nullptr && !value->is_null())
    heads.value = SizeOf(config, "value_dim");
  heads.bias = JsonBool(config, "use_bias", true);
  heads.underscores = generation == 2;
  return heads;
}

Heads GroupedHeadsOf(const Json& config) {
  Heads heads;
  heads.count = SizeOf(config, "num_query_heads");
  heads.shared = SizeOf(config, "num_key_value_heads");
  heads.key = heads.value = SizeOf(config, "head_dim");
  heads.bias = JsonBool(config, "use_bias", true);
  heads.underscores = true;
  if (heads.count % heads.shared != 0) {
    Fail(ErrorKind::kCorrupt, "{} heads of queries share {} of keys",
         heads.count, heads.shared);
  }
  return heads;
}

void CheckHeads(const Json& config) {
  if (JsonBool(config, "use_gate", false))
    Fail(ErrorKind::kUnsupported, "its use_gate is true");
  const Json* window = JsonFind(config, "sliding_window");
  if (window != nullptr && !window->is_null())
    Fail(ErrorKind::kUnsupported, "it has a sliding_window");
}

// What lies between the batch and the features: dimensions that are looked
// over, which are one for each head, and others, each place of which is by
// itself, as a sample is. Neighbours of a kind are joined.
struct Steps {
  std::vector<int32_t> dims;
  std::vector<bool> looked;

  bool plain() const { return dims.size() == 1; }
  int32_t Count(bool of_looked) const {
    int32_t count = 1;
    for (size_t d = 0; d < dims.size(); ++d)
      if (looked[d] == of_looked) count *= dims[d];
    return count;
  }
  // Of [batch, dims.., heads, n]: to [batch, others.., heads, looked.., n].
  std::vector<int32_t> Order() const {
    const auto rank = static_cast<int32_t>(dims.size());
    std::vector<int32_t> order = {0};
    const auto add = [&](bool of_looked) {
      for (int32_t d = 0; d < rank; ++d)
        if (looked[static_cast<size_t>(d)] == of_looked) order.push_back(d + 1);
    };
    add(false);
    order.push_back(rank + 1);
    add(true);
    order.push_back(rank + 2);
    return order;
  }
};

// Where nothing is said all are looked over, as in Keras.
Steps StepsOf(const Json& config, const Shape& shape) {
  const int32_t rank = shape.rank();
  std::vector<bool> looked(static_cast<size_t>(rank), true);
  const Json* given = JsonFind(config, "attention_axes");
  if (given != nullptr && !given->is_null()) {
    looked.assign(looked.size(), false);
    for (const int32_t axis :
         IsWholeNumber(*given)
             ? std::vector<int32_t>{JsonInt(*given, "attention_axes")}
             : JsonDims(*given, "attention_axes")) {
      // One from the end counts dimensions that only Keras's own steps have.
      if (axis < 1 || axis > rank - 2) {
        Fail(ErrorKind::kUnsupported,
             "its attention_axes are {}; of {} those between the batch and the "
             "features, 1 to {}, are supported",
             JsonShown(*given), shape.ToString(), rank - 2);
      }
      looked[static_cast<size_t>(axis)] = true;
    }
    if (std::count(looked.begin(), looked.end(), true) == 0)
      Fail(ErrorKind::kCorrupt, "it has no attention_axes");
  }
  Steps steps;
  for (int32_t d = 1; d < rank - 1; ++d) {
    const bool of = looked[static_cast<size_t>(d)];
    if (!steps.dims.empty() && steps.looked.back() == of) {
      steps.dims.back() *= shape[d];
    } else {
      steps.dims.push_back(shape[d]);
      steps.looked.push_back(of);
    }
  }
  return steps;
}

// A projection is a layer in the layer, with variables of its own.
constexpr Variable kHeadVariables[] = {{"kernel", Layout::kHeads},
                                       {"bias", Layout::kHeadsBias}};
constexpr Variable kOutputVariables[] = {{"kernel", Layout::kFromHeads},
                                         {"bias", Layout::kPlain}};
constexpr LayerRow kProjectionToHeads = {"EinsumDense", "", kHeadVariables,
                                         nullptr};
constexpr LayerRow kProjectionFromHeads = {"EinsumDense", "", kOutputVariables,
                                           nullptr};

struct Projection {
  const LayerRow& row;
  std::string step;   // of the node
  const char* name;   // in names of tensors
  const char* group;  // in archives
  std::vector<int32_t> kernel, bias;
};

TensorId AddProjection(const Projection& projection, TensorId x,
                       const Heads& heads, Nodes* nodes, LayerIn* in) {
  LayerIn inner = LayerInside(
      *in, (heads.underscores ? "_" : "") + std::string(projection.group),
      projection.row, in->config, in->name, in->label + "/" + projection.name,
      {x});
  std::vector<TensorId> inputs = {
      x, AddVariable(&inner, "kernel", projection.kernel)};
  if (heads.bias)
    inputs.push_back(AddVariable(&inner, "bias", projection.bias));
  FullyConnectedAttrs attrs;
  attrs.keep_num_dims = true;
  return nodes->Add(kFullyConnected, projection.step, inputs, attrs);
}

int32_t Features(const Shape& shape) { return shape[shape.rank() - 1]; }

// [batch, steps.., heads * n] to [batch, others * heads, looked, n].
TensorId SplitHeads(const std::string& step, TensorId x, int32_t heads,
                    const Steps& steps, Nodes* nodes) {
  const int32_t n = Features(nodes->ShapeOf(x)) / heads;
  std::vector<int32_t> dims = WithBatch(steps.dims);
  dims.insert(dims.end(), {heads, n});
  const TensorId split = nodes->Reshape(step + "_heads", x, dims);
  const TensorId turned =
      nodes->Transpose(step + "_turned", split, steps.Order());
  if (steps.plain()) return turned;
  return nodes->Reshape(step + "_places", turned,
                        {-1, steps.Count(false) * heads, steps.Count(true), n});
}

// And back, to [batch, steps.., heads, n].
TensorId TurnBack(TensorId x, int32_t heads, const Steps& steps, Nodes* nodes) {
  const std::vector<int32_t> order = steps.Order();
  std::vector<int32_t> inverse(order.size());
  for (size_t d = 0; d < order.size(); ++d)
    inverse[static_cast<size_t>(order[d])] = static_cast<int32_t>(d);
  if (!steps.plain()) {
    std::vector<int32_t> split = WithBatch(steps.dims);
    split.insert(split.end(), {heads, nodes->ShapeOf(x)[3]});
    std::vector<int32_t> dims;
    for (const int32_t d : order) dims.push_back(split[static_cast<size_t>(d)]);
    x = nodes->Reshape("places", x, dims);
  }
  return nodes->Transpose("back", x, inverse);
}

// [batch, heads, steps, n], as another number of heads.
TensorId AsHeads(const std::string& step, TensorId x, int32_t heads,
                 Nodes* nodes) {
  const Shape shape = nodes->ShapeOf(x);
  if (shape[1] == heads) return x;
  return nodes->Reshape(step, x,
                        {-1, heads, shape[1] * shape[2] / heads, shape[3]});
}

// Whether Keras 3 goes by its Softmax, which gives zeros where nothing may be
// looked at: its fused function gives all alike (keras/src/layers/attention/
// multi_head_attention.py, _compute_attention).
bool ShowsWeights(LayerIn* in) {
  if (in->generation != 3) return false;
  if (JsonNumber(in->config, "dropout", 0.0) > 0) return true;
  const Json* scores = in->kwargs == nullptr
                           ? nullptr
                           : JsonFind(*in->kwargs, "return_attention_scores");
  return scores != nullptr && *scores == true;
}

// The sum of values that queries get, [batch, others * heads, looked, value],
// and the weights. Queries that share a key are rows of one product with it.
std::array<TensorId, 2> Mix(const std::array<TensorId, 3>& qvk, TensorId query,
                            TensorId key, TensorId value, const Heads& heads,
                            LayerIn* in, Nodes* nodes) {
  const auto steps = [&](TensorId x) {
    return StepsOf(in->config, nodes->ShapeOf(x));
  };
  const int32_t others = steps(query).Count(false);
  for (const TensorId x : {key, value}) {
    if (steps(x).Count(false) != others)
      Fail(ErrorKind::kUnsupported,
           "it reads {} and {}, which differ where nothing is looked over",
           nodes->ShapeOf(qvk[0]).ToString(), nodes->ShapeOf(x).ToString());
  }
  const int32_t count = others * heads.count, shared = others * heads.shared;
  const TensorId rows =
      AsHeads("query_rows",
              SplitHeads("query", query, heads.count, steps(query), nodes),
              shared, nodes);
  const TensorId products = Product(
      "scores", rows, false,
      SplitHeads("key", key, heads.shared, steps(key), nodes), true, nodes);
  const TensorId scores = AsHeads("score_heads", products, count, nodes);
  const TensorId keep =
      LookAt(scores, MaskOf(*in, qvk[0]),
             {MaskOf(*in, qvk[1]), MaskOf(*in, qvk[2])}, in, nodes);
  const TensorId weights =
      AttentionWeights(scores, keep, /*zeros=*/ShowsWeights(in), in, nodes);
  const TensorId mixed =
      Product("mixed", AsHeads("weight_rows", weights, shared, nodes), false,
              SplitHeads("value", value, heads.shared, steps(value), nodes),
              false, nodes);
  return {AsHeads("mixed_heads", mixed, count, nodes), weights};
}

// Of the query, unless the config says something else.
int32_t WidthOf(const Json& config, int32_t width) {
  const Json* shape = JsonFind(config, "output_shape");
  if (shape == nullptr || shape->is_null()) return width;
  const std::vector<int32_t> dims =
      IsWholeNumber(*shape)
          ? std::vector<int32_t>{JsonInt(*shape, "output_shape")}
          : JsonDims(*shape, "output_shape");
  if (dims.size() == 1) return dims[0];
  Fail(ErrorKind::kUnsupported, "its output_shape is {}", JsonShown(*shape));
}

// What says of steps, one after another, which they are.
void CheckIsOfImages(const std::array<TensorId, 3>& qvk, LayerIn* in) {
  for (const TensorId id : qvk) {
    if (MaskOf(*in, id) != nullptr)
      Fail(ErrorKind::kUnsupported, "a mask of more than steps reaches it");
  }
  for (const char* key : {"use_causal_mask", "return_attention_scores"}) {
    if (in->kwargs != nullptr && JsonBool(*in->kwargs, key, false))
      Fail(ErrorKind::kUnsupported, "it has {} of more than steps", key);
  }
}

std::vector<TensorId> BuildHeads(const Heads& heads, LayerIn* in) {
  const std::array<TensorId, 3> qvk = QueryValueKey(in, /*by_name=*/true);
  Nodes nodes(in->name, in->graph);
  const Shape shape = nodes.ShapeOf(qvk[0]);
  CheckHeads(in->config);
  if (shape.rank() > 3) CheckIsOfImages(qvk, in);
  const auto project = [&](const char* name, const char* group, TensorId x,
                           int32_t count, int32_t size) {
    return AddProjection({kProjectionToHeads,
                          name,
                          name,
                          group,
                          {Features(nodes.ShapeOf(x)), count, size},
                          {count, size}},
                         x, heads, &nodes, in);
  };
  TensorId query =
      project("query", "query_dense", qvk[0], heads.count, heads.key);
  const TensorId key =
      project("key", "key_dense", qvk[2], heads.shared, heads.key);
  const TensorId value =
      project("value", "value_dense", qvk[1], heads.shared, heads.value);
  query = nodes.WithFloat(kMul, "scaled", query, "by",
                          1 / std::sqrt(static_cast<float>(heads.key)));
  const auto [mixed, weights] = Mix(qvk, query, key, value, heads, in, &nodes);
  std::vector<int32_t> dims = shape.ToVector();
  dims.front() = -1;
  dims.back() = heads.count * heads.value;
  const TensorId joined = nodes.Reshape(
      "joined",
      TurnBack(mixed, heads.count, StepsOf(in->config, shape), &nodes), dims);
  const int32_t width = WidthOf(in->config, Features(shape));
  const TensorId y = AddProjection({kProjectionFromHeads,
                                    "",
                                    "attention_output",
                                    "output_dense",
                                    {heads.count, heads.value, width},
                                    {width}},
                                   joined, heads, &nodes, in);
  return WithScores(y, weights, in);
}

std::vector<TensorId> BuildMultiHeadAttention(LayerIn* in) {
  return BuildHeads(HeadsOf(in->config, in->generation), in);
}

std::vector<TensorId> BuildGroupQueryAttention(LayerIn* in) {
  return BuildHeads(GroupedHeadsOf(in->config), in);
}

// Which axes of the input are looked over, by how the heads are split off:
// their dimensions are what neighbours were joined to.
std::vector<int32_t> LookedAxes(const NodeGroup& group,
                                const std::vector<int32_t>& heads) {
  const std::vector<int32_t> order = group.Ints("query_turned/axes");
  const Shape& x = group.input_shape();
  const auto of_heads = std::find(order.begin(), order.end(),
                                  static_cast<int32_t>(heads.size()) - 2);
  std::vector<int32_t> axes;
  int32_t axis = 1;
  for (size_t d = 1; d + 2 < heads.size(); ++d) {
    const bool looked = std::find(of_heads, order.end(),
                                  static_cast<int32_t>(d)) != order.end();
    int32_t count = 1;
    do {
      if (looked) axes.push_back(axis);
      count *= x[axis++];
    } while (axis < x.rank() - 1 && count < heads[d]);
  }
  return axes;
}

bool GuessMultiHeadAttention(const NodeGroup& group, LayerConfig* config) {
  const std::vector<int32_t> query = group.Ints("query_heads/shape");
  const std::vector<int32_t> value = group.Ints("value_heads/shape");
  const Node* projection = group.Find("query");
  if (query.size() < 4 || value.size() < 4 || projection == nullptr)
    return false;
  config->emplace_back("num_heads", int64_t{query[query.size() - 2]});
  config->emplace_back("key_dim", int64_t{query.back()});
  config->emplace_back("value_dim", int64_t{value.back()});
  if (query.size() > 4)
    config->emplace_back("attention_axes", LookedAxes(group, query));
  config->emplace_back("use_bias", projection->input(2) != kNoTensor);
  config->emplace_back("dropout", Decimal(AttentionDropout(group)));
  const Shape& y = group.output_shape();
  if (Features(y) != Features(group.input_shape()))
    config->emplace_back("output_shape", int64_t{Features(y)});
  // Keras 2 asks for these.
  for (const auto& [key, input] : {std::pair{"query_shape", size_t{0}},
                                   {"value_shape", 1},
                                   {"key_shape", 1}}) {
    const TensorId id = group.inputs[std::min(input, group.inputs.size() - 1)];
    std::vector<int32_t> dims = group.graph.tensor(id).shape.ToVector();
    dims[0] = -1;
    config->emplace_back(key, dims);
  }
  return true;
}

constexpr LayerRow kMultiHeadRows[] = {
    {"MultiHeadAttention",
     "over any axes of sequences or images; num_heads, key_dim, value_dim, "
     "use_bias, output_shape, dropout, use_causal_mask",
     kHeadVariables, BuildMultiHeadAttention, nullptr, GuessMultiHeadAttention},
    {"GroupQueryAttention",
     "of sequences; head_dim, num_query_heads, num_key_value_heads, use_bias, "
     "dropout, use_causal_mask",
     kHeadVariables, BuildGroupQueryAttention},
};

}  // namespace

std::span<const LayerRow> MultiHeadLayers() { return kMultiHeadRows; }

}  // namespace litesmith
