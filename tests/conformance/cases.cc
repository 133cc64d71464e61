// The one list of conformance cases: a line a file.
#include "src/ops/registry.h"
#include "tests/conformance/case.h"

namespace litesmith {
namespace {

constexpr CaseFile kCaseFiles[] = {
    {"conv_2d", &kConv2D, Conv2DCases},
    {"fully_connected", &kFullyConnected, FullyConnectedCases},
    {"max_pool_2d", &kMaxPool2D, MaxPool2DCases},
    {"reshape", &kReshape, ReshapeCases},
    {"quantize", &kQuantize, QuantizeCases},
    {"dequantize", &kDequantize, DequantizeCases},
    {"shape", &kShape, ShapeCases},
    {"strided_slice", &kStridedSlice, StridedSliceCases},
    {"pack", &kPack, PackCases},
    {"fake_quant", &kFakeQuant, FakeQuantCases},
    {"prune_mask", &kPruneMask, PruneMaskCases},
    {"cluster_lookup", &kClusterLookup, ClusterLookupCases},
    {"dropout", &kDropout, DropoutCases},
    {"fusion", nullptr, FusionCases},
};

}  // namespace

std::span<const CaseFile> CaseFiles() { return kCaseFiles; }

}  // namespace litesmith
