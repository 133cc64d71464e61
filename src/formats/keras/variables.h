// Where a Keras file keeps its layers' variables: an interface, since the .h5
// has them by name and the archive by position.
#ifndef LITESMITH_FORMATS_KERAS_VARIABLES_H_
#define LITESMITH_FORMATS_KERAS_VARIABLES_H_

#include <cstddef>
#include <string_view>

#include "src/formats/hdf5/h5_contents.h"

namespace litesmith {

class Variables {
 public:
  virtual ~Variables() = default;
  // A variable of KerasModel::layers[layer]: the `index`-th of those that the
  // layer has, in Keras's order, called `name`. Null if the file has none.
  // Throws Error{corrupt} where the file contradicts itself.
  virtual const H5Dataset* Find(size_t layer, size_t index,
                                std::string_view name) const = 0;
  // Throws Error{corrupt} unless the layer has `count` variables.
  virtual void RequireCount(size_t layer, size_t count) const = 0;
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_VARIABLES_H_
