// CONCATENATION: tensors of one type side by side along an axis. Follows
// specs/ops.md 8: copies; uint8 alone may differ in scale and is rescaled.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

bool HasScale(const Tensor& tensor) { return !tensor.quant.empty(); }

bool SameScale(const Tensor& a, const Tensor& b) {
  return a.quant.scale == b.quant.scale &&
         a.quant.zero_point == b.quant.zero_point;
}

// Integers either all have a scale or none has.
void CheckScales(const Graph& graph, const Node& node) {
  const Tensor& out = graph.tensor(node.outputs[0]);
  bool any = HasScale(out);
  for (const TensorId id : node.inputs) any |= HasScale(graph.tensor(id));
  const bool narrow = out.dtype == DType::kInt8 || out.dtype == DType::kUInt8 ||
                      out.dtype == DType::kInt16;
  if (!any || !narrow) return;
  CheckPerTensorQuant(out, "output");
  for (const TensorId id : node.inputs) {
    const Tensor& x = graph.tensor(id);
    CheckPerTensorQuant(x, "input");
    if (out.dtype != DType::kInt8 || SameScale(x, out)) continue;
    Fail(ErrorKind::kCorrupt,
         "the input '{}' has scale {} and zero point {}; those of the int8 "
         "output '{}' are {} and {}: the same are wanted",
         x.name, x.quant.scale[0], x.quant.zero_point[0], out.name,
         out.quant.scale[0], out.quant.zero_point[0]);
  }
}

// The length along one dimension, where an input has `more` beside `so_far`.
int32_t Joined(int32_t so_far, int32_t more, const Tensor& x) {
  if (so_far == kDynamic || more == kDynamic) return kDynamic;
  const int64_t sum = int64_t{so_far} + more;
  if (sum > std::numeric_limits<int32_t>::max()) {
    Fail(ErrorKind::kCorrupt, "'{}' makes {} along the axis, more than 2^31-1",
         x.name, sum);
  }
  return static_cast<int32_t>(sum);
}

void Infer(Graph* graph, const Node& node) {
  for (const TensorId id : node.inputs) {
    if (id == kNoTensor) Fail(ErrorKind::kCorrupt, "an input is missing");
  }
  const auto attrs = Get<ConcatenationAttrs>(node);
  if (attrs.activation != kNone) {
    Fail(ErrorKind::kUnsupported,
         "the fused activation {}; runtimes know none here",
         static_cast<int>(attrs.activation));
  }
  const Tensor& first = graph->tensor(node.inputs[0]);
  CheckDType(first, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64, DType::kBool});
  const int axis = AxisOf(first, attrs.axis);
  Shape shape = first.shape;
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Tensor& x = graph->tensor(node.inputs[i]);
    CheckDType(x, "input", {first.dtype});
    bool fits = x.shape.rank() == shape.rank();
    for (int d = 0; fits && d < shape.rank(); ++d) {
      if (d == axis) {
        shape[d] = Joined(shape[d], x.shape[d], x);
        continue;
      }
      // An open batch is known when a plan binds it.
      const bool open =
          d == 0 && (shape[d] == kDynamic || x.shape[d] == kDynamic);
      fits = open || shape[d] == x.shape[d];
      if (open) shape[d] = kDynamic;
    }
    if (fits) continue;
    Fail(ErrorKind::kCorrupt,
         "'{}' of shape {} does not fit beside '{}' of shape {} along the axis "
         "{}",
         x.name, x.shape.ToString(), first.name, first.shape.ToString(), axis);
  }
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = first.dtype;
  out.shape = shape;
  CheckScales(*graph, node);
}

// What becomes of each uint8 (specs/ops.md 8): rounded in float32 throughout.
std::array<uint8_t, 256> Rescaled(const Tensor& x, const Tensor& out) {
  const float factor = x.quant.scale[0] * (1.0f / out.quant.scale[0]);
  const float offset = static_cast<float>(-x.quant.zero_point[0]) * factor;
  std::array<uint8_t, 256> table{};
  for (int q = 0; q < 256; ++q) {
    const float product = static_cast<float>(q) * factor;
    // Far beyond uint8, and far from where the conversion is not defined;
    // scales whose ratio no float holds make infinities, and these no number.
    const float sum = product + offset;
    const float real =
        std::isnan(sum) ? 0.0f : std::clamp(sum, -65536.0f, 65536.0f);
    const auto zero = static_cast<int>(out.quant.zero_point[0]);
    table[static_cast<size_t>(q)] = static_cast<uint8_t>(
        std::clamp(static_cast<int>(std::round(real)) + zero, 0, 255));
  }
  return table;
}

// Each input's run of bytes in turn, over and over.
class Concatenation final : public TrainKernel {
 public:
  explicit Concatenation(const PrepareContext& context) {
    const Tensor& out = context.output();
    const Node& node = context.node;
    batched_ = context.facts.IsBatched(node);
    const int axis =
        AxisOf(context.input(0), node.Get<&ConcatenationAttrs::axis>());
    RequireSeparateSamples(context, axis);
    for (int d = 0; d < axis; ++d) runs_ *= out.shape[d];
    if (batched_) runs_ = PerSample(context, runs_);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Tensor& x = context.input(i);
      Part& part = parts_.emplace_back();
      part.bytes = SizeOf(x.dtype);
      for (int d = axis; d < x.shape.rank(); ++d)
        part.bytes *= static_cast<size_t>(x.shape[d]);
      part.copies = x.dtype != DType::kUInt8 || SameScale(x, out);
      if (!part.copies) part.table = Rescaled(x, out);
    }
  }

  void Run(const KernelArgs& args) const override {
    auto* to = static_cast<std::byte*>(args.outputs[0]);
    for (int64_t run = 0; run < Runs(args.batch); ++run) {
      for (size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        const std::byte* from = static_cast<const std::byte*>(args.inputs[i]) +
                                static_cast<size_t>(run) * part.bytes;
        if (part.copies) {
          std::copy_n(from, part.bytes, to);  // of none, too
        } else {
          std::transform(from, from + part.bytes, to, [&](std::byte q) {
            return std::byte{part.table[static_cast<size_t>(q)]};
          });
        }
        to += part.bytes;
      }
    }
  }

  void Backward(const BackwardArgs& args) const override {
    const auto* from = reinterpret_cast<const std::byte*>(args.output_grads[0]);
    for (int64_t run = 0; run < Runs(args.batch); ++run) {
      for (size_t i = 0; i < parts_.size(); ++i) {
        const size_t bytes = parts_[i].bytes;
        if (args.input_grads[i] != nullptr) {
          std::memcpy(reinterpret_cast<std::byte*>(args.input_grads[i]) +
                          static_cast<size_t>(run) * bytes,
                      from, bytes);
        }
        from += bytes;
      }
    }
  }

 private:
  struct Part {
    size_t bytes = 0;  // of one run
    bool copies = true;
    std::array<uint8_t, 256> table{};  // where it does not
  };

  int64_t Runs(int batch) const { return batched_ ? runs_ * batch : runs_; }

  // Along the batch, or beside a constant that has a row for each sample, one
  // sample's values are not next to each other.
  static void RequireSeparateSamples(const PrepareContext& context, int axis) {
    const GraphFacts& facts = context.facts;
    if (!facts.IsBatched(context.node) || facts.batch == 1) return;
    for (const TensorId id : context.node.inputs) {
      if (axis > 0 && facts.IsBatched(id)) continue;
      Fail(ErrorKind::kUnsupported,
           "node '{}': '{}' is joined {}: it mixes samples", context.node.name,
           context.graph.tensor(id).name,
           axis == 0 ? "along the batch" : "and is the same for all samples");
    }
  }

  bool batched_;
  int64_t runs_ = 1;  // of all inputs, per sample if it is batched
  std::vector<Part> parts_;
};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kOperands[] = {{.name = "values"}};

constexpr KernelRow kRows[] = {
    {"ConcatenationF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<Concatenation>},
    {"ConcatenationRef", Purpose::kReference, {}, MakeKernel<Concatenation>},
};

}  // namespace

const OpDef kConcatenation = {
    .name = "CONCATENATION",
    .summary = "tensors side by side along an axis",
    .tflite = {.code = 2, .options = 10, .version = Version},
    .attrs = kAttrs<ConcatenationAttrs>,
    .operands = kOperands,
    .variadic = true,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

}  // namespace litesmith
