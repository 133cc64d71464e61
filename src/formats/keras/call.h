// One call of a layer in a config, in whatever dialect it is. Inside this
// folder.
#ifndef LITESMITH_FORMATS_KERAS_CALL_H_
#define LITESMITH_FORMATS_KERAS_CALL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/formats/json.h"

namespace litesmith {

// What a call reads, by the names of its model's config.
struct Reference {
  std::string layer;
  int32_t call = 0;
  int32_t output = 0;
  // Whether `call` counts from 0: Kerases do not agree where they count calls
  // of models from.
  bool exact = false;
};

// See KerasCall.
struct ParsedCall {
  std::vector<Reference> tensors;
  size_t inputs = 0;
  std::shared_ptr<const Json> args;
  std::shared_ptr<const Json> kwargs;
};

// An entry of "inbound_nodes": {"args": [...], "kwargs": {...}} in Keras 3,
// lists of tensors in Keras 2. `is_layer` knows the names of the model's
// layers, which tell a tensor among keywords from a list of literals.
ParsedCall ParseCall(const Json& call,
                     const std::function<bool(const std::string&)>& is_layer);

// The tensors of "input_layers" or "output_layers": one, a list of them, or an
// object, whose keys, in order, go to `names`.
std::vector<Reference> ParseEnds(const Json& value,
                                 std::vector<std::string>* names);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_CALL_H_
