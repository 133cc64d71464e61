// Puts layers into models in the model; see nests.h.
#include "src/formats/keras/nests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/formats/json.h"

namespace litesmith {
namespace {

struct NestOutput {
  int input = -1;  // it is that input
  std::string call;
  int output = 0;
};

struct NestLayer {
  std::string name;        // in its model
  std::vector<int> reads;  // which of the model's inputs; -1: none
};

struct Nest {
  std::string class_name;
  std::string name;
  bool trainable = true;
  std::optional<bool> training;
  int model = 0;
  int around = -1;
  std::map<std::string, NestLayer> layers;  // by call
  std::vector<std::string> inputs;
  std::vector<NestOutput> outputs;
  std::vector<int> reads;  // of the model around it
};

std::vector<int> Ints(const Json& list) {
  std::vector<int> ints;
  for (const Json& value : JsonArray(list, "reads"))
    ints.push_back(JsonInt(value, "reads"));
  return ints;
}

Nest ParseNest(const Json& json, size_t place) {
  Nest nest;
  nest.class_name = JsonString(json, "class_name", "Functional");
  nest.name = JsonString(JsonAt(json, "name"), "name");
  nest.trainable = JsonBool(json, "trainable", true);
  if (const Json* training = JsonFind(json, "training"))
    nest.training = JsonBool(*training, "training");
  nest.model = JsonInt(JsonAt(json, "model"), "model");
  nest.around = JsonInt(JsonAt(json, "around"), "around");
  if (nest.around >= static_cast<int>(place) || nest.around < -1)
    Fail(ErrorKind::kCorrupt, "models in the model are out of order");
  for (const Json& layer : JsonArray(JsonAt(json, "layers"), "layers")) {
    nest.layers[JsonString(layer.at(0), "call")] = {
        JsonString(layer.at(1), "name"), Ints(layer.at(2))};
  }
  for (const Json& input : JsonArray(JsonAt(json, "inputs"), "inputs"))
    nest.inputs.push_back(JsonString(input, "input"));
  for (const Json& output : JsonArray(JsonAt(json, "outputs"), "outputs")) {
    if (output.at(0).is_string())
      nest.outputs.push_back({-1, JsonString(output.at(0), "output"),
                              JsonInt(output.at(1), "output")});
    else
      nest.outputs.push_back({JsonInt(output.at(0), "output"), "", 0});
  }
  if (const Json* reads = JsonFind(json, "reads")) nest.reads = Ints(*reads);
  return nest;
}

std::vector<Nest> NestsOf(const Graph& graph) {
  std::vector<Nest> nests;
  const auto it = graph.said_of_layers.find(kSaidOfNests);
  if (it == graph.said_of_layers.end()) return nests;
  try {
    const Json json = ParseJson(it->second, "what was said of models");
    for (const Json& nest : JsonArray(json, "models"))
      nests.push_back(ParseNest(nest, nests.size()));
  } catch (const std::exception&) {
    nests.clear();  // nothing that was said here
  }
  return nests;
}

// A layer on its way into its models.
struct Placed {
  OutLayer layer;
  int nest = -1;
  std::string name;        // in that model
  std::vector<int> reads;  // see NestLayer
};

// An output of a model that is put together: an input, or what a layer gives.
struct End {
  int input = -1;
  OutTensor tensor;
};

void FreezeAll(OutModel* model) {
  for (OutLayer& layer : model->layers) {
    layer.trainable = false;
    if (layer.model != nullptr) FreezeAll(layer.model.get());
  }
}

bool HasTrainable(const OutModel& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const OutLayer& layer) {
                       return layer.model != nullptr
                                  ? HasTrainable(*layer.model)
                                  : layer.trainable && !layer.weights.empty();
                     });
}

class Nester {
 public:
  Nester(const Graph& graph, const std::vector<Nest>& nests,
         const OutModel& flat, const std::set<int>& broken)
      : graph_(graph), nests_(nests), broken_(broken) {
    model_.inputs = flat.inputs;
    model_.outputs = flat.outputs;
    for (const OutLayer& layer : flat.layers) Place(layer);
    for (const Nest& nest : nests_) FindEnds(nest);
  }

  // The model, or nothing: then `broken` has one more, which is none any more.
  std::optional<OutModel> Run(std::set<int>* broken) {
    for (size_t n = nests_.size(); n-- > 0;) {
      if (broken_.contains(nests_[n].model)) {
        Dissolve(static_cast<int>(n));
      } else if (!Collapse(static_cast<int>(n))) {
        broken->insert(nests_[n].model);
        return std::nullopt;
      }
    }
    for (Placed& placed : placed_) {
      placed.layer.name = placed.name;
      model_.layers.push_back(std::move(placed.layer));
    }
    return std::move(model_);
  }

 private:
  void Place(const OutLayer& layer) {
    Placed placed{layer, -1, layer.name, {}};
    for (size_t n = 0; n < nests_.size(); ++n) {
      const auto it = nests_[n].layers.find(layer.call);
      if (it == nests_[n].layers.end() || layer.class_name == "InputLayer")
        continue;
      placed.nest = static_cast<int>(n);
      const std::string& call = it->first;
      placed.name = it->second.name;
      if (layer.name != call) {  // one of several, or no name for both Kerases
        placed.name = layer.name.starts_with(call)
                          ? placed.name + layer.name.substr(call.size())
                          : layer.name;
      } else {
        placed.reads = it->second.reads;
      }
    }
    last_of_[layer.call] = static_cast<int>(placed_.size());
    placed_.push_back(std::move(placed));
  }

  void FindEnds(const Nest& nest) {
    std::vector<std::optional<End>> ends;
    for (const NestOutput& output : nest.outputs) {
      const auto it = last_of_.find(output.call);
      if (output.input >= 0)
        ends.push_back(End{output.input, {}});
      else if (it != last_of_.end())
        ends.push_back(End{-1, {it->second, output.output}});
      else
        ends.push_back(std::nullopt);
    }
    ends_.push_back(std::move(ends));
  }

  void Dissolve(int n) {
    for (Placed& placed : placed_) {
      if (placed.nest != n) continue;
      placed.nest = nests_[static_cast<size_t>(n)].around;
      if (placed.layer.model == nullptr) placed.name = placed.layer.name;
      placed.reads.clear();
    }
  }

  // One model that is put together.
  struct Work {
    std::vector<char> inside;                     // by layer
    std::vector<int> members;                     // in order
    std::vector<OutTensor> bound;                 // what its inputs are
    std::vector<std::string> names;               // likewise
    std::map<std::pair<int, size_t>, int> reads;  // by layer and which input
    std::vector<int> now;                         // of said inputs; -1: none
    std::vector<End> ends;
  };

  bool IsInside(const Work& work, const OutTensor& tensor) const {
    return work.inside[static_cast<size_t>(tensor.layer)] != 0;
  }

  OutLayer& LayerAt(int place) {
    return placed_[static_cast<size_t>(place)].layer;
  }

  bool Collapse(int n) {
    const Nest& nest = nests_[static_cast<size_t>(n)];
    Work work;
    for (size_t p = 0; p < placed_.size(); ++p) {
      work.inside.push_back(placed_[p].nest == n ? 1 : 0);
      if (placed_[p].nest == n) work.members.push_back(static_cast<int>(p));
    }
    if (work.members.empty()) return true;
    if (!BindAsSaid(nest, &work)) BindByUse(nest, &work);
    if (work.bound.empty() || !FindOutputs(n, &work)) return false;
    OutLayer layer;
    if (!IsApart(work) || !Join(nest, work, &layer)) return false;
    Replace(n, work, std::move(layer));
    return true;
  }

  // By what the file said of who reads which input.
  bool BindAsSaid(const Nest& nest, Work* work) {
    std::vector<std::optional<OutTensor>> bound(nest.inputs.size());
    for (const int member : work->members) {
      const Placed& placed = placed_[static_cast<size_t>(member)];
      const std::vector<OutTensor>& inputs = placed.layer.inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (IsInside(*work, inputs[i])) continue;
        if (inputs.size() != placed.reads.size()) return false;
        const int input = placed.reads[i];
        if (input < 0 || static_cast<size_t>(input) >= bound.size())
          return false;
        auto& of = bound[static_cast<size_t>(input)];
        if (of.has_value() && !(*of == inputs[i])) return false;
        of = inputs[i];
        work->reads[{member, i}] = input;
      }
    }
    work->now.assign(bound.size(), -1);
    for (size_t i = 0; i < bound.size(); ++i) {
      if (!bound[i].has_value()) continue;
      work->now[i] = static_cast<int>(work->bound.size());
      work->bound.push_back(*bound[i]);
      work->names.push_back(nest.inputs[i]);
    }
    for (auto& [reader, input] : work->reads)
      input = work->now[static_cast<size_t>(input)];
    return true;
  }

  // One for each tensor.
  void BindByUse(const Nest& nest, Work* work) {
    work->reads.clear();
    for (const int member : work->members) {
      const std::vector<OutTensor>& inputs = LayerAt(member).inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (IsInside(*work, inputs[i])) continue;
        const auto it =
            std::find(work->bound.begin(), work->bound.end(), inputs[i]);
        work->reads[{member, i}] = static_cast<int>(it - work->bound.begin());
        if (it == work->bound.end()) work->bound.push_back(inputs[i]);
      }
    }
    for (size_t i = 0; i < work->bound.size(); ++i) {
      const std::string fallback = nest.name + "_input";
      work->names.push_back(i < nest.inputs.size() ? nest.inputs[i] : fallback);
    }
    work->now.assign(nest.inputs.size(), -1);
    if (work->bound.size() == nest.inputs.size()) {
      for (size_t i = 0; i < work->now.size(); ++i)
        work->now[i] = static_cast<int>(i);
    }
  }

  // What it said to give, where that is there, and what others read.
  bool FindOutputs(int n, Work* work) {
    std::vector<OutTensor> read;
    const auto note = [&](const OutTensor& tensor) {
      if (IsInside(*work, tensor) &&
          std::find(read.begin(), read.end(), tensor) == read.end())
        read.push_back(tensor);
    };
    for (size_t p = 0; p < placed_.size(); ++p) {
      if (work->inside[p] != 0) continue;
      for (const OutTensor& input : placed_[p].layer.inputs) note(input);
    }
    for (const OutTensor& output : model_.outputs) note(output);
    std::vector<std::optional<End>> ends;
    for (const std::optional<End>& end : ends_[static_cast<size_t>(n)]) {
      ends.push_back(std::nullopt);
      if (!end.has_value()) continue;
      if (end->input >= 0) {
        const auto i = static_cast<size_t>(end->input);
        if (i < work->now.size() && work->now[i] >= 0)
          ends.back() = End{work->now[i], {}};
      } else if (IsInside(*work, end->tensor)) {
        ends.back() = end;
        std::erase(read, end->tensor);
      }
    }
    // Layers that are no nodes give what one before them gives.
    for (std::optional<End>& end : ends) {
      if (end.has_value() || read.empty()) continue;
      end = End{-1, read.front()};
      read.erase(read.begin());
    }
    for (const std::optional<End>& end : ends) {
      if (end.has_value()) work->ends.push_back(*end);
    }
    return read.empty() && !work->ends.empty();
  }

  // Whether it reads nothing that is made of its outputs outside.
  bool IsApart(const Work& work) const {
    std::vector<char> behind(placed_.size(), 0);
    for (size_t p = 0; p < placed_.size(); ++p) {
      for (const OutTensor& input : placed_[p].layer.inputs) {
        const bool after = behind[static_cast<size_t>(input.layer)] != 0;
        if (work.inside[p] != 0 && after) return false;
        if (after || (work.inside[p] == 0 && IsInside(work, input)))
          behind[p] = 1;
      }
    }
    return true;
  }

  // The layer that is the model.
  bool Join(const Nest& nest, const Work& work, OutLayer* layer) {
    auto model = std::make_shared<OutModel>();
    for (size_t i = 0; i < work.bound.size(); ++i) {
      const OutLayer& from = LayerAt(work.bound[i].layer);
      const auto output = static_cast<size_t>(work.bound[i].output);
      if (output >= from.gives.size() || from.gives[output] == kNoTensor)
        return false;
      const Tensor& tensor = graph_.tensor(from.gives[output]);
      if (tensor.shape.rank() < 1) return false;
      model->layers.push_back(InputLike(tensor));
      model->layers.back().gives = {from.gives[output]};
      model->layers.back().name = work.names[i];
      model->inputs.push_back({static_cast<int>(i), 0});
    }
    std::vector<int> now(placed_.size(), -1);
    for (const int member : work.members) {
      Placed& placed = placed_[static_cast<size_t>(member)];
      now[static_cast<size_t>(member)] = static_cast<int>(model->layers.size());
      OutLayer inner = placed.layer;
      inner.name = placed.name;
      for (size_t i = 0; i < inner.inputs.size(); ++i) {
        OutTensor& input = inner.inputs[i];
        if (IsInside(work, input))
          input.layer = now[static_cast<size_t>(input.layer)];
        else
          input = {work.reads.at({member, i}), 0};
      }
      model->layers.push_back(std::move(inner));
    }
    for (const End& end : work.ends) {
      model->outputs.push_back(
          end.input >= 0 ? OutTensor{end.input, 0}
                         : OutTensor{now[static_cast<size_t>(end.tensor.layer)],
                                     end.tensor.output});
      layer->gives.push_back(GivenBy(model->layers, model->outputs.back()));
    }
    model->name = nest.name;
    model->functional = nest.class_name != "Sequential";
    model->trainable = nest.trainable || HasTrainable(*model);
    if (!model->trainable) FreezeAll(model.get());
    Settle(model.get());
    layer->name = nest.name;
    layer->class_name = model->is_chain ? "Sequential" : "Functional";
    layer->inputs = work.bound;
    layer->label = "/" + std::to_string(nest.model);
    layer->training = nest.training;
    layer->trainable = model->trainable;
    layer->model = std::move(model);
    return true;
  }

  static TensorId GivenBy(const std::vector<OutLayer>& layers,
                          const OutTensor& tensor) {
    const OutLayer& layer = layers[static_cast<size_t>(tensor.layer)];
    const auto output = static_cast<size_t>(tensor.output);
    return output < layer.gives.size() ? layer.gives[output] : kNoTensor;
  }

  // What the model's inputs are made of.
  std::vector<char> Before(const Work& work) const {
    std::vector<char> before(placed_.size(), 0);
    for (const OutTensor& tensor : work.bound)
      before[static_cast<size_t>(tensor.layer)] = 1;
    for (size_t p = placed_.size(); p-- > 0;) {
      if (before[p] == 0) continue;
      for (const OutTensor& input : placed_[p].layer.inputs)
        before[static_cast<size_t>(input.layer)] = 1;
    }
    return before;
  }

  // Puts the layer in the place of the first of those that it holds, behind
  // what it needs.
  void Replace(int n, const Work& work, OutLayer layer) {
    const Nest& nest = nests_[static_cast<size_t>(n)];
    const std::vector<char> before = Before(work);
    const auto first = static_cast<size_t>(work.members.front());
    std::vector<int> now(placed_.size(), -1);
    std::vector<Placed> placed;
    int self = 0;
    for (const bool early : {true, false}) {
      for (size_t p = 0; p < placed_.size(); ++p) {
        if (work.inside[p] != 0 || (p < first || before[p] != 0) != early)
          continue;
        now[p] = static_cast<int>(placed.size());
        placed.push_back(std::move(placed_[p]));
      }
      if (!early) continue;
      self = static_cast<int>(placed.size());
      placed.push_back({std::move(layer), nest.around, nest.name, nest.reads});
    }
    const auto moved =
        [&](const OutTensor& tensor) -> std::optional<OutTensor> {
      if (!IsInside(work, tensor))
        return OutTensor{now[static_cast<size_t>(tensor.layer)], tensor.output};
      for (size_t o = 0; o < work.ends.size(); ++o) {
        if (work.ends[o].input < 0 && work.ends[o].tensor == tensor)
          return OutTensor{self, static_cast<int>(o)};
      }
      return std::nullopt;
    };
    placed_ = std::move(placed);
    for (Placed& each : placed_) {
      for (OutTensor& input : each.layer.inputs) input = *moved(input);
    }
    for (OutTensor& input : model_.inputs) input = *moved(input);
    for (OutTensor& output : model_.outputs) output = *moved(output);
    for (size_t other = 0; other < static_cast<size_t>(n); ++other) {
      for (std::optional<End>& end : ends_[other]) {
        if (!end.has_value() || end->input >= 0) continue;
        const std::optional<OutTensor> to = moved(end->tensor);
        if (to.has_value())
          end->tensor = *to;
        else
          end = std::nullopt;
      }
    }
  }

  const Graph& graph_;
  const std::vector<Nest>& nests_;
  const std::set<int> broken_;
  OutModel model_;
  std::vector<Placed> placed_;
  std::map<std::string, int> last_of_;                 // by call
  std::vector<std::vector<std::optional<End>>> ends_;  // by nest
};

// A model that uses a weight.
struct User {
  int depth;
  int place;   // each model has its own
  int number;  // Nest::model
  auto operator<=>(const User&) const = default;
};
using Users = std::map<TensorId, std::set<User>>;

void Count(const OutModel& model, const User& user, int* places, Users* users) {
  for (const OutLayer& layer : model.layers) {
    for (const OutVariable& weight : layer.weights)
      (*users)[weight.id].insert(user);
    if (layer.model == nullptr) continue;
    const User inner{user.depth + 1, ++*places,
                     std::stoi(layer.label.substr(1))};
    Count(*layer.model, inner, places, users);
  }
}

// The models that share a weight with another one; of those in each other the
// inner ones.
std::set<int> Sharing(const OutModel& model) {
  Users users;
  int places = 0;
  Count(model, {0, 0, -1}, &places, &users);
  std::set<int> sharing;
  for (const auto& [id, of] : users) {
    if (of.size() < 2) continue;
    for (const User& user : of) {
      if (user.depth == of.rbegin()->depth) sharing.insert(user.number);
    }
  }
  return sharing;
}

}  // namespace

OutModel PutIntoNests(const Graph& graph, OutModel flat) {
  const std::vector<Nest> nests = NestsOf(graph);
  std::set<int> broken;
  while (true) {
    std::optional<OutModel> model =
        Nester(graph, nests, flat, broken).Run(&broken);
    if (!model.has_value()) continue;
    model->name = flat.name;
    model->functional = flat.functional;
    Settle(&*model);
    const std::set<int> sharing = Sharing(*model);
    broken.insert(sharing.begin(), sharing.end());
    if (!sharing.empty()) continue;
    std::set<std::string> names;
    for (const Nest& nest : nests) {
      if (broken.contains(nest.model)) names.insert(nest.name);
    }
    model->flattened.assign(names.begin(), names.end());
    return *std::move(model);
  }
}

}  // namespace litesmith
