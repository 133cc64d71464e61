// Quantization-aware training, 8 bits (specs/tfmot.md 3, 4, 5). Its fake quants
// stay: what they learned is what the quantizer converts with.
#include <algorithm>

#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/optimize/technique.h"
#include "src/quant/convert.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr Word kRanges[] = {{"channel", 1}, {"tensor", 0}};

constexpr Parameter kQatParameters[] = {
    kSkip,
    Flag<&QatOptions::preserve_sparsity>("preserve_sparsity",
                                         "zeros stay zero"),
    Flag<&QatOptions::preserve_clusters>("preserve_clusters",
                                         "shared weights stay shared"),
    Number<&QatOptions::decay>("decay", 0, 1,
                               "of the moving average of activation ranges"),
    Flag<&QatOptions::debias>("debias",
                              "true makes that the mean of the batches so far, "
                              "without the -6 to 6 of its start"),
    OneOf<&QatOptions::per_channel>("weight_ranges", kRanges,
                                    "a convolution's weights have one a "
                                    "\"channel\" or one a \"tensor\""),
    OfStep(Flag<&QatOptions::calibrate>(
        "calibrate",
        "activation ranges start from the first 100 samples'; false: from -6 "
        "to 6")),
};

LayerSettings QatDefaults() { return {.options = QatOptions()}; }

void InsertQat(Graph* graph, const WeightRef& weights,
               const LayerSettings& settings) {
  InsertFakeQuant(graph, weights, settings.As<QatOptions>());
}

void InsertOutput(Graph* graph, NodeId node, const LayerSettings& settings) {
  InsertOutputFakeQuant(graph, node, settings.As<QatOptions>());
}

// Activation ranges from the first samples instead of +-6.
void Start(const Graph& plain, const Dataset& data,
           const LayerSettings& settings, Graph* graph) {
  if (!settings.As<QatOptions>().calibrate) return;
  const Ranges ranges = Calibrate(plain, data, kCalibrationSamples);
  for (const Node& node : graph->nodes) {
    const auto of = static_cast<size_t>(node.inputs[0]);
    if (node.op != &kFakeQuant || of >= plain.tensors.size() ||
        !ranges[of].seen() ||
        node.Get<&FakeQuantAttrs::range_update>() == fake_quant::kLastValue) {
      continue;
    }
    graph->tensor(node.inputs[1]).MutableAs<float>()[0] =
        std::min(ranges[of].min, 0.0f);
    graph->tensor(node.inputs[2]).MutableAs<float>()[0] =
        std::max(ranges[of].max, 0.0f);
  }
}

void PromiseAfterQat(const Graph& graph, const WeightRef& weights,
                     const LayerSettings& settings, int64_t /*steps*/,
                     std::vector<Promise>* promises) {
  const auto& qat = settings.As<QatOptions>();
  if (!qat.preserve_sparsity) {
    DropPromise<ZerosPromise>(promises);
    DropPromise<GroupsPromise>(promises);
  }
  if (!qat.preserve_clusters) DropPromise<ClustersPromise>(promises);
  // On the grid a channel's scale of its own makes values of its own.
  if (auto* clusters = FindPromise<ClustersPromise>(promises))
    clusters->per_channel |= HasRangePerChannel(graph, weights, qat);
}

}  // namespace

const Technique kQatTechnique = {
    .name = "qat",
    .summary = "trains on the numbers that integers will hold",
    .parameters = kQatParameters,
    .defaults = QatDefaults,
    .stays = true,
    .frozen = true,
    .freeze_batch_norm = 2.0f / 3,
    .schedule = "cosine",
    .insert = InsertQat,
    .insert_output = InsertOutput,
    .insert_input =
        [](Graph* graph) {
          InsertInputFakeQuant(graph);
          InsertRoundings(graph);
        },
    .start = Start,
    .finish = ComputeAsIntegers,
    .promise = PromiseAfterQat,
};

}  // namespace litesmith
