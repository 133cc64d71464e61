// Milliseconds of one optimizer step of mnist-cnn, batch 128, by recipe and by
// number of threads: what compare.py sets against TensorFlow's and TFMOT's.
//
//   train_step_bench [--json] [--threads N] [--data SPEC] [--steps N]
//                    [--repeats N]
//
// Recipes and thread counts (without --threads: one and two) take turns, N
// steps at a time; given are the median and the best of the turns, and the
// processor time, which other programs disturb less. --json prints
// {"plain": {"ms": median, "best_ms": .., "cpu_ms": ..}, ..} and wants
// --threads.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/rng.h"
#include "src/data/batch.h"
#include "src/data/sources.h"
#include "src/models/models.h"
#include "src/optimize/recipes.h"
#include "src/optimize/step_graph.h"
#include "src/train/training_run.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

constexpr struct {
  const char* name;
  const char* recipe;
} kSteps[] = {{"plain", "none"},
              {"prune", "prune"},
              {"cluster", "cluster"},
              {"qat", "quant"},
              {"pcqat", "prune_cluster_pcqat"}};
// How long a real fine-tune is: pruning's schedule depends on it.
constexpr int64_t kStepsOfTraining = 2110;

struct Settings {
  bool json = false;
  int threads = 0;  // 0: one, and two
  std::string data = "digits";
  int steps = 50;
  int repeats = 20;
};

// Of all threads of this process.
double CpuMilliseconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 +
         static_cast<double>(time.tv_nsec) * 1e-6;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A training that goes on and on.
class Subject {
 public:
  Subject(std::string name, const Graph& graph, const Dataset& data,
          int threads)
      : name_(std::move(name)), size_(data.size()) {
    options_.threads = threads;
    run_ = std::make_unique<TrainingRun>(graph, data, options_);
    reader_ = std::make_unique<BatchReader>(data, options_.batch);
    samples_.resize(static_cast<size_t>(options_.batch));
  }

  const std::string& name() const { return name_; }
  int threads() const { return options_.threads; }
  Graph Export() const { return run_->plan().Export(); }

  // One turn of so many steps.
  void Run(int steps) {
    const auto start = Clock::now();
    const double cpu_start = CpuMilliseconds();
    for (int s = 0; s < steps; ++s) {
      for (int32_t& sample : samples_)
        sample = static_cast<int32_t>(rng_.Below(static_cast<uint32_t>(size_)));
      run_->Step(reader_->Read(samples_, {}));
    }
    cpu_times_.push_back((CpuMilliseconds() - cpu_start) / steps);
    times_.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - start)
            .count() /
        steps);
  }

  // Milliseconds a step, of all turns after the first: that one warms.
  double BestMs() const {
    return *std::min_element(times_.begin() + 1, times_.end());
  }
  double MedianMs() const { return Median({times_.begin() + 1, times_.end()}); }
  double CpuMs() const {
    return *std::min_element(cpu_times_.begin() + 1, cpu_times_.end());
  }

 private:
  std::string name_;
  int64_t size_;
  TrainOptions options_;
  std::unique_ptr<TrainingRun> run_;
  std::unique_ptr<BatchReader> reader_;
  Rng rng_{1};
  std::vector<int32_t> samples_;
  std::vector<double> times_;
  std::vector<double> cpu_times_;
};

// The graph that a recipe's last step trains, after a short training by each
// step before it.
Graph GraphOf(const RecipeTable& table, const char* name, const Dataset& data) {
  Graph graph = LoadModel("mnist-cnn", 1);
  bool first = true;
  for (const Recipe* recipe : table.Lineage(table.Find(name))) {
    for (const RecipeStep& step : recipe->steps) {
      if (!first) {
        Subject before(name, graph, data, 1);
        before.Run(30);
        graph = StripTrainingOps(before.Export());
      }
      first = false;
      graph = ApplyStep(graph, step, kStepsOfTraining);
    }
  }
  return graph;
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      settings.json = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    if (option == "--threads") {
      settings.threads = std::max(1, std::atoi(value));
    } else if (option == "--data") {
      settings.data = value;
    } else if (option == "--steps") {
      settings.steps = std::max(1, std::atoi(value));
    } else if (option == "--repeats") {
      settings.repeats = std::max(1, std::atoi(value));
    } else {
      Fail(ErrorKind::kInvalidArgument, "unknown option {}", option);
    }
  }
  if (settings.json && settings.threads == 0) {
    Fail(ErrorKind::kInvalidArgument, "--json wants --threads");
  }
  return settings;
}

void Print(const std::vector<std::unique_ptr<Subject>>& subjects, bool json) {
  const char* comma = "";
  std::printf(json ? "{" : "step    threads  median ms  best ms   cpu ms\n");
  for (const auto& s : subjects) {
    if (json) {
      std::printf(
          "%s\"%s\": {\"ms\": %.5f, \"best_ms\": %.5f, \"cpu_ms\": %.5f}",
          comma, s->name().c_str(), s->MedianMs(), s->BestMs(), s->CpuMs());
      comma = ", ";
    } else {
      std::printf("%-8s %6d %10.4f %8.4f %8.4f\n", s->name().c_str(),
                  s->threads(), s->MedianMs(), s->BestMs(), s->CpuMs());
    }
  }
  if (json) std::printf("}\n");
}

void Run(const Settings& settings) {
  const DatasetPtr data = LoadData(settings.data).train.Open();
  const RecipeTable table;
  std::vector<std::unique_ptr<Subject>> subjects;
  std::vector<int> counts = {settings.threads};
  if (settings.threads == 0) counts = {1, 2};
  for (const auto& step : kSteps) {
    const Graph graph = GraphOf(table, step.recipe, *data);
    for (const int threads : counts) {
      subjects.push_back(
          std::make_unique<Subject>(step.name, graph, *data, threads));
    }
  }
  for (int r = 0; r < settings.repeats + 1; ++r) {
    for (const auto& subject : subjects) subject->Run(settings.steps);
  }
  Print(subjects, settings.json);
}

}  // namespace
}  // namespace litesmith

int main(int argc, char** argv) {
  try {
    litesmith::Run(litesmith::Parse(argc, argv));
  } catch (const litesmith::Error& error) {
    std::fprintf(stderr, "train_step_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
