// The order of layers in which Kerases have a Functional model.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "src/formats/keras/to_keras.h"

namespace litesmith {
namespace {

using LayerCall = std::pair<int, int>;  // of a layer, which

const std::vector<OutTensor>& InputsOf(const OutModel& model,
                                       const LayerCall& call) {
  const OutLayer& layer = model.layers[static_cast<size_t>(call.first)];
  return call.second == 0
             ? layer.inputs
             : layer.more_calls[static_cast<size_t>(call.second) - 1];
}

// The calls that outputs need, each behind those whose outputs it reads, and
// for each layer when a walk from the outputs first meets it.
class Walk {
 public:
  explicit Walk(const OutModel& model)
      : model_(model), met_(model.layers.size(), -1) {
    for (const OutTensor& output : model.outputs)
      From({output.layer, output.call});
  }

  const std::vector<LayerCall>& calls() const { return calls_; }
  int met(int layer) const { return met_[static_cast<size_t>(layer)]; }

 private:
  // Keeps a stack of its own, as a model may be deep: a call and which of its
  // inputs is next.
  void From(const LayerCall& end) {
    std::vector<std::pair<LayerCall, size_t>> open;
    Meet(end, &open);
    while (!open.empty()) {
      const LayerCall call = open.back().first;
      const std::vector<OutTensor>& inputs = InputsOf(model_, call);
      if (open.back().second < inputs.size()) {
        const OutTensor& input = inputs[open.back().second++];
        Meet({input.layer, input.call}, &open);
      } else {
        calls_.push_back(call);
        open.pop_back();
      }
    }
  }

  void Meet(const LayerCall& call,
            std::vector<std::pair<LayerCall, size_t>>* open) {
    if (!seen_.insert(call).second) return;
    int& met = met_[static_cast<size_t>(call.first)];
    if (met < 0) met = num_met_++;
    open->push_back({call, 0});
  }

  const OutModel& model_;
  std::vector<LayerCall> calls_;
  std::set<LayerCall> seen_;
  std::vector<int> met_;
  int num_met_ = 0;
};

// For each layer the longest way from it to an output.
std::vector<int> Depths(const OutModel& model, const Walk& walk) {
  std::vector<int> depths(model.layers.size(), 0);
  std::map<LayerCall, int> of_calls;
  for (size_t i = walk.calls().size(); i-- > 0;) {
    const LayerCall& call = walk.calls()[i];
    int& depth = depths[static_cast<size_t>(call.first)];
    depth = std::max(depth, of_calls[call]);
    for (const OutTensor& input : InputsOf(model, call)) {
      int& before = of_calls[{input.layer, input.call}];
      before = std::max(before, depth + 1);
    }
  }
  return depths;
}

}  // namespace

void OrderAsKeras(OutModel* model) {
  const Walk walk(*model);
  const std::vector<int> depths = Depths(*model, walk);
  std::vector<int> order(model->layers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const int deep_a = depths[static_cast<size_t>(a)];
    const int deep_b = depths[static_cast<size_t>(b)];
    return deep_a != deep_b ? deep_a > deep_b : walk.met(a) < walk.met(b);
  });
  std::vector<int> now(order.size());
  std::vector<OutLayer> layers;
  for (const int layer : order) {
    now[static_cast<size_t>(layer)] = static_cast<int>(layers.size());
    layers.push_back(std::move(model->layers[static_cast<size_t>(layer)]));
  }
  model->layers = std::move(layers);
  ForEachReference(model, [&](OutTensor* tensor) {
    tensor->layer = now[static_cast<size_t>(tensor->layer)];
  });
}

}  // namespace litesmith
