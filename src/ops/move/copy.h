// The kernel of ops whose output is their input: bytes there, gradients back.
#ifndef LITESMITH_OPS_MOVE_COPY_H_
#define LITESMITH_OPS_MOVE_COPY_H_

#include <cstring>

#include "src/graph/op_def.h"
#include "src/ops/layer/layer.h"

namespace litesmith {

// Nothing is copied where both are the same memory.
class CopyKernel final : public TrainKernel {
 public:
  explicit CopyKernel(const PrepareContext& context)
      : bytes_(static_cast<size_t>(ElementsPerSample(context)) *
               SizeOf(context.input(0).dtype)) {}
  void Run(const KernelArgs& args) const override {
    if (args.outputs[0] == args.inputs[0]) return;
    std::memcpy(args.outputs[0], args.inputs[0],
                bytes_ * static_cast<size_t>(args.batch));
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr ||
        args.input_grads[0] == args.output_grads[0]) {
      return;
    }
    std::memcpy(args.input_grads[0], args.output_grads[0],
                bytes_ * static_cast<size_t>(args.batch));
  }

 private:
  size_t bytes_;  // per sample
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_MOVE_COPY_H_
