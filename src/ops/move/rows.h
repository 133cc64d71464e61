// What the ops share that read or write rows by indices: GATHER, GATHER_ND,
// EMBEDDING_LOOKUP, SCATTER_ND.
#ifndef LITESMITH_OPS_MOVE_ROWS_H_
#define LITESMITH_OPS_MOVE_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/move/gather.h"

namespace litesmith {

// A node's rows, of one sample if it has samples.
struct NodeRows {
  kernels::RowPlan plan;
  bool batched = false;
  // Elements of one sample; 0: all samples share them, or there is one.
  int64_t array_sample = 0;
  int64_t index_sample = 0;
  int64_t row_sample = 0;  // of the gathered rows

  int Samples(int batch) const { return batched ? batch : 1; }
};

// Of all samples together: makes the plan one of a sample, by dividing the part
// of it that the batch is. The operands are inputs `array` (or -1, for an
// output) and `indices`. Throws Error{unsupported} if samples cannot be told
// apart.
NodeRows OfOneSample(const PrepareContext& context, kernels::RowPlan plan,
                     int array, int indices);

// Fails if there is an index and no row.
void CheckNotEmpty(const Tensor& array, const Tensor& indices);
// Puts the dimensions from `first` to before `last` behind others.
void Append(const Shape& shape, int first, int last,
            std::vector<int32_t>* dims);
// Their product.
int64_t Product(const Shape& shape, int first, int last);

// The coordinates of indices [..., numbers] into an array of this shape.
std::vector<kernels::Coordinate> CoordinatesOf(const Shape& array, int numbers);

// Calls work with a value of the type of the indices: int16, int32 or int64.
template <class Work>
auto WithIndexType(DType dtype, const Work& work) {
  switch (dtype) {
    case DType::kInt16:
      return work(int16_t{});
    case DType::kInt64:
      return work(int64_t{});
    default:
      return work(int32_t{});
  }
}

// Copies rows; adds their gradients to the array's.
template <NodeRows (*kRowsOf)(const PrepareContext&), int kArray, int kIndices>
class GatherRows final : public TrainKernel {
 public:
  explicit GatherRows(const PrepareContext& context)
      : rows_(kRowsOf(context)),
        index_type_(context.input(kIndices).dtype),
        element_bytes_(SizeOf(context.input(kArray).dtype)),
        elements_(context.input(kArray).shape.NumElements()) {}

  void Run(const KernelArgs& args) const override {
    const auto bytes = static_cast<size_t>(rows_.plan.inner) * element_bytes_;
    for (int s = 0; s < rows_.Samples(args.batch); ++s) {
      const std::byte* array =
          args.in<std::byte>(kArray) + Bytes(s * rows_.array_sample);
      std::byte* to = args.out<std::byte>() + Bytes(s * rows_.row_sample);
      Visit(args.inputs[kIndices], s, [&](int64_t place) {
        std::memcpy(to, array + Bytes(place), bytes);
        to += bytes;
      });
    }
  }
  void Backward(const BackwardArgs& args) const override {
    float* const grad = args.input_grads[kArray];
    if (grad == nullptr) return;
    const bool shared = rows_.array_sample == 0;
    std::fill_n(grad, shared ? elements_ : rows_.array_sample * args.batch,
                0.0f);
    for (int s = 0; s < rows_.Samples(args.batch); ++s) {
      float* to = grad + s * rows_.array_sample;
      const float* from = args.output_grads[0] + s * rows_.row_sample;
      Visit(args.inputs[kIndices], s, [&](int64_t place) {
        for (int64_t i = 0; i < rows_.plan.inner; ++i) to[place + i] += *from++;
      });
    }
  }

 private:
  size_t Bytes(int64_t elements) const {
    return static_cast<size_t>(elements) * element_bytes_;
  }
  template <class Work>
  void Visit(const void* indices, int sample, const Work& work) const {
    WithIndexType(index_type_, [&](auto type) {
      using I = decltype(type);
      kernels::ForEachRow(
          rows_.plan,
          static_cast<const I*>(indices) + sample * rows_.index_sample,
          [&](int64_t place, const I*) { work(place); });
    });
  }

  NodeRows rows_;
  DType index_type_;
  size_t element_bytes_;
  int64_t elements_;  // of the whole array
};

}  // namespace litesmith

#endif  // LITESMITH_OPS_MOVE_ROWS_H_
