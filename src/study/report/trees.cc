// Nested lists of nodes and what changed on the way to them.
#include "src/study/report/trees.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "src/study/report/answer.h"
#include "src/study/report/html.h"
#include "src/study/report/report.h"

namespace litesmith {
namespace {

const std::vector<std::string> kFloat = {"keras", "fp32"};
const std::vector<std::string> kInteger8 = {"int8", "uint8"};

std::string Node(const std::string& html, bool taken = false) {
  return fmt::format("<div class=\"node{}\">{}</div>", taken ? " taken" : "",
                     html);
}

std::string Edge(const std::string& html) {
  return fmt::format("<div class=\"edge\">{}</div>", html);
}

// Of the largest weight tensor of a model; null if its details are not kept.
const WeightDetails* Largest(const ModelEntry& model) {
  const auto& weights = model.details.weights;
  const auto found = std::max_element(
      weights.begin(), weights.end(),
      [](const auto& a, const auto& b) { return a.values < b.values; });
  return found == weights.end() ? nullptr : &*found;
}

std::string ModelText(const RunContents& contents, const ModelEntry& model) {
  std::string text = fmt::format("<b>{}</b>", Html(model.id));
  const CellEntry* cell = contents.Cell(model.id, kFloat);
  if (cell == nullptr) return text + ": no float result is kept";
  text += fmt::format(": {}, {:.1f} % zeros", Html(ScoreText(cell->row)),
                      100 * cell->row.sparsity);
  if (const WeightDetails* largest = Largest(model))
    text += fmt::format(", {} distinct", largest->distinct);
  text += fmt::format(", {} bytes gzipped", cell->row.gzip_bytes);
  if (const CellEntry* small = contents.Cell(model.id, kInteger8)) {
    text += fmt::format("; as {} {}, {} bytes, {} gzipped", small->row.method,
                        Html(ScoreText(small->row)), small->row.file_bytes,
                        small->row.gzip_bytes);
  }
  return text;
}

std::string EdgeText(const RunContents& contents, const ModelEntry& model) {
  const CellEntry* from = contents.Cell(model.parent, kFloat);
  const CellEntry* to = contents.Cell(model.id, kFloat);
  std::string text =
      model.seconds > 0 ? fmt::format("trained {:.1f} s", model.seconds) : "";
  if (from == nullptr || to == nullptr) return text;
  if (!text.empty()) text += ": ";
  text += ChangeText(from->row, to->row);
  text += fmt::format(", {:+.1f} points of zeros, {:+} bytes gzipped",
                      100 * (to->row.sparsity - from->row.sparsity),
                      to->row.gzip_bytes - from->row.gzip_bytes);
  return text;
}

std::string Branch(const RunContents& contents, const ModelEntry& model,
                   int depth) {
  std::string html = "<li>";
  if (!model.parent.empty()) html += Edge(EdgeText(contents, model));
  html += Node(ModelText(contents, model));
  std::string children;
  constexpr int kDeepest = 1000;
  for (const ModelEntry& each : contents.models) {
    if (each.parent == model.id && &each != &model && depth < kDeepest)
      children += Branch(contents, each, depth + 1);
  }
  if (!children.empty()) html += fmt::format("<ul>{}</ul>", children);
  return html + "</li>\n";
}

// The folder of a model's settings: "seed-2", or empty for the first ones.
std::string PlaceOf(const ModelEntry& model) {
  return std::filesystem::path(model.id).parent_path().string();
}

// Calls `tree` for each of the settings that models are of, with a heading if
// there are several.
template <typename Tree>
std::string ForEachSettings(const RunContents& contents, const Tree& tree) {
  std::vector<std::string> places;
  for (const ModelEntry& model : contents.models) {
    const std::string place = PlaceOf(model);
    if (std::find(places.begin(), places.end(), place) == places.end())
      places.push_back(place);
  }
  std::string html;
  for (const std::string& place : places) {
    if (places.size() > 1) {
      html += fmt::format("<h3>{}</h3>\n",
                          place.empty() ? "The first settings" : Html(place));
    }
    html += tree(place);
  }
  return html;
}

// What the tree of quantization says of the files of some settings.
class FormatTree {
 public:
  FormatTree(const RunContents& contents, const std::string& place,
             double tolerance)
      : contents_(contents), place_(place), tolerance_(tolerance) {
    // The model itself, else the first that has no parent.
    const ModelEntry* root = nullptr;
    for (const ModelEntry& model : contents.models) {
      if (!model.parent.empty() || PlaceOf(model) != place) continue;
      if (root == nullptr || (model.recipe == "none" && root->recipe != "none"))
        root = &model;
    }
    if (root == nullptr) return;
    root_ = root;
    fp32_ = contents.Cell(root_->id, kFloat);
    int8_ = contents.Cell(root_->id, kInteger8);
    int16_ = contents.Cell(root_->id, {"int16x8"});
    if (fp32_ == nullptr) return;
    // The adviser counts from the same file.
    const std::vector<StudyRow> rows = RowsOf(contents);
    base_ = &contents.cells[BaselineOf(rows, fp32_->row)].row;
  }

  std::string Html() const {
    if (fp32_ == nullptr) {
      return "<p class=\"soft\">The float file of the model that the recipes "
             "start from is not there yet.</p>";
    }
    const bool whole = Holds(int8_);
    const bool wide = !whole && Holds(int16_);
    const CellEntry* trained = Trained();
    const bool aware = !whole && !wide && Holds(trained);
    std::string html = "<ul class=\"tree\"><li>" +
                       Node("Start: the float model, " + File(fp32_)) + "<ul>";
    html += Item("no samples to calibrate with, a CPU with floats",
                 "<b>dynamic</b>: int8 weights, float activations: " +
                     File(contents_.Cell(root_->id, {"dynamic"})),
                 false);
    html += Item("no samples, a GPU or float16 unit",
                 "<b>fp16</b>: half the bytes: " +
                     File(contents_.Cell(root_->id, {"fp16"})),
                 false);
    html += "<li>" + Edge("samples to calibrate with (this data set has them)");
    html += Node("full integers after training: " + File(int8_), whole);
    html += "<ul>";
    html += Item(fmt::format("loses more than {:g} {}? 16-bit activations",
                             tolerance_, Unit()),
                 "<b>int16x8</b>: " + File(int16_), wide);
    html +=
        Item("still too much, or int8 is a must? train quantization-aware",
             trained == nullptr ? std::string("not measured") : File(trained),
             aware);
    html += "</ul></li></ul></li></ul>\n";
    return html + Verdict(whole, wide, aware, trained);
  }

 private:
  const char* Unit() const { return IsShare(fp32_->row) ? "points" : "%"; }

  bool Holds(const CellEntry* cell) const {
    return cell != nullptr && DropOf(cell->row, *base_) <= tolerance_ + 1e-9;
  }

  // The best 8-bit file of a model that was trained quantization-aware.
  const CellEntry* Trained() const {
    const CellEntry* best = nullptr;
    for (const CellEntry& cell : contents_.cells) {
      const bool integer =
          cell.row.method == "int8" || cell.row.method == "uint8";
      const ModelEntry* model = contents_.Model(cell.model);
      if (!integer || !model->quantization_aware || PlaceOf(*model) != place_)
        continue;
      if (best == nullptr ||
          (HigherIsBetter(cell.row) ? cell.row.value > best->row.value
                                    : cell.row.value < best->row.value)) {
        best = &cell;
      }
    }
    return best;
  }

  std::string File(const CellEntry* cell) const {
    if (cell == nullptr) return "not measured";
    std::string text = fmt::format(
        "{}, {}, {} bytes, {:.2f} us", litesmith::Html(cell->row.path),
        litesmith::Html(ScoreText(cell->row)), cell->row.file_bytes,
        cell->row.latency_us_p50);
    if (cell != fp32_) text += " (" + ChangeText(fp32_->row, cell->row) + ")";
    return text;
  }

  static std::string Item(const std::string& edge, const std::string& node,
                          bool taken) {
    return "<li>" + Edge(edge) + Node(node, taken) + "</li>";
  }

  std::string Verdict(bool whole, bool wide, bool aware,
                      const CellEntry* trained) const {
    if (whole) return "<p>These data support full integers after training.</p>";
    if (wide) return "<p>These data support 16-bit activations.</p>";
    if (aware) {
      return fmt::format(
          "<p>These data support training quantization-aware: {}.</p>",
          litesmith::Html(trained->row.recipe));
    }
    return fmt::format(
        "<p>No integer file that was measured stays within {:g} {}; more "
        "epochs or a recipe that trains quantization-aware would come "
        "next.</p>",
        tolerance_, Unit());
  }

  const RunContents& contents_;
  std::string place_;
  double tolerance_;
  const ModelEntry* root_ = nullptr;
  const StudyRow* base_ = nullptr;
  const CellEntry* fp32_ = nullptr;
  const CellEntry* int8_ = nullptr;
  const CellEntry* int16_ = nullptr;
};

}  // namespace

std::string ChangeText(const StudyRow& from, const StudyRow& to) {
  const double change = to.value - from.value;
  return IsShare(from) ? fmt::format("{:+.2f} points", 100 * change)
                       : fmt::format("{:+.4g}", change);
}

std::string RecipeTree(const RunContents& contents) {
  return ForEachSettings(contents, [&](const std::string& place) {
    std::string html = "<ul class=\"tree\">\n";
    for (const ModelEntry& model : contents.models) {
      if (model.parent.empty() && PlaceOf(model) == place)
        html += Branch(contents, model, 0);
    }
    return html + "</ul>\n";
  });
}

std::string QuantizationTree(const RunContents& contents, double tolerance) {
  return ForEachSettings(contents, [&](const std::string& place) {
    return FormatTree(contents, place, tolerance).Html();
  });
}

}  // namespace litesmith
