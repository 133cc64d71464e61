// Graphs and a forward pass for the tests of this folder. Test-only.
#ifndef LITESMITH_FORMATS_KERAS_TEST_GRAPHS_H_
#define LITESMITH_FORMATS_KERAS_TEST_GRAPHS_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/formats/keras/keras.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {

// A file name that no other test process uses.
inline std::string TempPath(const std::string& name) {
  return testing::TempDir() + "keras_" + std::to_string(getpid()) + "_" + name;
}

inline TensorId AddRandom(const std::string& name, const Shape& shape, Rng* rng,
                          Graph* graph) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& value : values) value = rng->Uniform(-0.5f, 0.5f);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

inline TensorId AddInput(const std::string& name, const Shape& shape,
                         Graph* graph) {
  Tensor tensor;
  tensor.name = name;
  tensor.kind = TensorKind::kInput;
  tensor.shape = shape;
  graph->inputs.push_back(graph->AddTensor(tensor));
  graph->input_names.push_back(name);
  return graph->inputs.back();
}

inline TensorId AddReshapeTo(const std::string& name, TensorId x,
                             const std::vector<int32_t>& dims, Graph* graph) {
  const TensorId shape = graph->AddConstant<int32_t>(
      name + "/shape", {static_cast<int32_t>(dims.size())}, dims);
  Node& node = graph->AddNode(kReshape, name, {x, shape}, {name});
  return node.outputs[0];
}

inline TensorId AddDense(const std::string& name, TensorId x, int32_t in,
                         int32_t out, Rng* rng, Graph* graph) {
  const TensorId w = AddRandom(name + "/kernel", {out, in}, rng, graph);
  const TensorId b = AddRandom(name + "/bias", {out}, rng, graph);
  return graph->AddNode(kFullyConnected, name, {x, w, b}, {name}).outputs[0];
}

// The shape of mnist-cnn for images of size x size: conv of `filters`, pool,
// flatten, dense 10.
inline Graph MakeCnn(int32_t size, int32_t filters) {
  Rng rng(7);
  Graph graph;
  const TensorId x = AddInput("input", {kDynamic, size, size}, &graph);
  const TensorId image =
      AddReshapeTo("reshape", x, {-1, size, size, 1}, &graph);
  const TensorId w =
      AddRandom("conv2d/kernel", {filters, 3, 3, 1}, &rng, &graph);
  const TensorId b = AddRandom("conv2d/bias", {filters}, &rng, &graph);
  Node& conv = graph.AddNode(kConv2D, "conv2d", {image, w, b}, {"conv2d"});
  conv.Set<&Conv2DAttrs::padding>(kValid);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  const TensorId features = conv.outputs[0];
  Node& pool =
      graph.AddNode(kMaxPool2D, "max_pooling2d", {features}, {"max_pooling2d"});
  Put(Pool2DAttrs{.padding = kValid,
                  .stride_w = 2,
                  .stride_h = 2,
                  .filter_w = 2,
                  .filter_h = 2},
      &pool);
  const int32_t half = (size - 2) / 2;
  const int32_t n = half * half * filters;
  const TensorId flat =
      AddReshapeTo("flatten", pool.outputs[0], {-1, n}, &graph);
  graph.outputs = {AddDense("dense", flat, n, 10, &rng, &graph)};
  graph.output_names = {"dense"};
  InferShapes(&graph);
  return graph;
}

// Written and read back.
inline Graph ThroughFile(KerasFile kind, const Graph& graph,
                         const Graph* full = nullptr) {
  const std::string path = TempPath("through");
  WriteKeras(kind, graph, full, path);
  Graph read = kind == KerasFile::kH5 ? ReadKerasH5(path)
                                      : ReadKerasArchive(ReadFile(path), path);
  std::filesystem::remove(path);
  return read;
}

template <typename F>
void ExpectError(ErrorKind kind, const std::string& part, F call) {
  try {
    call();
    FAIL() << "no error; wanted one with '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(Name(error.kind()), Name(kind)) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << error.what();
  }
}

// Equal in everything that a graph is; names what is not.
inline void ExpectSameGraph(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.outputs, b.outputs);
  EXPECT_EQ(a.input_names, b.input_names);
  EXPECT_EQ(a.output_names, b.output_names);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t t = 0; t < a.tensors.size(); ++t) {
    const Tensor& x = a.tensors[t];
    const Tensor& y = b.tensors[t];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.dtype, y.dtype) << x.name;
    EXPECT_EQ(x.kind, y.kind) << x.name;
    EXPECT_TRUE(x.shape == y.shape) << x.name;
    EXPECT_TRUE(x.quant == y.quant) << x.name;
    ASSERT_EQ(x.data.size(), y.data.size()) << x.name;
    EXPECT_TRUE(x.data.empty() ||
                std::memcmp(x.data.data(), y.data.data(), x.data.size()) == 0)
        << x.name;
  }
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (size_t n = 0; n < a.nodes.size(); ++n) {
    EXPECT_EQ(a.nodes[n].op, b.nodes[n].op);
    EXPECT_EQ(a.nodes[n].name, b.nodes[n].name);
    EXPECT_EQ(a.nodes[n].inputs, b.nodes[n].inputs) << a.nodes[n].name;
    EXPECT_EQ(a.nodes[n].outputs, b.nodes[n].outputs) << a.nodes[n].name;
    EXPECT_TRUE(a.nodes[n].attrs == b.nodes[n].attrs) << a.nodes[n].name;
  }
}

// The float outputs by the reference kernels, node by node.
inline std::vector<std::vector<float>> Forward(
    Graph graph, const std::vector<std::vector<float>>& inputs, int batch) {
  for (Tensor& tensor : graph.tensors) tensor.shape = tensor.shape.Bind(batch);
  InferShapes(&graph);
  std::vector<std::vector<float>> values(graph.tensors.size());
  std::vector<void*> places(graph.tensors.size());
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    Tensor& tensor = graph.tensors[t];
    values[t].resize(static_cast<size_t>(tensor.shape.NumElements()));
    places[t] =
        tensor.has_data() ? tensor.data.MutableData() : (void*)values[t].data();
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto& input = values[static_cast<size_t>(graph.inputs[i])];
    EXPECT_EQ(input.size(), inputs[i].size());
    std::copy(inputs[i].begin(), inputs[i].end(), input.begin());
  }
  const GraphFacts facts = FactsOf(graph);
  for (const Node& node : graph.nodes) {
    const PrepareContext context{graph, node, facts};
    const KernelPtr kernel =
        ChooseKernel(context, Purpose::kReference).prepare(context);
    std::vector<const void*> in;
    for (const TensorId id : node.inputs) {
      in.push_back(id == kNoTensor ? nullptr : places[static_cast<size_t>(id)]);
    }
    in.resize(8, nullptr);
    void* out = places[static_cast<size_t>(node.outputs[0])];
    std::vector<std::byte> workspace(kernel->workspace_bytes + 64);
    kernel->Run({in.data(), &out, workspace.data(), nullptr, batch});
  }
  std::vector<std::vector<float>> outputs;
  for (const TensorId id : graph.outputs) {
    outputs.push_back(values[static_cast<size_t>(id)]);
  }
  return outputs;
}

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_TEST_GRAPHS_H_
