// DYNAMIC_UPDATE_SLICE: a tensor with a part of it replaced, at a place that
// may be computed. Follows LiteRT's kernel.
#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/move/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void InferUpdate(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& update = graph->tensor(node.inputs[1]);
  const Tensor& start = graph->tensor(node.inputs[2]);
  CheckMovable(x, "operand");
  CheckDType(update, "update", {x.dtype});
  CheckDType(start, "start", {DType::kInt32, DType::kInt64});
  bool fits = update.shape.rank() == x.shape.rank() &&
              start.shape == Shape{x.shape.rank()};
  for (int d = 0; fits && d < x.shape.rank(); ++d)
    fits = update.shape[d] <= x.shape[d] || x.shape[d] == kDynamic;
  if (!fits) {
    Fail(ErrorKind::kCorrupt,
         "'{}' of shape {} and the start '{}' of shape {} do not fit '{}' of "
         "shape {}",
         update.name, update.shape.ToString(), start.name,
         start.shape.ToString(), x.name, x.shape.ToString());
  }
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  out.shape = x.shape;
}

// Where it would reach beyond the operand, the update is moved inside. The
// gradient is of floats.
class DynamicUpdateSlice final : public TrainKernel {
 public:
  explicit DynamicUpdateSlice(const PrepareContext& context)
      : element_bytes_(SizeOf(context.output().dtype)),
        start_type_(context.input(2).dtype),
        batched_(context.facts.IsBatched(context.node)),
        x_(context.input(0).shape),
        update_(context.input(1).shape) {
    if (batched_ && context.facts.batch > 1) TakeOneSample(context);
    const std::vector<int64_t> from = Strides(update_);
    strides_ = Strides(x_);
    for (int d = 0; d < x_.rank(); ++d) {
      const auto i = static_cast<size_t>(d);
      block_.dims.push_back({update_[d], from[i], strides_[i]});
      zeros_.dims.push_back({update_[d], 0, strides_[i]});
    }
  }
  void Run(const KernelArgs& args) const override {
    const int64_t first = First(args.inputs[2]);
    const size_t of_x = Bytes(x_.NumElements());
    const size_t of_update = Bytes(update_.NumElements());
    const std::byte* x = args.in<std::byte>(0);
    const std::byte* update = args.in<std::byte>(1);
    std::byte* y = args.out<std::byte>();
    for (int s = 0; s < (batched_ ? args.batch : 1); ++s) {
      std::memcpy(y, x, of_x);
      if (of_update > 0)
        kernels::CopyBlock(block_, element_bytes_, update, y + Bytes(first));
      x += of_x;
      update += of_update;
      y += of_x;
    }
  }
  // The operand's is that of what was not replaced.
  void Backward(const BackwardArgs& args) const override {
    const int64_t first = First(args.inputs[2]);
    const float* dy = args.output_grads[0];
    const kernels::Block back = kernels::Reversed(block_);
    const bool any = update_.NumElements() > 0;
    for (int s = 0; s < (batched_ ? args.batch : 1); ++s) {
      if (float* dx = args.input_grads[0]; dx != nullptr) {
        dx += s * x_.NumElements();
        std::copy_n(dy, x_.NumElements(), dx);
        const float zero = 0;
        if (any) kernels::CopyBlock(zeros_, sizeof(float), &zero, dx + first);
      }
      if (float* to = args.input_grads[1]; to != nullptr && any) {
        kernels::CopyBlock(back, sizeof(float), dy + first,
                           to + s * update_.NumElements());
      }
      dy += x_.NumElements();
    }
  }

 private:
  size_t Bytes(int64_t elements) const {
    return static_cast<size_t>(elements) * element_bytes_;
  }
  // The update must be one of whole samples, at the same place of each.
  void TakeOneSample(const PrepareContext& context) {
    const GraphFacts& facts = context.facts;
    const std::vector<TensorId>& inputs = context.node.inputs;
    if (!facts.IsBatched(inputs[0]) || !facts.IsBatched(inputs[1]) ||
        facts.IsBatched(inputs[2]) || x_[0] != update_[0]) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': DYNAMIC_UPDATE_SLICE of some samples, or of one value "
           "for all: it mixes samples",
           context.node.name);
    }
    x_[0] = static_cast<int32_t>(PerSample(context, x_[0]));
    update_[0] = x_[0];
  }
  int64_t First(const void* start) const {
    return WithIndexType(start_type_, [&](auto type) {
      return FirstOf(static_cast<const decltype(type)*>(start));
    });
  }
  template <typename I>
  int64_t FirstOf(const I* start) const {
    int64_t first = 0;
    for (int d = 0; d < x_.rank(); ++d) {
      first += std::clamp<int64_t>(start[d], 0, x_[d] - update_[d]) *
               strides_[static_cast<size_t>(d)];
    }
    return first;
  }

  size_t element_bytes_;
  DType start_type_;
  bool batched_;
  Shape x_;  // of one sample
  Shape update_;
  std::vector<int64_t> strides_;
  kernels::Block block_;
  kernels::Block zeros_;  // one zero to where the update goes
};

constexpr Operand kUpdateOperands[] = {
    {.name = "operand"},
    {.name = "update"},
    {.name = "start"},
};

constexpr KernelRow kUpdateRows[] = {
    {"DynamicUpdateSliceF32Train",
     Purpose::kTrain,
     {.output = DType::kFloat32},
     MakeKernel<DynamicUpdateSlice>},
    {"DynamicUpdateSliceRef",
     Purpose::kReference,
     {},
     MakeKernel<DynamicUpdateSlice>},
};

}  // namespace

const OpDef kDynamicUpdateSlice = {
    .name = "DYNAMIC_UPDATE_SLICE",
    .summary = "a tensor with a part of it replaced",
    .tflite = {.code = 151, .options = 117},
    .operands = kUpdateOperands,
    .infer = InferUpdate,
    .rows = kUpdateRows,
};

}  // namespace litesmith
