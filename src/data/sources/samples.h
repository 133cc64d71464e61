// Single files as samples, for a model that is asked about them.
#ifndef LITESMITH_DATA_SOURCES_SAMPLES_H_
#define LITESMITH_DATA_SOURCES_SAMPLES_H_

#include <string>
#include <vector>

#include "src/data/sources.h"

namespace litesmith {

// Whether the name ends as that of a picture or sound that SamplesOf reads.
bool IsSampleFile(const std::string& path);

// The files, all pictures or all sounds, as samples without targets, as
// `images` and `wav` make them; `options` is what stands behind a SPEC by
// commas, "resize=96,scale=1/255". Throws Error naming file or option.
DatasetPtr SamplesOf(const std::vector<std::string>& paths,
                     const std::string& options, const DataContext& context);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_SAMPLES_H_
