// EMBEDDING_LOOKUP: rows of a table, of floats or of integers with scales.
// Follows specs/ops.md 8.5; an id outside of the table takes its nearest row
// (docs/numerics.md).
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

using kernels::RowPlan;

void InferEmbedding(Graph* graph, const Node& node) {
  const Tensor& ids = graph->tensor(node.inputs[0]);
  const Tensor& table = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(ids, "ids", {DType::kInt32});
  CheckRank(ids, "ids", 1);
  CheckMovable(table, "table");
  if (table.shape.rank() < 2) {
    Fail(ErrorKind::kCorrupt, "the table '{}' has shape {}; rank 2 is wanted",
         table.name, table.shape.ToString());
  }
  CheckNotEmpty(table, ids);
  // A quantized table gives floats, or its own integers.
  const bool widens =
      (table.dtype == DType::kInt8 || table.dtype == DType::kUInt8) &&
      out.dtype == DType::kFloat32 && !table.quant.empty();
  if (widens) {
    CheckWeightQuant(table, 0, /*zero_points=*/false);
  } else {
    out.dtype = table.dtype;
  }
  std::vector<int32_t> dims = {ids.shape[0]};
  Append(table.shape, 1, table.shape.rank(), &dims);
  out.shape = Shape(dims);
}

NodeRows EmbeddingRowsOf(const PrepareContext& context) {
  const Shape& table = context.input(1).shape;
  RowPlan plan;
  plan.indices = context.input(0).shape[0];
  plan.inner = Product(table, 1, table.rank());
  plan.coordinates = {{table[0], plan.inner}};
  return OfOneSample(context, std::move(plan), 1, 0);
}

// Integers of a row times its scale.
template <typename T>
class EmbeddingHybrid final : public Kernel {
 public:
  explicit EmbeddingHybrid(const PrepareContext& context)
      : rows_(EmbeddingRowsOf(context)),
        scales_(ChannelScales(context.input(1), context.input(1).shape[0])) {}
  void Run(const KernelArgs& args) const override {
    const T* table = args.in<T>(1);
    for (int s = 0; s < rows_.Samples(args.batch); ++s) {
      float* to = args.out<float>() + s * rows_.row_sample;
      kernels::ForEachRow(
          rows_.plan, args.in<int32_t>(0) + s * rows_.index_sample,
          [&](int64_t place, const int32_t*) {
            const float scale =
                scales_[static_cast<size_t>(place / rows_.plan.inner)];
            for (int64_t i = 0; i < rows_.plan.inner; ++i)
              *to++ = static_cast<float>(table[place + i]) * scale;
          });
    }
  }

 private:
  NodeRows rows_;
  std::vector<float> scales_;
};

template <DType kTable>
bool TableIs(const PrepareContext& context) {
  return context.input(1).dtype == kTable;
}
bool TableIsOutput(const PrepareContext& context) {
  return context.input(1).dtype == context.output().dtype;
}

constexpr Operand kEmbeddingOperands[] = {{.name = "ids"}, {.name = "table"}};

using Embedding = GatherRows<EmbeddingRowsOf, 1, 0>;
constexpr KernelRow kEmbeddingRows[] = {
    {"EmbeddingF32Train",
     Purpose::kTrain,
     {.output = DType::kFloat32},
     MakeKernel<Embedding>,
     TableIsOutput},
    {"EmbeddingRef",
     Purpose::kReference,
     {},
     MakeKernel<Embedding>,
     TableIsOutput},
    {"EmbeddingF32S8Ref",
     Purpose::kReference,
     {.output = DType::kFloat32},
     MakeKernel<EmbeddingHybrid<int8_t>>,
     TableIs<DType::kInt8>},
    {"EmbeddingF32U8Ref",
     Purpose::kReference,
     {.output = DType::kFloat32},
     MakeKernel<EmbeddingHybrid<uint8_t>>,
     TableIs<DType::kUInt8>},
};

int EmbeddingVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[1]).quant.per_axis() ? 4 : 1;
}

}  // namespace

const OpDef kEmbeddingLookup = {
    .name = "EMBEDDING_LOOKUP",
    .summary = "rows of a table by index",
    .tflite = {.code = 7, .version = EmbeddingVersion},
    .operands = kEmbeddingOperands,
    .infer = InferEmbedding,
    .rows = kEmbeddingRows,
};

}  // namespace litesmith
