// The trainer: same bits on any number of threads, validation, refusals, and
// runs that go on from a checkpoint. tests/golden compares its steps with
// Keras's.
#include "src/train/trainer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/base/warning.h"
#include "src/data/memory_dataset.h"
#include "src/data/views.h"
#include "src/ops/small_graph_test.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// Random images of SmallCnn's shape; their class is in their brightness.
DatasetPtr Data(int samples, uint64_t seed = 5) {
  Rng rng(seed);
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
  for (int i = 0; i < samples; ++i) {
    const uint32_t label = rng.Below(3);
    labels.push_back(static_cast<uint8_t>(label));
    for (int p = 0; p < 6 * 6 * 2; ++p)
      pixels.push_back(static_cast<uint8_t>(60 * label + rng.Below(120)));
  }
  return LabelledBytes({6, 6, 2}, 3, std::move(pixels), std::move(labels));
}

// One sample's pixel is not a number.
DatasetPtr BrokenData() {
  std::vector<float> pixels(72 * 20);
  pixels[72 * 7 + 3] = std::numeric_limits<float>::quiet_NaN();
  const Field image = {"image", {6, 6, 2}, DType::kFloat32, {}};
  const Field label = {"label", {}, DType::kUInt8, {}};
  return std::make_shared<const MemoryDataset>(
      std::vector<Column>{{image, std::move(pixels)}},
      std::vector<Column>{{label, std::vector<uint8_t>(20)}}, 3);
}

// Everything that training can have on a graph: a schedule, centroids and
// ranges of all three kinds.
Graph EverythingOn(Graph graph) {
  PruneOptions prune;
  prune.begin_step = 1;
  prune.end_step = 8;
  prune.frequency = 2;
  graph = InsertPruning(
      graph, [&](const Node&, const Tensor&) { return std::optional(prune); });
  ClusterOptions cluster;
  cluster.clusters = 6;
  graph = InsertClustering(
      graph,
      [&](const Node& node, const Tensor&) -> std::optional<ClusterOptions> {
        if (node.name != "dense") return std::nullopt;
        return cluster;
      });
  return InsertFakeQuant(graph, [](const Node&, const Tensor&) {
    return std::optional(QatOptions{.debias = true});
  });
}

TrainOptions TrainerOptions(int epochs, int batch, int threads = 1) {
  TrainOptions options;
  options.epochs = epochs;
  options.batch = batch;
  options.threads = threads;
  options.label = "test";
  return options;
}

// Parameters and states, bit for bit.
void ExpectSameWeights(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t t = 0; t < a.tensors.size(); ++t) {
    const TensorData& x = a.tensors[t].data;
    const TensorData& y = b.tensors[t].data;
    ASSERT_EQ(x.size(), y.size());
    EXPECT_TRUE(x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0)
        << a.tensors[t].name;
  }
}

void ExpectSameEpochs(const TrainResult& a, const TrainResult& b) {
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (size_t e = 0; e < a.epochs.size(); ++e) {
    EXPECT_EQ(a.epochs[e].loss, b.epochs[e].loss);
    EXPECT_EQ(a.epochs[e].accuracy, b.epochs[e].accuracy);
    EXPECT_EQ(a.epochs[e].validation_loss, b.epochs[e].validation_loss);
    EXPECT_EQ(a.epochs[e].validation_accuracy, b.epochs[e].validation_accuracy);
  }
}

// Stops a run in its second epoch, as a crash would.
class StopInSecondEpoch : public Progress {
 public:
  void Update(std::string_view task, int64_t done, int64_t) override {
    if (task.find("epoch 2") != std::string_view::npos && done > 40)
      Fail(ErrorKind::kInterrupted, "stopped by the test");
  }
};

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        testing::TempDir() + "litesmith_checkpoint_" + std::to_string(getpid());
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // Leaves the checkpoint of the first of three epochs.
  void Interrupt(const Graph& graph, TrainOptions options) {
    options.checkpoint = path_;
    StopInSecondEpoch stop;
    const std::string error =
        ErrorOf([&] { Train(graph, *Data(100), options, &stop); });
    ASSERT_EQ(error, "interrupted: stopped by the test");
    ASSERT_TRUE(FileExists(path_));
  }

  std::string path_;
};

// Dropouts behind two layers.
Graph WithDropouts(Graph graph) {
  AddDropoutBehind("conv", 0.25f, &graph);
  AddDropoutBehind("flatten", 0.5f, &graph);
  return graph;
}

TEST(Trainer, SameBitsOnAnyNumberOfThreads) {
  for (const Graph& graph : {SmallCnn(), EverythingOn(SmallCnn()),
                             EverythingOn(WithDropouts(SmallCnn()))}) {
    // A divisor of nothing, more than a shard's multiple, and batches that
    // leave shards empty.
    for (const int batch : {50, 127, 1}) {
      SCOPED_TRACE(batch);
      const DatasetPtr data = Data(batch == 1 ? 30 : 300);
      const TrainResult one =
          Train(graph, *data, TrainerOptions(2, batch, 1), nullptr);
      for (const int threads : {2, 3}) {
        const TrainResult more =
            Train(graph, *data, TrainerOptions(2, batch, threads), nullptr);
        ExpectSameWeights(one.graph, more.graph);
        ExpectSameEpochs(one, more);
      }
    }
  }
}

TEST(Trainer, SameSeedSameBitsAndAnotherSeedOrStageOthers) {
  const DatasetPtr data = Data(200);
  TrainOptions options = TrainerOptions(1, 32);
  const TrainResult a = Train(SmallCnn(), *data, options, nullptr);
  const TrainResult b = Train(SmallCnn(), *data, options, nullptr);
  ExpectSameWeights(a.graph, b.graph);
  TrainOptions other = options;
  other.seed = 2;
  const TrainResult c = Train(SmallCnn(), *data, other, nullptr);
  EXPECT_NE(ValuesOf(a.graph, "dense/kernel"),
            ValuesOf(c.graph, "dense/kernel"));
  other = options;
  other.stage = 1;
  const TrainResult d = Train(SmallCnn(), *data, other, nullptr);
  EXPECT_NE(ValuesOf(a.graph, "dense/kernel"),
            ValuesOf(d.graph, "dense/kernel"));
}

TEST(Trainer, DropoutActsInTrainingAlone) {
  const Graph graph = WithDropouts(SmallCnn());
  const DatasetPtr data = Data(200);
  const Evaluation with = EvaluateFloat(graph, *data, TrainerOptions(0, 1, 1));
  EXPECT_EQ(with.loss,
            EvaluateFloat(SmallCnn(), *data, TrainerOptions(0, 1, 1)).loss);
  const TrainResult plain =
      Train(SmallCnn(), *data, TrainerOptions(1, 32), nullptr);
  const TrainResult dropped =
      Train(graph, *data, TrainerOptions(1, 32), nullptr);
  EXPECT_NE(ValuesOf(plain.graph, "dense/kernel"),
            ValuesOf(dropped.graph, "dense/kernel"));
  // Its validation is what the graph without it gives.
  Graph inference = dropped.graph;
  RemoveTrainingOnlyNodes(&inference);
  EXPECT_EQ(
      dropped.epochs[0].validation_loss,
      EvaluateFloat(inference, *Slice(data, 180, 200), TrainerOptions(0, 1, 1))
          .loss);
  TrainOptions options = TrainerOptions(30, 32, 2);
  options.learning_rate = 1e-2f;
  EXPECT_GT(Train(graph, *Data(500), options, nullptr)
                .epochs.back()
                .validation_accuracy,
            0.9);
}

TEST(Trainer, FrozenLayersStayBitForBit) {
  for (const char* frozen : {"conv", "dense"}) {
    Graph graph = SmallCnn();
    Freeze(frozen, &graph);
    for (const Graph& start : {graph, EverythingOn(graph)}) {
      const TrainResult result =
          Train(start, *Data(100), TrainerOptions(2, 16), nullptr);
      for (const std::string layer : {"conv", "dense"}) {
        for (const std::string part : {"/kernel", "/bias"}) {
          EXPECT_EQ(ValuesOf(result.graph, layer + part) ==
                        ValuesOf(start, layer + part),
                    layer == frozen)
              << layer << part << " of a graph with " << frozen << " frozen";
        }
      }
    }
  }
}

TEST(Trainer, LayersWithoutBiasTrain) {
  Graph graph = SmallCnn();
  for (Node& node : graph.nodes) {
    if (node.op->Find(Role::kBias) == 2) node.inputs.resize(2);
  }
  graph = RemoveDeadNodes(graph);
  for (const Graph& start : {graph, EverythingOn(graph)}) {
    TrainOptions options = TrainerOptions(30, 32, 2);
    options.learning_rate = 1e-2f;
    const TrainResult result = Train(start, *Data(500), options, nullptr);
    EXPECT_LT(result.epochs.back().loss, result.epochs.front().loss);
    EXPECT_NE(ValuesOf(result.graph, "conv/kernel"),
              ValuesOf(start, "conv/kernel"));
  }
}

TEST(Trainer, NothingToTrainSaysWhy) {
  Graph graph = SmallCnn();
  Freeze("conv", &graph);
  EXPECT_NO_THROW(RequireTrainable(graph));
  Freeze("dense", &graph);
  for (const Graph& frozen : {graph, EverythingOn(graph)}) {
    EXPECT_EQ(ErrorOf([&] { RequireTrainable(frozen); }),
              "invalid argument: there is nothing to train: all layers with "
              "weights are frozen (trainable: false): 'conv', 'dense'");
  }
  FindTensor(&graph, "conv/kernel")->dtype = DType::kInt8;
  EXPECT_EQ(ErrorOf([&] { RequireTrainable(graph); }),
            "invalid argument: there is nothing to train: the weights of "
            "'conv' are no stored floats; only a float model can be trained");
  std::erase_if(graph.nodes, [](const Node& node) {
    return node.op->Find(Role::kWeight) >= 0;
  });
  EXPECT_EQ(ErrorOf([&] { RequireTrainable(graph); }),
            "invalid argument: there is nothing to train: no layer of the "
            "model has weights");
}

TEST(Trainer, Learns) {
  TrainOptions options = TrainerOptions(30, 32, 2);
  options.learning_rate = 1e-2f;
  const TrainResult result = Train(SmallCnn(), *Data(500), options, nullptr);
  EXPECT_LT(result.epochs.back().loss, 0.1);
  EXPECT_GT(result.epochs.back().validation_accuracy, 0.95);
}

TEST(Trainer, HoldsOutTheLastSamplesAndTrainsOnTheOthers) {
  const DatasetPtr data = Data(105);
  TrainOptions options = TrainerOptions(2, 16);
  options.validation_split = 0.1;  // 94 train
  EXPECT_EQ(TrainingSteps(105, options), 12);
  const TrainResult split = Train(SmallCnn(), *data, options, nullptr);
  options.validation_split = 0;
  const TrainResult whole =
      Train(SmallCnn(), *Take(data, 94), options, nullptr);
  ExpectSameWeights(split.graph, whole.graph);
  EXPECT_EQ(split.epochs[1].loss, whole.epochs[1].loss);
  EXPECT_TRUE(std::isnan(whole.epochs[1].validation_loss));
  const Evaluation held_out = EvaluateFloat(split.graph, *Slice(data, 94, 105),
                                            TrainerOptions(0, 1, 1));
  EXPECT_EQ(split.epochs[1].validation_loss, held_out.loss);
  EXPECT_EQ(split.epochs[1].validation_accuracy, held_out.accuracy);
}

TEST(Trainer, EvaluationIsTheSameOnAnyNumberOfThreads) {
  const DatasetPtr data = Data(101);
  const Evaluation one =
      EvaluateFloat(SmallCnn(), *data, TrainerOptions(0, 1, 1));
  const Evaluation three =
      EvaluateFloat(SmallCnn(), *data, TrainerOptions(0, 1, 3));
  EXPECT_EQ(one.loss, three.loss);
  EXPECT_EQ(one.correct, three.correct);
  EXPECT_EQ(one.accuracy, static_cast<double>(one.correct) / 101);
}

TEST(Trainer, ZeroEpochsLeaveTheGraphAsItIs) {
  const Graph graph = EverythingOn(SmallCnn());
  const TrainResult result =
      Train(graph, *Data(50), TrainerOptions(0, 16), nullptr);
  EXPECT_TRUE(result.epochs.empty());
  ExpectSameWeights(result.graph, graph);
  EXPECT_EQ(TrainingSteps(50, TrainerOptions(0, 16)), 0);
}

TEST(Trainer, DivergedTrainingIsAnError) {
  // The loss of this data stays finite: ReLU takes the pixel for zero.
  const std::string broken = ErrorOf(
      [&] { Train(SmallCnn(), *BrokenData(), TrainerOptions(1, 4), nullptr); });
  EXPECT_EQ(broken,
            "invalid argument: test: a weight is not a finite number any more "
            "at step 5; a smaller learning rate than 0.001 or cleaner data "
            "would do");
  TrainOptions options = TrainerOptions(3, 16);
  options.learning_rate = 1e30f;
  for (const Graph& graph : {SmallCnn(), EverythingOn(SmallCnn())}) {
    const std::string diverged =
        ErrorOf([&] { Train(graph, *Data(100), options, nullptr); });
    EXPECT_EQ(diverged.rfind("invalid argument: test: the loss is not a "
                             "finite number any more at step ",
                             0),
              0u)
        << diverged;
  }
}

TEST(Trainer, RefusesWhatCannotWork) {
  const DatasetPtr data = Data(20);
  const auto error = [&](auto&& change) {
    TrainOptions options = TrainerOptions(1, 4);
    change(&options);
    return ErrorOf([&] { Train(SmallCnn(), *data, options, nullptr); });
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  };
  EXPECT_EQ(error([](TrainOptions*) {}), "");
  has(error([](TrainOptions* o) { o->batch = 0; }), "batches of 0");
  has(error([](TrainOptions* o) { o->epochs = -1; }), "-1 epochs");
  has(error([](TrainOptions* o) { o->learning_rate = 0; }), "rate 0");
  has(error([](TrainOptions* o) { o->validation_split = 1; }), "split 1");
  has(error([](TrainOptions* o) { o->validation_split = NAN; }), "split nan");
  has(error([](TrainOptions* o) { o->momentum = 1; }), "momentum = 1");
  has(error([](TrainOptions* o) { o->loss = "msr"; }), "did you mean \"mse\"");
  has(error([](TrainOptions* o) { o->optimizer = "x"; }), "adam, adamw, sgd");
  has(error([](TrainOptions* o) { o->schedule = "x"; }), "constant, cosine");
  has(ErrorOf([&] {
        Train(SmallCnn(), *Take(data, 0), TrainerOptions(1, 4), nullptr);
      }),
      "0 samples");
  const DatasetPtr other = LabelledBytes({5, 5}, 3, std::vector<uint8_t>(250),
                                         std::vector<uint8_t>(10));
  has(ErrorOf(
          [&] { Train(SmallCnn(), *other, TrainerOptions(1, 4), nullptr); }),
      "'input'");
  const DatasetPtr classes = LabelledBytes(
      {6, 6, 2}, 4, std::vector<uint8_t>(720), std::vector<uint8_t>(10));
  has(ErrorOf(
          [&] { Train(SmallCnn(), *classes, TrainerOptions(1, 4), nullptr); }),
      "4 classes");
  std::vector<uint8_t> labels(10, 1);
  labels[6] = 3;
  const DatasetPtr label =
      LabelledBytes({6, 6, 2}, 4, std::vector<uint8_t>(720), labels);
  has(ErrorOf(
          [&] { Train(SmallCnn(), *label, TrainerOptions(1, 4), nullptr); }),
      "has 3 values, for labels 0 to 2; the data has 4 classes (sample 6 has "
      "label 3)");
}

TEST(Trainer, WarnsOfOutputsThatAreNoClass) {
  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  const DatasetPtr two = LabelledBytes({6, 6, 2}, 2, std::vector<uint8_t>(720),
                                       std::vector<uint8_t>(10));
  Train(SmallCnn(), *two, TrainerOptions(0, 4), nullptr);
  Train(SmallCnn(), *Data(10), TrainerOptions(0, 4), nullptr);
  SetWarningSink(before);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("2 classes"), std::string::npos) << said[0];
}

TEST(Trainer, ABatchIsNoLargerThanTheDataIs) {
  // 65,536 samples of these activations would take gigabytes.
  const TrainResult wide =
      Train(SmallCnn(), *Data(40), TrainerOptions(2, 65536), nullptr);
  const TrainResult fits =
      Train(SmallCnn(), *Data(40), TrainerOptions(2, 36), nullptr);
  ExpectSameWeights(wide.graph, fits.graph);
}

TEST_F(CheckpointTest, GoesOnToTheSameBitsAsWithoutTheInterruption) {
  for (const Graph& graph :
       {WithDropouts(SmallCnn()), EverythingOn(SmallCnn())}) {
    std::filesystem::remove(path_);
    TrainOptions options = TrainerOptions(3, 16, 2);
    const TrainResult straight = Train(graph, *Data(100), options, nullptr);
    Interrupt(graph, options);
    options.checkpoint = path_;
    const TrainResult resumed = Train(graph, *Data(100), options, nullptr);
    ExpectSameWeights(resumed.graph, straight.graph);
    ExpectSameEpochs(resumed, straight);
    // And from the last epoch's there is nothing left to do.
    const TrainResult again = Train(graph, *Data(100), options, nullptr);
    ExpectSameWeights(again.graph, straight.graph);
    ExpectSameEpochs(again, straight);
  }
}

TEST_F(CheckpointTest, MoreEpochsOfTheSameRunGoOn) {
  const Graph graph = SmallCnn();
  TrainOptions options = TrainerOptions(4, 16);
  const TrainResult straight = Train(graph, *Data(100), options, nullptr);
  options.checkpoint = path_;
  options.epochs = 2;
  Train(graph, *Data(100), options, nullptr);
  options.epochs = 4;
  const TrainResult grown = Train(graph, *Data(100), options, nullptr);
  ExpectSameWeights(grown.graph, straight.graph);
  ExpectSameEpochs(grown, straight);
  // Fewer cannot be had from it.
  options.epochs = 3;
  EXPECT_NE(ErrorOf([&] {
              Train(graph, *Data(100), options, nullptr);
            }).find("it is 1 epoch further than the 3 asked for"),
            std::string::npos);
}

TEST_F(CheckpointTest, AnotherRunsIsAnErrorThatSaysWhatDiffers) {
  const TrainOptions options = TrainerOptions(3, 16);
  Interrupt(SmallCnn(), options);
  const std::vector<std::byte> before = ReadFile(path_);
  const auto differs = [&](const Graph& graph, TrainOptions o,
                           const DatasetPtr& data, const std::string& how) {
    o.checkpoint = path_;
    const std::string error = ErrorOf([&] { Train(graph, *data, o, nullptr); });
    EXPECT_EQ(error.rfind("invalid argument: --checkpoint " + path_, 0), 0u);
    EXPECT_NE(error.find("(" + how + ")"), std::string::npos) << error;
    EXPECT_TRUE(ReadFile(path_) == before);
  };
  TrainOptions other = options;
  other.seed = 2;
  differs(SmallCnn(), other, Data(100), "seed 1 there, 2 here");
  other = options;
  other.stage = 1;
  differs(SmallCnn(), other, Data(100), "step of the recipe 0 there, 1 here");
  other = options;
  other.learning_rate = 2e-3f;
  other.batch = 8;
  differs(SmallCnn(), other, Data(100),
          "batch 16 there, 8 here; learning rate 0.001 there, 0.002 here");
  differs(SmallCnn(7), options, Data(100),
          "another model, start weights or schedule");
  differs(SmallCnn(), options, Data(90), "other data");
}

TEST_F(CheckpointTest, WhatIsNoCheckpointStaysAsItIs) {
  TrainOptions options = TrainerOptions(1, 16);
  options.checkpoint = path_;
  WriteFile(path_, std::string_view("somebody's model"));
  const std::string error =
      ErrorOf([&] { Train(SmallCnn(), *Data(50), options, nullptr); });
  EXPECT_NE(error.find("no checkpoint; it stays as it is"), std::string::npos)
      << error;
  EXPECT_EQ(error.find("remove"), std::string::npos) << error;
  EXPECT_EQ(ReadFile(path_).size(), 16u);
  // An empty file holds nothing to lose.
  WriteFile(path_, std::string_view());
  EXPECT_EQ(ErrorOf([&] { Train(SmallCnn(), *Data(50), options, nullptr); }),
            "");
  EXPECT_GT(ReadFile(path_).size(), 100u);
}

TEST_F(CheckpointTest, DamagedIsAnErrorWhereverTheDamageIs) {
  Interrupt(SmallCnn(), TrainerOptions(3, 16));
  const std::vector<std::byte> whole = ReadFile(path_);
  TrainOptions options = TrainerOptions(3, 16);
  options.checkpoint = path_;
  const auto error = [&](std::span<const std::byte> bytes) {
    WriteFile(path_, bytes);
    return ErrorOf([&] { Train(SmallCnn(), *Data(100), options, nullptr); });
  };
  for (size_t size = 1; size < whole.size(); size += 1 + whole.size() / 61) {
    const std::string text = error(std::span(whole).first(size));
    EXPECT_EQ(text.rfind(size < 7 ? "invalid argument: " : "corrupt: ", 0), 0u)
        << size << ": " << text;
  }
  for (size_t at = 0; at < whole.size();
       at += at < 64 ? 1 : 1 + whole.size() / 61) {
    std::vector<std::byte> flipped = whole;
    flipped[at] ^= std::byte{0x10};
    const std::string text = error(flipped);
    // The first bytes say what it is, the next one of which version.
    const char* kind = at < 7    ? "invalid argument: "
                       : at == 7 ? "unsupported: "
                                 : "corrupt: ";
    EXPECT_EQ(text.rfind(kind, 0), 0u) << at << ": " << text;
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_NE(error(longer), "");
  EXPECT_EQ(error(whole), "");
}

}  // namespace
}  // namespace litesmith
