// FULLY_CONNECTED's kernels as a plan sees them: reference, SIMD and training
// adapters over kernels/dense.
#include <utility>
#include <vector>

#include "src/kernels/dense/reference.h"
#include "src/kernels/dense/simd.h"
#include "src/kernels/dense/train.h"
#include "src/ops/fusions/int16_program.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/layer/layer.h"
#include "src/ops/layer/train_layer.h"

namespace litesmith {
namespace {

DenseShape FullyConnectedShape(const PrepareContext& context) {
  const Shape& weights = context.input(1).shape;
  return {weights[1], weights[0]};
}

// Rows of x per sample: its elements / depth.
int64_t FullyConnectedRows(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape.NumElements() /
                                context.input(1).shape[1]);
}

// By the runtime whose results are wanted (specs/tflite.md 3.3): F64 for
// LiteRT; for the microcontroller runtime MBQM, or MBQM64 for 16-bit inputs
// whose bias is not int32.
Requantizer FullyConnectedRequantizer(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& weights = context.input(1);
  const Tensor& output = context.output();
  const int64_t activation =
      context.node.Get<&FullyConnectedAttrs::activation>();
  // int16 weights: MBQM64 in LiteRT, and nothing in the other one.
  if (weights.dtype == DType::kInt16) {
    return MakeRequantizer(
        RequantMethod::kMbqm64,
        ChannelMultipliers(context, weights.quant.scale.size() == 1), output,
        activation);
  }
  // Exact in double even for a single scale, in both runtimes (measured on
  // tflite_micro: a product rounded to float32 moves an output in a million).
  const std::vector<double> multipliers = ChannelMultipliers(context, false);
  // LiteRT's kernel of sparse int8 weights is another one
  // (specs/tflite.md 6.1).
  if (!weights.stored_as.traversal_order.empty() && x.dtype == DType::kInt8) {
    return MakeRequantizer(RequantMethod::kMbqm, multipliers, output,
                           activation);
  }
  // The microcontroller runtime has no uint8.
  if (context.numerics == Numerics::kLiteRt || x.dtype == DType::kUInt8) {
    return MakeRequantizer(RequantMethod::kF64, multipliers, output,
                           activation);
  }
  // 16-bit inputs make a 64-bit accumulator, unless the bias says otherwise
  // (measured on tflite_micro, also without a bias).
  const bool wide =
      x.dtype == DType::kInt16 &&
      !(context.has_input(2) && context.input(2).dtype == DType::kInt32);
  return MakeRequantizer(wide ? RequantMethod::kMbqm64 : RequantMethod::kMbqm,
                         multipliers, output, activation);
}

class DenseKernel : public Kernel {
 protected:
  explicit DenseKernel(const PrepareContext& context)
      : shape_(FullyConnectedShape(context)),
        rows_(FullyConnectedRows(context)),
        bias_(context.has_input(2) ? context.input(2).dtype : DType::kBool) {}
  int rows(const KernelArgs& args) const {
    return static_cast<int>(args.batch * rows_);
  }
  template <typename T>
  const T* bias(const KernelArgs& args) const {
    return bias_ == DTypeOf<T>::value ? args.in<T>(2) : nullptr;
  }

  DenseShape shape_;
  int64_t rows_;  // a sample
  DType bias_;    // kBool: none
};

class F32F32 final : public DenseKernel {
 public:
  explicit F32F32(const PrepareContext& context)
      : DenseKernel(context),
        range_(ActivationRange(
            context.node.Get<&FullyConnectedAttrs::activation>())) {}
  void Run(const KernelArgs& args) const override {
    FullyConnectedF32F32Ref(shape_, rows(args), args.in<float>(0),
                            args.in<float>(1), bias<float>(args), range_.low,
                            range_.high, args.out<float>());
  }

 private:
  kernels::FloatRange range_;
};

template <typename X, typename W>
class Integer final : public DenseKernel {
 public:
  explicit Integer(const PrepareContext& context)
      : DenseKernel(context),
        requantizer_(FullyConnectedRequantizer(context)),
        zeros_(LayerZerosOf(context)) {}
  void Run(const KernelArgs& args) const override {
    FullyConnectedIntegerRef(
        shape_, rows(args), args.in<X>(0), args.in<W>(1),
        LayerBias{bias<int32_t>(args), bias<int64_t>(args)}, zeros_,
        requantizer_, args.out<X>());
  }

 private:
  Requantizer requantizer_;
  LayerZeros zeros_;
};

class F32S8 final : public DenseKernel {
 public:
  explicit F32S8(const PrepareContext& context)
      : DenseKernel(context),
        range_(ActivationRange(
            context.node.Get<&FullyConnectedAttrs::activation>())),
        scales_(ChannelScales(context.input(1), shape_.outputs)),
        asymmetric_(
            context.node
                .Get<&FullyConnectedAttrs::asymmetric_quantize_inputs>()) {
    workspace_bytes = static_cast<size_t>(shape_.depth);
  }
  void Run(const KernelArgs& args) const override {
    FullyConnectedF32S8Ref(
        shape_, rows(args), args.in<float>(0), args.in<int8_t>(1),
        bias<float>(args), scales_, asymmetric_, range_.low, range_.high,
        reinterpret_cast<int8_t*>(args.workspace), args.out<float>());
  }

 private:
  kernels::FloatRange range_;
  std::vector<float> scales_;
  bool asymmetric_;
};

class DenseSimd final : public Kernel {
 public:
  DenseSimd(std::unique_ptr<const PackedDense> packed, int64_t rows)
      : packed_(std::move(packed)), rows_(rows) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    RunFullyConnected(*packed_, static_cast<int>(args.batch * rows_),
                      args.inputs[0], args.outputs[0], args.workspace);
  }

 private:
  std::unique_ptr<const PackedDense> packed_;
  int64_t rows_;  // a sample
};

class FullyConnectedF32Train final : public TrainKernel {
 public:
  explicit FullyConnectedF32Train(const PrepareContext& context) {
    const Shape& w = context.input(1).shape;
    size_ = {w[1], w[0]};
    const int64_t rows = context.input(0).shape.NumElements() / size_.depth;
    rows_ = static_cast<int>(PerSample(context, rows));
    bias_ = context.has_input(2);
    range_ =
        ActivationRange(context.node.Get<&FullyConnectedAttrs::activation>());
    workspace_bytes =
        kernels::DenseWorkspace(size_, static_cast<int>(rows)) * sizeof(float);
  }

  void Run(const KernelArgs& args) const override {
    kernels::DenseF32(size_, range_, args.batch * rows_, args.in<float>(0),
                      args.in<float>(1), bias_ ? args.in<float>(2) : nullptr,
                      args.out<float>(),
                      reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    kernels::DenseGradF32(size_, range_, args.batch * rows_,
                          static_cast<const float*>(args.inputs[0]),
                          static_cast<const float*>(args.inputs[1]),
                          static_cast<const float*>(args.outputs[0]),
                          args.output_grads[0], args.input_grads[0],
                          args.input_grads[1],
                          bias_ ? args.input_grads[2] : nullptr,
                          reinterpret_cast<float*>(args.workspace));
  }

 private:
  DenseShape size_;
  kernels::FloatRange range_;
  int rows_ = 1;  // a sample
  bool bias_ = false;
};

}  // namespace

KernelPtr MakeFullyConnectedReference(const PrepareContext& context) {
  const DType x = context.input(0).dtype;
  if (x == DType::kInt8) return MakeKernel<Integer<int8_t, int8_t>>(context);
  if (x == DType::kUInt8) return MakeKernel<Integer<uint8_t, uint8_t>>(context);
  if (x == DType::kInt16) {
    return context.input(1).dtype == DType::kInt8
               ? MakeKernel<Integer<int16_t, int8_t>>(context)
               : MakeKernel<Integer<int16_t, int16_t>>(context);
  }
  return context.input(1).dtype == DType::kInt8 ? MakeKernel<F32S8>(context)
                                                : MakeKernel<F32F32>(context);
}

TrainLayerPtr MakeFullyConnectedTrainLayer(const PrepareContext& context) {
  // Below, vectors of outputs would be few and mostly empty.
  constexpr int kFewest = 16;
  const Shape& w = context.input(1).shape;
  if (w[0] < kFewest) return nullptr;
  const int64_t rows = context.input(0).shape.NumElements() / w[1];
  return MakePointwiseTrainLayer(
      context, w[1], w[0], PerSample(context, rows),
      ActivationRange(context.node.Get<&FullyConnectedAttrs::activation>()));
}

KernelPtr MakeFullyConnectedTrain(const PrepareContext& context) {
  TrainLayerPtr layer = MakeFullyConnectedTrainLayer(context);
  if (layer != nullptr)
    return std::make_unique<TrainLayerKernel>(std::move(layer));
  return MakeKernel<FullyConnectedF32Train>(context);
}

KernelPtr MakeFullyConnectedSimd(const PrepareContext& context) {
  DenseSpec spec;
  spec.shape = FullyConnectedShape(context);
  FillLayerSpec(context, context.node.Get<&FullyConnectedAttrs::activation>(),
                FullyConnectedRequantizer, &spec);
  spec.asymmetric =
      spec.kind == LayerKind::kF32S8 &&
      context.node.Get<&FullyConnectedAttrs::asymmetric_quantize_inputs>();
  std::unique_ptr<const PackedDense> packed = PackFullyConnected(spec);
  if (packed == nullptr) return MakeFullyConnectedReference(context);
  return std::make_unique<DenseSimd>(std::move(packed),
                                     FullyConnectedRows(context));
}

bool FillDense16(const PrepareContext& context, Dense16Spec* spec) {
  if (context.input(0).dtype != DType::kInt16 ||
      context.input(1).dtype != DType::kInt8 || !CanPackWeights(context)) {
    return false;
  }
  LayerSpec layer;
  FillLayerSpec(context, context.node.Get<&FullyConnectedAttrs::activation>(),
                FullyConnectedRequantizer, &layer);
  const DenseShape shape = FullyConnectedShape(context);
  spec->weights = static_cast<const int8_t*>(layer.weights);
  spec->outputs = shape.outputs;
  spec->depth = shape.depth;
  spec->bias = std::move(layer.bias);
  spec->requantizer = std::move(layer.requantizer);
  return spec->requantizer.method == RequantMethod::kF64;
}

}  // namespace litesmith
