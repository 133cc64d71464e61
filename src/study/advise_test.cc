// The adviser against a reading of all rows by force, on random tables and
// random budgets; its answers without results, and sizes as people write them.
#include "src/study/advise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace litesmith {
namespace {

constexpr const char* kRecipes[] = {"none", "prune", "quant", "prune_pqat"};
constexpr const char* kMethods[] = {"keras", "fp32", "fp16",   "dynamic",
                                    "uint8", "int8", "int16x8"};

StudyRow RowOf(const std::string& recipe, const std::string& method) {
  StudyRow row;
  row.recipe = recipe;
  row.method = method;
  row.path = recipe + "/" + method;
  row.settings.metric = "top1";
  return row;
}

// A table with ties, broken promises and two settings.
std::vector<StudyRow> RandomTable(Rng* rng) {
  std::vector<StudyRow> rows;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    for (const char* recipe : kRecipes) {
      for (const char* method : kMethods) {
        if (rng->Below(5) == 0) continue;
        StudyRow row = RowOf(recipe, method);
        row.settings.seed = seed;
        row.value = 0.9 + 0.001 * static_cast<double>(rng->Below(60));
        row.file_bytes = 1000 * static_cast<int64_t>(1 + rng->Below(30));
        row.gzip_bytes = row.file_bytes / (1 + rng->Below(4));
        row.arena_bytes = 500 * static_cast<int64_t>(rng->Below(20));
        row.latency_us_p50 = static_cast<double>(rng->Below(50));
        if (rng->Below(8) == 0) row.invariants = {{"zeros", "w", 1, 2, false}};
        rows.push_back(row);
      }
    }
  }
  return rows;
}

Budgets RandomBudgets(Rng* rng) {
  Budgets budgets;
  if (rng->Below(2) == 0) budgets.flash = 500 * rng->Below(50);
  if (rng->Below(3) == 0) budgets.ram = 500 * rng->Below(20);
  if (rng->Below(2) == 0)
    budgets.max_drop = 0.1 * static_cast<double>(rng->Below(40));
  return budgets;
}

// The points that a row loses, by a search of its own.
double DropByForce(const std::vector<StudyRow>& rows, const StudyRow& row) {
  const StudyRow* base = nullptr;
  double best = -1;  // of those that keep their promises, if any does
  double any = -1;
  for (const StudyRow& each : rows) {
    if (each.settings.seed != row.settings.seed) continue;
    any = std::max(any, each.value);
    if (each.invariants.empty()) best = std::max(best, each.value);
    if (each.recipe != "none") continue;
    if (each.method == "keras") base = &each;
    if (each.method == "fp32" && (base == nullptr || base->method != "keras"))
      base = &each;
  }
  if (best < 0) best = any;
  return 100 * ((base == nullptr ? best : base->value) - row.value);
}

bool FitsByForce(const std::vector<StudyRow>& rows, const StudyRow& row,
                 const Target& target, const Budgets& budgets) {
  const bool any = budgets.flash || budgets.ram || budgets.max_drop;
  const double drop = any ? budgets.max_drop.value_or(1e9) : 0.5;
  return std::count(target.methods.begin(), target.methods.end(), row.method) ==
             1 &&
         row.invariants.empty() &&
         row.file_bytes <= budgets.flash.value_or(int64_t{1} << 50) &&
         (!budgets.ram ||
          (row.arena_bytes > 0 && row.arena_bytes <= *budgets.ram)) &&
         DropByForce(rows, row) <= drop + 1e-9;
}

// Whether `a` is to be preferred to `b`, both of which fit.
bool Beats(const std::vector<StudyRow>& rows, const StudyRow& a,
           const StudyRow& b, const Target& target, const Budgets& budgets) {
  const double loss_a = DropByForce(rows, a);
  const double loss_b = DropByForce(rows, b);
  const int64_t bytes_a = target.codes_weights ? a.gzip_bytes : a.file_bytes;
  const int64_t bytes_b = target.codes_weights ? b.gzip_bytes : b.file_bytes;
  if (budgets.flash || budgets.ram) {
    if (loss_a != loss_b) return loss_a < loss_b;
    return bytes_a < bytes_b;
  }
  if (bytes_a != bytes_b) return bytes_a < bytes_b;
  return loss_a < loss_b;
}

// The largest share of a budget by which the row is beyond it.
double ExcessByForce(const std::vector<StudyRow>& rows, const StudyRow& row,
                     const Budgets& budgets) {
  double largest = 0;
  const auto bytes = [&](int64_t value, const std::optional<int64_t>& budget) {
    if (!budget || (value > 0 && value <= *budget)) return;
    const double limit = static_cast<double>(std::max<int64_t>(1, *budget));
    largest = std::max(
        largest, value == 0 ? 1e300 : static_cast<double>(value) / limit - 1);
  };
  bytes(row.file_bytes, budgets.flash);
  bytes(row.arena_bytes, budgets.ram);
  if (budgets.max_drop) {
    const double beyond = DropByForce(rows, row) - *budgets.max_drop;
    if (beyond > 1e-9)
      largest = std::max(largest, beyond / std::max(0.5, *budgets.max_drop));
  }
  return largest;
}

TEST(Advise, IsWhatAReadingByForceSays) {
  Rng rng(20261127);
  int fitting = 0;
  int missing = 0;
  int several = 0;  // nearest misses of more than one budget
  for (int round = 0; round < 200; ++round) {
    const std::vector<StudyRow> rows = RandomTable(&rng);
    const Budgets budgets = RandomBudgets(&rng);
    for (const Target& target : Targets()) {
      const Advice advice = Advise(rows, target, budgets);
      int64_t fit = 0;
      for (const StudyRow& row : rows)
        fit += FitsByForce(rows, row, target, budgets);
      EXPECT_EQ(advice.fitting, fit) << round << target.name;
      ASSERT_EQ(advice.best.has_value(), fit > 0) << round << target.name;
      EXPECT_EQ(advice.nearest.has_value(), fit == 0 && advice.considered > 0);
      ++(fit > 0 ? fitting : missing);
      if (!advice.best) {
        ASSERT_TRUE(advice.nearest.has_value());
        EXPECT_FALSE(advice.nearest->misses.empty());
        EXPECT_FALSE(advice.next.empty());
        several += advice.nearest->misses.size() > 1;
        Budgets asked = budgets;
        if (!asked.flash && !asked.ram && !asked.max_drop) asked.max_drop = 0.5;
        const double excess =
            ExcessByForce(rows, rows[advice.nearest->row], asked);
        for (const StudyRow& row : rows) {
          if (!row.invariants.empty() ||
              std::count(target.methods.begin(), target.methods.end(),
                         row.method) != 1)
            continue;
          const double other = ExcessByForce(rows, row, asked);
          EXPECT_GE(other, excess - 1e-9) << round << target.name << row.path;
          // Of equally near ones what would be preferred if both fitted.
          if (std::abs(other - excess) < 1e-12) {
            EXPECT_FALSE(
                Beats(rows, row, rows[advice.nearest->row], target, asked))
                << round << target.name << row.path;
          }
        }
        continue;
      }
      const StudyRow& best = rows[advice.best->row];
      EXPECT_TRUE(FitsByForce(rows, best, target, budgets));
      EXPECT_NEAR(advice.best->drop, DropByForce(rows, best), 1e-9);
      for (const StudyRow& row : rows) {
        if (!FitsByForce(rows, row, target, budgets)) continue;
        EXPECT_FALSE(Beats(rows, row, best, target, budgets))
            << round << " " << target.name << ": " << row.path << " before "
            << best.path;
      }
    }
  }
  // Both kinds of answer were tried, and often.
  EXPECT_GT(fitting, 100);
  EXPECT_GT(missing, 40);
  EXPECT_GT(several, 10);
}

// With one budget the nearest miss is the smallest excess.
TEST(Advise, NearestMissOfOneBudget) {
  Rng rng(7);
  for (int round = 0; round < 50; ++round) {
    const std::vector<StudyRow> rows = RandomTable(&rng);
    const Target& target = FindTarget("mcu");
    Budgets budgets;
    budgets.flash = 10;
    const Advice advice = Advise(rows, target, budgets);
    ASSERT_TRUE(advice.nearest.has_value());
    for (const StudyRow& row : rows) {
      if (row.invariants.empty() &&
          std::count(target.methods.begin(), target.methods.end(),
                     row.method) == 1) {
        EXPECT_LE(rows[advice.nearest->row].file_bytes, row.file_bytes);
      }
    }
    EXPECT_EQ(advice.nearest->misses[0].limit, 10);
  }
}

TEST(Advise, MetricsThatShouldBeSmallAreReadTheOtherWay) {
  std::vector<StudyRow> rows = {RowOf("none", "fp32"), RowOf("none", "int8"),
                                RowOf("quant", "int8")};
  for (StudyRow& row : rows) {
    row.settings.metric = "mse";
    row.file_bytes = 100;
  }
  rows[0].value = 0.10;
  rows[1].value = 0.13;
  rows[2].value = 0.11;
  EXPECT_NEAR(DropOf(rows[1], rows[0]), 30, 1e-9);
  Budgets budgets;
  budgets.max_drop = 15;
  const Advice advice = Advise(rows, FindTarget("mcu"), budgets);
  ASSERT_TRUE(advice.best.has_value());
  EXPECT_EQ(rows[advice.best->row].recipe, "quant");
}

// Of several outputs the one that loses most is what is lost.
TEST(Advise, EveryOutputMustHold) {
  std::vector<StudyRow> rows = {RowOf("none", "fp32"), RowOf("none", "int8"),
                                RowOf("quant", "int8")};
  for (StudyRow& row : rows) {
    row.value = 0.9;
    row.file_bytes = 100;
    row.outputs = {{"age", "mse", 2, 0}};
  }
  rows[1].file_bytes = 90;
  rows[1].outputs[0].value = 2.5;
  rows[2].outputs[0].value = 1.9;
  EXPECT_NEAR(DropOf(rows[1], rows[0]), 25, 1e-9);
  EXPECT_NEAR(DropOf(rows[2], rows[0]), 0, 1e-9);
  Budgets budgets;
  budgets.max_drop = 1;
  const Advice advice = Advise(rows, FindTarget("mcu"), budgets, "my run");
  ASSERT_TRUE(advice.best.has_value());
  EXPECT_EQ(rows[advice.best->row].recipe, "quant");
}

// Commands are for the folder that was asked, with each option once.
TEST(Advise, CommandsCanBeRun) {
  std::vector<StudyRow> rows = {RowOf("none", "fp32"), RowOf("none", "int8")};
  for (StudyRow& row : rows) row.settings.epochs = 7;
  rows[0].value = 0.9;
  rows[1].value = 0.5;
  Budgets budgets;
  budgets.max_drop = 1;
  const Advice advice = Advise(rows, FindTarget("mcu"), budgets, "my run");
  ASSERT_FALSE(advice.best.has_value());
  std::string epochs;
  for (const NextStep& step : advice.next) {
    if (step.command.empty()) continue;
    EXPECT_TRUE(step.command.ends_with(" --out 'my run'")) << step.command;
    const size_t first = step.command.find("--epochs ");
    EXPECT_EQ(step.command.find("--epochs ", first + 1), std::string::npos);
    epochs += step.command.substr(first, 12) + ";";
  }
  EXPECT_NE(epochs.find("--epochs 28 "), std::string::npos) << epochs;
}

TEST(Advise, TheTreeAnswersWithoutResults) {
  for (const Target& target : Targets()) {
    const Advice advice = Advise({}, target, {});
    EXPECT_FALSE(advice.best.has_value());
    EXPECT_FALSE(advice.nearest.has_value());
    EXPECT_EQ(advice.recipe, "none");
    EXPECT_EQ(advice.method, "int8");
    EXPECT_GE(advice.tree.size(), 3u);
    ASSERT_FALSE(advice.next.empty());
    EXPECT_NE(advice.next[0].command.find("litesmith study"),
              std::string::npos);
  }
}

TEST(Advise, SizesAsPeopleWriteThem) {
  EXPECT_EQ(ParseBytes("10"), 10);
  EXPECT_EQ(ParseBytes("64K"), 65536);
  EXPECT_EQ(ParseBytes("64KiB"), 65536);
  EXPECT_EQ(ParseBytes("1.5M"), 1572864);
  EXPECT_EQ(ParseBytes("2G"), int64_t{2} << 30);
  EXPECT_EQ(ParseBytes("0"), 0);
  for (const char* text : {"", "K", "-1", "64T", "1e3", "10 K", "0.3", "nan",
                           "inf", "1e30M", "99999999999999999999"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
  EXPECT_THROW(FindTarget("cpuu"), Error);
}

}  // namespace
}  // namespace litesmith
