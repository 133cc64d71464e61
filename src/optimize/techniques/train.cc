// Plain training: nothing is inserted, and nothing holds afterwards.
#include "src/optimize/technique.h"

namespace litesmith {

const Technique kTrainTechnique = {
    .name = "train",
    .summary = "trains the model as it is",
    .defaults = [] { return LayerSettings(); },
};

}  // namespace litesmith
