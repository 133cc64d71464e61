// A walk over DIR/RECIPE/METHOD.json and DIR/SETTINGS/RECIPE/METHOD.json.
#include "src/study/results.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/study/fields_json.h"
#include "src/study/methods.h"
#include "src/study/report/report.h"
#include "src/study/study_settings.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// The names of the folders in `folder`, sorted; none if it cannot be read.
std::vector<std::string> Folders(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.is_directory(code))
      names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The results of one folder, of one settings.
class Collector {
 public:
  Collector(std::string folder, FileDigests* digests)
      : folder_(std::move(folder)), digests_(digests) {}

  std::vector<StudyRow> Rows() {
    std::vector<std::pair<int, std::string>> recipes;
    for (const std::string& recipe : Folders(folder_))
      recipes.emplace_back(Order(recipe), recipe);
    std::sort(recipes.begin(), recipes.end());
    std::vector<StudyRow> rows;
    for (const auto& [order, recipe] : recipes) {
      for (const Method& method : Methods()) {
        if (auto row = Cell(recipe, method)) rows.push_back(std::move(*row));
      }
    }
    return rows;
  }

 private:
  const std::optional<Note>& Model(const std::string& recipe) {
    const auto known = models_.find(recipe);
    if (known != models_.end()) return known->second;
    return models_[recipe] = ReadNote(ModelNote(folder_, recipe));
  }

  // Notes of builds that kept no order are in that of the built-in recipes.
  int Order(const std::string& recipe) {
    const std::optional<Note>& note = Model(recipe);
    if (note && !note->from.empty()) return ParseModelFacts(note->text).order;
    static const RecipeTable table;
    const auto& builtin = table.recipes();
    const auto found =
        std::find_if(builtin.begin(), builtin.end(),
                     [&](const Recipe& each) { return each.name == recipe; });
    return static_cast<int>(found - builtin.begin());
  }

  // Whether what the recipe's model was made from has been replaced since.
  // What is not there any more was not replaced.
  bool IsStale(const std::string& recipe, int depth = 0) {
    const std::optional<Note>& note = Model(recipe);
    constexpr int kDeepest = 1000;  // a circle of damaged notes
    if (!note || depth > kDeepest) return depth > kDeepest;
    const std::string parent = ParseModelFacts(note->text).parent;
    if (parent.empty()) return false;
    const std::optional<Note>& before = Model(parent);
    return (before && before->key != note->from) || IsStale(parent, depth + 1);
  }

  std::optional<StudyRow> Cell(const std::string& recipe,
                               const Method& method) {
    const std::string path = CellNote(folder_, recipe, method.name);
    const std::optional<Note> note = ReadNote(path);
    if (!note) return std::nullopt;
    if (digests_->Of(folder_ + "/" + recipe + "/" + FileName(method)) !=
        note->digest) {
      return std::nullopt;
    }
    const std::optional<Note>& model = Model(recipe);
    if (model && !note->from.empty() && model->key != note->from)
      return std::nullopt;
    if (IsStale(recipe)) return std::nullopt;
    StudyRow row;
    try {
      row = ParseRow(note->text, path);
    } catch (const Error&) {
      return std::nullopt;  // a damaged note is as good as none
    }
    if (model) row.train_s = ParseModelFacts(model->text).seconds;
    return row;
  }

  std::string folder_;
  FileDigests* digests_;
  std::map<std::string, std::optional<Note>> models_;
};

}  // namespace

std::string ModelFactsText(const ModelFacts& facts) {
  return FieldsToJson(facts).dump();
}

ModelFacts ParseModelFacts(const std::string& text) {
  ModelFacts facts;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    if (json.is_number()) json.get_to(facts.seconds);  // older builds
    if (json.is_object()) facts = FieldsFromJson<ModelFacts>(json);
  } catch (const Json::exception&) {
    return ModelFacts();
  }
  return facts;
}

std::string ModelNote(const std::string& folder, const std::string& recipe) {
  return folder + "/" + recipe + "/model.json";
}

std::string CellNote(const std::string& folder, const std::string& recipe,
                     const std::string& method) {
  return folder + "/" + recipe + "/" + method + ".json";
}

std::vector<StudyRow> CollectRows(const std::string& directory,
                                  FileDigests* digests) {
  std::vector<StudyRow> rows = Collector(directory, digests).Rows();
  for (const std::string& name : Folders(directory)) {
    if (!FileExists(directory + "/" + name + "/" + kSettingsFile)) continue;
    for (StudyRow& row : Collector(directory + "/" + name, digests).Rows())
      rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace litesmith
