// The layers one behind the other in one array, and a dense kernel for it.
#include "src/kernels/recurrent/products.h"

#include <limits>

namespace litesmith::kernels {
namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr float kLargest = std::numeric_limits<float>::max();

template <typename T>
void AppendBias(const Product& part, std::vector<T>* bias) {
  const auto n = static_cast<size_t>(part.outputs);
  if (part.bias == nullptr) {
    bias->resize(bias->size() + n);
  } else {
    const auto* values = static_cast<const T*>(part.bias);
    bias->insert(bias->end(), values, values + n);
  }
}

}  // namespace

Products::Products(const ProductsSpec& spec, std::span<const Product> parts,
                   bool fast)
    : spec_(spec) {
  requantizer_.method = RequantMethod::kMbqm64;
  requantizer_.lo = -32768, requantizer_.hi = 32767;
  const size_t element = spec.kind == LayerKind::kF32F32 ? sizeof(float) : 1;
  shape_.depth = spec.depth;
  for (const Product& part : parts) {
    shape_.outputs += part.outputs;
    const auto* bytes = static_cast<const std::byte*>(part.weights);
    weights_.insert(weights_.end(), bytes,
                    bytes + element * static_cast<size_t>(part.outputs) *
                                static_cast<size_t>(spec.depth));
    if (spec.kind == LayerKind::kS8S8) {
      AppendBias(part, &bias_);
    } else if (spec.kind == LayerKind::kS16S8) {
      AppendBias(part, &wide_bias_);
    } else {
      AppendBias(part, &float_bias_);
    }
    const auto outputs = static_cast<size_t>(shape_.outputs);
    scales_.resize(outputs, part.scale);
    requantizer_.multipliers.resize(outputs, part.multiplier);
  }
  if (fast) {
    DenseSpec dense;
    dense.kind = spec.kind;
    dense.shape = shape_;
    dense.weights = weights_.data();
    dense.float_bias = float_bias_;
    dense.bias = wide_bias_;
    dense.bias.insert(dense.bias.end(), bias_.begin(), bias_.end());
    dense.lo = kLowest, dense.hi = kLargest;
    dense.x_zero = spec.x_zero;
    dense.scales = scales_;
    dense.asymmetric = spec.asymmetric;
    dense.requantizer = requantizer_;
    dense.sums = spec.kind == LayerKind::kS8S8;
    packed_ = PackFullyConnected(dense);
  }
  if (packed_ != nullptr) {
    workspace_bytes_ = packed_->workspace_bytes;
    weights_ = {};
  } else if (spec.kind == LayerKind::kF32S8) {
    workspace_bytes_ = static_cast<size_t>(spec.depth);
  }
}

void Products::Run(int rows, const void* x, void* y,
                   std::byte* workspace) const {
  if (packed_ != nullptr) {
    RunFullyConnected(*packed_, rows, x, y, workspace);
    return;
  }
  switch (spec_.kind) {
    case LayerKind::kF32F32:
      FullyConnectedF32F32Ref(shape_, rows, static_cast<const float*>(x),
                              reinterpret_cast<const float*>(weights_.data()),
                              float_bias_.data(), kLowest, kLargest,
                              static_cast<float*>(y));
      break;
    case LayerKind::kF32S8:
      FullyConnectedF32S8Ref(
          shape_, rows, static_cast<const float*>(x),
          reinterpret_cast<const int8_t*>(weights_.data()), float_bias_.data(),
          scales_, spec_.asymmetric, kLowest, kLargest,
          reinterpret_cast<int8_t*>(workspace), static_cast<float*>(y));
      break;
    case LayerKind::kS8S8:
      FullyConnectedS8S8SumsRef(
          shape_, rows, static_cast<const int8_t*>(x),
          reinterpret_cast<const int8_t*>(weights_.data()), bias_.data(),
          spec_.x_zero, static_cast<int32_t*>(y));
      break;
    case LayerKind::kS16S8:
      FullyConnectedIntegerRef(shape_, rows, static_cast<const int16_t*>(x),
                               reinterpret_cast<const int8_t*>(weights_.data()),
                               {.wide = wide_bias_.data()}, {}, requantizer_,
                               static_cast<int16_t*>(y));
  }
}

}  // namespace litesmith::kernels
