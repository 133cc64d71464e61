// The command line that makes results again.
#ifndef LITESMITH_STUDY_COMMAND_H_
#define LITESMITH_STUDY_COMMAND_H_

#include <string>

#include "src/study/study_settings.h"

namespace litesmith {

// "litesmith study --model net.h5 --data digits --seed 2": with every option
// that is not as it would be without a word, but for recipes, methods and
// --out.
std::string StudyCommand(const StudySettings& settings);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_COMMAND_H_
