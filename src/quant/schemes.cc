// The table of numeric formats (specs/tflite.md section 2).
#include "src/base/names.h"
#include "src/quant/convert.h"

namespace litesmith {
namespace {

constexpr Scheme kSchemes[] = {
    {"fp32", "float32 weights and activations", false, DType::kFloat32,
     DType::kFloat32, DType::kFloat32, DType::kFloat32},
    {"fp16", "float16 weights, widened when loaded", false, DType::kFloat32,
     DType::kFloat16, DType::kFloat16, DType::kFloat32},
    {"dynamic", "int8 weights, activations quantized row by row at run time",
     false, DType::kFloat32, DType::kInt8, DType::kFloat32, DType::kFloat32},
    {"uint8", "all integer, int8 inside, uint8 input and output", true,
     DType::kInt8, DType::kInt8, DType::kInt32, DType::kUInt8},
    {"int16x8",
     "all integer, int16 activations, int8 weights, float input and output",
     true, DType::kInt16, DType::kInt8, DType::kInt64, DType::kFloat32},
    {"int8", "all integer, int8 input and output: microcontrollers and NPUs",
     true, DType::kInt8, DType::kInt8, DType::kInt32, DType::kInt8},
};

}  // namespace

std::span<const Scheme> Schemes() { return kSchemes; }

const Scheme& FindScheme(std::string_view name) {
  return FindByName(kSchemes, name, "method");
}

}  // namespace litesmith
