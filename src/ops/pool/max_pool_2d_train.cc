// MAX_POOL_2D in float training: thin over kernels/train_pool.
#include "src/base/error.h"
#include "src/kernels/pool/train.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/pool/pool_2d_window.h"
#include "src/ops/train_rows.h"

namespace litesmith {
namespace {

class MaxPool2DF32Train final : public Kernel {
 public:
  explicit MaxPool2DF32Train(const PrepareContext& context)
      : window_(PoolWindow(context)) {
    if (window_.filter_h * window_.filter_w > kernels::kMaxPoolTaps) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': training a max pool of {}x{}; windows of at most {} "
           "elements can be trained",
           context.node.name, window_.filter_h, window_.filter_w,
           kernels::kMaxPoolTaps);
    }
    const int images = context.input(0).shape[0];
    images_ = static_cast<int>(PerSample(context, images));
    range_ = TrainRange(context.node.Get<&Pool2DAttrs::activation>());
    saved_bytes = static_cast<size_t>(images * window_.out_size()) +
                  kernels::kWinnerSlack;
  }

  void Run(const KernelArgs& args) const override {
    kernels::MaxPoolF32(window_, range_, args.batch * images_,
                        args.in<float>(0), args.out<float>(),
                        reinterpret_cast<uint8_t*>(args.saved));
  }

  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    kernels::MaxPoolGradF32(
        window_, range_, args.batch * images_,
        static_cast<const float*>(args.outputs[0]), args.output_grads[0],
        reinterpret_cast<const uint8_t*>(args.saved), args.input_grads[0]);
  }

 private:
  Window window_;
  kernels::FloatRange range_;
  int images_ = 1;  // a sample
};

}  // namespace

KernelPtr PrepareMaxPool2DF32Train(const PrepareContext& context) {
  return std::make_unique<MaxPool2DF32Train>(context);
}

}  // namespace litesmith
