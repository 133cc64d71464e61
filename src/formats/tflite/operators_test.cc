// All operators without an op are named, not the first alone.
#include <flatbuffers/flatbuffers.h>
#include <gtest/gtest.h>

#include <string>

#include "schema_generated.h"
#include "src/base/error.h"
#include "src/formats/tflite/tflite.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

// A reshape and a dense layer.
std::vector<std::byte> TwoOps() {
  Graph graph;
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, 2, 3};
  const TensorId x = graph.AddTensor(std::move(input));
  graph.inputs = {x};
  const TensorId shape =
      graph.AddConstant<int32_t>("shape", {2}, std::vector<int32_t>{-1, 6});
  const TensorId flat =
      graph.AddNode(kReshape, "flat", {x, shape}, {"flat"}).outputs[0];
  const TensorId weights = graph.AddConstant<float>(
      "w", {1, 6}, std::vector<float>{1, 2, 3, 4, 5, 6});
  graph.outputs = {
      graph.AddNode(kFullyConnected, "y", {flat, weights}, {"y"}).outputs[0]};
  InferShapes(&graph);
  return WriteTflite(graph);
}

// The message of reading TwoOps (versions 1 and 6) with its codes from the
// first on replaced.
std::string Refusal(const std::vector<int8_t>& codes) {
  std::vector<std::byte> bytes = TwoOps();
  fb::Model* model = fb::GetMutableModel(bytes.data());
  for (flatbuffers::uoffset_t i = 0; i < codes.size(); ++i) {
    fb::OperatorCode* code =
        model->mutable_operator_codes()->GetMutableObject(i);
    EXPECT_TRUE(code->mutate_deprecated_builtin_code(codes[i]));
    EXPECT_TRUE(code->mutate_builtin_code(codes[i]));
  }
  try {
    ReadTflite(bytes, "net.tflite");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "was read";
  return {};
}

TEST(OperatorsTest, NamesEveryUnknownOperator) {
  EXPECT_NO_THROW(ReadTflite(TwoOps(), "net.tflite"));
  EXPECT_EQ(Refusal({103, 109}),
            "net.tflite: 2 operators are not supported: UNIQUE (builtin code "
            "103, version 1), once, operator 0; WHERE (builtin code 109, "
            "version 6), once, operator 1. `litesmith list ops` has those that "
            "are");
  EXPECT_EQ(Refusal({103}),
            "net.tflite: 1 operator is not supported: UNIQUE (builtin code "
            "103, version 1), once, operator 0. `litesmith list ops` has those "
            "that are");
}

}  // namespace
}  // namespace litesmith
