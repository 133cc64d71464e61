// Attention, and the products of two tensors that it is made of (specs/keras.md
// 3.6, 3.9).
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/map/softmax.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

TensorId Product(const std::string& step, TensorId a, bool adj_a, TensorId b,
                 bool adj_b, Nodes* nodes) {
  return nodes->Add(kBatchMatMul, step, {a, b},
                    BatchMatMulAttrs{.adj_x = adj_a, .adj_y = adj_b});
}

// ---- Dot --------------------------------------------------------------------

// One side of a Dot: [batch, rest, summed], or with `transposed` [batch,
// summed, rest].
struct Side {
  TensorId x;
  bool transposed;
  bool is_row;  // there is no rest
};

Side SideOf(TensorId x, int32_t axis, bool normalize, const char* step,
            Nodes* nodes) {
  const Shape shape = nodes->ShapeOf(x);
  const int rank = shape.rank();
  if (axis < 0) axis += rank;
  if (rank < 2 || rank > 3 || axis < 1 || axis >= rank) {
    Fail(ErrorKind::kUnsupported,
         "it sums over axis {} of {}; [batch, a] and [batch, a, b] are "
         "supported",
         axis, shape.ToString());
  }
  const std::string name(step);
  if (rank == 2) {
    x = nodes->Reshape(name, x, {-1, 1, shape[1]});
    axis = 2;
  }
  bool transposed = axis == 1;
  if (normalize) {
    if (transposed) x = nodes->Transpose(name + "_turned", x, {0, 2, 1});
    transposed = false;
    x = nodes->Add(kL2Normalization, name + "_normalized", {x});
  }
  return {x, transposed, rank == 2};
}

std::vector<TensorId> BuildDot(LayerIn* in) {
  if (in->inputs.size() != 2)
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 2 wanted",
         in->inputs.size());
  std::vector<int32_t> axes;
  const Json& given = JsonAt(in->config, "axes");
  axes = IsWholeNumber(given) ? std::vector<int32_t>(2, JsonInt(given, "axes"))
                              : JsonDims(given, "axes");
  if (axes.size() != 2)
    Fail(ErrorKind::kCorrupt, "its axes are {}", JsonShown(given));
  const bool normalize = JsonBool(in->config, "normalize", false);
  Nodes nodes(in->name, in->graph);
  const Side a = SideOf(in->inputs[0], axes[0], normalize, "first", &nodes);
  const Side b = SideOf(in->inputs[1], axes[1], normalize, "second", &nodes);
  const bool plain = !a.is_row && !b.is_row;
  const TensorId y = Product(plain ? "" : "product", a.x, a.transposed, b.x,
                             !b.transposed, &nodes);
  if (plain) return {y};
  const Shape shape = nodes.ShapeOf(y);
  const int32_t rest = shape[1] * shape[2];
  return {nodes.Reshape("", y, {-1, rest})};
}

bool GuessDot(const NodeGroup& group, LayerConfig* config) {
  const Node* product = group.Find("product");
  if (product == nullptr) product = &group.last();
  if (product->op != &kBatchMatMul || group.inputs.empty()) return false;
  const bool normalize = group.Find("first_normalized") != nullptr;
  const auto attrs = Get<BatchMatMulAttrs>(*product);
  const auto axis = [&](const char* turned, bool transposed, size_t input) {
    const TensorId id = group.inputs[std::min(input, group.inputs.size() - 1)];
    const bool row = group.graph.tensor(id).shape.rank() == 2;
    return row || transposed || group.Find(turned) != nullptr ? 1 : 2;
  };
  config->emplace_back(
      "axes", std::vector<int32_t>{axis("first_turned", attrs.adj_x, 0),
                                   axis("second_turned", !attrs.adj_y, 1)});
  config->emplace_back("normalize", normalize);
  return true;
}

// ---- Attention --------------------------------------------------------------

// A large negative number where a later step would be looked at: behind a
// softmax there is nothing left of it.
constexpr float kMasked = -100.0f;

bool IsCausal(LayerIn* in) {
  if (in->kwargs == nullptr) return false;
  in->keywords_read.insert("use_causal_mask");
  return JsonBool(*in->kwargs, "use_causal_mask", false);
}

TensorId Causal(TensorId scores, Nodes* nodes) {
  const Shape& shape = nodes->ShapeOf(scores);
  const int32_t rows = shape[shape.rank() - 2];
  const int32_t columns = shape[shape.rank() - 1];
  std::vector<float> mask(static_cast<size_t>(rows) *
                          static_cast<size_t>(columns));
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = r + 1; c < columns; ++c)
      mask[static_cast<size_t>(r) * static_cast<size_t>(columns) +
           static_cast<size_t>(c)] = kMasked;
  }
  const TensorId later = nodes->Floats("causal/later", {rows, columns}, mask);
  return nodes->Add(kAdd, "causal", {scores, later});
}

DropoutAttrs DropoutRate(float rate) {
  DropoutAttrs attrs;
  attrs.rate = rate;
  return attrs;
}

// Softmax over what is looked at, and its dropout in training.
TensorId Weights(TensorId scores, LayerIn* in, Nodes* nodes) {
  if (IsCausal(in)) scores = Causal(scores, nodes);
  const TensorId weights =
      nodes->Add(kSoftmax, "weights", {scores}, SoftmaxAttrs{.beta = 1});
  const auto rate = static_cast<float>(JsonNumber(in->config, "dropout", 0.0));
  if (rate == 0) return weights;
  return nodes->Add(kDropout, "dropout", {weights}, DropoutRate(rate));
}

// query, value, and key or value again: three dimensions each.
std::array<TensorId, 3> QueryValueKey(LayerIn* in, bool by_name) {
  std::vector<TensorId> given = in->inputs;
  if (by_name) {
    for (const char* name : {"query", "value", "key"}) {
      const std::vector<TensorId> named = TensorsOf(in, name);
      given.insert(given.end(), named.begin(), named.end());
    }
  }
  if (given.size() != 2 && given.size() != 3) {
    Fail(ErrorKind::kCorrupt,
         "it reads {} tensors; query and value, or query, value and key are "
         "wanted",
         given.size());
  }
  const std::array<TensorId, 3> inputs = {given[0], given[1], given.back()};
  for (const TensorId id : inputs) {
    const Shape& shape = in->graph->tensor(id).shape;
    if (shape.rank() == 3 && shape[1] != kDynamic) continue;
    Fail(ErrorKind::kUnsupported,
         "it reads {}; [batch, steps, features] is supported",
         shape.ToString());
  }
  RefuseMask(*in);
  return inputs;
}

// tanh(query + key) of all pairs, [batch, queries, keys, features], before its
// sum over the features.
TensorId PairSums(TensorId query, TensorId key, TensorId scale, Nodes* nodes) {
  const Shape q = nodes->ShapeOf(query), k = nodes->ShapeOf(key);
  const TensorId rows = nodes->Reshape("rows", query, {-1, q[1], 1, q[2]});
  const TensorId columns = nodes->Reshape("columns", key, {-1, 1, k[1], k[2]});
  TensorId sums = nodes->Add(kAdd, "pairs", {rows, columns});
  if (scale != kNoTensor) sums = nodes->Add(kMul, "scaled", {sums, scale});
  return nodes->Add(kTanh, "tanh", {sums});
}

// By the mean: integers of SUM are wrong in LiteRT's reference kernels.
TensorId OverFeatures(TensorId pairs, Nodes* nodes) {
  const auto features = static_cast<float>(nodes->ShapeOf(pairs)[3]);
  ReduceAttrs attrs;
  attrs.keep_dims = false;
  const TensorId mean =
      nodes->Add(kMean, "mean", {pairs, nodes->Ints("mean/axes", {-1})}, attrs);
  return nodes->WithFloat(kMul, "sum", mean, "features", features);
}

TensorId Scores(const std::array<TensorId, 3>& qvk, LayerIn* in, Nodes* nodes) {
  const bool use_scale = JsonBool(in->config, "use_scale", false);
  const TensorId scale = use_scale ? AddVariable(in, "scale", {}) : kNoTensor;
  const std::string mode = JsonString(in->config, "score_mode", "dot");
  if (mode == "dot") {
    const TensorId scores =
        Product("scores", qvk[0], false, qvk[2], true, nodes);
    return use_scale ? nodes->Add(kMul, "scaled", {scores, scale}) : scores;
  }
  if (mode != "concat") {
    Fail(ErrorKind::kCorrupt,
         "its score_mode is '{}'; dot and concat are known", mode);
  }
  const TensorId weight = AddVariable(in, "concat_score_weight", {});
  const TensorId sums =
      OverFeatures(PairSums(qvk[0], qvk[2], scale, nodes), nodes);
  return nodes->Add(kMul, "weighted", {sums, weight});
}

// y, and the weights where the call asks for them.
std::vector<TensorId> WithScores(TensorId y, TensorId weights, LayerIn* in) {
  std::vector<TensorId> outputs = {y};
  if (in->kwargs == nullptr) return outputs;
  in->keywords_read.insert("return_attention_scores");
  if (JsonBool(*in->kwargs, "return_attention_scores", false))
    outputs.push_back(weights);
  return outputs;
}

std::vector<TensorId> BuildAttention(LayerIn* in) {
  const std::array<TensorId, 3> qvk = QueryValueKey(in, /*by_name=*/false);
  Nodes nodes(in->name, in->graph);
  const TensorId weights = Weights(Scores(qvk, in, &nodes), in, &nodes);
  return WithScores(Product("", weights, false, qvk[1], false, &nodes), weights,
                    in);
}

std::vector<TensorId> BuildAdditiveAttention(LayerIn* in) {
  const std::array<TensorId, 3> qvk = QueryValueKey(in, /*by_name=*/false);
  Nodes nodes(in->name, in->graph);
  TensorId pairs = PairSums(qvk[0], qvk[2], kNoTensor, &nodes);
  if (JsonBool(in->config, "use_scale", true)) {
    const int32_t features = nodes.ShapeOf(pairs)[3];
    pairs = nodes.Add(kMul, "scaled",
                      {pairs, AddVariable(in, "scale", {features})});
  }
  const TensorId weights = Weights(OverFeatures(pairs, &nodes), in, &nodes);
  return WithScores(Product("", weights, false, qvk[1], false, &nodes), weights,
                    in);
}

float DropoutOf(const NodeGroup& group) {
  const Node* node = group.Find("dropout");
  return node != nullptr && node->op == &kDropout
             ? node->Get<&DropoutAttrs::rate>()
             : 0;
}

bool GuessAttention(const NodeGroup& group, LayerConfig* config) {
  if (group.last().op != &kBatchMatMul || group.Find("weights") == nullptr)
    return false;
  config->emplace_back("use_scale", group.Find("scaled") != nullptr);
  // Where it is not said it is dot; Keras 3 takes that word for a function.
  if (group.Find("weighted") != nullptr)
    config->emplace_back("score_mode", std::string("concat"));
  config->emplace_back("dropout", Decimal(DropoutOf(group)));
  return true;
}

bool GuessAdditiveAttention(const NodeGroup& group, LayerConfig* config) {
  if (group.Find("pairs") == nullptr) return false;
  config->emplace_back("use_scale", group.Find("scaled") != nullptr);
  config->emplace_back("dropout", Decimal(DropoutOf(group)));
  return true;
}

// ---- MultiHeadAttention -----------------------------------------------------

struct Heads {
  int32_t count, key, value;
  bool bias;
};

Heads HeadsOf(const Json& config) {
  Heads heads{};
  heads.count = JsonInt(JsonAt(config, "num_heads"), "num_heads");
  heads.key = JsonInt(JsonAt(config, "key_dim"), "key_dim");
  const Json* value = JsonFind(config, "value_dim");
  heads.value = value == nullptr || value->is_null()
                    ? heads.key
                    : JsonInt(*value, "value_dim");
  heads.bias = JsonBool(config, "use_bias", true);
  for (const int32_t n : {heads.count, heads.key, heads.value}) {
    if (n < 1 || n > 1 << 20)
      Fail(ErrorKind::kCorrupt, "it has a size of {}", n);
  }
  return heads;
}

void CheckHeads(const Json& config) {
  if (JsonBool(config, "use_gate", false))
    Fail(ErrorKind::kUnsupported, "its use_gate is true");
  const Json* window = JsonFind(config, "sliding_window");
  if (window != nullptr && !window->is_null())
    Fail(ErrorKind::kUnsupported, "it has a sliding_window");
  const Json* axes = JsonFind(config, "attention_axes");
  if (axes == nullptr || axes->is_null()) return;
  const std::vector<int32_t> given =
      IsWholeNumber(*axes)
          ? std::vector<int32_t>{JsonInt(*axes, "attention_axes")}
          : JsonDims(*axes, "attention_axes");
  if (given == std::vector<int32_t>{1}) return;
  Fail(ErrorKind::kUnsupported, "its attention_axes are {}; 1 is supported",
       JsonShown(*axes));
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

TensorId AddProjection(const Projection& projection, TensorId x, bool has_bias,
                       Nodes* nodes, LayerIn* in) {
  LayerIn inner{projection.row,
                in->config,
                in->name,
                in->label + "/" + projection.name,
                {x},
                in->graph,
                in->tensors};
  inner.variables = in->variables;
  inner.rebuilt = in->rebuilt;
  inner.layer = in->layer;
  inner.part = (in->part.empty() ? "" : in->part + "/") +
               (in->generation == 2 ? "_" : "") + projection.group;
  inner.trainable = in->trainable;
  std::vector<TensorId> inputs = {
      x, AddVariable(&inner, "kernel", projection.kernel)};
  if (has_bias) inputs.push_back(AddVariable(&inner, "bias", projection.bias));
  FullyConnectedAttrs attrs;
  attrs.keep_num_dims = true;
  return nodes->Add(kFullyConnected, projection.step, inputs, attrs);
}

// [batch, steps, heads * n] to [batch, heads, steps, n].
TensorId SplitHeads(const std::string& step, TensorId x, int32_t heads,
                    Nodes* nodes) {
  const Shape shape = nodes->ShapeOf(x);
  const TensorId split = nodes->Reshape(
      step + "_heads", x, {-1, shape[1], heads, shape[2] / heads});
  return nodes->Transpose(step + "_turned", split, {0, 2, 1, 3});
}

std::vector<TensorId> BuildMultiHeadAttention(LayerIn* in) {
  const Heads heads = HeadsOf(in->config);
  CheckHeads(in->config);
  const std::array<TensorId, 3> qvk = QueryValueKey(in, /*by_name=*/true);
  Nodes nodes(in->name, in->graph);
  const auto project = [&](const char* name, const char* group, TensorId x,
                           int32_t size) {
    return AddProjection({kProjectionToHeads,
                          name,
                          name,
                          group,
                          {nodes.ShapeOf(x)[2], heads.count, size},
                          {heads.count, size}},
                         x, heads.bias, &nodes, in);
  };
  TensorId query = project("query", "query_dense", qvk[0], heads.key);
  const TensorId key = project("key", "key_dense", qvk[2], heads.key);
  const TensorId value = project("value", "value_dense", qvk[1], heads.value);
  query = nodes.WithFloat(kMul, "scaled", query, "by",
                          1 / std::sqrt(static_cast<float>(heads.key)));
  const TensorId scores =
      Product("scores", SplitHeads("query", query, heads.count, &nodes), false,
              SplitHeads("key", key, heads.count, &nodes), true, &nodes);
  const TensorId weights = Weights(scores, in, &nodes);
  const TensorId mixed =
      Product("mixed", weights, false,
              SplitHeads("value", value, heads.count, &nodes), false, &nodes);
  const int32_t steps = nodes.ShapeOf(query)[1];
  const TensorId joined =
      nodes.Reshape("joined", nodes.Transpose("back", mixed, {0, 2, 1, 3}),
                    {-1, steps, heads.count * heads.value});
  int32_t width = nodes.ShapeOf(qvk[0])[2];
  if (const Json* shape = JsonFind(in->config, "output_shape");
      shape != nullptr && !shape->is_null()) {
    const std::vector<int32_t> dims =
        IsWholeNumber(*shape)
            ? std::vector<int32_t>{JsonInt(*shape, "output_shape")}
            : JsonDims(*shape, "output_shape");
    if (dims.size() != 1) {
      Fail(ErrorKind::kUnsupported, "its output_shape is {}",
           JsonShown(*shape));
    }
    width = dims[0];
  }
  const TensorId y = AddProjection({kProjectionFromHeads,
                                    "",
                                    "attention_output",
                                    "output_dense",
                                    {heads.count, heads.value, width},
                                    {width}},
                                   joined, heads.bias, &nodes, in);
  return WithScores(y, weights, in);
}

bool GuessMultiHeadAttention(const NodeGroup& group, LayerConfig* config) {
  const std::vector<int32_t> query = group.Ints("query_heads/shape");
  const std::vector<int32_t> value = group.Ints("value_heads/shape");
  const Node* projection = group.Find("query");
  if (query.size() != 4 || value.size() != 4 || projection == nullptr)
    return false;
  config->emplace_back("num_heads", int64_t{query[2]});
  config->emplace_back("key_dim", int64_t{query[3]});
  config->emplace_back("value_dim", int64_t{value[3]});
  config->emplace_back("use_bias", projection->input(2) != kNoTensor);
  config->emplace_back("dropout", Decimal(DropoutOf(group)));
  const Shape& y = group.output_shape();
  if (y[y.rank() - 1] != group.input_shape()[2])
    config->emplace_back("output_shape", int64_t{y[y.rank() - 1]});
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

constexpr Variable kAttentionVariables[] = {
    {"scale", Layout::kPlain}, {"concat_score_weight", Layout::kPlain}};
constexpr LayerRow kRows[] = {
    {"Dot",
     "axes of inputs of two or three dimensions; normalize",
     {},
     BuildDot,
     nullptr,
     GuessDot},
    {"Attention",
     "use_scale, score_mode dot or concat, dropout, use_causal_mask",
     kAttentionVariables, BuildAttention, nullptr, GuessAttention},
    {"AdditiveAttention", "use_scale, dropout, use_causal_mask",
     kAttentionVariables, BuildAdditiveAttention, nullptr,
     GuessAdditiveAttention},
    {"MultiHeadAttention",
     "of sequences; num_heads, key_dim, value_dim, use_bias, output_shape, "
     "dropout, use_causal_mask",
     kHeadVariables, BuildMultiHeadAttention, nullptr, GuessMultiHeadAttention},
};

}  // namespace

std::span<const LayerRow> AttentionLayers() { return kRows; }

}  // namespace litesmith
