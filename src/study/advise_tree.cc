// The decision tree of quantization and what compression adds to it, each
// question answered by a study's numbers where it has them.
#include <fmt/format.h>

#include <algorithm>

#include "src/study/advise.h"
#include "src/study/command.h"
#include "src/study/report/html.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

// "97.00 %", "0.01234", and what further outputs are worth.
std::string ScoreOf(const StudyRow& row) {
  return ValueOf(row) + (row.outputs.empty() ? "" : ", " + OutputsText(row));
}

// A walk for one target over the rows of the settings that advice is for.
class Walk {
 public:
  Walk(std::span<const StudyRow> rows, const Target& target,
       const Budgets& budgets, const std::string& directory, Advice* advice)
      : rows_(rows),
        target_(target),
        budgets_(budgets),
        directory_(directory.empty() ? "DIR" : ShellWord(directory)),
        advice_(*advice) {
    if (advice->baseline) base_ = &rows[*advice->baseline];
  }

  void Run() {
    Numbers();
    Calibrated();
    Compressed();
    if (rows_.empty()) {
      Try("measure it: a study fills this tree with the numbers of your model",
          Study("", ""));
    } else {
      Missing();
      Misses();
    }
    // The best that is known, or the tree's own answer.
    const std::optional<AdviceRow>& named =
        advice_.best ? advice_.best : advice_.nearest;
    if (!named) return;
    advice_.recipe = rows_[named->row].recipe;
    advice_.method = rows_[named->row].method;
  }

 private:
  // The result of the recipe in one of the methods, the first that there is.
  const StudyRow* Find(std::string_view recipe,
                       const std::vector<std::string>& methods) const {
    const std::string settings =
        base_ == nullptr ? "" : FieldsText(base_->settings);
    for (const std::string& method : methods) {
      for (const StudyRow& row : rows_) {
        if (row.recipe == recipe && row.method == method &&
            FieldsText(row.settings) == settings) {
          return &row;
        }
      }
    }
    return nullptr;
  }

  std::string Measured(const StudyRow* row) const {
    if (row == nullptr || base_ == nullptr) return "not measured";
    return fmt::format("{} {}: {}, {:+.2f} points, {} bytes ({} gzipped)",
                       row->recipe, row->method, ScoreOf(*row),
                       -DropOf(*row, *base_), row->file_bytes, row->gzip_bytes);
  }

  double Limit() const { return budgets_.max_drop.value_or(0.5); }

  bool Holds(const StudyRow* row) const {
    return row != nullptr && base_ != nullptr &&
           DropOf(*row, *base_) <= Limit() + 1e-9;
  }

  void Ask(std::string question, std::string answer) {
    advice_.tree.push_back({std::move(question), std::move(answer)});
  }

  void Try(std::string text, std::string command) {
    advice_.next.push_back({std::move(text), std::move(command)});
  }

  // The study that would say more, into the folder that there is.
  std::string Study(const std::string& recipes, const std::string& methods,
                    int epochs = 0) const {
    std::string command = "litesmith study --model MODEL --data SPEC";
    const StudyRow* like = base_ != nullptr ? base_
                           : rows_.empty()  ? nullptr
                                            : &rows_[0];
    if (like != nullptr) {
      StudySettings settings = like->settings;
      settings.epochs = std::max(settings.epochs, epochs);
      command = StudyCommand(settings);
    }
    if (!recipes.empty()) command += " --recipes " + recipes;
    if (!methods.empty()) command += " --methods " + methods;
    return command + " --out " + directory_;
  }

  // Four times as many as there were, but not few.
  int MoreEpochs() const {
    constexpr int kFew = 20;
    return base_ == nullptr ? kFew : std::max(kFew, 4 * base_->settings.epochs);
  }

  // Which numbers the target computes with.
  void Numbers() {
    Ask(fmt::format("What does {} run?", target_.name), target_.summary);
    advice_.recipe = "none";
    advice_.method = target_.methods.front();
    if (target_.full_integer) return;
    const StudyRow* dynamic = Find("none", {"dynamic"});
    Ask("Are there samples to calibrate with?",
        fmt::format("with them full integers ({}); without them dynamic: int8 "
                    "weights, float activations ({}); on a GPU fp16 ({})",
                    Measured(Find("none", kInteger)), Measured(dynamic),
                    Measured(Find("none", {"fp16"}))));
  }

  // Whether integers without training are good enough, and what is done if not.
  void Calibrated() {
    const StudyRow* plain = Find("none", kInteger);
    const std::string question = fmt::format(
        "Does calibration alone keep the result within {:g} points?", Limit());
    if (plain == nullptr) {
      Ask(question, "not measured: try it first, it needs no training");
    } else {
      Ask(question,
          fmt::format("{}: {}", Holds(plain) ? "yes" : "no", Measured(plain)));
    }
    if (plain == nullptr || Holds(plain)) return;
    const StudyRow* aware = Find("quant", kInteger);
    Ask("Does quantization-aware training?",
        fmt::format("{}{}",
                    aware == nullptr ? ""
                    : Holds(aware)   ? "yes: "
                                     : "no: ",
                    Measured(aware)));
    if (Holds(aware) || !TakesWide()) return;
    const StudyRow* wide = Find("none", {"int16x8"});
    Ask("Do activations of 16 bits?", fmt::format("{}{}",
                                                  wide == nullptr ? ""
                                                  : Holds(wide)   ? "yes: "
                                                                  : "no: ",
                                                  Measured(wide)));
  }

  // What zeros and few values are good for on this target.
  void Compressed() {
    std::string answer;
    if (target_.codes_weights) {
      answer = "yes, it stores weights coded: ";
    } else {
      answer =
          "only where the file is kept packed (a download, a bootloader that "
          "unpacks); the file itself stays as large: ";
    }
    const std::vector<std::string> chain = {"prune_pqat", "cluster_cqat",
                                            "prune_cluster_pcqat"};
    const StudyRow* smallest = nullptr;
    for (const std::string& recipe : chain) {
      const StudyRow* row = Find(recipe, kInteger);
      if (row == nullptr) continue;
      if (smallest == nullptr || row->gzip_bytes < smallest->gzip_bytes)
        smallest = row;
    }
    Ask("Do zeros and shared weights make it smaller?",
        answer + (smallest == nullptr
                      ? "prune_pqat, cluster_cqat and prune_cluster_pcqat "
                        "keep theirs through quantization"
                      : Measured(smallest)));
  }

  // Cells that would say something and are not there.
  void Missing() {
    const std::vector<std::string> wanted =
        target_.codes_weights
            ? std::vector<std::string>{"none", "quant", "prune_pqat",
                                       "cluster_cqat", "prune_cluster_pcqat"}
            : std::vector<std::string>{"none", "quant"};
    std::string recipes;
    for (const std::string& recipe : wanted) {
      if (Find(recipe, kInteger) != nullptr) continue;
      recipes += (recipes.empty() ? "" : ",") + recipe;
    }
    if (!recipes.empty()) {
      Try(fmt::format("not measured yet as {}: {}", target_.methods.front(),
                      recipes),
          Study(recipes, target_.methods.front()));
    }
  }

  // What would help where nothing fits.
  void Misses() {
    if (!advice_.nearest) return;
    for (const Miss& miss : advice_.nearest->misses) {
      const std::string_view budget = miss.budget;
      if (budget == "flash") {
        Try("fewer weights: no method has fewer than 8 bits for each; a model "
            "with fewer channels or a smaller dense layer would do",
            "");
      } else if (budget == "ram" && miss.value == 0) {
        Try("the arena of these results is not known: run the study again with "
            "this build",
            Study("", ""));
      } else if (budget == "ram") {
        Try("the arena is of activations, which no recipe makes smaller: a "
            "smaller input, a stride in the first layers, or fewer channels "
            "would do",
            "");
      } else {
        Try("less loss: more epochs of quantization-aware training" +
                std::string(TakesWide() ? ", or 16-bit activations" : ""),
            Study("quant",
                  target_.methods.front() +
                      std::string(TakesWide() ? ",int16x8" : ""),
                  MoreEpochs()));
      }
    }
  }

  bool TakesWide() const {
    return std::find(target_.methods.begin(), target_.methods.end(),
                     "int16x8") != target_.methods.end();
  }

  const std::vector<std::string> kInteger = {"int8", "uint8"};
  std::span<const StudyRow> rows_;
  const Target& target_;
  const Budgets& budgets_;
  std::string directory_;
  Advice& advice_;
  const StudyRow* base_ = nullptr;
};

}  // namespace

void WalkTree(std::span<const StudyRow> rows, const Target& target,
              const Budgets& budgets, const std::string& directory,
              Advice* advice) {
  Walk(rows, target, budgets, directory, advice).Run();
}

}  // namespace litesmith
