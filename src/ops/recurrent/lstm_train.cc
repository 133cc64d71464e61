// UNIDIRECTIONAL_SEQUENCE_LSTM in training: the weights of its gates, one
// behind the other, are those of a cell (kernels/recurrent/through_time.h).
#include <algorithm>
#include <vector>

#include "src/kernels/recurrent/lstm.h"
#include "src/ops/layer/layer.h"
#include "src/ops/recurrent/recurrent.h"

namespace litesmith {
namespace {

using Attrs = UnidirectionalSequenceLstmAttrs;
using kernels::kLstmGates;

class LstmTrain final : public TrainKernel {
 public:
  explicit LstmTrain(const PrepareContext& context) {
    const auto attrs = Get<Attrs>(context.node);
    const Shape& x = context.input(lstm::kX).shape;
    cell_.kind = kernels::CellKind::kLstm;
    cell_.cell_clip = attrs.cell_clip;
    cell_.steps = x[1];
    cell_.inputs = x[2];
    cell_.units =
        context.input(lstm::kRecurrentWeights + kernels::kForgetGate).shape[1];
    rows_ = static_cast<int>(PerSample(context, x[0]));
    const auto units = static_cast<size_t>(cell_.units);
    part_[0] = units * static_cast<size_t>(cell_.inputs);
    part_[1] = units * units;
    part_[2] = units;
    for (size_t k = 0; k < kKinds; ++k)
      weights_[k].resize(kLstmGates * part_[k]);
    saved_bytes = kernels::SavedFloats(cell_, x[0]) * sizeof(float);
    kernel_floats_ = kernels::WorkspaceFloats(cell_, x[0]);
    workspace_bytes = (kernel_floats_ + weights_[0].size() +
                       weights_[1].size() + weights_[2].size()) *
                      sizeof(float);
  }

  void Repack(const void* const* inputs) override {
    for (size_t k = 0; k < kKinds; ++k) {
      for (size_t gate = 0; gate < kLstmGates; ++gate) {
        std::copy_n(static_cast<const float*>(inputs[kFirst[k] + gate]),
                    part_[k], weights_[k].data() + gate * part_[k]);
      }
    }
  }

  void Run(const KernelArgs& args) const override {
    kernels::Forward(cell_, Weights(), args.batch * rows_,
                     args.in<float>(lstm::kX), nullptr, nullptr,
                     args.out<float>(), nullptr,
                     reinterpret_cast<float*>(args.saved),
                     reinterpret_cast<float*>(args.workspace));
  }

  void Backward(const BackwardArgs& args) const override {
    auto* workspace = reinterpret_cast<float*>(args.workspace);
    kernels::CellGradients to;
    to.x = args.input_grads[lstm::kX];
    float* whole[kKinds];  // gradients of all gates
    float* next = workspace + kernel_floats_;
    for (size_t k = 0; k < kKinds; ++k) {
      whole[k] = Wanted(args, k) ? next : nullptr;
      next += weights_[k].size();
    }
    to.input = whole[0];
    to.recurrent = whole[1];
    to.bias = whole[2];
    kernels::Backward(
        cell_, Weights(), args.batch * rows_,
        static_cast<const float*>(args.inputs[lstm::kX]), args.output_grads[0],
        nullptr, reinterpret_cast<const float*>(args.saved), to, workspace);
    for (size_t k = 0; k < kKinds; ++k) {
      for (size_t gate = 0; gate < kLstmGates; ++gate) {
        if (float* at = args.input_grads[kFirst[k] + gate])
          std::copy_n(whole[k] + gate * part_[k], part_[k], at);
      }
    }
  }

 private:
  // Kernels, recurrent kernels and biases, and where the first of each is.
  static constexpr size_t kKinds = 3;
  static constexpr size_t kFirst[kKinds] = {
      lstm::kInputWeights, lstm::kRecurrentWeights, lstm::kBias};

  static bool Wanted(const BackwardArgs& args, size_t kind) {
    return std::any_of(args.input_grads + kFirst[kind],
                       args.input_grads + kFirst[kind] + kLstmGates,
                       [](const float* at) { return at != nullptr; });
  }
  kernels::CellWeights Weights() const {
    return {.input = weights_[0].data(),
            .recurrent = weights_[1].data(),
            .bias = weights_[2].data()};
  }

  kernels::Cell cell_;
  int rows_ = 1;          // a sample
  size_t part_[kKinds];   // floats of one gate
  size_t kernel_floats_;  // of the workspace
  std::vector<float> weights_[kKinds];
};

}  // namespace

bool CanTrainLstm(const PrepareContext& context) {
  for (size_t i = 0; i < context.node.inputs.size(); ++i) {
    const bool part_of_gate =
        i < lstm::kPeephole || (i >= lstm::kBias && i < lstm::kProjection);
    const bool state = i == lstm::kOutputState || i == lstm::kCellState;
    if (context.has_input(i) ? !part_of_gate && !state && i < lstm::kGateSums
                             : part_of_gate)
      return false;
  }
  return !context.node.Get<&Attrs::time_major>();
}

KernelPtr MakeLstmTrain(const PrepareContext& context) {
  return MakeKernel<LstmTrain>(context);
}

}  // namespace litesmith
