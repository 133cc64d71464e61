// The .keras container: where it has what, and what it may lack.
#include "src/base/error.h"
#include "src/containers/zip.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/keras.h"
#include "src/formats/keras/test_graphs.h"

namespace litesmith {
namespace {

using Bytes = std::vector<std::byte>;

Bytes ToBytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span<const char>(text));
  return {bytes.begin(), bytes.end()};
}

// Two dense layers of 2 x 2, the second one first in the file's order.
constexpr char kTwoDense[] = R"({"class_name": "Functional", "config": {
    "layers": [
      {"class_name": "InputLayer", "name": "x", "config": {"batch_shape":
       [null, 2]}, "inbound_nodes": []},
      {"class_name": "Dense", "name": "last", "config": {"units": 2,
       "use_bias": false}, "inbound_nodes": [{"args": [{"class_name":
       "__keras_tensor__", "config": {"keras_history": ["early", 0, 0]}}],
       "kwargs": {}}]},
      {"class_name": "Dense", "name": "early", "config": {"units": 2},
       "inbound_nodes": [[["x", 0, 0, {}]]]}],
    "input_layers": ["x", 0, 0], "output_layers": [["last", 0, 0]]}})";

void AddVariable(H5Image* image, const std::string& path,
                 const std::vector<int32_t>& dims, float first) {
  std::vector<float> values(dims.size() == 2 ? 4 : 2, 0.0f);
  values[0] = first;
  image->AddDataset(path, DType::kFloat32, dims,
                    std::as_bytes(std::span<const float>(values)));
}

// The archive of kTwoDense with its groups below `top`, between which and the
// group's name `separator` stands.
Bytes TwoDense(const std::string& top, char separator, const char* name,
               bool extra = false) {
  H5Image image;
  const std::string base = "/" + top + separator;
  image.AddGroup(base + "dense/vars");
  image.AddGroup(base + "dense_1/vars");
  if (name != nullptr) image.AddString(base + "dense_1/vars", "name", name);
  AddVariable(&image, base + "dense/vars/0", {2, 2}, 1);
  AddVariable(&image, base + "dense_1/vars/0", {2, 2}, 2);
  AddVariable(&image, base + "dense_1/vars/1", {2}, 3);
  if (extra) AddVariable(&image, base + "dense_1/vars/2", {2}, 4);
  const std::vector<ZipMember> members = {
      {"model.weights.h5", image.Finish()},
      {"assets/words.txt", ToBytes("a\nb\n")},
      {"config.json", ToBytes(kTwoDense)},
      {"metadata.json", ToBytes("{}")}};
  return WriteZip(members);
}

// Groups are called by class and by the place in the file's list, not by the
// layers' names nor by who comes first.
TEST(KerasArchiveTest, WeightsAreFoundByClassAndPlace) {
  const std::pair<const char*, char> places[] = {
      {"layers", '/'},
      {"layers", '\\'},
      {"_layer_checkpoint_dependencies", '/'}};
  for (const auto& [top, separator] : places) {
    const Graph graph =
        ReadKerasArchive(TwoDense(top, separator, "early"), "m.keras");
    ASSERT_EQ(graph.nodes.size(), 2u);
    EXPECT_EQ(graph.nodes[0].name, "early");
    ASSERT_EQ(graph.nodes[0].inputs.size(), 3u);
    ASSERT_EQ(graph.nodes[1].inputs.size(), 2u);
    EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[1]).As<float>()[0], 2);
    EXPECT_EQ(graph.tensor(graph.nodes[0].inputs[2]).As<float>()[0], 3);
    EXPECT_EQ(graph.tensor(graph.nodes[1].inputs[1]).As<float>()[0], 1);
  }
}

TEST(KerasArchiveTest, ContradictionsAreNamed) {
  ExpectError(ErrorKind::kCorrupt, "'layers/dense_1/vars', are those of 'late'",
              [] { ReadKerasArchive(TwoDense("layers", '/', "late"), "m"); });
  ExpectError(
      ErrorKind::kCorrupt, "layer 'early': the file holds more than", [] {
        ReadKerasArchive(TwoDense("layers", '/', nullptr, /*extra=*/true), "m");
      });
  ExpectError(ErrorKind::kCorrupt, "layer 'early': the file holds no weight",
              [] { ReadKerasArchive(TwoDense("other", '/', nullptr), "m"); });
}

TEST(KerasArchiveTest, MissingMembersAreNamed) {
  const Bytes archive = TwoDense("layers", '/', nullptr);
  const ZipReader zip(archive);
  for (const std::string missing : {"config.json", "model.weights.h5"}) {
    std::vector<ZipMember> members;
    for (const char* name : {"config.json", "model.weights.h5"}) {
      if (missing != name) members.push_back({name, zip.Read(name, 1 << 20)});
    }
    ExpectError(ErrorKind::kCorrupt, "m.keras: it has no member '" + missing,
                [&] { ReadKerasArchive(WriteZip(members), "m.keras"); });
  }
  const std::vector<ZipMember> no_h5 = {{"config.json", ToBytes(kTwoDense)},
                                        {"model.weights.h5", ToBytes("text")}};
  ExpectError(ErrorKind::kCorrupt,
              "m.keras: its member model.weights.h5: not a readable HDF5",
              [&] { ReadKerasArchive(WriteZip(no_h5), "m.keras"); });
}

TEST(KerasArchiveTest, GroupsAreNamedAsKerasDoes) {
  const std::pair<const char*, const char*> names[] = {
      {"Conv2D", "conv2d"},
      {"MaxPooling2D", "max_pooling2d"},
      {"ReLU", "re_lu"},
      {"PReLU", "p_re_lu"},
      {"LSTM", "lstm"},
      {"SimpleRNN", "simple_rnn"},
      {"TFOpLambda", "tf_op_lambda"},
      {"InputLayer", "input_layer"},
      {"SeparableConv1D", "separable_conv1d"},
      {"RMSNormalization", "rms_normalization"},
      {"QuantizeWrapperV2", "quantize_wrapper_v2"}};
  for (const auto& [class_name, group] : names)
    EXPECT_EQ(SnakeCase(class_name), group);
}

}  // namespace
}  // namespace litesmith
