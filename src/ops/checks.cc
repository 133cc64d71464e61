// The checks, each with what was got and what is wanted.
#include "src/ops/checks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/kernels/common/window.h"

namespace litesmith {
namespace {

void ZeroPointRange(DType dtype, int64_t* lo, int64_t* hi) {
  *lo = 0;
  *hi = 0;  // int16, int32, int64: symmetric
  if (dtype == DType::kInt8) *lo = -128, *hi = 127;
  if (dtype == DType::kUInt8) *hi = 255;
}

void CheckAmong(const Tensor& tensor, const char* what,
                std::span<const DType> allowed) {
  if (std::find(allowed.begin(), allowed.end(), tensor.dtype) !=
      allowed.end()) {
    return;
  }
  std::string wanted;
  for (const DType dtype : allowed) {
    if (!wanted.empty()) wanted += " or ";
    wanted += Name(dtype);
  }
  Fail(ErrorKind::kUnsupported, "the {} '{}' is {}; {} is wanted", what,
       tensor.name, Name(tensor.dtype), wanted);
}

void CheckScales(const Tensor& tensor, const char* what) {
  for (const float scale : tensor.quant.scale) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      Fail(ErrorKind::kCorrupt,
           "the {} '{}' has the scale {}; a positive number is wanted", what,
           tensor.name, scale);
    }
  }
  if (tensor.quant.scale.size() != tensor.quant.zero_point.size()) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has {} scales and {} zero points",
         what, tensor.name, tensor.quant.scale.size(),
         tensor.quant.zero_point.size());
  }
}

void CheckBias(const Tensor& bias, const Tensor& x, const Tensor& weights,
               const Tensor& out, int32_t channels) {
  if (bias.shape.rank() != 1 || bias.shape[0] != channels) {
    Fail(ErrorKind::kCorrupt, "the bias '{}' has shape {}; [{}] is wanted",
         bias.name, bias.shape.ToString(), channels);
  }
  if (bias.dtype == DType::kFloat32) return;
  // Kernels' sums of 64 bits have 47.
  constexpr int64_t kLargestBias = int64_t{1} << 46;
  if (bias.dtype == DType::kInt64 && bias.has_data()) {
    for (const int64_t value : bias.As<int64_t>()) {
      if (value > -kLargestBias && value < kLargestBias) continue;
      Fail(ErrorKind::kUnsupported,
           "the bias '{}' holds {}; magnitudes below 2^46 are supported",
           bias.name, value);
    }
  }
  if (bias.quant.empty()) {
    Fail(ErrorKind::kCorrupt, "the {} bias '{}' has no scale", Name(bias.dtype),
         bias.name);
  }
  CheckScales(bias, "bias");
  const auto& scales = bias.quant.scale;
  if (scales.size() != 1 && scales.size() != static_cast<size_t>(channels)) {
    Fail(ErrorKind::kCorrupt, "the bias '{}' has {} scales; 1 or {} are wanted",
         bias.name, scales.size(), channels);
  }
  const auto& w_scales = weights.quant.scale;
  const size_t n = std::max(scales.size(), w_scales.size());
  for (size_t i = 0; i < n; ++i) {
    if (bias.quant.zero_point[std::min(i, scales.size() - 1)] != 0) {
      Fail(ErrorKind::kCorrupt, "the bias '{}' has a zero point that is not 0",
           bias.name);
    }
    const double wanted = static_cast<double>(x.quant.scale[0]) *
                          w_scales[w_scales.size() == 1 ? 0 : i];
    const double got = scales[scales.size() == 1 ? 0 : i];
    // The reference's rule: a difference that moves outputs is refused.
    if (std::abs(wanted - got) >
        0.02 * static_cast<double>(out.quant.scale[0])) {
      Fail(ErrorKind::kCorrupt,
           "the bias '{}' has the scale {} for channel {}; input scale times "
           "weight scale is {}",
           bias.name, got, i, wanted);
    }
  }
}

}  // namespace

void CheckRank(const Tensor& tensor, const char* what, int rank) {
  if (tensor.shape.rank() != rank) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; rank {} is wanted",
         what, tensor.name, tensor.shape.ToString(), rank);
  }
  for (int i = 0; i < rank; ++i) {
    if (tensor.shape[i] > 0 || (i == 0 && tensor.shape[i] >= kDynamic)) {
      continue;
    }
    Fail(ErrorKind::kCorrupt,
         "the {} '{}' has shape {}; dimension {} must be positive", what,
         tensor.name, tensor.shape.ToString(), i);
  }
}

void CheckDType(const Tensor& tensor, const char* what,
                std::initializer_list<DType> allowed) {
  CheckAmong(tensor, what, allowed);
}

void CheckKernelDType(const Tensor& tensor, const char* what, const OpDef& op) {
  std::vector<DType> allowed;
  for (const KernelRow& row : op.rows) {
    const DType dtype = row.types.input;
    if (std::find(allowed.begin(), allowed.end(), dtype) == allowed.end())
      allowed.push_back(dtype);
  }
  CheckAmong(tensor, what, allowed);
}

void CheckPerTensorQuant(const Tensor& tensor, const char* what) {
  if (tensor.quant.scale.size() != 1) {
    Fail(ErrorKind::kCorrupt, "the {} {} '{}' has {} scales; one is wanted",
         Name(tensor.dtype), what, tensor.name, tensor.quant.scale.size());
  }
  CheckQuant(tensor, what);
}

void CheckQuant(const Tensor& tensor, const char* what) {
  const Quantization& q = tensor.quant;
  const bool along_axis =
      q.axis >= 0 && q.axis < tensor.shape.rank() &&
      tensor.shape[q.axis] == static_cast<int32_t>(q.scale.size());
  if (q.scale.size() != 1 && !along_axis) {
    Fail(ErrorKind::kCorrupt,
         "the {} {} '{}' of shape {} has {} scales along dimension {}; 1, or "
         "as many as that dimension, are wanted",
         Name(tensor.dtype), what, tensor.name, tensor.shape.ToString(),
         q.scale.size(), q.axis);
  }
  CheckScales(tensor, what);
  int64_t lo = 0;
  int64_t hi = 0;
  ZeroPointRange(tensor.dtype, &lo, &hi);
  for (const int64_t zero : q.zero_point) {
    if (zero < lo || zero > hi) {
      Fail(ErrorKind::kCorrupt,
           "the {} {} '{}' has the zero point {}; {} to {} is possible",
           Name(tensor.dtype), what, tensor.name, zero, lo, hi);
    }
  }
}

void CheckFixedQuant(const Tensor& out, const OpDef& op) {
  CheckPerTensorQuant(out, "output");
  FixedScale wanted =
      out.dtype == DType::kInt16 ? op.quant.fixed16 : op.quant.fixed8;
  if (out.dtype == DType::kUInt8) wanted.zero_point += 128;
  const float scale = out.quant.scale[0];
  if (std::abs(scale - wanted.scale) <= 0.001f * wanted.scale &&
      out.quant.zero_point[0] == wanted.zero_point) {
    return;
  }
  Fail(ErrorKind::kCorrupt,
       "the output '{}' has scale {} and zero point {}; {} has {} and {}",
       out.name, scale, out.quant.zero_point[0], op.name, wanted.scale,
       wanted.zero_point);
}

void CheckWeightQuant(const Tensor& weights, int channel_axis,
                      bool zero_points) {
  const Quantization& q = weights.quant;
  const auto channels = static_cast<size_t>(weights.shape[channel_axis]);
  if (weights.dtype == DType::kUInt8)
    return CheckPerTensorQuant(weights, "weights");
  if (q.scale.size() != 1 &&
      (q.scale.size() != channels || q.axis != channel_axis)) {
    Fail(ErrorKind::kCorrupt,
         "the {} weights '{}' have {} scales along dimension {}; 1, or {} "
         "along dimension {}, are wanted",
         Name(weights.dtype), weights.name, q.scale.size(), q.axis, channels,
         channel_axis);
  }
  if (q.scale.size() == 1 && zero_points) return CheckQuant(weights, "weights");
  CheckScales(weights, "weights");
  for (const int64_t zero : q.zero_point) {
    if (zero != 0) {
      Fail(ErrorKind::kUnsupported,
           "the {} weights '{}' have the zero point {}; 0 is wanted",
           Name(weights.dtype), weights.name, zero);
    }
  }
}

void CheckPositive(int64_t value, const char* what) {
  if (value < 1 || value > 65535) {
    Fail(ErrorKind::kCorrupt, "{} is {}; 1 to 65535 is wanted", what, value);
  }
}

void CheckActivation(int64_t activation) {
  if (activation < kNone || activation > activation::kRelu6) {
    Fail(ErrorKind::kUnsupported,
         "the fused activation {} is none of NONE, RELU, RELU_N1_TO_1, RELU6",
         activation);
  }
}

void CheckPadding(int64_t padding) {
  if (padding != kSame && padding != kValid) {
    Fail(ErrorKind::kCorrupt, "the padding {} is neither SAME nor VALID",
         padding);
  }
}

// What the weights of a layer may be, by its input.
void CheckWeightType(const Tensor& weights, DType x, bool dense) {
  switch (x) {
    case DType::kFloat32:
      return CheckDType(weights, "weights", {DType::kFloat32, DType::kInt8});
    case DType::kUInt8:
      return CheckDType(weights, "weights", {DType::kUInt8});
    case DType::kInt16:
      if (dense)
        return CheckDType(weights, "weights", {DType::kInt8, DType::kInt16});
      [[fallthrough]];
    default:
      CheckDType(weights, "weights", {DType::kInt8});
  }
}

void CheckLayerTypes(Graph* graph, const Node& node, DType quantized_bias_type,
                     bool dense) {
  const auto input = [&](Role role) {
    return node.input(static_cast<size_t>(node.op->Find(role)));
  };
  const Tensor& x = graph->tensor(input(Role::kData));
  const Tensor& weights = graph->tensor(input(Role::kWeight));
  const int channel_axis =
      node.op->OperandOf(static_cast<size_t>(node.op->Find(Role::kWeight)))
          .channel_axis;
  Tensor& out = graph->tensor(node.outputs[0]);
  const Tensor* bias = input(Role::kBias) == kNoTensor
                           ? nullptr
                           : &graph->tensor(input(Role::kBias));
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16});
  CheckWeightType(weights, x.dtype, dense);
  if (weights.dtype != DType::kFloat32)
    CheckWeightQuant(weights, channel_axis, dense && x.dtype == DType::kInt8);
  const bool is_float = x.dtype == DType::kFloat32;
  if (!is_float) {
    CheckPerTensorQuant(x, "input");
    out.dtype = x.dtype;
    CheckPerTensorQuant(out, "output");
  }
  out.dtype = x.dtype;
  const bool bias_type_known = quantized_bias_type == kUnsetBiasType ||
                               quantized_bias_type == DType::kInt32 ||
                               quantized_bias_type == DType::kInt64;
  if (!bias_type_known) {
    Fail(ErrorKind::kCorrupt,
         "quantized_bias_type is {}; 0 (unset), 2 (int32) or 4 (int64) is "
         "wanted",
         static_cast<int>(quantized_bias_type));
  }
  if (bias == nullptr) return;
  switch (x.dtype) {
    case DType::kFloat32:
      CheckDType(*bias, "bias", {DType::kFloat32});
      break;
    case DType::kInt8:
    case DType::kUInt8:
      CheckDType(*bias, "bias", {DType::kInt32});
      break;
    default:
      CheckDType(*bias, "bias", {DType::kInt64, DType::kInt32});
      if (quantized_bias_type != kUnsetBiasType &&
          quantized_bias_type != bias->dtype) {
        Fail(ErrorKind::kCorrupt,
             "the bias '{}' is {}, but quantized_bias_type is {}", bias->name,
             Name(bias->dtype), static_cast<int>(quantized_bias_type));
      }
  }
  CheckBias(*bias, x, weights, out, weights.shape[channel_axis]);
}

int32_t CheckedWindowCount(int64_t padding, int64_t in, int64_t filter,
                           int64_t stride, int64_t dilation, const char* what) {
  // Kernels compute places in 32 bits.
  constexpr int64_t kLargestWindow = int64_t{1} << 29;
  if ((filter - 1) * dilation >= kLargestWindow || stride >= kLargestWindow ||
      in >= kLargestWindow) {
    Fail(ErrorKind::kUnsupported,
         "the {} {} of the input, a window of {}, dilation {} and stride {}: "
         "all have to be below {}",
         what, in, filter, dilation, stride, kLargestWindow);
  }
  const int64_t count =
      WindowCount(padding == kSame, in, filter, stride, dilation);
  if (count < 1) {
    Fail(ErrorKind::kCorrupt,
         "the {} {} of the input is smaller than a window of {} with dilation "
         "{}",
         what, in, filter, dilation);
  }
  return static_cast<int32_t>(count);
}

}  // namespace litesmith
