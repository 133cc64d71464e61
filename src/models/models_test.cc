// What the doors take for what, and what they refuse, with reasons.
#include "src/models/models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/warning.h"
#include "src/formats/tflite/tflite.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "src/quant/convert.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class ModelsTest : public ::testing::Test {
 protected:
  ModelsTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "models_" + test->name();
    fs::remove_all(folder_);
    MakeDirectory(folder_);
  }
  ~ModelsTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

 private:
  std::string folder_;
};

// The refusal's kind and message.
template <typename F>
std::pair<ErrorKind, std::string> Refusal(F call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  ADD_FAILURE() << "nothing was refused";
  return {ErrorKind::kIo, ""};
}

void ExpectRefused(const std::string& path, ErrorKind kind,
                   const std::string& words) {
  const auto [got, message] = Refusal([&] { LoadModel(path, 1); });
  EXPECT_STREQ(Name(got), Name(kind)) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
  EXPECT_NE(message.find(path), std::string::npos) << message;
}

TEST_F(ModelsTest, FilesAreKnownByContent) {
  const Graph model = LoadModel("mnist-cnn", 1);
  SaveModel(model, Path("m.h5"));
  SaveModel(model, Path("m.tflite"));
  SaveModel(model, Path("m.keras"));
  for (const char* name : {"A.KERAS", "archive", "odd.h5.zip"}) {
    fs::copy_file(Path("m.keras"), Path(name));
    EXPECT_EQ(LoadModel(Path(name), 0).nodes.size(), model.nodes.size());
  }
  for (const char* name : {"a.hdf5", "A.H5", "best", "odd.tflite"}) {
    fs::copy_file(Path("m.h5"), Path(name));
    EXPECT_EQ(LoadModel(Path(name), 0).nodes.size(), model.nodes.size());
  }
  for (const char* name : {"a.lite", "A.TFLITE", "net", "odd.h5"}) {
    fs::copy_file(Path("m.tflite"), Path(name));
    EXPECT_EQ(LoadModel(Path(name), 0).nodes.size(), model.nodes.size());
  }
}

TEST_F(ModelsTest, WhatIsNoModelIsNamed) {
  const struct {
    const char* name;
    std::string text;
    ErrorKind kind;
    const char* words;
  } cases[] = {
      {"empty.h5", "", ErrorKind::kCorrupt, "empty"},
      {"page.h5", "<!DOCTYPE html>", ErrorKind::kCorrupt, "web page"},
      {"m.tflite", "version https://git-lfs.github.com/spec/v1\n",
       ErrorKind::kCorrupt, "git lfs pull"},
      {"m.onnx", "\x08\x07\x12\x07pytorch"s, ErrorKind::kUnsupported, "ONNX"},
      {"m.pt", "\x80\x02\x8a\x0a"s, ErrorKind::kUnsupported, "PyTorch"},
      {"noise", "what is this?", ErrorKind::kCorrupt, "no model"},
  };
  for (const auto& each : cases) {
    WriteFile(Path(each.name), each.text);
    ExpectRefused(Path(each.name), each.kind, each.words);
  }
}

TEST_F(ModelsTest, CutFilesAreNamed) {
  SaveModel(LoadModel("mnist-cnn", 1), Path("m.h5"));
  SaveModel(LoadModel("mnist-cnn", 1), Path("m.tflite"));
  SaveModel(LoadModel("mnist-cnn", 1), Path("m.keras"));
  fs::resize_file(Path("m.keras"), 40000);
  ExpectRefused(Path("m.keras"), ErrorKind::kCorrupt, "no whole zip archive");
  fs::resize_file(Path("m.h5"), 40000);
  fs::resize_file(Path("m.tflite"), 40000);
  ExpectRefused(Path("m.h5"), ErrorKind::kCorrupt, "cut off");
  ExpectRefused(Path("m.tflite"), ErrorKind::kCorrupt, "truncated");
}

TEST_F(ModelsTest, MissingFilesAndFoldersHaveOneWording) {
  for (const char* name : {"no.h5", "no.tflite", "no.keras", "mnist-cn"})
    ExpectRefused(Path(name), ErrorKind::kNotFound, "there is no file");
  for (const char* name : {"dir.h5", "dir.tflite", "dir"}) {
    MakeDirectory(Path(name));
    ExpectRefused(Path(name), ErrorKind::kIo,
                  "it is a folder, a file is wanted");
  }
  MakeDirectory(Path("saved"));
  WriteFile(Path("saved/saved_model.pb"), "\x08\x01\x12\x02"s);
  ExpectRefused(Path("saved"), ErrorKind::kUnsupported, "SavedModel");
  ExpectRefused(Path("saved/saved_model.pb"), ErrorKind::kUnsupported,
                "SavedModel");
}

TEST_F(ModelsTest, EndingsOfOutputsInAnyCase) {
  EXPECT_EQ(FormatOfEnding("a/b.c/m.H5"), ModelFormat::kKerasH5);
  EXPECT_EQ(FormatOfEnding("m.hdf5"), ModelFormat::kKerasH5);
  EXPECT_EQ(FormatOfEnding("m.Keras"), ModelFormat::kKerasArchive);
  EXPECT_EQ(FormatOfEnding("m.Lite"), ModelFormat::kTflite);
  EXPECT_EQ(FormatOfEnding("m.tflite"), ModelFormat::kTflite);
  EXPECT_FALSE(FormatOfEnding("h5"));
  EXPECT_FALSE(FormatOfEnding("m.h5/x"));
  const Graph model = LoadModel("mnist-cnn", 1);
  SaveModel(model, Path("m.Lite"));
  EXPECT_NO_THROW(LoadModel(Path("m.Lite"), 1));
  const auto [kind, message] =
      Refusal([&] { SaveModel(model, Path("m.onnx")); });
  EXPECT_EQ(kind, ErrorKind::kInvalidArgument);
}

TEST_F(ModelsTest, WeightsThatAreNotFiniteAreNamed) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::infinity()}) {
    Graph model = LoadModel("mnist-cnn", 1);
    for (Tensor& tensor : model.tensors) {
      if (tensor.name == "dense/kernel") tensor.MutableAs<float>()[17] = value;
    }
    SaveModel(model, Path("m.h5"));
    SaveModel(model, Path("m.tflite"));
    Graph half = Convert(LoadModel("mnist-cnn", 1), FindScheme("fp16"), {});
    for (Tensor& tensor : half.tensors) {
      if (tensor.name != "dense/kernel") continue;
      const uint16_t bits = std::isnan(value) ? 0x7e00 : 0xfc00;
      std::memcpy(tensor.data.MutableData() + 17 * sizeof(bits), &bits,
                  sizeof(bits));
    }
    SaveModel(half, Path("half.tflite"));
    for (const char* name : {"m.h5", "m.tflite", "half.tflite"}) {
      const Graph back = LoadModel(Path(name), 0);  // to be looked at
      const auto [kind, message] =
          Refusal([&] { LoadFloatModel(Path(name), 0, false); });
      EXPECT_EQ(kind, ErrorKind::kInvalidArgument);
      for (const char* word : {"dense/kernel", "element 17 of 20280", name})
        EXPECT_NE(message.find(word), std::string::npos) << message;
      std::string said;
      const WarningSink before =
          SetWarningSink([&](std::string_view text) { said = text; });
      WarnNotFinite(back, Path(name));
      SetWarningSink(before);
      EXPECT_NE(said.find("dense/kernel"), std::string::npos);
    }
  }
}

TEST_F(ModelsTest, IntegersOnlyWhenAskedFor) {
  const Graph model = LoadModel("mnist-cnn", 1);
  SaveModel(Convert(model, FindScheme("dynamic"), {}), Path("dynamic.tflite"));
  const auto [kind, message] =
      Refusal([&] { LoadFloatModel(Path("dynamic.tflite"), 0, false); });
  EXPECT_EQ(kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(message.find("dynamic-range"), std::string::npos) << message;
  EXPECT_NE(message.find("--dequantize"), std::string::npos) << message;
  const Graph back = LoadFloatModel(Path("dynamic.tflite"), 0, true);
  for (const Tensor& tensor : back.tensors)
    EXPECT_NE(tensor.dtype, DType::kInt8);

  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  LoadFloatModel("mnist-cnn", 1, true);
  SetWarningSink(before);
  EXPECT_EQ(said.size(), 1u);
}

// What no Keras layer does: known before a training, and kept in files.
TEST_F(ModelsTest, AModelWithoutAKerasFormIsKeptWhole) {
  Graph model = LoadModel("mnist-cnn", 1);
  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  WarnIfNoKerasForm(model, ModelFormat::kKerasH5);
  EXPECT_TRUE(said.empty());
  // A reshape by a computed shape.
  const TensorId x = model.inputs[0];
  Node& shape = model.AddNode(kShape, "shape", {x}, {"shape/out"});
  shape.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
  const TensorId dims = shape.outputs[0];
  const TensorId y =
      model.AddNode(kReshape, "y", {x, dims}, {"y/out"}).outputs[0];
  model.tensor(y).shape = model.tensor(x).shape;
  model.outputs.push_back(y);
  model.output_names.push_back("y");
  InferShapes(&model);
  WarnIfNoKerasForm(model, ModelFormat::kTflite);
  EXPECT_TRUE(said.empty());
  for (const char* name : {"m.h5", "m.keras"}) {
    said.clear();
    WarnIfNoKerasForm(model, *FormatOfEnding(name));
    SaveModel(model, Path(name));
    ASSERT_EQ(said.size(), 2u);
    EXPECT_EQ(said[0], said[1]);  // which the command line says once
    EXPECT_NE(said[0].find("'shape' (SHAPE)"), std::string::npos) << said[0];
    EXPECT_EQ(Print(LoadModel(Path(name), 0)), Print(model));
  }
  SetWarningSink(before);
}

}  // namespace
}  // namespace litesmith
