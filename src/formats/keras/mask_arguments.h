// Masks that calls are given by name. Keras 3 writes so what it has made of the
// masks that tensors bring (masks.h), and the operations that make them.
// Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_MASK_ARGUMENTS_H_
#define LITESMITH_FORMATS_KERAS_MASK_ARGUMENTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "src/formats/keras/config.h"
#include "src/formats/keras/masks.h"

namespace litesmith {

// One of a call's tensors that is a mask, and the one that it is of.
struct MaskArgument {
  size_t place;  // in KerasCall::tensors
  size_t of;     // likewise
  std::string keyword;
};

class MaskArguments {
 public:
  explicit MaskArguments(const KerasModel& model);

  const std::vector<MaskArgument>& Of(size_t call) const {
    return masks_[call];
  }
  bool IsMask(size_t call, size_t place) const;
  // Whether Keras has made what the call gives, and nobody else: all that it is
  // made of are the masks of an Embedding or a Masking.
  bool IsOfKeras(size_t call) const { return of_keras_[call] != 0; }
  // Whether what the call gives is read as masks only, or for such.
  bool ForMasksAlone(size_t call) const { return for_masks_[call] != 0; }

 private:
  void FindWhatIsOfKeras(const KerasModel& model);
  void FindWhatIsForMasks(const KerasModel& model);

  std::vector<std::vector<MaskArgument>> masks_;  // by call, as the others are
  std::vector<char> of_keras_;
  std::vector<char> for_masks_;
};

// That tensor.
MaskPtr GivenMask(TensorId mask);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_MASK_ARGUMENTS_H_
