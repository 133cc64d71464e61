// The table of rewrites, and how it is gone through.
#include "src/transform/clean_up.h"

#include <algorithm>

#include "src/graph/op_def.h"
#include "src/transform/clean_up/rows.h"

namespace litesmith {
namespace {

constexpr Rewrite kRewrites[] = {
    {"identity", "nodes that give what they get: x * 1, x + 0, no padding",
     clean_up::DropIdentity},
    {"reshapes", "reshapes of reshapes are one", clean_up::MergeReshapes},
    {"transpositions", "transpositions of transpositions are one",
     clean_up::MergeTransposes},
    {"dense_reshapes", "a dense layer does without the reshapes around it",
     clean_up::KeepDimensions},
    {"reshape_last", "elementwise ops before a reshape that meets another",
     clean_up::ReshapeAfterwards},
    {"hard_swish", "x relu6(x + 3) / 6 is HARD_SWISH", clean_up::NameHardSwish},
    {"gelu", "x (1 + tanh(..)) / 2 is GELU", clean_up::NameGelu},
    {"leaky_relu", "max(x, alpha x) is LEAKY_RELU", clean_up::NameLeakyRelu},
    {"exp_below", "exp(x) that counts where x <= 0 alone is exp(min(x, 0))",
     clean_up::BoundExp},
    {"softmax", "exp(x) / sum(exp(x)) is SOFTMAX", clean_up::NameSoftmax},
    {"l2_normalization", "x rsqrt(max(sum(x^2), 1e-12)) is L2_NORMALIZATION",
     clean_up::NameL2Normalization},
    {"mean", "a sum divided by the number of its summands is MEAN",
     clean_up::NameMean},
    {"global_average",
     "an average of the whole image is MEAN, whose scale is "
     "its own",
     clean_up::NameGlobalAverage},
    {"normalization", "layer normalization centers before it scales",
     clean_up::ShortenNormalization},
    {"clamp", "min(max(x, 0), 6) is RELU6", clean_up::NameClamp},
    {"activation", "activations go into what they follow",
     clean_up::FuseActivation},
    {"affine_move", "x * s + t goes in front of what moves a layer's values",
     clean_up::AffineBeforeMove},
    {"affine_before", "x * s + t goes into the layer before it",
     clean_up::AffineIntoLayerBefore},
    {"affine_chain", "several x * s + t are one", clean_up::MergeAffine},
    {"affine_behind", "x * s + t goes into the layer behind it",
     clean_up::AffineIntoLayerBehind},
    {"products", "-x, x^2 and x / c are products, which have integers",
     clean_up::MultiplyInstead},
    {"dilation", "SPACE_TO_BATCH_ND around a convolution dilates it",
     clean_up::DilateInstead},
    {"padding", "PAD goes into the convolution that it equals",
     clean_up::PadInside},
};

// Takes out what nobody reads, from the end.
void DropDead(Graph* graph) {
  std::vector<char> read(graph->tensors.size(), 0);
  for (const TensorId id : graph->outputs) read[static_cast<size_t>(id)] = 1;
  for (size_t n = graph->nodes.size(); n-- > 0;) {
    const Node& node = graph->nodes[n];
    const bool needed =
        node.op->effects || node.outputs.empty() ||
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](TensorId id) {
          return read[static_cast<size_t>(id)] != 0;
        });
    if (!needed) {
      graph->nodes.erase(graph->nodes.begin() + static_cast<ptrdiff_t>(n));
      continue;
    }
    for (const TensorId id : node.inputs) {
      if (id != kNoTensor) read[static_cast<size_t>(id)] = 1;
    }
  }
}

}  // namespace

std::span<const Rewrite> Rewrites() { return kRewrites; }

Graph CleanUp(const Graph& graph) {
  Graph result = graph;
  DropDead(&result);
  bool any = false;
  // Each rewrite makes the graph smaller or goes one way; still no file may
  // keep us here for ever.
  int left = 100 + 20 * static_cast<int>(graph.nodes.size());
  for (bool again = true; again;) {
    again = false;
    for (const Rewrite& rewrite : kRewrites) {
      for (size_t n = 0; n < result.nodes.size();) {
        if (left > 0 && !result.nodes[n].outputs.empty() &&
            rewrite.apply(&result, static_cast<NodeId>(n))) {
          --left;
          again = any = true;
          const size_t before = result.nodes.size();
          DropDead(&result);
          // What is dead stood in front of the node that read it.
          n -= std::min(n, before - result.nodes.size());
          continue;
        }
        ++n;
      }
    }
  }
  if (any) InferShapes(&result);
  return result;
}

}  // namespace litesmith
