// The command line's entry: the verbs, the overview, and the one place where
// an Error becomes a message and an exit code.
#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "src/base/descriptor.h"
#include "src/base/error.h"
#include "src/base/progress.h"
#include "src/base/timer.h"
#include "src/base/warning.h"
#include "src/cli/help.h"
#include "src/cli/json.h"
#include "src/cli/no_fit.h"
#include "src/cli/options.h"
#include "src/cli/terminal.h"
#include "src/cli/terminal_progress.h"
#include "src/cli/usage.h"
#include "src/cli/verb.h"
#include "src/cli/version.h"

namespace litesmith {
namespace {

constexpr char kOverview[] =
    R"(Litesmith takes a small neural network from training to the .tflite file that
is worth shipping: it trains, prunes, clusters, trains quantization-aware,
converts to every numeric format, runs the files that it wrote, and prints
accuracy, latency and size side by side.

Start here:
  litesmith study --data digits --out runs/first
      puts the built-in mnist-cnn through eleven recipes on built-in data, writes
      each result in six formats to runs/first, and prints the table of 66 rows.
      Takes seconds, needs nothing else.

One step at a time:
  litesmith train mnist-cnn --data mnist:DIR -o model.h5
  litesmith optimize model.h5 --recipe prune_pqat --data mnist:DIR -o small.h5
  litesmith convert small.h5 --method uint8 -o m.tflite
  litesmith evaluate m.tflite --data mnist:DIR
  litesmith benchmark m.tflite
  litesmith inspect m.tflite
  litesmith run m.tflite --input x.npy --output y.npy --quantize

Which file to take, and how two of them differ:
  litesmith advise runs/first --target mcu --flash 64K --ram 20K
  litesmith compare model.h5 m.tflite --data mnist:DIR
  litesmith report runs/first

Models are built-in names, Keras files (.h5, .keras) or .tflite files. What
there is to choose from: `litesmith list recipes|parameters|techniques|methods|
ops|layers|models|datasets|data-options|losses|optimizers|schedules|metrics`.)";

constexpr char kFooter[] =
    R"(Exit codes:
  0    done
  1    internal error, a bug in Litesmith
  2    invalid argument or usage
  3    not found: a file, a tensor, a name
  4    corrupt: a file's bytes contradict its format
  5    unsupported: valid, but outside what Litesmith does
  6    io: the system refused a read or a write
  7    invariant: an exported file lacks what its recipe promised
  8    no file fits what `advise` was asked for
  9    out of memory
  130  interrupted by Ctrl-C; by a hangup 129, by SIGTERM 143

`litesmith help VERB` explains each verb.)";

volatile sig_atomic_t stop_signal = SIGINT;

int ExitCode(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
      return 2;
    case ErrorKind::kNotFound:
      return 3;
    case ErrorKind::kCorrupt:
      return 4;
    case ErrorKind::kUnsupported:
      return 5;
    case ErrorKind::kIo:
      return 6;
    case ErrorKind::kInvariant:
      return 7;
    case ErrorKind::kOutOfMemory:
      return 9;
    case ErrorKind::kInterrupted:
      return 128 + stop_signal;
  }
  return 1;
}

// The first Ctrl-C, hangup or SIGTERM asks to stop at the next safe point, the
// second one stops. Waits for input are not restarted: they ask as well.
void StopOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) {
    stop_signal = signal;
    RequestStop();
  };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGHUP, SIGTERM}) {
    // What the caller has made this process ignore (nohup, `cmd &` of a
    // script) stays ignored.
    struct sigaction before;
    if (sigaction(signal, nullptr, &before) == 0 &&
        before.sa_handler != SIG_IGN) {
      sigaction(signal, &action, nullptr);
    }
  }
  // A file at the limit of `ulimit -f` is then an error as a full disk is.
  signal(SIGXFSZ, SIG_IGN);
}

// Says what ends the program: "litesmith: KIND: TEXT".
void Say(std::string_view kind, std::string_view text) {
  fprintf(
      stderr, "%s\n",
      ForStandardError(fmt::format("litesmith: {}:", kind), text, Style::kBad)
          .c_str());
}

// What those who want every step want to know of the whole.
void TellCost(double seconds) {
  if (GetVerbosity() != Verbosity::kVerbose) return;
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  fprintf(stderr, "litesmith: %.2f s, %.1f MB of memory at most\n", seconds,
          static_cast<double>(usage.ru_maxrss) / 1024);
}

// -q and -v of a verb.
void AddVerbosity(CLI::App* verb) {
  verb->add_flag_callback(
      "-q,--quiet", [] { SetVerbosity(Verbosity::kQuiet); },
      "Say nothing but results and errors");
  verb->add_flag_callback(
      "-v,--verbose", [] { SetVerbosity(Verbosity::kVerbose); },
      "Say every step, what took how long, and how much memory");
}

// Says what went wrong and gives the exit code.
int Report(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    Say(Name(error.kind()), error.what());
    return ExitCode(error.kind());
  } catch (const NoFit& none) {
    fprintf(stderr, "litesmith: %s\n", none.what());
    return kNoFitExitCode;
  } catch (const std::bad_alloc&) {
    // Without taking more.
    fprintf(stderr,
            "litesmith: out of memory: the system gave no more; a smaller "
            "model, batch or number of threads would take less\n");
    return ExitCode(ErrorKind::kOutOfMemory);
  } catch (const std::exception& error) {
    Say("internal error",
        fmt::format("{}. This is a bug in Litesmith; please report it.",
                    error.what()));
  }
  return 1;
}

// What is thrown where nothing may be, as in a destructor or a thread of its
// own.
[[noreturn]] void Terminate() {
  const std::exception_ptr failure = std::current_exception();
  _exit(failure != nullptr ? Report(failure) : 1);
}

int Main(int argc, char** argv) {
  CLI::App app(kOverview, "litesmith");
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kFooter);
  app.set_version_flag("-V,--version", VersionText,
                       "Print the version, what it was built from and how");
  app.set_help_flag("-h,--help", "Print this help and exit");
  AddStudy(&app);
  AddReport(&app);
  AddNew(&app);
  AddTrain(&app);
  AddOptimize(&app);
  AddConvert(&app);
  AddEvaluate(&app);
  AddRun(&app);
  AddAdvise(&app);
  AddCompare(&app);
  AddBenchmark(&app);
  AddInspect(&app);
  AddList(&app);
  AddCompletion(&app);
  app.require_subcommand(0, 1);
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) {
    // Every verb's own help ends without the table of exit codes.
    verb->footer("");
    AddVerbosity(verb);
  }
  if (argc <= 1) {
    PrintOut(app.help());
    return 0;
  }
  StopOnSignals();
  SetWarningSink(PrintWarning);
  // CLI11 takes them from the last to the first.
  std::vector<std::string> arguments = WithoutWords({argv + 1, argv + argc});
  std::reverse(arguments.begin(), arguments.end());
  if (arguments == std::vector<std::string>{"--json", "--version"}) {
    PrintJson(VersionJson());
    return 0;
  }
  const Timer timer;
  try {
    app.parse(std::move(arguments));
    TellCost(timer.Seconds());
    if (app.get_subcommands().empty()) {
      Say("invalid argument", "a verb is wanted; see `litesmith --help`");
      return 2;
    }
  } catch (const CLI::Success& success) {
    // --help, --version
    const std::string unknown = UnknownArgument(app);
    if (unknown.empty() || !app.get_subcommands().empty()) {
      std::ostringstream text;
      const int code = app.exit(success, text, text);
      PrintOut(text.str());
      return code;
    }
    Say("invalid argument", unknown);
    fprintf(stderr, "See `litesmith --help`.\n");
    return 2;
  } catch (const CLI::ParseError& error) {
    Say("invalid argument", ExplainUsage(app, error));
    for (const CLI::App* verb : app.get_subcommands())
      fprintf(stderr, "See `litesmith %s --help`.\n", verb->get_name().c_str());
    if (app.get_subcommands().empty())
      fprintf(stderr, "See `litesmith --help`.\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace litesmith

int main(int argc, char** argv) {
  litesmith::OpenStandardDescriptors();
  std::set_terminate(litesmith::Terminate);
  try {
    return litesmith::Main(argc, argv);
  } catch (...) {
    return litesmith::Report(std::current_exception());
  }
}
