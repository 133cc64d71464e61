// What a study was asked for, looked up: recipes and methods by their names,
// and the settings that its results are kept under.
#ifndef LITESMITH_STUDY_CHOICES_H_
#define LITESMITH_STUDY_CHOICES_H_

#include <string>
#include <vector>

#include "src/study/methods.h"
#include "src/study/study.h"
#include "src/study/study_settings.h"

namespace litesmith {

// The options with what `trained` says in their recipes. Throws
// Error{invalid argument} for a model that cannot be trained.
StudyOptions WithTrainedModel(StudyOptions options);

// Those that the options name, each once; without names all of the table. Throw
// Error{invalid argument} for an unknown one.
std::vector<const Recipe*> SelectRecipes(const StudyOptions& options);
std::vector<Method> SelectMethods(const StudyOptions& options);

// The recipes with all that they descend from, each once, parents first.
std::vector<const Recipe*> WithParents(const RecipeTable& table,
                                       const std::vector<const Recipe*>& asked);

// The options as settings. Digests of data, and what `auto` came to, are the
// caller's to fill in. Throws Error{io} for a model that cannot be read.
StudySettings SettingsOf(const StudyOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_CHOICES_H_
