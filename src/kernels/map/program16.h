// Several functions of int16 arrays of one size as one kernel: sums, products,
// logistic functions and tanh of what was computed before, and dense layers of
// rows that are there or were computed. Each vector goes through all of them
// before the next one, up to where a dense layer reads what was computed, so
// that little of what lies between is written: a recurrent layer's step is a
// dozen functions of a few values each, and all of its steps are one program.
// To the reference's bit.
#ifndef LITESMITH_KERNELS_MAP_PROGRAM16_H_
#define LITESMITH_KERNELS_MAP_PROGRAM16_H_

#include <cstddef>
#include <cstdint>
#include <map>
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

// Rows of an array that a program is given: the first value of row r is number
// first + r * stride.
struct Program16Rows {
  int array;
  int64_t first;
  int64_t stride;

  int64_t At(int64_t row) const { return first + row * stride; }
};

// One vector's way through a step. Numbers of values are places of their
// vectors, in bytes, after Finish.
struct Program16Step {
  enum class Kind : uint8_t {
    kLoad,
    kSum,
    kProduct,
    kSigmoid,
    kDense,
    kGate,  // a sigmoid of the sum of a dense layer and a value: the next two
    kPart,  // steps are parts of it
    kKeep,  // as (a part of) a row that dense layers read
    kStore,
  };
  // Sums and products: scaled_binary.h and requantize_pack.h have the meaning
  // of what is here of one lane.
  struct Term {
    int32_t high, low, half, bits, subtract;
  };
  struct Binary {
    Term terms[2];
    int32_t multiplier, subtract, lo, hi;
    int32_t factor;                // what MulAdd16 wants of a factor
    uint64_t add, sign, shift[2];  // of even and odd lanes
    uint64_t odd;                  // lanes
  };
  // VectorSigmoid's constants: here, as a vector of one that is known when this
  // is compiled takes more than one from memory.
  struct Sigmoid {
    const int32_t* table;
    int32_t multiplier, half, shift;
    int32_t bits, last, rest, one, add, back, down;
    bool is_wide;
  };
  struct Dense {
    Program16Rows row;       // of array -1: of kept row number `first`
    const int16_t* weights;  // [blocks][words][lanes][2]
    const int32_t* bias;     // [blocks][lanes]
    const double* reals;     // [blocks][lanes]
    int32_t pairs, odd;      // of the depth
    int32_t lo, hi;
    bool is_nearest;  // RoundsToNearest of all reals
  };

  bool reads_b() const { return kind == Kind::kSum || kind == Kind::kProduct; }

  Kind kind = Kind::kLoad;
  bool a_is_last = false, b_is_last = false;  // what was computed before it
  int a = -1, b = -1;                         // the values that it reads
  int to = -1;                                // what it computes
  union {
    Program16Rows rows = {};
    Binary binary;
    Sigmoid sigmoid;
    Dense dense;
  };
};

class Program16 {
 public:
  Program16();

  // Each gives the number of the value that it computes; -1 where vectors do
  // not hold it, or on a CPU without any SIMD target: then the program cannot
  // be used.
  int AddLoad(const Program16Rows& from);
  int AddBinary(const ScaledBinarySpec& spec, int a, int b);
  int AddSigmoid(const Sigmoid16& f, int x);
  // All dense layers of a program have as many outputs as a row of it has
  // values, and the weights outlive its making. Of a row that is given,
  int AddDense(const Dense16Spec& spec, const Program16Rows& row);
  // and of a value.
  int AddDense(const Dense16Spec& spec, int value);
  void AddStore(int value, const Program16Rows& to);
  // After the last step.
  void Finish();

  size_t workspace_bytes() const;
  // `count` rows of `width` values each.
  void Run(int64_t count, int64_t width, const int16_t* const* inputs,
           int16_t* const* outputs, std::byte* workspace) const;

 private:
  // Appends it; the number of the value that it computes.
  int Append(Program16Step step);
  int64_t VectorsOf(int64_t width) const {
    return (width + lanes_ - 1) / lanes_;
  }
  const int16_t* Packed(const Dense16Spec& spec);
  void JoinGates();
  void PlaceValues();

  int lanes_;
  int values_ = 0;
  int places_ = 0;           // of values, a vector
  bool only_dense_ = false;  // and stores of them
  int kept_ = 0;             // rows that dense layers read
  int64_t width_ = 0;        // of a row, where there are dense layers
  std::vector<Program16Step> steps_;
  std::vector<size_t> stages_;  // where each but the first begins, and the end
  std::vector<int> kept_of_;    // by value: which kept row; -1: none
  std::map<const int8_t*, PackedBuffer> weights_;
  std::vector<PackedBuffer> constants_;
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MAP_PROGRAM16_H_
