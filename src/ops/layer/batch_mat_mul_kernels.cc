// BATCH_MATMUL's kernels as a plan sees them: the walk over matrices, and
// adapters over kernels/matmul.
#include <memory>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/kernels/map/broadcast.h"
#include "src/kernels/matmul/reference.h"
#include "src/kernels/matmul/simd.h"
#include "src/kernels/matmul/train.h"
#include "src/ops/gradients.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

using Attrs = BatchMatMulAttrs;

// With all the rows of a full Run.
MatMulShape ShapeOf(const PrepareContext& context) {
  const auto attrs = Get<Attrs>(context.node);
  const Shape& x = context.input(0).shape;
  const Shape& y = context.output().shape;
  MatMulShape s;
  s.rows = y[y.rank() - 2];
  s.columns = y[y.rank() - 1];
  s.depth = x[x.rank() - (attrs.adj_x ? 2 : 1)];
  s.x_transposed = attrs.adj_x;
  s.y_transposed = attrs.adj_y;
  return s;
}

// The dimensions that count matrices; one of them if there is just one matrix.
std::vector<int32_t> Leading(const Shape& shape) {
  std::vector<int32_t> dims;
  for (int i = 0; i + 2 < shape.rank(); ++i) dims.push_back(shape[i]);
  if (dims.empty()) dims.push_back(1);
  return dims;
}

// What all the kernels hold: which matrices are multiplied. Samples are the
// output's first dimension: matrices, or the rows of a single one.
class MatMulWalk {
 public:
  explicit MatMulWalk(const PrepareContext& context)
      : shape_(ShapeOf(context)),
        plan_(kernels::PlanBroadcast(Leading(context.input(0).shape),
                                     Leading(context.input(1).shape),
                                     Leading(context.output().shape))),
        samples_are_rows_(context.output().shape.rank() == 2),
        first_(PerSample(context, context.output().shape[0])) {
    CheckSamples(context);
  }

  // Calls run(shape, x, y, out), places in elements, for each output matrix.
  template <typename Run>
  void ForEachMatrix(int batch, const Run& run) const {
    MatMulShape s = shape_;
    const int64_t first = batch * first_;
    if (samples_are_rows_) s.rows = static_cast<int>(first);
    const int64_t x_size = int64_t{shape_.rows} * s.depth;
    const int64_t y_size = int64_t{s.depth} * s.columns;
    const int64_t out_size = int64_t{s.rows} * s.columns;
    kernels::ForEachRun(plan_, samples_are_rows_ ? 1 : first,
                        [&](int64_t x, int64_t y, int64_t out, int64_t n,
                            int64_t step_x, int64_t step_y) {
                          for (int64_t i = 0; i < n; ++i) {
                            run(s, (x + i * step_x) * x_size,
                                (y + i * step_y) * y_size,
                                (out + i) * out_size);
                          }
                        });
  }

  const MatMulShape& shape() const { return shape_; }

 private:
  // Each operand that holds samples has them where the output has; each other
  // one is the same for all of them.
  void CheckSamples(const PrepareContext& context) const {
    if (context.facts.batch == 1 || !context.facts.IsBatched(context.node))
      return;
    const Shape& out = context.output().shape;
    const auto fits = [&](size_t i) {
      const Shape& shape = context.input(i).shape;
      const bool leads = shape.rank() == out.rank();
      if (!context.facts.IsBatched(context.node.inputs[i]))
        return out.rank() == 2 || !leads || shape[0] == 1;
      return out.rank() == 2 ? i == 0 && !shape_.x_transposed
                             : leads && shape[0] == out[0];
    };
    if (fits(0) && fits(1)) return;
    Fail(ErrorKind::kUnsupported,
         "node '{}' mixes samples: '{}' {} times '{}' {} is {} for {} of them",
         context.node.name, context.input(0).name,
         context.input(0).shape.ToString(), context.input(1).name,
         context.input(1).shape.ToString(), out.ToString(),
         context.facts.batch);
  }

  MatMulShape shape_;
  kernels::BroadcastPlan plan_;
  bool samples_are_rows_;
  int64_t first_;  // of the output's first dimension, a sample
};

class MatMulKernel : public Kernel {
 protected:
  explicit MatMulKernel(const PrepareContext& context)
      : walk_(context), shape_(walk_.shape()) {}
  template <typename Run>
  void ForEachMatrix(const KernelArgs& args, const Run& run) const {
    walk_.ForEachMatrix(args.batch, run);
  }

  MatMulWalk walk_;
  MatMulShape shape_;
};

class FloatReference final : public MatMulKernel {
 public:
  explicit FloatReference(const PrepareContext& context)
      : MatMulKernel(context) {}
  void Run(const KernelArgs& args) const override {
    ForEachMatrix(
        args, [&](const MatMulShape& s, int64_t x, int64_t y, int64_t out) {
          MatMulF32Ref(s, args.in<float>(0) + x, args.in<float>(1) + y,
                       args.out<float>() + out);
        });
  }
};

class HybridReference final : public MatMulKernel {
 public:
  explicit HybridReference(const PrepareContext& context)
      : MatMulKernel(context),
        scales_(ChannelScales(context.input(1), shape_.columns)),
        asymmetric_(context.node.Get<&Attrs::asymmetric_quantize_inputs>()) {
    workspace_bytes = HybridMatMulWorkspace(shape_);
  }
  void Run(const KernelArgs& args) const override {
    ForEachMatrix(args, [&](const MatMulShape& s, int64_t x, int64_t y,
                            int64_t out) {
      MatMulF32S8Ref(s, args.in<float>(0) + x, args.in<int8_t>(1) + y, scales_,
                     asymmetric_, reinterpret_cast<int8_t*>(args.workspace),
                     args.out<float>() + out);
    });
  }

 private:
  std::vector<float> scales_;  // by column
  bool asymmetric_;
};

// One multiplier: double(float(s_x * s_y)) / double(s_out).
Requantizer MatMulRequantizer(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const float product = x.quant.scale[0] * context.input(1).quant.scale[0];
  const Tensor& out = context.output();
  return MakeRequantizer(
      x.dtype == DType::kInt8 ? RequantMethod::kMbqm : RequantMethod::kMbqm64,
      {double{product} / double{out.quant.scale[0]}}, out, kNone);
}

LayerZeros MatMulZeros(const PrepareContext& context) {
  return {static_cast<int32_t>(context.input(0).quant.zero_point[0]),
          static_cast<int32_t>(context.input(1).quant.zero_point[0])};
}

template <typename X, typename Y>
class IntegerReference final : public MatMulKernel {
 public:
  explicit IntegerReference(const PrepareContext& context)
      : MatMulKernel(context),
        requantizer_(MatMulRequantizer(context)),
        zeros_(MatMulZeros(context)) {}
  void Run(const KernelArgs& args) const override {
    ForEachMatrix(args,
                  [&](const MatMulShape& s, int64_t x, int64_t y, int64_t out) {
                    MatMulIntegerRef(s, args.in<X>(0) + x, args.in<Y>(1) + y,
                                     zeros_, requantizer_, args.out<X>() + out);
                  });
  }

 private:
  Requantizer requantizer_;
  LayerZeros zeros_;
};

class SumsReference final : public MatMulKernel {
 public:
  explicit SumsReference(const PrepareContext& context)
      : MatMulKernel(context) {}
  void Run(const KernelArgs& args) const override {
    ForEachMatrix(
        args, [&](const MatMulShape& s, int64_t x, int64_t y, int64_t out) {
          MatMulS8S32Ref(s, args.in<int8_t>(0) + x, args.in<int8_t>(1) + y,
                         args.out<int32_t>() + out);
        });
  }
};

class MatMulSimd final : public MatMulKernel {
 public:
  MatMulSimd(const PrepareContext& context,
             std::unique_ptr<const PackedMatMul> packed)
      : MatMulKernel(context),
        packed_(std::move(packed)),
        bytes_(static_cast<int64_t>(SizeOf(context.output().dtype))) {
    workspace_bytes = packed_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override {
    ForEachMatrix(
        args, [&](const MatMulShape& s, int64_t x, int64_t y, int64_t out) {
          packed_->run(*packed_, s, args.in<std::byte>(0) + x * bytes_,
                       args.in<std::byte>(1) + y * bytes_,
                       args.out<std::byte>() + out * bytes_, args.workspace);
        });
  }

 private:
  std::unique_ptr<const PackedMatMul> packed_;
  int64_t bytes_;  // of an element, of all three
};

// Runs as the SIMD kernel does, which packs nothing of the operands.
class MatMulTrain final : public TrainKernel {
 public:
  MatMulTrain(const PrepareContext& context, KernelPtr forward)
      : walk_(context),
        forward_(std::move(forward)),
        x_(context, 0),
        y_(context, 1) {
    workspace_bytes = forward_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override { forward_->Run(args); }
  void Backward(const BackwardArgs& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    const auto* y = static_cast<const float*>(args.inputs[1]);
    const float* dy = args.output_grads[0];
    float* to_x = args.input_grads[0];
    float* to_y = args.input_grads[1];
    if (to_x != nullptr) x_.Zero(args.batch, to_x);
    if (to_y != nullptr) y_.Zero(args.batch, to_y);
    walk_.ForEachMatrix(args.batch, [&](const MatMulShape& s, int64_t at_x,
                                        int64_t at_y, int64_t out) {
      if (to_x != nullptr)
        kernels::AddMatMulGradientX(s, y + at_y, dy + out, to_x + at_x);
      if (to_y != nullptr)
        kernels::AddMatMulGradientY(s, x + at_x, dy + out, to_y + at_y);
    });
  }

 private:
  MatMulWalk walk_;
  KernelPtr forward_;
  GradientSize x_, y_;
};

}  // namespace

KernelPtr MakeBatchMatMulTrain(const PrepareContext& context) {
  return std::make_unique<MatMulTrain>(context, MakeBatchMatMulSimd(context));
}

KernelPtr MakeBatchMatMulReference(const PrepareContext& context) {
  const DType x = context.input(0).dtype;
  const DType y = context.input(1).dtype;
  if (x == DType::kFloat32) {
    return y == DType::kInt8 ? MakeKernel<HybridReference>(context)
                             : MakeKernel<FloatReference>(context);
  }
  if (x == DType::kInt16) {
    return y == DType::kInt8
               ? MakeKernel<IntegerReference<int16_t, int8_t>>(context)
               : MakeKernel<IntegerReference<int16_t, int16_t>>(context);
  }
  return context.output().dtype == DType::kInt32
             ? MakeKernel<SumsReference>(context)
             : MakeKernel<IntegerReference<int8_t, int8_t>>(context);
}

KernelPtr MakeBatchMatMulSimd(const PrepareContext& context) {
  const MatMulShape shape = ShapeOf(context);
  std::unique_ptr<const PackedMatMul> packed =
      context.input(0).dtype == DType::kFloat32
          ? PackMatMulF32(shape)
          : PackMatMulS8(shape, MatMulZeros(context),
                         MatMulRequantizer(context));
  if (packed == nullptr) return MakeBatchMatMulReference(context);
  return std::make_unique<MatMulSimd>(context, std::move(packed));
}

}  // namespace litesmith
