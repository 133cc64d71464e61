// SVDF in floats, with int8 weights, and in int8 with a state of int16 or int8.
#include "src/kernels/recurrent/svdf.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

enum Input : size_t { kX, kFeature, kTime, kBias, kStates };

constexpr Operand kOperands[] = {
    {.name = "input"},
    {.name = "weights_feature", .role = Role::kWeight, .input_axis = 1},
    {.name = "weights_time", .role = Role::kWeight, .input_axis = 1},
    {.name = "bias", .role = Role::kParameter, .optional = true},
    {.name = "state", .role = Role::kState},
};

void CheckTypes(const Graph& graph, const Node& node) {
  const auto input = [&](size_t i) -> const Tensor& {
    return graph.tensor(node.inputs[i]);
  };
  const DType x = input(kX).dtype;
  const bool is_float = x == DType::kFloat32;
  CheckDType(input(kX), "input", {DType::kFloat32, DType::kInt8});
  if (is_float) {
    CheckDType(input(kFeature), kOperands[kFeature].name,
               {DType::kFloat32, DType::kInt8});
    CheckOneScale(input(kTime), kOperands[kTime].name, input(kFeature).dtype);
    CheckDType(input(kStates), kOperands[kStates].name, {DType::kFloat32});
  } else {
    CheckOneScale(input(kX), "input", x, /*asymmetric=*/true);
    CheckDType(input(kTime), kOperands[kTime].name,
               {DType::kInt16, DType::kInt8});
    CheckOneScale(input(kTime), kOperands[kTime].name, input(kTime).dtype);
    CheckOneScale(input(kStates), kOperands[kStates].name, input(kTime).dtype,
                  input(kTime).dtype == DType::kInt8);
  }
  CheckOneScale(input(kFeature), kOperands[kFeature].name,
                is_float ? input(kFeature).dtype : DType::kInt8);
  if (node.inputs[kBias] == kNoTensor) return;
  CheckDType(input(kBias), kOperands[kBias].name,
             {is_float ? DType::kFloat32 : DType::kInt32});
}

void CheckActivationOf(const Node& node, bool is_float) {
  const Activation activation = node.Get<&SvdfAttrs::activation>();
  CheckActivation(activation);
  if (is_float || activation == activation::kRelu) return;
  Fail(ErrorKind::kUnsupported,
       "the fused activation is {}; of integers RELU (1) is wanted, as both "
       "runtimes do",
       static_cast<int>(activation));
}

void Infer(Graph* graph, const Node& node) {
  const auto input = [&](size_t i) -> const Tensor& {
    return graph->tensor(node.inputs[i]);
  };
  const Tensor& x = input(kX);
  CheckRank(x, "input", 2);
  CheckRank(input(kFeature), kOperands[kFeature].name, 2);
  CheckRank(input(kTime), kOperands[kTime].name, 2);
  const int32_t filters = input(kFeature).shape[0];
  const int32_t memory = input(kTime).shape[1];
  const int32_t rank = node.Get<&SvdfAttrs::rank>();
  CheckPositive(rank, "the rank");
  if (filters % rank != 0) {
    Fail(ErrorKind::kCorrupt,
         "{} filters of weights_feature do not divide into a rank of {}",
         filters, rank);
  }
  const int32_t units = filters / rank;
  CheckShapeIs(input(kFeature), kOperands[kFeature].name,
               {filters, x.shape[1]});
  CheckShapeIs(input(kTime), kOperands[kTime].name, {filters, memory});
  if (node.inputs[kBias] != kNoTensor)
    CheckShapeIs(input(kBias), kOperands[kBias].name, {units});
  // Sizes of weights that are there: their product fits 64 bits.
  if (int64_t{filters} * memory > std::numeric_limits<int32_t>::max()) {
    Fail(ErrorKind::kUnsupported, "a memory of {} for {} filters is too large",
         memory, filters);
  }
  CheckStateShape(input(kStates), kOperands[kStates].name, x.shape[0],
                  filters * memory);
  CheckTypes(*graph, node);
  CheckActivationOf(node, x.dtype == DType::kFloat32);
  const Shape shape{x.shape[0], units};
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  if (out.dtype != DType::kFloat32) CheckPerTensorQuant(out, "output");
  out.shape = shape;
}

kernels::SvdfSize SizeOf(const PrepareContext& context) {
  kernels::SvdfSize size;
  size.batch = context.input(kX).shape[0];
  size.inputs = context.input(kX).shape[1];
  size.rank = context.node.Get<&SvdfAttrs::rank>();
  size.units = context.input(kFeature).shape[0] / size.rank;
  size.memory = context.input(kTime).shape[1];
  return size;
}

kernels::Products FeatureOf(const PrepareContext& context, LayerKind kind,
                            bool fast) {
  const Tensor& x = context.input(kX);
  kernels::ProductsSpec spec;
  spec.kind = kind;
  spec.depth = x.shape[1];
  spec.asymmetric = context.node.Get<&SvdfAttrs::asymmetric_quantize_inputs>();
  if (kind == LayerKind::kS8S8)
    spec.x_zero = static_cast<int32_t>(x.quant.zero_point[0]);
  const kernels::Product feature[] = {ProductOf(context, kFeature)};
  return kernels::Products(spec, feature, fast);
}

class SvdfF32 final : public Kernel {
 public:
  SvdfF32(const PrepareContext& context, bool fast) {
    const bool hybrid = context.input(kFeature).dtype == DType::kInt8;
    svdf_.size = SizeOf(context);
    svdf_.feature = FeatureOf(
        context, hybrid ? LayerKind::kF32S8 : LayerKind::kF32F32, fast);
    svdf_.time = FloatValues(ConstantInput(context, kTime));
    if (context.has_input(kBias))
      svdf_.bias = FloatValues(ConstantInput(context, kBias));
    svdf_.range = ActivationRange(context.node.Get<&SvdfAttrs::activation>());
    workspace_bytes = kernels::WorkspaceBytes(svdf_);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Run(svdf_, args.in<float>(kX), args.state<float>(kStates),
                 args.out<float>(), args.workspace);
  }

 private:
  kernels::SvdfF32 svdf_;
};

class SvdfS8 final : public Kernel {
 public:
  SvdfS8(const PrepareContext& context, bool fast)
      : wide_(context.input(kTime).dtype == DType::kInt16) {
    const Tensor& time = ConstantInput(context, kTime);
    const Tensor& state = context.input(kStates);
    svdf_.size = SizeOf(context);
    svdf_.feature = FeatureOf(context, LayerKind::kS8S8, fast);
    if (wide_) {
      const auto values = time.As<int16_t>();
      svdf_.time.assign(values.begin(), values.end());
    } else {
      const auto values = time.As<int8_t>();
      svdf_.time.assign(values.begin(), values.end());
    }
    if (context.has_input(kBias)) {
      const auto values = ConstantInput(context, kBias).As<int32_t>();
      svdf_.bias.assign(values.begin(), values.end());
    }
    svdf_.state_zero = static_cast<int32_t>(state.quant.zero_point[0]);
    svdf_.output_zero =
        static_cast<int32_t>(context.output().quant.zero_point[0]);
    const auto scale = [&](size_t i) {
      return context.input(i).quant.scale[0];
    };
    // Both quotients are rounded to float32.
    svdf_.to_state = CheckedMultiplier(
        context, scale(kX) * scale(kFeature) / scale(kStates));
    svdf_.to_output =
        CheckedMultiplier(context, scale(kStates) * scale(kTime) /
                                       context.output().quant.scale[0]);
    workspace_bytes = kernels::WorkspaceBytes(svdf_);
  }
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<int8_t>(kX);
    auto* y = args.out<int8_t>();
    if (wide_) {
      kernels::Run(svdf_, x, args.state<int16_t>(kStates), y, args.workspace);
    } else {
      kernels::Run(svdf_, x, args.state<int8_t>(kStates), y, args.workspace);
    }
  }

 private:
  kernels::SvdfS8 svdf_;
  bool wide_;  // the state
};

KernelPtr Make(const PrepareContext& context, bool fast) {
  if (context.input(kX).dtype == DType::kInt8)
    return std::make_unique<SvdfS8>(context, fast);
  return std::make_unique<SvdfF32>(context, fast);
}
KernelPtr MakeFast(const PrepareContext& context) {
  return Make(context,
              !context.facts.IsBeforeQuantize(context.node.outputs[0]));
}
KernelPtr MakeReference(const PrepareContext& context) {
  return Make(context, false);
}

constexpr KernelRow kRows[] = {
    {"SvdfF32F32", Purpose::kFast, kF32F32, MakeFast},
    {"SvdfS8S8", Purpose::kFast, kS8S8, MakeFast},
    {"SvdfF32S8", Purpose::kFast, kF32S8, MakeFast},
    {"SvdfF32F32Ref", Purpose::kReference, kF32F32, MakeReference},
    {"SvdfS8S8Ref", Purpose::kReference, kS8S8, MakeReference},
    {"SvdfF32S8Ref", Purpose::kReference, kF32S8, MakeReference},
};

int Version(const Graph& graph, const Node& node) {
  const DType x = graph.tensor(node.inputs[kX]).dtype;
  if (x == DType::kInt8) return 3;
  if (graph.tensor(node.inputs[kFeature]).dtype != DType::kInt8) return 1;
  return node.Get<&SvdfAttrs::asymmetric_quantize_inputs>() ? 4 : 2;
}

int64_t Macs(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[kFeature]).shape.NumElements() +
         graph.tensor(node.inputs[kTime]).shape.NumElements();
}

}  // namespace

const OpDef kSvdf = {
    .name = "SVDF",
    .summary = "dense layer of low rank over the last inputs, which are kept",
    .tflite = {.code = 27, .options = 6, .version = Version},
    .attrs = kAttrs<SvdfAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .macs = Macs,
};

}  // namespace litesmith
