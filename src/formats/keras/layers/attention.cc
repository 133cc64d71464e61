// Attention, and the products of two tensors that it is made of (specs/keras.md
// 3.6, 3.9). That of several heads is in multi_head.cc.
#include "src/formats/keras/layers/attention.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

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

// Of Attention and AdditiveAttention: a mask of the values says what is looked
// at, and one of the queries what anything comes of.
std::vector<TensorId> Attend(const std::array<TensorId, 3>& qvk,
                             TensorId scores, LayerIn* in, Nodes* nodes) {
  const TensorId keep =
      LookAt(scores, nullptr, {MaskOf(*in, qvk[1])}, in, nodes);
  const TensorId weights =
      AttentionWeights(scores, keep, /*zeros=*/false, in, nodes);
  const MaskPtr query = MaskOf(*in, qvk[0]);
  const TensorId y = Product(query == nullptr ? "" : "all", weights, false,
                             qvk[1], false, nodes);
  if (query == nullptr) return WithScores(y, weights, in);
  const TensorId asked =
      MaskFloats(*in, "asked", query, {-1, nodes->ShapeOf(y)[1], 1});
  return WithScores(nodes->Add(kMul, "", {y, asked}), weights, in);
}

std::vector<TensorId> BuildAttention(LayerIn* in) {
  const std::array<TensorId, 3> qvk = QueryValueKey(in, /*by_name=*/false);
  Nodes nodes(in->name, in->graph);
  return Attend(qvk, Scores(qvk, in, &nodes), in, &nodes);
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
  return Attend(qvk, OverFeatures(pairs, &nodes), in, &nodes);
}

bool GuessAttention(const NodeGroup& group, LayerConfig* config) {
  if (group.last().op != &kBatchMatMul || group.Find("weights") == nullptr)
    return false;
  config->emplace_back("use_scale", group.Find("scaled") != nullptr);
  // Where it is not said it is dot; Keras 3 takes that word for a function.
  if (group.Find("weighted") != nullptr)
    config->emplace_back("score_mode", std::string("concat"));
  config->emplace_back("dropout", Decimal(AttentionDropout(group)));
  return true;
}

bool GuessAdditiveAttention(const NodeGroup& group, LayerConfig* config) {
  if (group.Find("pairs") == nullptr) return false;
  config->emplace_back("use_scale", group.Find("scaled") != nullptr);
  config->emplace_back("dropout", Decimal(AttentionDropout(group)));
  return true;
}

constexpr Variable kAttentionVariables[] = {
    {"scale", Layout::kPlain}, {"concat_score_weight", Layout::kPlain}};
constexpr LayerRow kAttentionRows[] = {
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
};

}  // namespace

std::span<const LayerRow> AttentionLayers() { return kAttentionRows; }

}  // namespace litesmith
