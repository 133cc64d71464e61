// RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape. The
// plan aliases the output to the input; the one kernel is for constants.
//
// Files converted at a fixed batch name that batch as dimension 0. It follows
// the input's batch here, wherever the rest of the shape holds exactly one
// sample, so that such files run at any batch; unless the output has the shape
// that the operand says literally.
#include <algorithm>
#include <limits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/copy.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

[[noreturn]] void FailShape(const Tensor& x, const Shape& wanted) {
  Fail(ErrorKind::kCorrupt, "the input '{}' of shape {} cannot become {}",
       x.name, x.shape.ToString(), wanted.ToString());
}

// The product of the dimensions from `first` on without the one that is -1,
// cut at 2^31.
int64_t Product(const Shape& shape, int first) {
  int64_t product = 1;
  for (int i = first; i < shape.rank(); ++i) {
    if (shape[i] == kDynamic) continue;
    product *= shape[i];
    product = std::min<int64_t>(product, int64_t{1} << 31);
  }
  return product;
}

// Whether `stands` is what `wanted` says literally: as many elements as x has,
// and -1 for what is left of them. Then a file, or somebody before, meant that.
bool IsLiteral(const Shape& x, const Shape& wanted, const Shape& stands) {
  if (!x.IsStatic() || !stands.IsStatic() || stands.rank() != wanted.rank() ||
      stands.NumElements() != x.NumElements())
    return false;
  int wildcards = 0;
  for (int i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] == kDynamic) {
      ++wildcards;
    } else if (wanted[i] != stands[i]) {
      return false;
    }
  }
  return wildcards <= 1;
}

// x's shape with `wanted` filled in, where x's batch is symbolic or not.
Shape Resolve(const Tensor& x, const Shape& wanted) {
  int wildcard = -1;
  for (int i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] < kDynamic || (wanted[i] == kDynamic && wildcard >= 0)) {
      FailShape(x, wanted);
    }
    if (wanted[i] == kDynamic) wildcard = i;
  }
  const bool has_batch = x.shape.rank() > 0 && wanted.rank() > 0;
  const bool dynamic = has_batch && x.shape[0] == kDynamic;
  const int64_t sample = has_batch ? x.shape.NumElementsPerSample() : 0;
  const int64_t rest = has_batch ? Product(wanted, 1) : 0;
  Shape result = wanted;
  // [-1, sample...] or [batch, sample...]: dimension 0 follows the input.
  if (has_batch && wildcard <= 0 && rest == sample && rest > 0) {
    result[0] = x.shape[0];
    return result;
  }
  // [batch, ..., -1, ...].
  if (has_batch && wildcard > 0 && rest > 0 && sample % rest == 0 &&
      (dynamic || wanted[0] == x.shape[0] || wanted[0] == 1)) {
    result[0] = x.shape[0];
    result[wildcard] = static_cast<int32_t>(sample / rest);
    return result;
  }
  if (dynamic && wildcard == 0) {
    // Each sample becomes several rows, or several rows become a sample.
    const bool splits = rest > 0 && sample % rest == 0;
    const bool joins = sample > 0 && rest % sample == 0;
    if (!splits && !joins) FailShape(x, wanted);
    return result;
  }
  // Symbolic, but a shape for a batch of one: binding another fails here.
  const int64_t total = dynamic ? sample : x.shape.NumElements();
  const int64_t known = Product(wanted, 0);
  if (wildcard < 0) {
    if (known != total) FailShape(x, wanted);
    return result;
  }
  if (known == 0 || total % known != 0) FailShape(x, wanted);
  result[wildcard] = static_cast<int32_t>(total / known);
  return result;
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  const std::vector<int32_t>& attr = node.Get<&ReshapeAttrs::new_shape>();
  Shape wanted;
  if (node.input(1) != kNoTensor) {
    const Tensor& shape = graph->tensor(node.inputs[1]);
    if (shape.dtype != DType::kInt32 || shape.shape.rank() != 1) {
      Fail(ErrorKind::kCorrupt,
           "the shape '{}' is {} of shape {}; int32 of rank 1 is wanted",
           shape.name, Name(shape.dtype), shape.shape.ToString());
    }
    if (shape.has_data()) {
      wanted = Shape(shape.As<int32_t>());
    } else if (shape.shape[0] == 0) {
      wanted = Shape();
    } else if (!attr.empty()) {
      wanted = Shape(attr);
    } else {
      // Computed from the batch: known when a plan binds it. Until then the
      // file's own shape of the output.
      wanted = out.shape;
    }
  } else {
    wanted = Shape(attr);
  }
  if (!IsLiteral(x.shape, wanted, out.shape)) out.shape = Resolve(x, wanted);
}

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "shape", .role = Role::kShape, .optional = true},
};

// ---- SQUEEZE --------------------------------------------------------------

// Without dimensions named, all that are 1.
void InferSqueeze(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  const std::vector<int32_t>& named = node.Get<&SqueezeAttrs::squeeze_dims>();
  std::vector<char> squeezed(static_cast<size_t>(x.shape.rank()), 0);
  for (const int32_t dim : named) {
    const int axis = AxisOf(x, dim);
    if (x.shape[axis] != 1 && x.shape[axis] != kDynamic) {
      Fail(ErrorKind::kCorrupt,
           "dimension {} of '{}' of shape {} cannot be squeezed: 1 is wanted",
           axis, x.name, x.shape.ToString());
    }
    squeezed[static_cast<size_t>(axis)] = 1;
  }
  std::vector<int32_t> dims;
  for (int d = 0; d < x.shape.rank(); ++d) {
    const bool drop =
        named.empty() ? x.shape[d] == 1 : squeezed[static_cast<size_t>(d)] != 0;
    if (!drop) dims.push_back(x.shape[d]);
  }
  out.dtype = x.dtype;
  out.shape = Shape(dims);
}

constexpr Operand kSqueezeOperands[] = {{.name = "x"}};

// ---- EXPAND_DIMS ----------------------------------------------------------

void InferExpandDims(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  const Tensor& operand = graph->tensor(node.inputs[1]);
  const std::vector<int64_t> axes = ConstantIndices(operand, "axis");
  const int rank = x.shape.rank() + 1;
  if (axes.size() != 1 || axes[0] < -rank || axes[0] >= rank) {
    Fail(ErrorKind::kCorrupt,
         "the axis '{}' of shape {} is no one place among the dimensions of "
         "'{}' of shape {}",
         operand.name, operand.shape.ToString(), x.name, x.shape.ToString());
  }
  std::vector<int32_t> dims = x.shape.ToVector();
  dims.insert(dims.begin() + (axes[0] < 0 ? axes[0] + rank : axes[0]), 1);
  out.shape = Shape(dims);
}

constexpr Operand kExpandDimsOperands[] = {
    {.name = "x"},
    {.name = "axis", .role = Role::kShape},
};

constexpr KernelRow kRows[] = {
    {"RenameTrain", Purpose::kTrain, {}, MakeKernel<CopyKernel>},
    {"RenameRef", Purpose::kReference, {}, MakeKernel<CopyKernel>},
};

}  // namespace

const OpDef kReshape = {
    .name = "RESHAPE",
    .summary = "the same elements under another shape",
    .tflite = {.code = 22, .options = 17},
    .attrs = kAttrs<ReshapeAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeInput},
    .in_place = true,
};

const OpDef kSqueeze = {
    .name = "SQUEEZE",
    .summary = "without dimensions of one",
    .tflite = {.code = 43, .options = 30},
    .attrs = kAttrs<SqueezeAttrs>,
    .operands = kSqueezeOperands,
    .infer = InferSqueeze,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeInput},
    .in_place = true,
};

const OpDef kExpandDims = {
    .name = "EXPAND_DIMS",
    .summary = "with a new dimension of one",
    .tflite = {.code = 70, .options = 52},
    .operands = kExpandDimsOperands,
    .infer = InferExpandDims,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeInput},
    .in_place = true,
};

}  // namespace litesmith
