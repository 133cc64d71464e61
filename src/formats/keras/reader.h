// The graph of a Keras file's contents, without the file: what ReadKerasH5 does
// behind the helper process.
#ifndef LITESMITH_FORMATS_KERAS_READER_H_
#define LITESMITH_FORMATS_KERAS_READER_H_

#include <string>

#include "src/formats/hdf5/h5_contents.h"
#include "src/graph/graph.h"

namespace litesmith {

// Throws Error{corrupt, unsupported} naming layer and `path`.
Graph GraphFromH5(const H5Contents& contents, const std::string& path);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_READER_H_
