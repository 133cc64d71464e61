// Every loss, optimizer and schedule in a training, on data of several kinds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/base/file.h"
#include "src/data/memory_dataset.h"
#include "src/data/views.h"
#include "src/ops/small_graph_test.h"
#include "src/runtime/two_inputs_test.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"
#include "src/train/trainer.h"
#include "src/train/training_run.h"

namespace litesmith {
namespace {

// Brightness of three kinds, a label for it, and what SmallCnn shall answer.
struct Samples {
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> labels;
  std::vector<float> values;
};

Samples Make(int count) {
  Rng rng(5);
  Samples samples;
  for (int i = 0; i < count; ++i) {
    const uint32_t label = rng.Below(3);
    samples.labels.push_back(static_cast<uint8_t>(label));
    for (uint32_t c = 0; c < 3; ++c)
      samples.values.push_back(c == label ? 1.0f : 0.0f);
    for (int p = 0; p < 6 * 6 * 2; ++p)
      samples.pixels.push_back(
          static_cast<uint8_t>(60 * label + rng.Below(120)));
  }
  return samples;
}

const Field kImage = {"image", {6, 6, 2}, DType::kUInt8, {{1.0 / 255}, {0}}};

DatasetPtr Labelled(int count) {
  Samples samples = Make(count);
  return LabelledBytes({6, 6, 2}, 3, samples.pixels, samples.labels);
}

DatasetPtr Valued(int count) {
  Samples samples = Make(count);
  return std::make_shared<const MemoryDataset>(
      std::vector<Column>{{kImage, samples.pixels}},
      std::vector<Column>{{{"y", {3}, DType::kFloat32, {}}, samples.values}});
}

// The samples of another one, read one by one.
class MustBeRead : public Dataset {
 public:
  explicit MustBeRead(DatasetPtr from, int64_t broken = -1)
      : from_(std::move(from)), broken_(broken) {}
  int64_t size() const override { return from_->size(); }
  std::span<const Field> inputs() const override { return from_->inputs(); }
  std::span<const Field> targets() const override { return from_->targets(); }
  int classes() const override { return from_->classes(); }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    if (index == broken_) Fail(ErrorKind::kCorrupt, "sample 3 is damaged");
    from_->Read(index, draw, fields);
  }
  void AddTo(Digest* digest) const override { from_->AddTo(digest); }

 private:
  DatasetPtr from_;
  int64_t broken_;
};

TrainOptions Options(int epochs, int threads = 2) {
  TrainOptions options;
  options.epochs = epochs;
  options.batch = 32;
  options.threads = threads;
  options.learning_rate = 1e-2f;
  options.label = "test";
  return options;
}

void ExpectSameBits(const Graph& a, const Graph& b) {
  for (size_t t = 0; t < a.tensors.size(); ++t) {
    const TensorData& x = a.tensors[t].data;
    const TensorData& y = b.tensors[t].data;
    ASSERT_EQ(x.size(), y.size());
    EXPECT_TRUE(x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0)
        << a.tensors[t].name;
  }
}

TEST(TrainingRows, EveryCombinationLearnsTheSameOnAnyNumberOfThreads) {
  for (const Loss& loss : Losses()) {
    const bool labels = loss.targets == TargetKind::kLabels;
    const DatasetPtr data = labels ? Labelled(300) : Valued(300);
    for (const Optimizer& optimizer : Optimizers()) {
      for (const Schedule& schedule : Schedules()) {
        SCOPED_TRACE(std::string(loss.name) + " " + optimizer.name + " " +
                     schedule.name);
        TrainOptions options = Options(12);
        options.loss = loss.name;
        options.optimizer = optimizer.name;
        options.schedule = schedule.name;
        const TrainResult two = Train(SmallCnn(), *data, options, nullptr);
        EXPECT_LT(two.epochs.back().loss, 0.8 * two.epochs.front().loss);
        EXPECT_EQ(std::isnan(two.epochs.back().accuracy), !labels);
        options.threads = 1;
        const TrainResult one = Train(SmallCnn(), *data, options, nullptr);
        ExpectSameBits(one.graph, two.graph);
        EXPECT_EQ(one.epochs.back().validation_loss,
                  two.epochs.back().validation_loss);
      }
    }
  }
}

// Weights as trained from the logits, whatever makes probabilities of them.
TEST(TrainingRows, ProbabilitiesTrainAsWhatTheyAreMadeOf) {
  struct Pair {
    const char* loss;
    const OpDef& op;
  };
  for (const Pair& pair : {Pair{"sparse_categorical_crossentropy", kSoftmax},
                           Pair{"categorical_crossentropy", kSoftmax},
                           Pair{"binary_crossentropy", kLogistic}}) {
    SCOPED_TRACE(pair.loss);
    TrainOptions options = Options(2);
    options.loss = pair.loss;
    const bool labels = FindLoss(pair.loss).targets == TargetKind::kLabels;
    const DatasetPtr data = labels ? Labelled(200) : Valued(200);
    const TrainResult logits = Train(SmallCnn(), *data, options, nullptr);
    Graph model = SmallCnnWith(pair.op, "shares");
    const TrainResult shares = Train(model, *data, options, nullptr);
    for (const char* name : {"conv/kernel", "conv/bias", "dense/kernel"})
      EXPECT_EQ(ValuesOf(shares.graph, name), ValuesOf(logits.graph, name));
    EXPECT_EQ(shares.epochs[1].loss, logits.epochs[1].loss);
    EXPECT_EQ(shares.epochs[1].validation_loss,
              logits.epochs[1].validation_loss);
    EXPECT_EQ(shares.graph.outputs, model.outputs);
    EXPECT_EQ(EvaluateFloat(shares.graph, *data, options).loss,
              EvaluateFloat(logits.graph, *data, options).loss);
    // Also under another shape.
    const std::vector<int32_t> dims = {kDynamic, 1, 3};
    const TensorId shape = model.AddConstant<int32_t>("flat/shape", {3}, dims);
    model.outputs =
        model.AddNode(kReshape, "flat", {model.outputs[0], shape}, {"flat"})
            .outputs;
    InferShapes(&model);
    const TrainResult flat = Train(model, *data, options, nullptr);
    EXPECT_EQ(flat.epochs[1].loss, logits.epochs[1].loss);
  }
}

TEST(TrainingRows, LossesSayWhichProbabilitiesTheyCompare) {
  TrainOptions options = Options(1);
  options.loss = "sparse_categorical_crossentropy";
  EXPECT_EQ(ErrorOf([&] {
              Train(SmallCnnWith(kLogistic, "each"), *Labelled(50), options,
                    nullptr);
            }),
            "unsupported: loss sparse_categorical_crossentropy compares the "
            "values of classes, logits or softmax of them; the model's output "
            "'each' is made by LOGISTIC (node 'each')");
  options.loss = "binary_crossentropy";
  EXPECT_NE(ErrorOf([&] {
              Train(SmallCnnWith(kSoftmax, "shares"), *Valued(50), options,
                    nullptr);
            }).find("compares a value by itself"),
            std::string::npos);
}

// mse goes back through the softmax.
TEST(TrainingRows, OtherLossesTrainThroughProbabilities) {
  TrainOptions options = Options(12);
  options.loss = "mse";
  for (const OpDef* op : {&kSoftmax, &kLogistic}) {
    const DatasetPtr data = Valued(300);
    const TrainResult result =
        Train(SmallCnnWith(*op, "shares"), *data, options, nullptr);
    EXPECT_LT(result.epochs.back().loss, 0.7 * result.epochs.front().loss);
  }
}

// A sure and wrong answer: softmax is 1 and 0 in float32, the gradient is not.
TEST(TrainingRows, NoGradientIsLostToProbabilitiesNearOne) {
  Graph model = SmallCnnWith(kSoftmax, "shares");
  Tensor* kernel = FindTensor(&model, "dense/kernel");
  for (float& w : kernel->MutableAs<float>()) w *= 300;
  TrainOptions options = Options(1);
  options.validation_split = 0;
  const DatasetPtr data = Labelled(64);
  EXPECT_GT(EvaluateFloat(model, *data, options).loss, 20);
  TrainingRun run(model, *data, options);
  BatchReader reader(*data, 32);
  EXPECT_GT(run.Step(reader.Read(0, 32)).loss / 32, 20);
  float largest = 0;
  for (const float g : run.plan().gradients())
    largest = std::max(largest, std::abs(g));
  EXPECT_GT(largest, 0.1f);
}

TEST(TrainingRows, SamplesThatMustBeReadTrainToTheSameBits) {
  const DatasetPtr memory = Labelled(200);
  const TrainResult wanted = Train(SmallCnn(), *memory, Options(2), nullptr);
  for (const int threads : {1, 2, 3}) {
    const TrainResult read =
        Train(SmallCnn(), MustBeRead(memory), Options(2, threads), nullptr);
    ExpectSameBits(read.graph, wanted.graph);
    EXPECT_EQ(read.epochs[1].validation_loss, wanted.epochs[1].validation_loss);
  }
  EXPECT_EQ(ErrorOf([&] {
              Train(SmallCnn(), MustBeRead(memory, 3), Options(2), nullptr);
            }),
            "corrupt: sample 3 is damaged");
  // Also where it is held out.
  EXPECT_EQ(ErrorOf([&] {
              Train(SmallCnn(), MustBeRead(memory, 199), Options(2), nullptr);
            }),
            "corrupt: sample 3 is damaged");
}

TEST(TrainingRows, AModelOfTwoInputsLearns) {
  const MemoryDataset data = TwoInputsData(60);
  const TrainResult two = Train(TwoInputs(), data, Options(20), nullptr);
  EXPECT_LT(two.epochs.back().loss, two.epochs.front().loss);
  ExpectSameBits(Train(TwoInputs(), data, Options(20, 1), nullptr).graph,
                 two.graph);
  EXPECT_NE(ErrorOf([&] {
              Train(SmallCnn(), data, Options(1), nullptr);
            }).find("the model has 1 input, a sample of the data 2 fields"),
            std::string::npos);
}

// Data without targets are to be answered with themselves.
TEST(TrainingRows, AnInputCanBeItsOwnTarget) {
  Graph graph = SmallCnn();
  const MemoryDataset data(
      {{{"x", {6, 6, 2}, DType::kUInt8, {{1.0 / 255}, {0}}}, Make(100).pixels}},
      {});
  TrainOptions options = Options(1);
  options.loss = "mse";
  EXPECT_NE(
      ErrorOf([&] { Train(graph, data, options, nullptr); }).find("'x' has 72"),
      std::string::npos);
  // A dense layer of as many outputs as inputs.
  Rng rng(1);
  Graph wide;
  TensorId x = AddImageInput({kDynamic, 72}, &wide);
  const TensorId w = AddRandomParameter("w", {72, 72}, &rng, &wide);
  Node& dense = wide.AddNode(kFullyConnected, "dense",
                             {x, w, AddRandomParameter("b", {72}, &rng, &wide)},
                             {"dense"});
  wide.outputs = dense.outputs;
  wide.output_names = {"dense"};
  InferShapes(&wide);
  options.epochs = 20;
  const TrainResult result = Train(wide, data, options, nullptr);
  EXPECT_LT(result.epochs.back().loss, 0.1 * result.epochs.front().loss);
}

TEST(Schedules, BeginAtTheRateAndEndWhereTheySay) {
  TrainOptions options;
  options.learning_rate = 0.001f;
  for (const Schedule& schedule : Schedules()) {
    options.schedule = schedule.name;
    EXPECT_EQ(LearningRate(options, 1, 100), 0.001f) << schedule.name;
    float before = 0.001f;
    for (int64_t step = 2; step <= 100; ++step) {
      const float rate = LearningRate(options, step, 100);
      EXPECT_GT(rate, 0) << schedule.name;
      EXPECT_LE(rate, before) << schedule.name;
      before = rate;
    }
    EXPECT_EQ(before < 0.001f, schedule.needs_length) << schedule.name;
  }
  options.learning_rate = 1;
  const auto rate = [&](const char* schedule, int64_t step) {
    options.schedule = schedule;
    return LearningRate(options, step, 100);
  };
  EXPECT_FLOAT_EQ(rate("cosine", 51), 0.5f);
  EXPECT_FLOAT_EQ(rate("cosine", 26), 0.85355339f);
  EXPECT_FLOAT_EQ(rate("linear", 76), 0.25f);
  EXPECT_FLOAT_EQ(rate("polynomial", 51), 0.25f);
  EXPECT_FLOAT_EQ(rate("step", 34), 1);
  EXPECT_FLOAT_EQ(rate("step", 36), 0.1f);
  EXPECT_FLOAT_EQ(rate("step", 100), 0.01f);
  options.final_learning_rate = 0.2f;
  EXPECT_FLOAT_EQ(rate("cosine", 51), 0.6f);
  EXPECT_FLOAT_EQ(rate("polynomial", 51), 0.4f);
  options.final_learning_rate = 0;
  options.warmup = 0.2f;
  EXPECT_FLOAT_EQ(rate("constant", 1), 0.05f);
  EXPECT_FLOAT_EQ(rate("constant", 20), 1);
  EXPECT_FLOAT_EQ(rate("cosine", 21), 1);
  EXPECT_FLOAT_EQ(rate("cosine", 61), 0.5f);
}

// A class that counts twice is one whose samples are there twice; smoothing
// gives every class its share.
TEST(Losses, WeightsAndSmoothingAreOfTheTargets) {
  const DatasetPtr data = Labelled(60);
  const Graph model = SmallCnn();
  TrainOptions options;
  options.loss = "sparse_categorical_crossentropy";
  const Tensor& output = model.tensor(model.outputs[0]);
  const Loss& loss = FindLoss(options.loss);
  const auto gradient = [&](const TrainOptions& with) {
    LossHead head(loss, output, *data, 0, TuningOf(loss, with, *data, 60));
    BatchReader reader(*data, 1);
    const float logits[] = {0.5f, -1, 2};
    std::vector<float> result(4);
    result[3] = static_cast<float>(
        head(reader.Read(int64_t{0}, 1), 0, 1, logits, 1, result.data()).loss);
    return result;
  };
  const std::vector<float> plain = gradient(options);
  options.class_weights = "2,2,2";
  const std::vector<float> doubled = gradient(options);
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT_NEAR(doubled[i], 2 * plain[i], 1e-5f);
  options.class_weights = "";
  options.label_smoothing = 0.3f;
  const std::vector<float> smooth = gradient(options);
  // The softmax less the smoothed target.
  for (size_t i = 0; i < 3; ++i) {
    const bool is_label = plain[i] < 0;
    EXPECT_NEAR(smooth[i], plain[i] + (is_label ? 0.3f - 0.1f : -0.1f), 1e-5f);
  }
  options.label_smoothing = 0;
  options.class_weights = "balanced";
  float sum = 0;
  for (const float weight : TuningOf(loss, options, *data, 60).class_weights)
    sum += 1 / weight;
  EXPECT_NEAR(sum, 3, 1e-4f);
  for (const char* bad : {"1,2", "1,2,0", "1,2,x", "1,2,3,4"}) {
    options.class_weights = bad;
    EXPECT_THROW(TuningOf(loss, options, *data, 60), Error) << bad;
  }
}

TEST(Losses, OneThatFitsHeadAndDataIsChosen) {
  EXPECT_EQ(LossFor(SmallCnn(), *Labelled(9), kAutoLoss),
            "sparse_categorical_crossentropy");
  EXPECT_EQ(LossFor(SmallCnn(), *Valued(9), kAutoLoss), "mse");
  EXPECT_EQ(LossFor(SmallCnn(), *Valued(9), "mae"), "mae");
  Graph probable = SmallCnn();
  probable.outputs =
      probable.AddNode(kSoftmax, "p", {probable.outputs[0]}, {"p"}).outputs;
  probable.nodes.back().Set<&SoftmaxAttrs::beta>(1);
  InferShapes(&probable);
  EXPECT_EQ(LossFor(probable, *Valued(9), kAutoLoss),
            "categorical_crossentropy");
}

// It stops once the held-out samples get no better, and gives what was best; a
// checkpoint knows that, too.
TEST(EarlyStopping, GoesBackToTheBestEpoch) {
  const std::string path =
      testing::TempDir() + "litesmith_early_" + std::to_string(getpid());
  const DatasetPtr data = Labelled(40);
  TrainOptions options = Options(60);
  options.validation_split = 0.3;
  options.learning_rate = 0.05f;
  options.early_stopping = 2;
  const TrainResult result = Train(SmallCnn(), *data, options, nullptr);
  ASSERT_LT(result.epochs.size(), 60u);
  const auto best =
      std::min_element(result.epochs.begin(), result.epochs.end(),
                       [](const EpochResult& a, const EpochResult& b) {
                         return a.validation_loss < b.validation_loss;
                       });
  EXPECT_EQ(result.epochs.end() - 1 - best, 2);
  const DatasetPtr held_out = Slice(data, 28, 40);
  EXPECT_EQ(EvaluateFloat(result.graph, *held_out, options).loss,
            best->validation_loss);
  std::filesystem::remove(path);
  options.checkpoint = path;
  const auto epochs = static_cast<int>(best - result.epochs.begin()) + 2;
  options.epochs = epochs;
  Train(SmallCnn(), *data, options, nullptr);
  options.epochs = 60;
  ExpectSameBits(Train(SmallCnn(), *data, options, nullptr).graph,
                 result.graph);
  std::filesystem::remove(path);
}

// With all of its weight a pupil learns the teacher's answers, whatever the
// labels say.
TEST(Distillation, PupilsAnswerAsTheirTeacher) {
  const DatasetPtr data = Labelled(200);
  TrainOptions options = Options(20);
  const Graph teacher = Train(SmallCnn(), *data, options, nullptr).graph;
  Samples wrong = Make(200);
  for (uint8_t& label : wrong.labels) label = (label + 1) % 3;
  const DatasetPtr other =
      LabelledBytes({6, 6, 2}, 3, wrong.pixels, wrong.labels);
  options.distill_weight = 1;
  options.epochs = 60;
  const TrainResult pupil =
      Train(SmallCnn(), *other, options, nullptr, &teacher);
  EXPECT_GT(EvaluateFloat(pupil.graph, *data, options).accuracy, 0.9);
  EXPECT_LT(EvaluateFloat(pupil.graph, *other, options).accuracy, 0.1);
}

TEST(Clipping, KeepsTheGradientSmall) {
  const DatasetPtr data = Labelled(64);
  TrainOptions options = Options(1);
  options.loss = "sparse_categorical_crossentropy";
  options.optimizer = "sgd";
  options.momentum = 0;
  options.learning_rate = 1;
  options.batch = 64;
  options.clip_norm = 0.125f;
  const Graph before = SmallCnn();
  TrainingRun run(before, *data, options);
  const std::vector<float> start(run.plan().parameters().begin(),
                                 run.plan().parameters().end());
  BatchReader reader(*data, 64);
  run.Step(reader.Read(int64_t{0}, 64));
  double squares = 0;
  for (size_t i = 0; i < start.size(); ++i) {
    const double moved = double{run.plan().parameters()[i]} - double{start[i]};
    squares += moved * moved;
  }
  EXPECT_NEAR(std::sqrt(squares), 0.125, 1e-4);
}

TEST(TrainingRows, CheckpointsKeepWhateverTheOptimizerKeeps) {
  const std::string path =
      testing::TempDir() + "litesmith_rows_" + std::to_string(getpid());
  for (const Optimizer& optimizer : Optimizers()) {
    TrainOptions options = Options(4);
    options.optimizer = optimizer.name;
    const DatasetPtr data = Labelled(100);
    const TrainResult straight = Train(SmallCnn(), *data, options, nullptr);
    std::filesystem::remove(path);
    options.checkpoint = path;
    options.epochs = 2;
    Train(SmallCnn(), *data, options, nullptr);
    TrainOptions other = options;
    other.momentum = 0.5f;
    other.loss = "mse";
    other.optimizer = optimizer.name == std::string("sgd") ? "adam" : "sgd";
    const std::string error =
        ErrorOf([&] { Train(SmallCnn(), *Valued(100), other, nullptr); });
    EXPECT_NE(error.find("momentum 0.9 there, 0.5 here"), std::string::npos)
        << error;
    EXPECT_NE(error.find("loss sparse_categorical_crossentropy there, mse"),
              std::string::npos);
    EXPECT_NE(error.find("optimizer "), std::string::npos);
    EXPECT_NE(error.find("other data"), std::string::npos);
    options.epochs = 4;
    ExpectSameBits(Train(SmallCnn(), *data, options, nullptr).graph,
                   straight.graph);
  }
  // A schedule that ends with the training is another one with more epochs.
  TrainOptions options = Options(2);
  options.schedule = "cosine";
  options.checkpoint = path;
  std::filesystem::remove(path);
  Train(SmallCnn(), *Labelled(100), options, nullptr);
  options.epochs = 4;
  EXPECT_NE(ErrorOf([&] {
              Train(SmallCnn(), *Labelled(100), options, nullptr);
            }).find("epochs 2 there, 4 here"),
            std::string::npos);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace litesmith
