// What a recipe does to each layer of a model, and what it leaves and why: one
// row for each tensor of weights.
#ifndef LITESMITH_OPTIMIZE_COVERAGE_H_
#define LITESMITH_OPTIMIZE_COVERAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/graph/graph.h"
#include "src/optimize/recipes.h"
#include "src/train/trainer.h"

namespace litesmith {

struct CoverageRow {
  std::string layer;    // the node's name
  std::string kind;     // its op: "CONV_2D"
  std::string weights;  // the tensor's name
  int64_t values = 0;
  std::string done;  // "prune: sparsity 0.8; qat"; empty: nothing
  std::string left;  // "prune: its channels have few weights"; empty: nothing
};

template <FieldsOf<CoverageRow> Row, typename Visit>
void VisitFields(Row& row, Visit&& visit) {
  visit("layer", row.layer);
  visit("kind", row.kind);
  visit("weights", row.weights);
  visit("values", row.values);
  visit("done", row.done);
  visit("left", row.left);
}

// Of the recipe's whole lineage on the float model, with training data of so
// many samples. Settings that differ from a step's own are named.
std::vector<CoverageRow> CoverageOf(const Graph& model,
                                    const RecipeTable& table,
                                    const Recipe& recipe, int64_t samples,
                                    const TrainOptions& options);

// "8 of 9 layers, 77,360 of 77,504 weights changed": by what was done.
std::string CoverageSummary(const std::vector<CoverageRow>& rows);
// A Markdown table under a heading.
std::string CoverageMarkdown(const std::string& heading,
                             const std::vector<CoverageRow>& rows);
// Writes the page, unless the file holds it already. Throws Error{io}.
void WriteCoveragePage(const std::string& path, const std::string& page);
// The same for a terminal: what was left, a line a layer; empty if nothing was.
std::string CoverageText(const std::vector<CoverageRow>& rows);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_COVERAGE_H_
