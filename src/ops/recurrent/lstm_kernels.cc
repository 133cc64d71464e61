// UNIDIRECTIONAL_SEQUENCE_LSTM's kernels as a plan sees them: weights packed,
// multipliers computed as each runtime does, in float or double.
#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/kernels/recurrent/fixed16.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/recurrent/recurrent.h"

namespace litesmith {
namespace {

using Attrs = UnidirectionalSequenceLstmAttrs;
using kernels::kCellGate;
using kernels::kForgetGate;
using kernels::kInputGate;
using kernels::kLstmGates;
using kernels::kOutputGate;
using kernels::LstmGate;

constexpr double kGateScale = 0x1p-12;

// What all kinds are made of.
class Builder {
 public:
  Builder(const PrepareContext& context, bool fast)
      : context_(context), fast_(fast), attrs_(Get<Attrs>(context.node)) {}

  const PrepareContext& context() const { return context_; }
  const Attrs& attrs() const { return attrs_; }
  bool fast() const { return fast_; }
  bool Has(size_t i) const { return context_.has_input(i); }
  bool cifg() const { return !Has(lstm::kInputWeights); }
  bool has_norm() const { return Has(lstm::kNormWeights + kForgetGate); }
  bool projects() const { return Has(lstm::kProjection); }
  bool has_states() const { return Has(lstm::kOutputState); }
  const Tensor& x() const { return context_.input(lstm::kX); }
  const Tensor& h() const { return context_.input(lstm::kOutputState); }
  const Tensor& c() const { return context_.input(lstm::kCellState); }
  const Tensor& At(size_t i) const { return ConstantInput(context_, i); }
  float Scale(size_t i) const { return context_.input(i).quant.scale[0]; }
  // Of o*tanh(c): the intermediate tensor, or what it is without one.
  const Tensor& hidden() const {
    const bool known =
        Has(lstm::kHidden) && !context_.input(lstm::kHidden).quant.empty();
    return known ? context_.input(lstm::kHidden) : h();
  }

  kernels::LstmSize Size() const {
    const Shape& shape = x().shape;
    const Shape& weights =
        context_.input(lstm::kRecurrentWeights + kForgetGate).shape;
    kernels::LstmSize size;
    size.time_major = attrs_.time_major;
    size.batch = has_states() ? shape[attrs_.time_major ? 1 : 0] : 1;
    size.steps = shape[attrs_.time_major ? 0 : 1];
    size.inputs = shape[2];
    size.cells = weights[0];
    size.outputs = weights[1];
    size.cifg = cifg();
    return size;
  }

  template <class F>
  void ForEachGate(const F& f) const {
    for (size_t gate = cifg() ? kForgetGate : kInputGate; gate < kLstmGates;
         ++gate) {
      f(static_cast<LstmGate>(gate));
    }
  }

  // `multipliers`: of int16, by gate, of x and of h.
  kernels::LstmProducts Products(
      LayerKind kind, const kernels::PerGate<FixedMultiplier>* input = nullptr,
      const kernels::PerGate<FixedMultiplier>* recurrent = nullptr) const {
    std::vector<kernels::Product> of_x, of_h;
    ForEachGate([&](LstmGate gate) {
      // With a normalization the bias comes behind that.
      of_x.push_back(ProductOf(context_, lstm::kInputWeights + gate,
                               has_norm() ? kNoTensor : Bias(gate)));
      of_h.push_back(ProductOf(context_, lstm::kRecurrentWeights + gate));
      if (input == nullptr) return;
      of_x.back().multiplier = (*input)[gate];
      of_h.back().multiplier = (*recurrent)[gate];
    });
    const kernels::LstmSize size = Size();
    kernels::ProductsSpec spec;
    spec.kind = kind;
    spec.asymmetric = attrs_.asymmetric_quantize_inputs;
    spec.depth = size.inputs;
    if (kind == LayerKind::kS8S8) spec.x_zero = ZeroOf(x());
    kernels::LstmProducts products;
    products.input = kernels::Products(spec, of_x, fast_);
    spec.depth = size.outputs;
    if (kind == LayerKind::kS8S8) spec.x_zero = ZeroOf(h());
    products.recurrent = kernels::Products(spec, of_h, fast_);
    if (!projects()) return products;
    spec.depth = size.cells;
    // The sign of the zero point is the reference's (specs/ops.md 9.2).
    if (kind == LayerKind::kS8S8) spec.x_zero = -ZeroOf(hidden());
    const kernels::Product of_hidden[] = {
        ProductOf(context_, lstm::kProjection,
                  Has(lstm::kProjectionBias) ? Constant(lstm::kProjectionBias)
                                             : kNoTensor)};
    products.projection = kernels::Products(spec, of_hidden, fast_);
    products.projects = true;
    return products;
  }

  // The operand of a gate's peephole; 0: there is none.
  size_t PeepholeOf(LstmGate gate) const {
    const size_t i = lstm::kPeephole + (gate == kOutputGate ? 2 : size_t{gate});
    return gate != kCellGate && Has(i) ? i : 0;
  }

 private:
  TensorId Constant(size_t i) const {
    (void)At(i);  // throws if it is computed
    return context_.node.inputs[i];
  }
  TensorId Bias(LstmGate gate) const { return Constant(lstm::kBias + gate); }

  const PrepareContext& context_;
  const bool fast_;
  const Attrs attrs_;
};

template <class T>
std::vector<T> ValuesOf(const Tensor& tensor) {
  const auto values = tensor.As<T>();
  return {values.begin(), values.end()};
}

// cell_clip in steps of the state's scale; 0: none.
template <class Real>
int32_t CellClip(Real clip, Real scale) {
  return static_cast<int32_t>(std::min<Real>(clip / scale, 32767));
}

kernels::LstmF32 MakeF32(const Builder& b) {
  const bool hybrid =
      b.context().input(lstm::kInputWeights + kForgetGate).dtype ==
      DType::kInt8;
  kernels::LstmF32 k;
  k.size = b.Size();
  k.products = b.Products(hybrid ? LayerKind::kF32S8 : LayerKind::kF32F32);
  b.ForEachGate([&](LstmGate gate) {
    if (const size_t i = b.PeepholeOf(gate))
      k.peephole[gate] = FloatValues(b.At(i));
    if (!b.has_norm()) return;
    k.norm_weight[gate] = ValuesOf<float>(b.At(lstm::kNormWeights + gate));
    k.norm_bias[gate] = ValuesOf<float>(b.At(lstm::kBias + gate));
  });
  k.cell_clip = b.attrs().cell_clip;
  k.projection_clip = b.attrs().proj_clip;
  // What is quantized afterwards shows the last bit of tanh.
  k.fast = b.fast() && !hybrid;
  return k;
}

// specs/ops.md 9.2: which product and quotient is rounded to float32.
kernels::LstmS8 MakeS8(const Builder& b) {
  const PrepareContext& context = b.context();
  const auto checked = [&](double real) {
    return CheckedMultiplier(context, real);
  };
  const float h_scale = b.h().quant.scale[0];
  const float hidden_scale = b.hidden().quant.scale[0];
  const int cell_log2 = CheckedCellScaleLog2(b.c());
  kernels::LstmS8 k;
  k.size = b.Size();
  k.products = b.Products(LayerKind::kS8S8);
  b.ForEachGate([&](LstmGate gate) {
    const float to = b.has_norm() ? b.Scale(lstm::kGateSums + gate)
                                  : static_cast<float>(kGateScale);
    const float x_scale = b.Scale(lstm::kX);
    k.input[gate] = checked(b.Scale(lstm::kInputWeights + gate) * x_scale / to);
    k.recurrent[gate] =
        checked(b.Scale(lstm::kRecurrentWeights + gate) * h_scale / to);
    if (const size_t i = b.PeepholeOf(gate)) {
      k.peephole[gate] = ValuesOf<int16_t>(b.At(i));
      k.peephole_scale[gate] = checked(static_cast<float>(
          std::exp2(cell_log2) * double{b.Scale(i)} / double{to}));
    }
    if (!b.has_norm()) return;
    const size_t norm = lstm::kNormWeights + gate;
    k.norm_weight[gate] = ValuesOf<int16_t>(b.At(norm));
    k.norm_bias[gate] = ValuesOf<int32_t>(b.At(lstm::kBias + gate));
    k.norm_scale[gate] =
        CheckedMultiplier(context, double{b.Scale(norm)}, kMaxShift - 12);
    k.least_variance[gate] = static_cast<int32_t>(
        std::clamp(10000 * b.Scale(norm), 1.0f, 2147483520.0f));
  });
  k.cell_bits = 15 + cell_log2;
  k.cell_clip = CellClip(b.attrs().cell_clip, b.c().quant.scale[0]);
  k.hidden =
      checked(static_cast<float>(0x1p-15 / double{hidden_scale} * 0x1p-15));
  k.hidden_zero = ZeroOf(b.hidden());
  if (b.projects()) {
    k.projected = checked(b.Scale(lstm::kProjection) * hidden_scale / h_scale);
    k.output_zero = ZeroOf(b.h());
    k.projection_clip =
        static_cast<int32_t>(std::min(b.attrs().proj_clip / h_scale, 127.0f));
  }
  k.fast = b.fast();
  return k;
}

// specs/ops.md 9.3.
kernels::LstmTflm MakeTflm(const Builder& b) {
  const PrepareContext& context = b.context();
  const bool wide = b.x().dtype == DType::kInt16;
  const auto checked = [&](double real) {
    return CheckedMultiplier(context, real);
  };
  const float x_scale = b.Scale(lstm::kX);
  const float h_scale = b.h().quant.scale[0];
  const auto c_scale = double{b.c().quant.scale[0]};
  kernels::LstmTflm k;
  k.size = b.Size();
  b.ForEachGate([&](LstmGate gate) {
    const int most = wide ? kMaxShift64 : kMaxShift;
    const float of_x = x_scale * b.Scale(lstm::kInputWeights + gate);
    const float of_h = h_scale * b.Scale(lstm::kRecurrentWeights + gate);
    k.input[gate] = CheckedMultiplier(context, double{of_x} / kGateScale, most);
    k.recurrent[gate] =
        CheckedMultiplier(context, double{of_h} / kGateScale, most);
  });
  k.products = b.Products(wide ? LayerKind::kS16S8 : LayerKind::kS8S8, &k.input,
                          &k.recurrent);
  k.forget = checked(0x1p-15);
  k.update = checked(0x1p-30 / c_scale);
  k.hidden = checked(0x1p-30 / double{h_scale});
  k.cell_shift = 12 + CheckedCellScaleLog2(b.c());
  k.cell_clip = CellClip(double{b.attrs().cell_clip}, c_scale);
  k.output_zero = ZeroOf(b.h());
  k.fast = b.fast();
  return k;
}

// T: of x, h and the output; C: of the cell.
template <class Lstm, class T, class C>
class LstmKernel final : public Kernel {
 public:
  explicit LstmKernel(Lstm lstm) : lstm_(std::move(lstm)) {
    workspace_bytes = kernels::WorkspaceBytes(lstm_);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Run(lstm_, args.in<T>(lstm::kX), args.state<T>(lstm::kOutputState),
                 args.state<C>(lstm::kCellState), args.out<T>(),
                 args.workspace);
  }

 private:
  Lstm lstm_;
};

// Without states: each sample by itself, from zeros.
class StatelessLstm final : public Kernel {
 public:
  StatelessLstm(const Builder& b, kernels::LstmF32 lstm)
      : lstm_(std::move(lstm)) {
    if (b.attrs().time_major) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': it is time major and has no states, which is not "
           "supported",
           b.context().node.name);
    }
    const Shape& x = b.x().shape;
    rows_ = static_cast<int>(PerSample(b.context(), x[0]));
    x_size_ = int64_t{x[1]} * x[2];
    y_size_ = int64_t{x[1]} * lstm_.size.outputs;
    states_ = static_cast<size_t>(lstm_.size.outputs + lstm_.size.cells);
    kernel_bytes_ = (kernels::WorkspaceBytes(lstm_) + 63) / 64 * 64;
    workspace_bytes = kernel_bytes_ + states_ * sizeof(float);
  }
  void Run(const KernelArgs& args) const override {
    auto* h = reinterpret_cast<float*>(args.workspace + kernel_bytes_);
    for (int64_t i = 0; i < int64_t{args.batch} * rows_; ++i) {
      std::fill_n(h, states_, 0.0f);
      kernels::Run(lstm_, args.in<float>(lstm::kX) + i * x_size_, h,
                   h + lstm_.size.outputs, args.out<float>() + i * y_size_,
                   args.workspace);
    }
  }

 private:
  kernels::LstmF32 lstm_;
  int rows_ = 1;  // a sample
  int64_t x_size_ = 0, y_size_ = 0;
  size_t states_ = 0;
  size_t kernel_bytes_ = 0;
};

KernelPtr Make(const PrepareContext& context, bool fast) {
  using kernels::LstmF32;
  using kernels::LstmS8;
  using kernels::LstmTflm;
  const Builder b(context, fast);
  switch (b.x().dtype) {
    case DType::kFloat32:
      if (!b.has_states())
        return std::make_unique<StatelessLstm>(b, MakeF32(b));
      return std::make_unique<LstmKernel<LstmF32, float, float>>(MakeF32(b));
    case DType::kInt16:
      return std::make_unique<LstmKernel<LstmTflm, int16_t, int16_t>>(
          MakeTflm(b));
    default:
      break;
  }
  // What tflite-micro does not have is LiteRT's whatever is asked for.
  const bool plain = !b.cifg() && !b.has_norm() && !b.projects() &&
                     b.PeepholeOf(kForgetGate) == 0;
  if (context.numerics == Numerics::kTflm && plain) {
    return std::make_unique<LstmKernel<LstmTflm, int8_t, int16_t>>(MakeTflm(b));
  }
  return std::make_unique<LstmKernel<LstmS8, int8_t, int16_t>>(MakeS8(b));
}

}  // namespace

KernelPtr MakeLstmFast(const PrepareContext& context) {
  // Floats that are quantized later have the reference's bits.
  return Make(context,
              !context.facts.IsBeforeQuantize(context.node.outputs[0]));
}
KernelPtr MakeLstmReference(const PrepareContext& context) {
  return Make(context, false);
}

}  // namespace litesmith
