// The study's promises on convolutions with many input channels: a scale a
// channel meets centroids a tensor there, which is where the original loses
// them (specs/tfmot.md 5).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/base/rng.h"
#include "src/models/models.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/study/study.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

class Builder {
 public:
  Builder() {
    Tensor input;
    input.name = "input";
    input.kind = TensorKind::kInput;
    input.shape = {kDynamic, 28, 28};
    last_ = graph_.AddTensor(std::move(input));
    graph_.inputs = {last_};
    graph_.input_names = {"input"};
  }
  void Reshape(const std::string& name, const std::vector<int32_t>& dims) {
    const TensorId shape = graph_.AddConstant<int32_t>(
        name + "/shape", {static_cast<int32_t>(dims.size())}, dims);
    Add(kReshape, name, {shape});
  }
  void Conv(const std::string& name, int in, int out) {
    Node& node =
        Add(kConv2D, name, {Weights(name, {out, 3, 3, in}), Bias(name, out)});
    node.Set<&Conv2DAttrs::padding>(kSame);
    node.Set<&Conv2DAttrs::stride_h>(1);
    node.Set<&Conv2DAttrs::stride_w>(1);
    node.Set<&Conv2DAttrs::activation>(activation::kRelu);
  }
  void Pool(const std::string& name) {
    Node& node = Add(kMaxPool2D, name, {});
    Put(Pool2DAttrs{.padding = kValid,
                    .stride_w = 4,
                    .stride_h = 4,
                    .filter_w = 4,
                    .filter_h = 4},
        &node);
  }
  void Dense(const std::string& name, int in, int out) {
    Add(kFullyConnected, name, {Weights(name, {out, in}), Bias(name, out)});
  }
  Graph Finish() {
    graph_.outputs = {last_};
    graph_.output_names = {"logits"};
    InferShapes(&graph_);
    return graph_;
  }

 private:
  Node& Add(const OpDef& op, const std::string& name,
            std::vector<TensorId> inputs) {
    inputs.insert(inputs.begin(), last_);
    Node& node = graph_.AddNode(op, name, std::move(inputs), {name});
    last_ = node.outputs[0];
    return node;
  }
  TensorId Weights(const std::string& name, const Shape& shape) {
    std::vector<float> values(static_cast<size_t>(shape.NumElements()));
    const float limit =
        std::sqrt(3.0f / static_cast<float>(shape.NumElementsPerSample()));
    for (float& v : values) v = rng_.Uniform(-limit, limit);
    return graph_.AddConstant<float>(name + "/kernel", shape, values,
                                     TensorKind::kParameter);
  }
  TensorId Bias(const std::string& name, int out) {
    const std::vector<float> zeros(static_cast<size_t>(out), 0.0f);
    return graph_.AddConstant<float>(name + "/bias", {out}, zeros,
                                     TensorKind::kParameter);
  }

  Graph graph_;
  Rng rng_{7};
  TensorId last_;
};

class WideModelTest : public testing::TestWithParam<int> {};

TEST_P(WideModelTest, KeepsItsPromises) {
  const int clusters = GetParam();
  const std::string folder =
      testing::TempDir() + fmt::format("/wide_{}", clusters);
  std::filesystem::remove_all(folder);
  MakeDirectory(folder);
  Builder model;
  model.Reshape("reshape", {kDynamic, 28, 28, 1});
  model.Conv("conv_a", 1, 16);
  model.Pool("pool");
  model.Conv("conv_b", 16, 24);
  model.Conv("conv_c", 24, 16);
  model.Reshape("flatten", {kDynamic, 7 * 7 * 16});
  model.Dense("dense", 7 * 7 * 16, 10);
  SaveModel(model.Finish(), folder + "/wide.h5");
  const std::string toml = folder + "/recipes.toml";
  WriteFile(toml, std::string_view(fmt::format(
                      R"([recipe.c]
parent = "none"
steps = [{{ type = "cluster", clusters = {0}, per_channel = "convolutions" }}]
[recipe.c_tensor]
parent = "none"
steps = [{{ type = "cluster", clusters = {0} }}]
[recipe.c_cqat]
parent = "c"
steps = [{{ type = "qat", preserve_clusters = true }}]
[recipe.c_tensor_cqat]
parent = "c_tensor"
steps = [{{ type = "qat", preserve_clusters = true }}]
[recipe.pc]
parent = "prune"
steps = [{{ type = "cluster", clusters = {0}, preserve_sparsity = true }}]
[recipe.pc_pcqat]
parent = "pc"
steps = [{{ type = "qat", preserve_sparsity = true, preserve_clusters = true }}]
)",
                      clusters)));
  StudyOptions options;
  options.model = folder + "/wide.h5";
  options.limit = 400;
  options.train.epochs = 1;
  options.out = folder + "/run";
  options.table.AddFile(toml);
  options.recipes = {"c",     "c_tensor",   "c_cqat", "c_tensor_cqat",
                     "prune", "prune_pqat", "pc",     "pc_pcqat"};
  const std::vector<StudyRow> rows = RunStudy(options, nullptr);
  ASSERT_EQ(rows.size(), 8u * 6u);
  EXPECT_NO_THROW(RequirePromises(rows));
  for (const StudyRow& row : rows) {
    std::set<std::string> tensors;
    for (const Invariant& i : row.invariants) {
      if (i.name == "clusters") {
        EXPECT_EQ(i.limit, clusters);
        EXPECT_GE(i.value, 2) << row.recipe << " " << i.tensor;
      }
      if (i.name != "narrow_range") tensors.insert(i.tensor);
    }
    EXPECT_EQ(tensors, (std::set<std::string>{"conv_a/kernel", "conv_b/kernel",
                                              "conv_c/kernel", "dense/kernel"}))
        << row.recipe << " " << row.method;
  }
  // A convolution clustered as a whole keeps its clusters in the Keras file,
  // where no channel's scale spreads them.
  for (const char* name : {"c_tensor", "c_tensor_cqat", "pc", "pc_pcqat"}) {
    const Graph graph =
        LoadModel(fmt::format("{}/run/{}/model.h5", folder, name), 0);
    const Graph plain = StripTrainingOps(graph);
    for (const Tensor& tensor : plain.tensors) {
      if (!tensor.name.ends_with("/kernel")) continue;
      const auto w = tensor.As<float>();
      EXPECT_LE(std::set<float>(w.begin(), w.end()).size(),
                static_cast<size_t>(clusters))
          << name << " " << tensor.name;
    }
  }
  std::filesystem::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Clusters, WideModelTest, testing::Values(4, 8));

}  // namespace
}  // namespace litesmith
