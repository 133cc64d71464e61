// Scores to weights, by masks and causality.
#include <fmt/core.h>

#include "src/base/error.h"
#include "src/formats/keras/layers/attention.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/map/softmax.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// A large negative number where a later step would be looked at: behind a
// softmax there is nothing left of it.
constexpr float kMasked = -100.0f;

bool IsCausal(LayerIn* in) {
  if (in->kwargs == nullptr) return false;
  in->keywords_read.insert("use_causal_mask");
  return JsonBool(*in->kwargs, "use_causal_mask", false);
}

// `later` where a step would be looked at that comes later, else `earlier`.
TensorId Triangle(const char* name, TensorId scores, float earlier, float later,
                  Nodes* nodes) {
  const Shape& shape = nodes->ShapeOf(scores);
  const int32_t rows = shape[shape.rank() - 2];
  const int32_t columns = shape[shape.rank() - 1];
  std::vector<float> values;
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c)
      values.push_back(c > r ? later : earlier);
  }
  return nodes->Floats(name, {rows, columns}, values);
}

TensorId Causal(TensorId scores, Nodes* nodes) {
  const TensorId later = Triangle("causal/later", scores, 0, kMasked, nodes);
  return nodes->Add(kAdd, "causal", {scores, later});
}

// A query that may look at nothing looks at everything alike, as in Keras.
TensorId Masked(TensorId scores, TensorId keep, Nodes* nodes) {
  const TensorId scaled =
      nodes->WithFloat(kMul, "mask_scaled", keep, "by", -kMasked);
  const TensorId below =
      nodes->WithFloat(kAdd, "mask_below", scaled, "by", kMasked);
  const TensorId sums = nodes->Add(kAdd, "masked", {scores, below});
  const TensorId any =
      nodes->Add(kReduceMax, "any", {keep, nodes->Ints("any/axes", {-1})},
                 ReduceAttrs{.keep_dims = true});
  return nodes->Add(kMul, "levelled", {sums, any});
}

DropoutAttrs DropoutRate(float rate) {
  DropoutAttrs attrs;
  attrs.rate = rate;
  return attrs;
}

}  // namespace

TensorId Product(const std::string& step, TensorId a, bool adj_a, TensorId b,
                 bool adj_b, Nodes* nodes) {
  return nodes->Add(kBatchMatMul, step, {a, b},
                    BatchMatMulAttrs{.adj_x = adj_a, .adj_y = adj_b});
}

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
    // Attention by name is that of heads, which have axes of their own.
    const bool fits = shape.rank() == 3 || (by_name && shape.rank() > 3);
    bool known = fits;
    for (int d = 1; d < shape.rank(); ++d) known &= shape[d] != kDynamic;
    if (known) continue;
    Fail(ErrorKind::kUnsupported,
         "it reads {}; [batch, steps, features] is supported",
         shape.ToString());
  }
  in->handed_on = {MaskOf(*in, inputs[0])};
  return inputs;
}

TensorId LookAt(TensorId scores, const MaskPtr& query,
                const std::vector<MaskPtr>& keys, LayerIn* in, Nodes* nodes) {
  const Shape shape = nodes->ShapeOf(scores);
  TensorId all = kNoTensor;
  int joined = 0;
  const auto with = [&](TensorId keep) {
    all = all == kNoTensor
              ? keep
              : nodes->Add(kMul, fmt::format("keep_{}", ++joined), {all, keep});
  };
  const auto floats = [&](const char* step, const MaskPtr& mask, int axis) {
    std::vector<int32_t> dims(static_cast<size_t>(shape.rank()), 1);
    dims[0] = -1;
    dims[static_cast<size_t>(axis)] = shape[axis];
    with(MaskFloats(*in, step, mask, dims));
  };
  if (keys[0] != nullptr) floats("looked_at", keys[0], shape.rank() - 1);
  if (keys.back() != nullptr && keys.back() != keys[0])
    floats("looked_by", keys.back(), shape.rank() - 1);
  if (query != nullptr) floats("looking", query, shape.rank() - 2);
  if (all != kNoTensor && IsCausal(in))
    with(Triangle("causal/earlier", scores, 1, 0, nodes));
  return all;
}

TensorId AttentionWeights(TensorId scores, TensorId keep, bool zeros,
                          LayerIn* in, Nodes* nodes) {
  if (keep != kNoTensor) {
    scores = Masked(scores, keep, nodes);
  } else if (IsCausal(in)) {
    scores = Causal(scores, nodes);
  }
  TensorId weights =
      nodes->Add(kSoftmax, "weights", {scores}, SoftmaxAttrs{.beta = 1});
  if (keep != kNoTensor && zeros)
    weights = nodes->Add(kMul, "kept", {weights, keep});
  const auto rate = static_cast<float>(JsonNumber(in->config, "dropout", 0.0));
  if (rate == 0) return weights;
  return nodes->Add(kDropout, "dropout", {weights}, DropoutRate(rate));
}

std::vector<TensorId> WithScores(TensorId y, TensorId weights, LayerIn* in) {
  std::vector<TensorId> outputs = {y};
  if (in->kwargs == nullptr) return outputs;
  in->keywords_read.insert("return_attention_scores");
  if (JsonBool(*in->kwargs, "return_attention_scores", false))
    outputs.push_back(weights);
  return outputs;
}

float AttentionDropout(const NodeGroup& group) {
  const Node* node = group.Find("dropout");
  return node != nullptr && node->op == &kDropout
             ? node->Get<&DropoutAttrs::rate>()
             : 0;
}

}  // namespace litesmith
