// Times every kernel of every op, one thread, at the sizes that ops have in
// real networks. It has no list of its own: ops are those of ops.inc, sizes the
// cases of tests/conformance that say `timed`, kernels the ops' rows and the
// fusions that fit such a case. Of a training kernel forward and backward.
//
//   op_bench [--op NAME] [--filter TEXT] [--batch N] [--seconds S] [--json]
//   op_bench --list
//
// --op takes an op ("conv_2d") or "fusion", --filter what has the text in
// "case kernel pass". --batch are the samples of a call (1; of training 16, a
// shard of a batch of 128), --seconds how long each is repeated (0.1). --list
// names what would be timed and prepares it. A kernel for speed or training
// that no case times is an error.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "bench/op_runs.h"
#include "src/base/error.h"

namespace litesmith {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string op;  // empty: all
  std::string filter;
  int batch = 0;  // 0: as ForEachRun has it
  double seconds = 0.1;
  bool json = false;
  bool list = false;
};

struct Times {
  double median_us = 0;
  double best_us = 0;
};

// Of one call: a few at a time, until the seconds are over.
Times Measure(const std::function<void()>& call, double seconds) {
  const auto run = [&](int calls) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  run(1);
  int calls = 1;
  while (run(calls) < seconds / 20 && calls < 1 << 28) calls *= 2;
  std::vector<double> times;
  for (double spent = 0; spent < seconds || times.size() < 3;) {
    times.push_back(run(calls) * 1e6 / calls);
    spent += times.back() * 1e-6 * calls;
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times[0]};
}

class Printer {
 public:
  explicit Printer(const Settings& settings) : settings_(settings) {}

  void Add(const OpRun& run) {
    if (settings_.list) {
      fmt::print("{} {} {}\n", run.name, run.kernel, run.pass);
      return;
    }
    if (first_) Begin();
    const Times times = Measure(run.call, settings_.seconds);
    const double gmacs = run.macs * 1e-3 / times.median_us;
    const double of_peak = run.macs > 0 ? gmacs * 1e9 / PeakMacs(run.peak) : 0;
    const double gbytes = run.bytes * 1e-3 / times.median_us;
    if (settings_.json) {
      fmt::print(
          "{}\n{{\"op\": \"{}\", \"case\": \"{}\", \"kernel\": \"{}\", "
          "\"pass\": \"{}\", \"batch\": {}, \"us\": {:.6g}, \"best_us\": "
          "{:.6g}, \"macs\": {:.0f}, \"of_peak\": {:.4g}, \"bytes\": {:.0f}}}",
          first_ ? "" : ",", run.op, run.name, run.kernel, run.pass, run.batch,
          times.median_us, times.best_us, run.macs, of_peak, run.bytes);
    } else {
      const bool has = run.macs > 0;
      fmt::print(
          "{:<46} {:<45} {:<9} {:>5} {:>10.3f} {:>10.3f} {:>8} {:>8} "
          "{:>7.2f}\n",
          run.name, run.kernel, run.pass, run.batch, times.median_us,
          times.best_us, has ? fmt::format("{:.2f}", gmacs) : "-",
          has ? fmt::format("{:.1f} %", of_peak * 100) : "-", gbytes);
    }
    std::fflush(stdout);
    first_ = false;
  }

  void End() const {
    if (settings_.json) fmt::print("{}\n]\n", first_ ? "[" : "");
  }

 private:
  void Begin() const {
    if (settings_.json) {
      fmt::print("[");
    } else {
      fmt::print("{:<46} {:<45} {:<9} {:>5} {:>10} {:>10} {:>8} {:>8} {:>7}\n",
                 "case", "kernel", "pass", "batch", "us", "best us", "GMAC/s",
                 "of peak", "GB/s");
    }
  }

  const Settings& settings_;
  bool first_ = true;
};

// The kernels for which there must be a timed case: all but reference rows,
// which share one with a faster row or have types that few networks use. Of
// fusions those that any case reaches: a machine may be without one.
std::set<std::string> KernelsToTime(const CaseFile& file) {
  std::set<std::string> kernels;
  if (file.op == nullptr) {
    for (const Case& c : file.make()) {
      ForEachRun(file, c, 1,
                 [&](const OpRun& run) { kernels.insert(run.kernel); });
    }
    return kernels;
  }
  for (const KernelRow& row : file.op->rows) {
    if (row.purpose != Purpose::kReference) kernels.insert(row.name);
  }
  return kernels;
}

// Whether every kernel has a case. Counts what passed the filter.
bool RunFile(const CaseFile& file, const Settings& settings, Printer* printer,
             int* count) {
  const char* why = file.op != nullptr ? WhyNotTimed(*file.op) : nullptr;
  if (why != nullptr) {
    if (settings.list) fmt::print("{}: not timed: {}\n", file.name, why);
    ++*count;
    return true;
  }
  std::set<std::string> missing = KernelsToTime(file);
  for (const Case& c : file.make()) {
    if (!c.timed) continue;
    ForEachRun(file, c, settings.list ? 1 : settings.batch,
               [&](const OpRun& run) {
                 missing.erase(run.kernel);
                 const std::string text =
                     fmt::format("{} {} {}", run.name, run.kernel, run.pass);
                 if (text.find(settings.filter) == std::string::npos) return;
                 ++*count;
                 printer->Add(run);
               });
  }
  for (const std::string& kernel : missing) {
    fmt::print(stderr,
               "op_bench: {}: no case of its file in tests/conformance times "
               "{}: Case::timed says which do\n",
               file.name, kernel);
  }
  return missing.empty();
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json" || option == "--list") {
      (option == "--json" ? settings.json : settings.list) = true;
      continue;
    }
    const char* value = i + 1 < argc ? argv[++i] : "";
    if (option == "--op") {
      settings.op = value;
    } else if (option == "--filter") {
      settings.filter = value;
    } else if (option == "--batch") {
      settings.batch = std::max(1, std::atoi(value));
    } else if (option == "--seconds") {
      settings.seconds = std::max(1e-3, std::atof(value));
    } else {
      Fail(ErrorKind::kInvalidArgument, "unknown option {}", option);
    }
  }
  if (settings.json && settings.list)
    Fail(ErrorKind::kInvalidArgument, "--list is plain text: leave out --json");
  return settings;
}

bool Run(const Settings& settings) {
  bool complete = true;
  int count = 0;
  Printer printer(settings);
  for (const CaseFile& file : CaseFiles()) {
    if (!settings.op.empty() && settings.op != file.name &&
        (file.op == nullptr || settings.op != file.op->name))
      continue;
    complete &= RunFile(file, settings, &printer, &count);
  }
  if (count == 0) {
    Fail(ErrorKind::kInvalidArgument,
         "nothing is named so: --list gives what there is");
  }
  printer.End();
  return complete;
}

}  // namespace
}  // namespace litesmith

int main(int argc, char** argv) {
  try {
    return litesmith::Run(litesmith::Parse(argc, argv)) ? 0 : 1;
  } catch (const litesmith::Error& error) {
    std::fprintf(stderr, "op_bench: %s\n", error.what());
    return 1;
  }
}
