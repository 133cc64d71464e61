// Masks, as Keras hands them from layer to layer (specs/keras.md 3.11): of a
// tensor [batch, steps, ...] a bool [batch, steps], which says what is kept.
// Embedding and Masking make them; most layers hand them on or end them
// (`HandsMaskOn`), some go by them. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_MASKS_H_
#define LITESMITH_FORMATS_KERAS_MASKS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

struct LayerIn;

// A mask's nodes are added when a layer asks for it: most masks are never read.
class Mask {
 public:
  // `make` may throw Error: then whatever goes by this mask is refused.
  explicit Mask(std::function<TensorId(Graph*)> make)
      : make_(std::move(make)) {}
  // A reader that only looks at a file takes back what it could not build.
  TensorId In(Graph* graph) {
    const bool is_there = made_ != kNoTensor &&
                          static_cast<size_t>(made_) < graph->tensors.size() &&
                          graph->tensor(made_).name == name_;
    if (!is_there) {
      made_ = make_(graph);
      name_ = graph->tensor(made_).name;
    }
    return made_;
  }

 private:
  std::function<TensorId(Graph*)> make_;
  TensorId made_ = kNoTensor;
  std::string name_;
};
using MaskPtr = std::shared_ptr<Mask>;  // null: everything is kept

// One that refuses whatever goes by it.
MaskPtr UnsupportedMask(std::string why);

// Whether the layer gives its first output the mask of its first input. Layers
// that do anything else with masks set LayerIn::handed_on.
bool HandsMaskOn(std::string_view class_name, int generation);

// The mask of a tensor that the call reads, or null.
MaskPtr MaskOf(const LayerIn& in, TensorId tensor);

// `mask` as floats, 1 or 0, of the shape `dims`: nodes "<layer>/<step>...".
TensorId MaskFloats(const LayerIn& in, const std::string& step,
                    const MaskPtr& mask, const std::vector<int32_t>& dims);

// Of what is made of both, element by element: where one of them keeps, or
// where both do.
MaskPtr EitherMask(const std::string& name, MaskPtr a, MaskPtr b);
MaskPtr BothMasks(const std::string& name, MaskPtr a, MaskPtr b);

// Throws Error{unsupported} if anything that the call reads has a mask.
void RefuseMask(const LayerIn& in);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_MASKS_H_
