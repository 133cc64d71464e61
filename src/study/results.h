// The results that a run directory holds, whoever computed them and when: read
// from the notes beside the files. Computes and writes nothing.
#ifndef LITESMITH_STUDY_RESULTS_H_
#define LITESMITH_STUDY_RESULTS_H_

#include <string>
#include <vector>

#include "src/study/run_directory.h"
#include "src/study/study.h"

namespace litesmith {

// What is kept about a recipe's trained model, in the text of its note.
struct ModelFacts {
  std::string parent;  // recipe whose result it was made from, or empty
  int order = 0;       // of the recipe in its table: parents come first
  double seconds = 0;  // of training
  bool quantization_aware = false;  // its last step trained for integers
};

template <FieldsOf<ModelFacts> Facts, typename Visit>
void VisitFields(Facts& f, Visit&& visit) {
  visit("parent", f.parent);
  visit("order", f.order);
  visit("seconds", f.seconds);
  visit("quantization_aware", f.quantization_aware);
}

std::string ModelFactsText(const ModelFacts& facts);
// Facts of a text of another form are those of no parent.
ModelFacts ParseModelFacts(const std::string& text);

// The notes of a recipe's model and of a cell below the folder of a setting.
std::string ModelNote(const std::string& folder, const std::string& recipe);
std::string CellNote(const std::string& folder, const std::string& recipe,
                     const std::string& method);

// One row for every file that is as its note says, and was made from the model
// that is there now: the directory's own settings first, recipe by recipe in
// the order of their table, methods in theirs.
std::vector<StudyRow> CollectRows(const std::string& directory,
                                  FileDigests* digests);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_RESULTS_H_
