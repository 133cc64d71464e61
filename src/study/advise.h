// Which recipe and method for a device, and why: from what a study has
// measured where there is one, else from the decision tree of quantization.
#ifndef LITESMITH_STUDY_ADVISE_H_
#define LITESMITH_STUDY_ADVISE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/study/study.h"

namespace litesmith {

// What a file is run on, and which methods it takes.
struct Target {
  const char* name;     // of --target
  const char* summary;  // what it runs: "full-integer files: ..."
  // Of the files that fit, those that are best for it come first.
  std::vector<std::string> methods;
  bool full_integer;   // it takes nothing else
  bool codes_weights;  // zeros and few values make weights smaller on it
};
std::span<const Target> Targets();
// Throws Error{invalid argument} with the nearest name.
const Target& FindTarget(std::string_view name);

// What a file may take and lose; nothing where no budget is given.
struct Budgets {
  std::optional<int64_t> flash;    // bytes of the file
  std::optional<int64_t> ram;      // bytes of the arena of activations
  std::optional<double> max_drop;  // points below the baseline
};

// One budget that a file exceeds.
struct Miss {
  const char* budget;  // "flash", "ram", "max_drop"
  double value = 0;    // what the file has
  double limit = 0;    // what was asked for
};

// One row as the adviser sees it.
struct AdviceRow {
  size_t row = 0;   // of those given
  double drop = 0;  // points below the baseline, negative above it
  std::vector<Miss> misses;
};

// What could be tried, and the command for it.
struct NextStep {
  std::string text;
  std::string command;  // may be empty
};

// One question of the tree and its answer.
struct TreeStep {
  std::string question;
  std::string answer;
};

struct Advice {
  // The files that keep their promises, are of the target's methods and of the
  // metric of the first row.
  std::optional<size_t> baseline;    // a row: losses are counted from it
  std::optional<AdviceRow> best;     // if anything fits
  std::optional<AdviceRow> nearest;  // if nothing does
  int64_t fitting = 0;               // how many files fit
  int64_t considered = 0;            // of how many
  // Without results: what the tree says.
  std::string recipe;
  std::string method;
  std::vector<TreeStep> tree;
  std::vector<NextStep> next;
};

// Of several files that fit: with a budget of bytes (flash or ram) the one that
// loses least, else the smallest; of equal ones the one with fewer bytes, or
// the lower loss; then the target's first method, the lower latency, the first
// row. Without any budget, max_drop is half a point. If none fits, the nearest
// miss is the file whose largest excess, as a share of the budget (of half a
// point at least), is least. The baseline is the float file of `none` with the
// same settings; if there is none, the best result. Where the metric is no
// share, a point is a percent of the baseline. An arena that is not known (0)
// is beyond every budget of ram. Empty `rows`: the tree alone.
// `directory` is where the rows are, for the commands of what comes next.
Advice Advise(std::span<const StudyRow> rows, const Target& target,
              const Budgets& budgets, const std::string& directory = "");

// The decision tree of quantization for the target, with what the rows say of
// its questions where they do, and what is left to try. Sets recipe and method
// where there is no result to recommend, tree and next always.
void WalkTree(std::span<const StudyRow> rows, const Target& target,
              const Budgets& budgets, const std::string& directory,
              Advice* advice);

// Points that the row loses against the baseline; of several outputs what the
// one loses that loses most.
double DropOf(const StudyRow& row, const StudyRow& baseline);

// The row that losses are counted from, of those with the settings of `like`,
// which is one of them: the float file of `none`, a Keras file before a
// .tflite; else the best whose promises hold, else the best.
size_t BaselineOf(std::span<const StudyRow> rows, const StudyRow& like);

// What the choice of a file goes by: everything that shows results and names
// one of them asks here, so that no two answers differ.
struct Choice {
  double drop = 0;  // points below the baseline of its settings
  // Of its method among the target's; -1: the row is no answer, being of
  // another method or metric, or having a broken promise.
  int place = -1;
};
std::vector<Choice> ChoicesOf(std::span<const StudyRow> rows,
                              const Target& target);

// "64K" -> 65536, "1.5M" -> 1572864, "10" -> 10. Nothing for what is no size.
std::optional<int64_t> ParseBytes(std::string_view text);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_ADVISE_H_
