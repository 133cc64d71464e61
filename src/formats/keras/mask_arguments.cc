// See mask_arguments.h.
#include "src/formats/keras/mask_arguments.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "src/formats/keras/unknown_layers.h"

namespace litesmith {
namespace {

// The operation, or nothing where the layer is none.
std::string_view OperationName(const KerasModel& model, const KerasCall& call) {
  std::string_view name = model.layers[call.layer].class_name;
  if (!name.starts_with(kOperationClass)) return {};
  name.remove_prefix(kOperationClass.size());
  return name;
}

// What Keras makes masks of masks with.
bool JoinsMasks(std::string_view operation) {
  for (const char* name :
       {"Any", "LogicalOr", "LogicalAnd", "ExpandDims", "ZerosLike",
        "Concatenate", "ConvertToTensor", "Cast"}) {
    if (operation == name) return true;
  }
  return false;
}

// The number that the call compares its tensor with.
double Compared(const KerasCall& call) {
  if (call.args == nullptr) return NAN;
  for (const Json& arg : *call.args) {
    if (arg.is_number()) return arg.get<double>();
  }
  return NAN;
}

// By call and output: the numbers that layers make their masks with.
using ComparedWith = std::map<std::pair<size_t, size_t>, std::set<double>>;

ComparedWith MaskingNumbers(const KerasModel& model) {
  ComparedWith numbers;
  for (const KerasCall& call : model.calls) {
    const KerasLayer& layer = model.layers[call.layer];
    if (call.inputs != 1) continue;
    std::set<double>& of =
        numbers[{call.tensors[0].call, call.tensors[0].output}];
    if (layer.class_name == "Embedding" &&
        JsonBool(*layer.config, "mask_zero", false))
      of.insert(0);
    if (layer.class_name == "Masking")
      of.insert(JsonNumber(*layer.config, "mask_value", 0));
  }
  return numbers;
}

std::vector<MaskArgument> MasksOf(const KerasCall& call) {
  std::vector<MaskArgument> masks;
  if (call.kwargs == nullptr) return masks;
  const auto add = [&](const char* keyword, const Json& value, size_t of) {
    const std::optional<size_t> place = TensorPlace(value);
    if (place && *place < call.tensors.size() && *place >= call.inputs &&
        of < call.inputs)
      masks.push_back({*place, of, keyword});
  };
  if (const Json* mask = JsonFind(*call.kwargs, "mask")) {
    if (!mask->is_array()) add("mask", *mask, 0);
    for (size_t i = 0; mask->is_array() && i < mask->size(); ++i)
      add("mask", (*mask)[i], i);
  }
  // Of attention: in the order of its arguments.
  size_t of = 0;
  for (const char* keyword : {"query_mask", "value_mask", "key_mask"}) {
    if (const Json* mask = JsonFind(*call.kwargs, keyword))
      add(keyword, *mask, of);
    ++of;
  }
  return masks;
}

}  // namespace

MaskArguments::MaskArguments(const KerasModel& model) {
  for (const KerasCall& call : model.calls) masks_.push_back(MasksOf(call));
  FindWhatIsOfKeras(model);
  FindWhatIsForMasks(model);
}

bool MaskArguments::IsMask(size_t call, size_t place) const {
  return std::any_of(
      masks_[call].begin(), masks_[call].end(),
      [&](const MaskArgument& mask) { return mask.place == place; });
}

// All that is not, and what is made of it, is taken out.
void MaskArguments::FindWhatIsOfKeras(const KerasModel& model) {
  const ComparedWith numbers = MaskingNumbers(model);
  of_keras_.assign(model.calls.size(), 1);
  std::vector<std::vector<size_t>> readers(model.calls.size());
  std::vector<size_t> others;
  for (size_t c = 0; c < model.calls.size(); ++c) {
    const KerasCall& call = model.calls[c];
    const std::string_view operation = OperationName(model, call);
    bool fits = JoinsMasks(operation);
    if (operation == "NotEqual" && call.tensors.size() == 1) {
      const auto it =
          numbers.find({call.tensors[0].call, call.tensors[0].output});
      fits = it != numbers.end() &&
             std::any_of(it->second.begin(), it->second.end(),
                         [&](double n) { return n == Compared(call); });
    } else if (operation != "ZerosLike") {  // in the shape of what is masked
      for (const KerasTensor& tensor : call.tensors)
        readers[tensor.call].push_back(c);
    }
    if (!fits) others.push_back(c);
  }
  while (!others.empty()) {
    const size_t c = others.back();
    others.pop_back();
    if (of_keras_[c] == 0) continue;
    of_keras_[c] = 0;
    others.insert(others.end(), readers[c].begin(), readers[c].end());
  }
}

void MaskArguments::FindWhatIsForMasks(const KerasModel& model) {
  for_masks_.assign(model.calls.size(), 1);
  std::vector<size_t> needed;
  for (const KerasTensor& output : model.outputs) needed.push_back(output.call);
  for (size_t c = 0; c < model.calls.size(); ++c) {
    if (OperationName(model, model.calls[c]).empty()) needed.push_back(c);
  }
  while (!needed.empty()) {
    const size_t c = needed.back();
    needed.pop_back();
    if (for_masks_[c] == 0) continue;
    for_masks_[c] = 0;
    for (size_t t = 0; t < model.calls[c].tensors.size(); ++t) {
      if (!IsMask(c, t)) needed.push_back(model.calls[c].tensors[t].call);
    }
  }
}

MaskPtr GivenMask(TensorId mask) {
  return std::make_shared<Mask>([mask](Graph*) { return mask; });
}

}  // namespace litesmith
