// SCATTER_ND, DYNAMIC_UPDATE_SLICE and ONE_HOT: values put where indices say,
// which may be computed. Follow LiteRT's kernels; an index outside of the
// output is left out (docs/numerics.md).
#include <algorithm>
#include <cstring>
#include <type_traits>
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

// ---- SCATTER_ND -----------------------------------------------------------

void InferScatter(Graph* graph, const Node& node) {
  const Tensor& indices = graph->tensor(node.inputs[0]);
  const Tensor& updates = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(indices, "indices", {DType::kInt32});
  CheckDType(updates, "updates",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt32,
              DType::kInt64, DType::kBool});
  out.dtype = updates.dtype;
  if (!AreKnown(*graph, node)) return;
  std::vector<int32_t> dims;
  const Tensor& operand = graph->tensor(node.inputs[2]);
  for (const int64_t dim : ConstantIndices(operand, "shape"))
    dims.push_back(CheckedDimension(dim, operand));
  const Shape shape(dims);
  // updates are [outer of the indices, inner of the output].
  const int outer = indices.shape.rank() - 1;
  const int numbers = outer < 0 ? -1 : indices.shape[outer];
  bool fits = numbers >= 0 && numbers <= shape.rank() &&
              updates.shape.rank() == outer + shape.rank() - numbers;
  for (int d = 0; fits && d < updates.shape.rank(); ++d) {
    const int32_t wanted =
        d < outer ? indices.shape[d] : shape[numbers + d - outer];
    fits = updates.shape[d] == wanted || updates.shape[d] == kDynamic ||
           wanted == kDynamic;
  }
  if (!fits) {
    Fail(ErrorKind::kCorrupt,
         "'{}' of shape {} and '{}' of shape {} do not fit an output of shape "
         "{}",
         indices.name, indices.shape.ToString(), updates.name,
         updates.shape.ToString(), shape.ToString());
  }
  out.shape = shape;
}

NodeRows ScatterRowsOf(const PrepareContext& context) {
  const Shape& indices = context.input(0).shape;
  const Shape& y = context.output().shape;
  const int last = indices.rank() - 1;
  kernels::RowPlan plan;
  for (int d = 0; d < last; ++d) plan.indices *= indices[d];
  for (int d = indices[last]; d < y.rank(); ++d) plan.inner *= y[d];
  plan.coordinates = CoordinatesOf(y, indices[last]);
  return OfOneSample(context, std::move(plan), -1, 0);
}

// Rows of the same place are added up; integers wrap. The gradient is of
// floats.
template <typename T>
class ScatterNd final : public TrainKernel {
 public:
  explicit ScatterNd(const PrepareContext& context)
      : rows_(ScatterRowsOf(context)),
        elements_(context.output().shape.NumElements()) {}
  void Run(const KernelArgs& args) const override {
    const T* from = args.in<T>(1);
    T* y = args.out<T>();
    std::fill_n(y, elements_, T{});
    kernels::ForEachRow(
        rows_.plan, args.in<int32_t>(0),
        [&](int64_t place, const int32_t* index) {
          const bool inside = kernels::IsInside(rows_.plan, index);
          for (int64_t i = 0; inside && i < rows_.plan.inner; ++i)
            y[place + i] = Sum(y[place + i], from[i]);
          from += rows_.plan.inner;
        });
  }
  void Backward(const BackwardArgs& args) const override {
    float* to = args.input_grads[1];
    if (to == nullptr) return;
    const float* dy = args.output_grads[0];
    kernels::ForEachRow(rows_.plan, static_cast<const int32_t*>(args.inputs[0]),
                        [&](int64_t place, const int32_t* index) {
                          const bool inside =
                              kernels::IsInside(rows_.plan, index);
                          for (int64_t i = 0; i < rows_.plan.inner; ++i)
                            to[i] = inside ? dy[place + i] : 0.0f;
                          to += rows_.plan.inner;
                        });
  }

 private:
  static T Sum(T a, T b) {
    if constexpr (std::is_same_v<T, bool>) {
      return a || b;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) +
                            static_cast<uint64_t>(b));
    } else {
      return a + b;
    }
  }
  NodeRows rows_;
  int64_t elements_;
};

constexpr Operand kScatterOperands[] = {
    {.name = "indices"},
    {.name = "updates"},
    {.name = "shape", .role = Role::kShape},
};

template <typename T>
constexpr KernelRow ScatterRow(const char* name) {
  return {name,
          Purpose::kReference,
          {.output = DTypeOf<T>::value},
          MakeKernel<ScatterNd<T>>};
}
constexpr KernelRow kScatterRows[] = {
    {"ScatterNdF32Train",
     Purpose::kTrain,
     {.output = DType::kFloat32},
     MakeKernel<ScatterNd<float>>},
    ScatterRow<float>("ScatterNdF32Ref"),
    ScatterRow<int8_t>("ScatterNdS8Ref"),
    ScatterRow<uint8_t>("ScatterNdU8Ref"),
    ScatterRow<int32_t>("ScatterNdS32Ref"),
    ScatterRow<int64_t>("ScatterNdS64Ref"),
    ScatterRow<bool>("ScatterNdBoolRef"),
};

}  // namespace

const OpDef kScatterNd = {
    .name = "SCATTER_ND",
    .summary = "zeros with values added where indices say",
    .tflite = {.code = 122, .options = 97},
    .operands = kScatterOperands,
    .infer = InferScatter,
    .rows = kScatterRows,
};

}  // namespace litesmith
