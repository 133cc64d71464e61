// CONV_2D, the FAKE_QUANT of its outputs and a max pool behind it as one op of
// training plans; it is never in a file or a model. Thin over
// kernels/train_conv_pool_narrow. Forward results are those of the three ops
// bit for bit, and so is where gradients go; sums of gradients add up in
// another order.
#include <algorithm>
#include <vector>

#include "src/kernels/conv/train_gray.h"
#include "src/ops/fusions/conv_2d_pool_train.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/fake_quant_range.h"
#include "src/ops/train/train.h"
#include "src/ops/train_fusions.h"

namespace litesmith {
namespace {

// Inputs: those of CONV_2D (a missing bias has its place), then FAKE_QUANT's
// min, max and count.
enum : size_t { kX, kWeights, kBias, kMin, kMax, kCount };

// The attributes of CONV_2D, then FAKE_QUANT's.
constexpr auto kBoth = Join(kAttrs<Conv2DAttrs>, kAttrs<FakeQuantAttrs>);
constexpr size_t kFirstOfQuant = kAttrs<Conv2DAttrs>.size();

FakeQuantAttrs QuantOf(const PrepareContext& context) {
  return Get<FakeQuantAttrs>(context.node, kFirstOfQuant);
}

Window PoolOf(const Window& conv) { return PoolBehind(conv, 2, 2); }

kernels::FloatRange RangeOf(const Node& node) {
  return ActivationRange(node.Get<&Conv2DAttrs::activation>());
}

// The three ops were checked by their own infer before.
void Infer(Graph* graph, const Node& node) {
  InferPooled(PoolOf(ConvWindow({*graph, node, FactsOf(*graph)})), graph, node);
}

class Conv2DFakeQuantMaxPoolF32Train final : public TrainKernel {
 public:
  explicit Conv2DFakeQuantMaxPoolF32Train(const PrepareContext& context)
      : fused_(ConvWindow(context), RangeOf(context.node),
               PoolOf(ConvWindow(context))),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))),
        quant_min_(QuantOf(context).narrow_range ? 1 : 0),
        quant_max_((1 << QuantOf(context).bits) - 1),
        range_(QuantOf(context).range_update, QuantOf(context).rate) {
    workspace_bytes = fused_.workspace_bytes();
    saved_bytes = fused_.saved_bytes(context.input(0).shape[0]);
    if (range_.Follows()) statistics_floats = 2;
  }

  void Repack(const void* const* inputs) override {
    fused_.Pack(static_cast<const float*>(inputs[kWeights]));
  }

  void Statistics(const KernelArgs& args, float* partial) const override {
    // No output is negative, and zero is in every range.
    partial[0] = 0.0f;
    partial[1] = fused_.Largest(args.batch * images_, args.in<float>(kX),
                                args.in<float>(kBias),
                                reinterpret_cast<float*>(args.workspace));
  }

  void Combine(const float* partials, int shards,
               void* const* inputs) const override {
    range_.Combine(partials, shards, static_cast<float*>(inputs[kMin]),
                   static_cast<float*>(inputs[kMax]),
                   static_cast<int32_t*>(inputs[kCount]));
  }

  void Run(const KernelArgs& args) const override {
    const kernels::FakeQuantGrid grid = kernels::MakeFakeQuantGrid(
        *args.in<float>(kMin), *args.in<float>(kMax), quant_min_, quant_max_);
    fused_.QuantForward(args.batch * images_, grid, args.in<float>(kX),
                        args.in<float>(kBias), args.out<float>(),
                        reinterpret_cast<uint8_t*>(args.saved),
                        reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    fused_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[kX]),
        args.output_grads[0], reinterpret_cast<const uint8_t*>(args.saved),
        args.input_grads[kWeights], args.input_grads[kBias],
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::NarrowConvPool fused_;
  int images_;
  int quant_min_;
  int quant_max_;
  FakeQuantRange range_;
};

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "filter",
     .role = Role::kWeight,
     .channel_axis = 0,
     .input_axis = 3},
    {.name = "bias", .role = Role::kBias, .optional = true},
    {.name = "min", .role = Role::kState},
    {.name = "max", .role = Role::kState},
    {.name = "count", .role = Role::kState, .optional = true},
};

constexpr KernelRow kRows[] = {
    {"Conv2DFakeQuantMaxPool2DF32F32Train",
     Purpose::kTrain,
     {},
     MakeKernel<Conv2DFakeQuantMaxPoolF32Train>},
};

bool CanFuse(const Graph& graph, const Node& conv, const Node& quant,
             const Node& pool) {
  if (!IsPlainFloatConv(graph, conv) || quant.inputs[0] != conv.outputs[0] ||
      pool.inputs[0] != quant.outputs[0] ||
      graph.NumUses(conv.outputs[0]) != 1 ||
      graph.NumUses(quant.outputs[0]) != 1 || !IsOneMonotoneMap(graph, quant) ||
      pool.Get<&Pool2DAttrs::activation>() != kNone ||
      pool.Get<&Pool2DAttrs::stride_h>() != 2 ||
      pool.Get<&Pool2DAttrs::stride_w>() != 2 ||
      pool.Get<&Pool2DAttrs::filter_h>() != 2 ||
      pool.Get<&Pool2DAttrs::filter_w>() != 2) {
    return false;
  }
  const Window window = ConvWindow({graph, conv, FactsOf(graph)});
  return kernels::NarrowConvPool::FitsQuant(window, RangeOf(conv),
                                            PoolOf(window)) &&
         !IsTrained(graph, conv.inputs[0]);
}

}  // namespace

extern const OpDef kConv2DFakeQuantMaxPoolTrain;
const OpDef kConv2DFakeQuantMaxPoolTrain = {
    .name = "CONV_2D+FAKE_QUANT+MAX_POOL_2D",
    .summary =
        "convolution, fake quantization and max pool in one kernel, in "
        "training plans",
    .attrs = kBoth,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .macs = MacsBeforePool,
};

bool FuseConvFakeQuantMaxPoolForTraining(Graph* graph, SourceIds* source) {
  bool changed = false;
  for (size_t p = 0; p < graph->nodes.size(); ++p) {
    const Node pool = graph->nodes[p];
    if (pool.op != &kMaxPool2D) continue;
    const NodeId quant_id = graph->Producer(pool.inputs[0]);
    if (quant_id < 0 || graph->node(quant_id).op != &kFakeQuant) continue;
    const Node quant = graph->node(quant_id);
    const NodeId conv_id = graph->Producer(quant.inputs[0]);
    if (conv_id < 0 || graph->node(conv_id).op != &kConv2D) continue;
    const Node conv = graph->node(conv_id);
    if (!CanFuse(*graph, conv, quant, pool)) continue;
    Node fused;
    fused.op = &kConv2DFakeQuantMaxPoolTrain;
    fused.name = conv.name;
    fused.inputs = conv.inputs;
    fused.inputs.resize(kMin, kNoTensor);
    fused.inputs.insert(fused.inputs.end(), quant.inputs.begin() + 1,
                        quant.inputs.end());
    fused.outputs = pool.outputs;
    fused.attrs = conv.attrs;
    fused.attrs.insert(fused.attrs.end(), quant.attrs.begin(),
                       quant.attrs.end());
    // At the pool's place: all that the three read is there.
    graph->nodes[p] = std::move(fused);
    graph->nodes.erase(graph->nodes.begin() + quant_id);
    graph->nodes.erase(graph->nodes.begin() + conv_id);
    p -= 2;
    changed = true;
  }
  if (changed) *graph = RemoveDeadNodes(*graph, source);
  return changed;
}

}  // namespace litesmith
