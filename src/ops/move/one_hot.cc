// ONE_HOT: one value where an index is, which may be computed, another
// elsewhere; an index outside of the depth is nowhere. Follows LiteRT's kernel.
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

// The new dimension's place, from 0.
int OneHotAxis(const Tensor& indices, const Node& node) {
  const int rank = indices.shape.rank() + 1;
  const int64_t axis = node.Get<&OneHotAttrs::axis>();
  if (axis < -1 || axis >= rank) {
    Fail(ErrorKind::kCorrupt,
         "the axis {} is no place for a dimension of '{}' of shape {}", axis,
         indices.name, indices.shape.ToString());
  }
  return static_cast<int>(axis < 0 ? rank - 1 : axis);
}

void InferOneHot(Graph* graph, const Node& node) {
  const Tensor& indices = graph->tensor(node.inputs[0]);
  const Tensor& depth = graph->tensor(node.inputs[1]);
  const Tensor& on = graph->tensor(node.inputs[2]);
  const Tensor& off = graph->tensor(node.inputs[3]);
  CheckDType(indices, "indices", {DType::kInt32, DType::kInt64});
  CheckMovable(on, "on value");
  CheckDType(off, "off value", {on.dtype});
  for (const Tensor* one : {&depth, &on, &off}) {
    if (one->shape.NumElements() == 1) continue;
    Fail(ErrorKind::kCorrupt, "'{}' has shape {}; one number is wanted",
         one->name, one->shape.ToString());
  }
  const int axis = OneHotAxis(indices, node);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = on.dtype;
  if (!AreKnown(*graph, node)) return;
  std::vector<int32_t> dims = indices.shape.ToVector();
  dims.insert(dims.begin() + axis,
              CheckedDimension(ConstantIndices(depth, "depth")[0], depth));
  out.shape = Shape(dims);
}

// [outer, depth, inner]: off everywhere, and on where an index is.
class OneHot final : public Kernel {
 public:
  explicit OneHot(const PrepareContext& context)
      : element_bytes_(SizeOf(context.output().dtype)),
        index_type_(context.input(0).dtype),
        batched_(context.facts.IsBatched(context.node)) {
    const Shape& indices = context.input(0).shape;
    const int axis = OneHotAxis(context.input(0), context.node);
    for (int d = 0; d < indices.rank(); ++d)
      (d < axis ? outer_ : inner_) *= indices[d];
    depth_ = context.output().shape[axis];
    const bool several = batched_ && context.facts.batch > 1;
    if (several &&
        (axis == 0 || !context.facts.IsBatched(context.node.inputs[0]))) {
      Fail(ErrorKind::kUnsupported, "node '{}': it mixes samples",
           context.node.name);
    }
    if (batched_) outer_ = PerSample(context, outer_);
  }
  void Run(const KernelArgs& args) const override {
    WithIndexType(index_type_, [&](auto type) {
      using I = decltype(type);
      Fill(args.in<I>(0), batched_ ? outer_ * args.batch : outer_, args);
    });
  }

 private:
  template <typename I>
  void Fill(const I* indices, int64_t outer, const KernelArgs& args) const {
    std::byte* to = args.out<std::byte>();
    for (int64_t o = 0; o < outer; ++o, indices += inner_) {
      for (int64_t j = 0; j < depth_; ++j) {
        for (int64_t i = 0; i < inner_; ++i, to += element_bytes_)
          std::memcpy(to, args.inputs[indices[i] == j ? 2 : 3], element_bytes_);
      }
    }
  }

  size_t element_bytes_;
  DType index_type_;
  bool batched_;
  int64_t outer_ = 1;
  int64_t depth_ = 0;
  int64_t inner_ = 1;
};

constexpr Operand kOneHotOperands[] = {
    {.name = "indices"},
    {.name = "depth", .role = Role::kShape},
    {.name = "on"},
    {.name = "off"},
};

constexpr KernelRow kOneHotRows[] = {
    {"OneHotRef", Purpose::kReference, {}, MakeKernel<OneHot>},
};

}  // namespace

const OpDef kOneHot = {
    .name = "ONE_HOT",
    .summary = "one value where an index is, another elsewhere",
    .tflite = {.code = 85, .options = 61},
    .attrs = kAttrs<OneHotAttrs>,
    .operands = kOneHotOperands,
    .infer = InferOneHot,
    .rows = kOneHotRows,
};

}  // namespace litesmith
