// litesmith benchmark: how long an inference of a file takes on this machine.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/base/isa.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/rng.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/plan_profile.h"
#include "src/cli/verb.h"
#include "src/measure/latency.h"
#include "src/models/models.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

// Calls between two looks at a requested stop and at the time that is over.
constexpr int kCalls = 64;

struct BenchmarkFlags {
  std::string file;
  int batch = 1;
  double seconds = 1;
  double warm_up = 0.2;
  bool json = false;
  bool profile = false;
  RuntimeFlags runtime;
};

// Values in [0, 1) for floats, any bytes for integers; the same in every run.
void FillInputs(Interpreter* interpreter) {
  Rng rng(1);
  for (int i = 0; i < interpreter->num_inputs(); ++i) {
    const std::span<std::byte> input = interpreter->input(i);
    if (interpreter->input_tensor(i).dtype == DType::kFloat32) {
      for (size_t k = 0; k < input.size(); k += sizeof(float)) {
        const float value = rng.Uniform();
        std::memcpy(input.data() + k, &value, sizeof(float));
      }
    } else if (IsInteger(interpreter->input_tensor(i).dtype)) {
      for (std::byte& b : input) b = static_cast<std::byte>(rng.Below(256));
    }
  }
}

double Micros(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

void PerformBenchmark(const BenchmarkFlags& options) {
  const Graph graph = LoadModel(options.file, 1);
  WarnNotFinite(graph, options.file);
  WarnIfNumericsUnused(options.runtime, graph);
  const int threads = ThreadCount(options.runtime.threads);
  InterpreterOptions plan;
  plan.batch = options.batch;
  plan.numerics = options.runtime.Contract();
  plan.reference = options.runtime.reference;
  std::vector<Interpreter> interpreters;
  for (int t = 0; t < threads; ++t) {
    interpreters.emplace_back(graph, plan);
    FillInputs(&interpreters.back());
  }
  // Repeats blocks of calls on every thread for this long; keeps their times.
  std::vector<std::vector<double>> times(static_cast<size_t>(threads));
  const auto repeat = [&](double seconds, bool keep) {
    const auto start = Clock::now();
    do {
      ThrowIfStopRequested();
      ParallelFor(threads, threads, [&](int t) {
        Interpreter& interpreter = interpreters[static_cast<size_t>(t)];
        double block[kCalls];
        auto last = Clock::now();
        for (double& call : block) {
          interpreter.Invoke();
          const auto now = Clock::now();
          call = Micros(now - last) / options.batch;
          last = now;
        }
        if (!keep) return;
        std::vector<double>& mine = times[static_cast<size_t>(t)];
        mine.insert(mine.end(), block, block + kCalls);
      });
    } while (Micros(Clock::now() - start) < seconds * 1e6);
  };
  repeat(options.warm_up, /*keep=*/false);
  repeat(options.seconds, /*keep=*/true);
  std::vector<double> all;
  for (const std::vector<double>& mine : times)
    all.insert(all.end(), mine.begin(), mine.end());

  std::vector<StepTime> steps;
  if (options.profile) steps = ProfilePlan(&interpreters[0], options.seconds);
  const double min_us = Percentile(&all, 0);
  const double p50 = Percentile(&all, 0.5);
  const double p90 = Percentile(&all, 0.9);
  const double p99 = Percentile(&all, 0.99);
  if (options.json) {
    const OrderedJson json = {
        {"min_us", min_us},
        {"p50_us", p50},
        {"p90_us", p90},
        {"p99_us", p99},
        {"runs", all.size()},
        {"batch", options.batch},
        {"threads", threads},
        {"isa", IsaName()},
        {"arena_bytes", interpreters[0].arena_bytes()},
        {"profile", options.profile ? ProfileJson(steps) : OrderedJson()}};
    PrintJson(json);
    return;
  }
  PrintLine(fmt::format(
      "microseconds an inference: min {:.2f}, p50 {:.2f}, p90 {:.2f}, p99 "
      "{:.2f} ({} runs, batch {}, {}, {}, arena {} bytes)",
      min_us, p50, p90, p99, all.size(), options.batch,
      Counted(threads, "thread"), IsaName(), interpreters[0].arena_bytes()));
  if (options.profile) PrintOut(ProfileText(steps));
}

}  // namespace

void AddBenchmark(CLI::App* app) {
  const auto options = std::make_shared<BenchmarkFlags>();
  options->runtime.threads = 1;
  CLI::App* verb = app->add_subcommand(
      "benchmark",
      "Warm up, then time inferences of a file on made-up input, and print\n"
      "microseconds an inference. With --batch N a run is N inferences and "
      "its\n"
      "time is divided by N; with --threads N, N runs go on at the same time,\n"
      "each on a thread of its own.");
  verb->add_option("file", options->file,
                   "A .tflite, .h5 or .keras file, or a built-in")
      ->type_name("FILE")
      ->required();
  AddNumber<int>(verb, "--batch", &options->batch, "Inferences a run",
                 {1, 65536});
  AddNumber<double>(verb, "--seconds", &options->seconds, "How long to measure",
                    {0, 3600});
  AddNumber<double>(verb, "--warm-up", &options->warm_up,
                    "Seconds before anything counts", {0, 3600});
  verb->add_flag("--profile", options->profile,
                 "Then time each kernel alone for as long, on one thread, and "
                 "print its\n"
                 "share of the time and of this machine's peak");
  AddJson(verb, &options->json);
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { PerformBenchmark(*options); });
}

}  // namespace litesmith
