// CONV_2D and a max pool behind it as one op of training plans; it is never in
// a file or a model. Thin over kernels/train_conv_pool.
#include "src/kernels/conv/train_pool.h"
#include "src/ops/fusions/conv_2d_pool_train.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train_fusions.h"

namespace litesmith {
namespace {

// The attributes of CONV_2D, then the pool's.
constexpr auto kBoth = Join(kAttrs<Conv2DAttrs>, kAttrs<Pool2DAttrs>);
constexpr size_t kFirstOfPool = kAttrs<Conv2DAttrs>.size();

Window PoolOf(const Window& conv, const Node& node) {
  const auto pool = Get<Pool2DAttrs>(node, kFirstOfPool);
  return PoolBehind(conv, pool.filter_h, pool.filter_w);
}

// The conv and the pool were checked by their own infer before.
void Infer(Graph* graph, const Node& node) {
  InferPooled(PoolOf(ConvWindow({*graph, node, FactsOf(*graph)}), node), graph,
              node);
}

class Conv2DMaxPoolF32Train final : public TrainKernel {
 public:
  explicit Conv2DMaxPoolF32Train(const PrepareContext& context)
      : fused_(ConvWindow(context),
               ActivationRange(context.node.Get<&Conv2DAttrs::activation>()),
               PoolOf(ConvWindow(context), context.node),
               IsTrained(context.graph, context.node.inputs[0])),
        images_(
            static_cast<int>(PerSample(context, context.input(0).shape[0]))),
        bias_(context.has_input(2)) {
    workspace_bytes = fused_.workspace_bytes();
    saved_bytes = fused_.saved_bytes(context.input(0).shape[0]);
  }

  void Repack(const void* const* inputs) override {
    fused_.Pack(static_cast<const float*>(inputs[1]));
  }

  void Run(const KernelArgs& args) const override {
    fused_.Forward(args.batch * images_, args.in<float>(0),
                   bias_ ? args.in<float>(2) : nullptr, args.out<float>(),
                   reinterpret_cast<uint8_t*>(args.saved),
                   reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    fused_.Backward(
        args.batch * images_, static_cast<const float*>(args.inputs[0]),
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        reinterpret_cast<const uint8_t*>(args.saved), args.input_grads[0],
        args.input_grads[1], bias_ ? args.input_grads[2] : nullptr,
        reinterpret_cast<float*>(args.workspace));
  }

 private:
  kernels::TrainConvPool fused_;
  int images_;
  bool bias_;
};

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "filter",
     .role = Role::kWeight,
     .channel_axis = 0,
     .input_axis = 3},
    {.name = "bias", .role = Role::kBias, .optional = true},
};

constexpr KernelRow kRows[] = {
    {"Conv2DMaxPool2DF32F32Train",
     Purpose::kTrain,
     {},
     MakeKernel<Conv2DMaxPoolF32Train>},
};

bool CanFuse(const Graph& graph, const Node& conv, const Node& pool) {
  return IsPlainFloatConv(graph, conv) && pool.inputs[0] == conv.outputs[0] &&
         graph.NumUses(conv.outputs[0]) == 1 &&
         pool.Get<&Pool2DAttrs::activation>() == kNone &&
         pool.Get<&Pool2DAttrs::stride_h>() ==
             pool.Get<&Pool2DAttrs::filter_h>() &&
         pool.Get<&Pool2DAttrs::stride_w>() ==
             pool.Get<&Pool2DAttrs::filter_w>() &&
         pool.Get<&Pool2DAttrs::filter_h>() *
                 pool.Get<&Pool2DAttrs::filter_w>() <=
             kernels::kMaxPoolTaps;
}

}  // namespace

extern const OpDef kConv2DMaxPoolTrain;
const OpDef kConv2DMaxPoolTrain = {
    .name = "CONV_2D+MAX_POOL_2D",
    .summary = "convolution and max pool in one kernel, in training plans",
    .attrs = kBoth,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .macs = MacsBeforePool,
};

bool FuseConvMaxPoolForTraining(Graph* graph, SourceIds* source) {
  bool changed = false;
  for (size_t p = 0; p < graph->nodes.size(); ++p) {
    const Node pool = graph->nodes[p];
    if (pool.op != &kMaxPool2D) continue;
    const NodeId producer = graph->Producer(pool.inputs[0]);
    if (producer < 0 || graph->node(producer).op != &kConv2D) continue;
    const Node conv = graph->node(producer);
    if (!CanFuse(*graph, conv, pool)) continue;
    // SAME pads nothing where the windows fill the image exactly.
    const Shape& x = graph->tensor(pool.inputs[0]).shape;
    const int64_t h = pool.Get<&Pool2DAttrs::filter_h>();
    const int64_t w = pool.Get<&Pool2DAttrs::filter_w>();
    const bool exact = x[1] % h == 0 && x[2] % w == 0;
    if (pool.Get<&Pool2DAttrs::padding>() != kValid && !exact) continue;
    Node fused;
    fused.op = &kConv2DMaxPoolTrain;
    fused.name = conv.name;
    fused.inputs = conv.inputs;
    fused.outputs = pool.outputs;
    fused.attrs = conv.attrs;
    fused.attrs.insert(fused.attrs.end(), pool.attrs.begin(), pool.attrs.end());
    // At the pool's place: all that the convolution reads is there.
    graph->nodes[p] = std::move(fused);
    graph->nodes.erase(graph->nodes.begin() + producer);
    --p;
    changed = true;
  }
  if (changed) *graph = RemoveDeadNodes(*graph, source);
  return changed;
}

void ApplyTrainFusions(Graph* graph, SourceIds* source) {
  FuseConvMaxPoolForTraining(graph, source);
  FuseConvFakeQuantMaxPoolForTraining(graph, source);
}

}  // namespace litesmith
