// Several functions of int16 arrays of one size as one kernel: sums, products,
// logistic functions and tanh of what was computed before, and dense layers of
// rows that are there. Each vector goes through all of them before the next
// one, so that what lies between is never written: the steps of a recurrent
// layer are a dozen functions of a few values each. To the reference's bit.
#ifndef LITESMITH_KERNELS_MAP_PROGRAM16_H_
#define LITESMITH_KERNELS_MAP_PROGRAM16_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/map/scaled_binary.h"
#include "src/kernels/map/sigmoid16.h"

namespace litesmith {

// A dense layer of int16 rows and int8 weights, outputs in lanes.
struct Dense16Spec {
  const int8_t* weights = nullptr;  // [outputs, depth]
  int outputs = 0;
  int depth = 0;
  std::vector<int64_t> bias;  // empty: zeros
  Requantizer requantizer;    // kF64
};
struct Dense16 {
  int depth = 0;
  int words = 0;         // pairs of the depth
  PackedBuffer weights;  // int16: [blocks][words][lanes][2]
  PackedBuffer bias;     // double: [blocks][lanes]
  PackedBuffer reals;
  int32_t lo = 0, hi = 0, zero_point = 0;
};

// What computes value number (arrays + its own place).
struct Program16Step {
  enum class Kind : uint8_t { kSum, kProduct, kSigmoid, kDense };
  Kind kind = Kind::kSum;
  int a = 0;  // the values that it reads; of kDense: which of the rows
  int b = 0;
  std::unique_ptr<const PackedBinary> binary;  // kSum, kProduct
  Sigmoid16 sigmoid;
  Dense16 dense;
};

class Program16 {
 public:
  // Values 0 .. arrays - 1 are read from memory.
  explicit Program16(int arrays) : arrays_(arrays) {}

  // False where vectors do not hold it, or on a CPU without any SIMD target;
  // then the program is as it was. Otherwise the value is the next number.
  bool AddBinary(const ScaledBinarySpec& spec, int a, int b);
  bool AddSigmoid(const Sigmoid16& f, int x);
  // Of row number `row`.
  bool AddDense(const Dense16Spec& spec, int row);

  // Which values are written.
  void set_outputs(std::vector<int> outputs) { outputs_ = std::move(outputs); }
  size_t workspace_bytes() const;

  // `count` arrays of `width` values each, one behind the other; a dense layer
  // has that many outputs, and its rows lie one behind the other, too.
  void Run(int64_t count, int64_t width, const int16_t* const* arrays,
           const int16_t* const* rows, int16_t* const* outputs,
           std::byte* workspace) const;

 private:
  int arrays_;
  std::vector<Program16Step> steps_;
  std::vector<int> outputs_;
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MAP_PROGRAM16_H_
