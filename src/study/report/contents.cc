// Reads what lies beside the rows' files.
#include "src/study/report/contents.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace litesmith {
namespace {

namespace fs = std::filesystem;

class Reader {
 public:
  Reader(std::string directory, FileDigests* digests, RunContents* contents)
      : directory_(std::move(directory)),
        digests_(digests),
        contents_(contents) {}

  void AddCell(StudyRow row) {
    CellEntry entry;
    const fs::path folder = fs::path(row.path).parent_path();
    entry.model = folder.string();
    AddModel(folder.parent_path().string(), row.recipe);
    const std::string place = PlaceOf(folder.parent_path().string());
    if (const auto digest = digests_->Of(directory_ + "/" + row.path)) {
      entry.details =
          ReadCellDetails(CellDetailsFile(place, row.recipe, row.method),
                          *digest)
              .value_or(CellDetails());
    }
    entry.row = std::move(row);
    contents_->cells.push_back(std::move(entry));
  }

 private:
  std::string PlaceOf(const std::string& place) const {
    return place.empty() ? directory_ : directory_ + "/" + place;
  }

  // The model and those that it descends from.
  void AddModel(const std::string& place, const std::string& recipe,
                int depth = 0) {
    const std::string id = place.empty() ? recipe : place + "/" + recipe;
    constexpr int kDeepest = 1000;  // a circle of damaged notes
    if (contents_->Model(id) != nullptr || depth > kDeepest) return;
    ModelEntry entry;
    entry.id = id;
    entry.recipe = recipe;
    if (const auto note = ReadNote(ModelNote(PlaceOf(place), recipe))) {
      const ModelFacts facts = ParseModelFacts(note->text);
      entry.seconds = facts.seconds;
      entry.quantization_aware = facts.quantization_aware;
      if (!facts.parent.empty()) {
        AddModel(place, facts.parent, depth + 1);
        entry.parent =
            place.empty() ? facts.parent : place + "/" + facts.parent;
      }
      entry.details = ReadModelDetails(ModelDetailsFile(PlaceOf(place), recipe),
                                       note->digest)
                          .value_or(ModelDetails());
    }
    contents_->models.push_back(std::move(entry));
  }

  std::string directory_;
  FileDigests* digests_;
  RunContents* contents_;
};

}  // namespace

const ModelEntry* RunContents::Model(const std::string& id) const {
  const auto found =
      std::find_if(models.begin(), models.end(),
                   [&](const ModelEntry& each) { return each.id == id; });
  return found == models.end() ? nullptr : &*found;
}

const CellEntry* RunContents::Cell(
    const std::string& model, const std::vector<std::string>& methods) const {
  for (const std::string& method : methods) {
    for (const CellEntry& cell : cells) {
      if (cell.model == model && cell.row.method == method) return &cell;
    }
  }
  return nullptr;
}

RunContents ReadContents(const std::string& directory,
                         std::vector<StudyRow> rows, FileDigests* digests) {
  RunContents contents;
  Reader reader(directory, digests, &contents);
  for (StudyRow& row : rows) reader.AddCell(std::move(row));
  return contents;
}

}  // namespace litesmith
