// Where a Keras file keeps its layers' variables: an interface, since the .h5
// has them by name and the archive by position.
#ifndef LITESMITH_FORMATS_KERAS_VARIABLES_H_
#define LITESMITH_FORMATS_KERAS_VARIABLES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/formats/hdf5/h5_contents.h"

namespace litesmith {

// Which of a layer's variables.
struct VariablePlace {
  std::string_view part;  // of a layer of layers: "forward_layer/cell"; else ""
  size_t index = 0;       // among those of the part, in Keras's order
  std::string_view name;  // Keras 2's
  std::string_view keras3_name;  // that of Keras 3, if it is another
  size_t earlier = 0;  // how many of that name the layer has before this one
};

// What tfmot's wrappers keep beside the variables of the layer in them.
enum class WrapperVariable : uint8_t {
  kMask,
  kCentroids,
  kWeightMin,
  kWeightMax,
  kActivationMin,
  kActivationMax,
  kPreActivationMin,  // kActivationMin, if it is of what an activation reads
};

class Variables {
 public:
  virtual ~Variables() = default;
  // A variable of KerasModel::layers[layer], or null if the file has none.
  // Throws Error{corrupt} where the file contradicts itself.
  virtual const H5Dataset* Find(size_t layer,
                                const VariablePlace& place) const = 0;
  // One of the wrapper around the layer, or null.
  virtual const H5Dataset* FindOfWrapper(size_t layer,
                                         WrapperVariable which) const = 0;
  // All that the file has for the layer, by their names there: for who does not
  // know which it should have.
  virtual std::vector<std::pair<std::string, const H5Dataset*>> All(
      size_t layer) const = 0;
  // Throws Error{corrupt} if the file has others for the layer than the `count`
  // that were found.
  virtual void RequireAllFound(size_t layer, size_t count) const = 0;
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_VARIABLES_H_
