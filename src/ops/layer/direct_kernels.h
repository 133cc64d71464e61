// The reference kernels of every kind of convolution as a plan sees them. A
// kind is a struct of functions:
//   WindowOf(context), Activation(node), RequantizerOf(context), PerChannel(
//   context), and over kernels/: F32F32, Integer<X, W>, F32S8.
#ifndef LITESMITH_OPS_LAYER_DIRECT_KERNELS_H_
#define LITESMITH_OPS_LAYER_DIRECT_KERNELS_H_

#include <cstdint>
#include <vector>

#include "src/kernels/common/window.h"
#include "src/ops/layer/layer.h"

namespace litesmith {

// What all of them hold.
class DirectKernel : public Kernel {
 protected:
  DirectKernel(const PrepareContext& context, const Window& window)
      : window_(window),
        images_(PerSample(context, LayerInput(context).shape[0])),
        at_(*context.node.op),
        bias_(LayerBiasOrNull(context) != nullptr
                  ? LayerBiasOrNull(context)->dtype
                  : DType::kBool) {}
  int images(const KernelArgs& args) const {
    return static_cast<int>(args.batch * images_);
  }
  template <typename T>
  const T* x(const KernelArgs& args) const {
    return args.in<T>(at_.x);
  }
  template <typename T>
  const T* weights(const KernelArgs& args) const {
    return args.in<T>(at_.weights);
  }
  // Null if the bias has another type, or there is none.
  template <typename T>
  const T* bias(const KernelArgs& args) const {
    return bias_ == DTypeOf<T>::value ? args.in<T>(at_.bias) : nullptr;
  }

  Window window_;

 private:
  int64_t images_;  // a sample
  LayerOperands at_;
  DType bias_;  // kBool: none
};

template <class Kind>
class DirectFloat final : public DirectKernel {
 public:
  explicit DirectFloat(const PrepareContext& context)
      : DirectKernel(context, Kind::WindowOf(context)),
        range_(ActivationRange(Kind::Activation(context.node))) {}
  void Run(const KernelArgs& args) const override {
    Kind::F32F32(window_, images(args), x<float>(args), weights<float>(args),
                 bias<float>(args), range_.low, range_.high, args.out<float>());
  }

 private:
  kernels::FloatRange range_;
};

template <class Kind, typename X, typename W>
class DirectInteger8Or16 final : public DirectKernel {
 public:
  explicit DirectInteger8Or16(const PrepareContext& context)
      : DirectKernel(context, Kind::WindowOf(context)),
        requantizer_(Kind::RequantizerOf(context)),
        zeros_(LayerZerosOf(context)) {}
  void Run(const KernelArgs& args) const override {
    Kind::Integer(window_, images(args), x<X>(args), weights<W>(args),
                  LayerBias{bias<int32_t>(args), bias<int64_t>(args)}, zeros_,
                  requantizer_, args.out<X>());
  }

 private:
  Requantizer requantizer_;
  LayerZeros zeros_;
};

template <class Kind>
class DirectHybrid final : public DirectKernel {
 public:
  explicit DirectHybrid(const PrepareContext& context)
      : DirectKernel(context, Kind::WindowOf(context)),
        range_(ActivationRange(Kind::Activation(context.node))),
        scales_(ChannelScales(context)),
        per_channel_(Kind::PerChannel(context)) {
    workspace_bytes = static_cast<size_t>(window_.in_size());
  }
  void Run(const KernelArgs& args) const override {
    Kind::F32S8(window_, images(args), x<float>(args), weights<int8_t>(args),
                bias<float>(args), scales_, per_channel_, range_.low,
                range_.high, reinterpret_cast<int8_t*>(args.workspace),
                args.out<float>());
  }

 private:
  kernels::FloatRange range_;
  std::vector<float> scales_;
  bool per_channel_;
};

// The reference kernel for the node's types.
template <class Kind>
KernelPtr MakeDirect(const PrepareContext& context) {
  switch (LayerInput(context).dtype) {
    case DType::kInt8:
      return MakeKernel<DirectInteger8Or16<Kind, int8_t, int8_t>>(context);
    case DType::kUInt8:
      return MakeKernel<DirectInteger8Or16<Kind, uint8_t, uint8_t>>(context);
    case DType::kInt16:
      return MakeKernel<DirectInteger8Or16<Kind, int16_t, int8_t>>(context);
    default:
      return LayerWeights(context).dtype == DType::kInt8
                 ? MakeKernel<DirectHybrid<Kind>>(context)
                 : MakeKernel<DirectFloat<Kind>>(context);
  }
}

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_DIRECT_KERNELS_H_
