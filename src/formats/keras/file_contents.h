// What the two containers read and write in the same way. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_FILE_CONTENTS_H_
#define LITESMITH_FORMATS_KERAS_FILE_CONTENTS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/formats/hdf5/h5_process.h"
#include "src/formats/keras/to_keras.h"
#include "src/graph/graph.h"

namespace litesmith {

// What an .h5 is asked for, and the graph of what comes: what ReadKerasH5 does
// before and behind the helper process. Throws Error naming `path`.
inline constexpr size_t kH5Root = 0, kH5Weights = 1, kH5Ours = 2;
std::span<const H5Wanted> WantedOfH5();
Graph GraphFromH5(const std::vector<H5Tree>& trees, const std::string& path,
                  bool to_look_at = false);

// ReadKerasArchive with other limits of its HDF5 members.
Graph GraphFromArchive(std::span<const std::byte> bytes, const H5Limits& limits,
                       const std::string& path, bool to_look_at = false);

// The graph of a file that holds `keras` and, in `ours` if there is one, our
// own: that one, else the other. Names are made unique.
Graph ChooseGraph(Graph keras, const H5Tree& ours, const std::string& path);

// The bytes of a file for `model`, the Keras form of `plain`, or null if there
// is none, and for our own graph `full`, or null.
std::vector<std::byte> H5Bytes(const OutModel* model, const Graph& plain,
                               const Graph* full);
std::vector<std::byte> ArchiveBytes(const OutModel* model, const Graph& plain,
                                    const Graph* full);

// What both say of the Keras that wrote them.
inline constexpr char kKerasVersion[] = "2.15.0";

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_FILE_CONTENTS_H_
