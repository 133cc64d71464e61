// Reads Keras configs: the one place, with call.cc, that knows their dialects.
#include "src/formats/keras/config.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/model_tree.h"
#include "src/formats/keras/quantized.h"
#include "src/formats/keras/regularizers.h"
#include "src/formats/keras/unknown_layers.h"
#include "src/formats/keras/wrappers.h"

namespace litesmith {
namespace {

// Types of variables, which are read as float32, and of what is computed, which
// is float32 here.
constexpr const char* kDtypes[] = {"float32", "mixed_float16", "mixed_bfloat16",
                                   "float16", "bfloat16",      "float64"};

void CheckDtype(const Json& config, bool operation) {
  const Json* dtype = JsonFind(config, "dtype");
  if (dtype == nullptr) return;
  std::string name;
  if (dtype->is_string()) {
    name = JsonString(*dtype, "dtype");
  } else {  // {"class_name": "DTypePolicy", "config": {"name": "float32"}}
    const Json* policy = JsonFind(*dtype, "config");
    if (policy != nullptr) name = JsonString(*policy, "name", "");
    const std::string class_name = JsonString(*dtype, "class_name", "");
    if (class_name != "DTypePolicy" && class_name != "Policy")
      name = class_name;
  }
  if (BitsOf(config) > 0) return;
  for (const char* known : kDtypes) {
    if (name == known) return;
  }
  // What masks are made of.
  if (operation && name == "bool") return;
  Fail(ErrorKind::kUnsupported, "its dtype is '{}'; float32 is supported",
       name);
}

// Options that no row of a layer reads.
void CheckOptions(const KerasLayer& layer, KerasModel* model) {
  for (const char* option : {"sparse", "ragged", "lora_rank", "lora_alpha",
                             "quantization_mode", "quantization_config"}) {
    const Json* value = JsonFind(*layer.config, option);
    if (value == nullptr || *value == false) continue;
    // The dtype says it.
    if (option == std::string_view("quantization_config") &&
        BitsOf(*layer.config) > 0)
      continue;
    Fail(ErrorKind::kUnsupported, "its {} is {}, which is not supported",
         option, JsonShown(*value));
  }
  std::string names;
  for (const auto& [key, value] : layer.config->items()) {
    if (ActsInKerasAlone(key, value))
      names += (names.empty() ? "" : ", ") + key;
  }
  if (names.empty()) return;
  model->left_out += fmt::format(
      "{}'{}' ({})", model->left_out.empty() ? "" : ", ", layer.name, names);
}

[[noreturn]] void FailTwice(const std::string& name) {
  Fail(ErrorKind::kCorrupt, "two layers are called '{}'", name);
}

// Calls `parse`, naming the layer in its errors.
template <typename F>
void ForLayer(const std::string& name, F parse) {
  try {
    parse();
  } catch (const Error& error) {
    Fail(error.kind(), "layer '{}': {}", name, error.what());
  }
}

// The layer's name in calls.
std::string RequiredName(const Json& json) {
  const std::string name = LayerName(json);
  if (name.empty()) {
    Fail(ErrorKind::kCorrupt, "a layer of class {} has no name",
         LayerClass(json));
  }
  return name;
}

// The layer, without what tfmot has put around it.
KerasLayer ParseLayer(const Json& json) {
  KerasLayer layer;
  layer.class_name = LayerClass(json);
  layer.name = RequiredName(json);
  const Json* config = &JsonAt(json, "config");
  layer.trainable = JsonBool(*config, "trainable", true);
  if (IsWrapperClass(layer.class_name)) {
    layer.wrapper = {layer.class_name, layer.name,
                     std::make_shared<const Json>(*config)};
    const Json& inner = JsonAt(*config, "layer");
    layer.class_name = LayerClass(inner);
    config = &JsonAt(inner, "config");
    layer.name = JsonString(JsonAt(*config, "name"), "name");
    layer.trainable &= JsonBool(*config, "trainable", true);
  }
  layer.config = std::make_shared<const Json>(*config);
  return layer;
}

// What a Sequential without an input of its own says of its shape: the first
// layer or the model knows it. Null: nothing does.
const Json* ShapeOfFirst(const Json& config, const Json& first, int depth) {
  const Json& layer = JsonAt(first, "config");
  for (const char* key : {"batch_input_shape", "batch_shape"}) {
    if (const Json* shape = JsonFind(layer, key)) return shape;
  }
  if (IsModelClass(LayerClass(first)) && depth < kMaxModelDepth) {
    for (const Json& inner : JsonArray(ModelLayers(layer), "layers")) {
      if (LayerClass(inner) == "InputLayer" ||
          JsonString(JsonAt(first, "class_name"), "class_name") == "Sequential")
        return ShapeOfFirst(layer, inner, depth + 1);
    }
  }
  if (IsWrapperClass(LayerClass(first)) && depth < kMaxModelDepth)
    return ShapeOfFirst(config, JsonAt(layer, "layer"), depth + 1);
  if (const Json* shape = JsonFind(config, "build_input_shape")) return shape;
  const Json* build = JsonFind(first, "build_config");
  return build == nullptr ? nullptr : JsonFind(*build, "input_shape");
}

// "dense", "dense_1", ...: the groups of layers in the order of their list.
class GroupNames {
 public:
  explicit GroupNames(std::string prefix) : prefix_(std::move(prefix)) {}
  std::string Next(std::string_view class_name) {
    const std::string name = GroupNameOf(class_name);
    const int place = counts_[name]++;
    return prefix_ + (place == 0 ? name : name + "_" + std::to_string(place));
  }

 private:
  std::string prefix_;
  std::map<std::string, int> counts_;
};

// What a model in a model takes from it.
struct Around {
  std::string path;   // "outer/inner/"
  std::string group;  // "layers/functional/"
  std::string top;    // of the outermost model; empty: this is that one
  bool trainable = true;
  int depth = 0;
};

class TreeParser {
 public:
  explicit TreeParser(KerasModel* model) : model_(model) {}

  std::unique_ptr<ModelTree> Parse(const Json& config, const std::string& kind,
                                   Around around) {
    if (around.depth > kMaxModelDepth)
      Fail(ErrorKind::kUnsupported, "its models nest too deep");
    // A frozen model freezes all of its layers.
    around.trainable &= JsonBool(config, "trainable", true);
    auto tree = std::make_unique<ModelTree>();
    tree->sequential = kind == "Sequential";
    tree->trainable = JsonBool(config, "trainable", true);
    GroupNames groups(around.group + "layers/");
    const Json& layers = JsonArray(ModelLayers(config), "layers");
    for (const Json& json : layers) {
      if (tree->sequential && tree->entries.empty()) {
        tree->has_input_layer = LayerClass(json) == "InputLayer";
        if (!tree->has_input_layer)
          AddFirstInput(config, json, around, tree.get());
      }
      TreeEntry entry;
      entry.name = RequiredName(json);
      ForLayer(around.path + entry.name, [&] {
        ParseEntry(json, around, &groups, &entry);
        if (tree->sequential) CallInChain(*tree, &entry);
      });
      Add(std::move(entry), tree.get());
    }
    if (tree->entries.empty()) Fail(ErrorKind::kCorrupt, "it has no layers");
    if (tree->sequential) {
      tree->inputs = {{tree->entries.front().name, 0, 0, true}};
      tree->outputs = {{tree->entries.back().name, 0, 0, true}};
    } else {
      ParseCalls(layers, around, tree.get());
      ParseEnds(config, tree.get());
      DropDoubles(tree.get());
    }
    return tree;
  }

 private:
  static bool IsSameCall(const ParsedCall& a, const ParsedCall& b) {
    const auto same = [](const Reference& x, const Reference& y) {
      return x.layer == y.layer && x.call == y.call && x.output == y.output;
    };
    return std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(),
                      b.tensors.end(), same) &&
           *a.args == *b.args && *a.kwargs == *b.kwargs;
  }

  // Our own files have each call of a Functional model in the model twice and
  // number it oddly, for both Kerases (write_config.cc): here it is one.
  static void DropDoubles(ModelTree* tree) {
    std::map<std::string, std::vector<Reference*>> readers;
    const auto note = [&](std::vector<Reference>* references) {
      for (Reference& reference : *references)
        readers[reference.layer].push_back(&reference);
    };
    for (TreeEntry& entry : tree->entries) {
      for (ParsedCall& call : entry.calls) note(&call.tensors);
    }
    note(&tree->outputs);
    std::vector<TreeEntry*> doubled;
    for (TreeEntry& entry : tree->entries) {
      const std::vector<ParsedCall>& calls = entry.calls;
      bool all = entry.model != nullptr && calls.size() % 2 == 0;
      for (size_t c = 0; all && c < calls.size(); c += 2)
        all = IsSameCall(calls[c], calls[c + 1]);
      for (const Reference* reader : readers[entry.name])
        all = all && reader->call % 2 == 1;
      if (all) doubled.push_back(&entry);
    }
    for (TreeEntry* entry : doubled) {
      for (Reference* reader : readers[entry->name]) {
        reader->call /= 2;
        reader->exact = true;
      }
    }
    for (TreeEntry* entry : doubled) {
      std::vector<ParsedCall> once;
      for (size_t c = 0; c < entry->calls.size(); c += 2)
        once.push_back(std::move(entry->calls[c]));
      entry->calls = std::move(once);
    }
  }

  static void Add(TreeEntry entry, ModelTree* tree) {
    if (!tree->places.emplace(entry.name, tree->entries.size()).second)
      FailTwice(entry.name);
    tree->entries.push_back(std::move(entry));
  }

  // Each layer of a Sequential reads the one before.
  static void CallInChain(const ModelTree& tree, TreeEntry* entry) {
    ParsedCall call;
    if (!tree.entries.empty())
      call.tensors = {{tree.entries.back().name, 0, 0, true}};
    call.inputs = call.tensors.size();
    entry->calls = {std::move(call)};
  }

  // A model in a model is given its input, whatever its shape.
  void AddFirstInput(const Json& config, const Json& first,
                     const Around& around, ModelTree* tree) {
    const std::string name = RequiredName(first);
    const Json* shape = ShapeOfFirst(config, first, 0);
    if (shape == nullptr && around.top.empty()) {
      Fail(ErrorKind::kUnsupported,
           "layer '{}' is the first and states no input shape", name);
    }
    KerasLayer layer;
    layer.class_name = "InputLayer";
    layer.name = name + "_input";
    Json input = {{"batch_shape", shape == nullptr ? Json() : *shape}};
    // Token numbers.
    if (const Json* dtype = JsonFind(JsonAt(first, "config"), "dtype");
        dtype != nullptr && dtype->is_string() &&
        LayerClass(first) == "Embedding")
      input["dtype"] = "float32";
    layer.config = std::make_shared<const Json>(std::move(input));
    TreeEntry entry;
    entry.name = layer.name;
    entry.calls.emplace_back();
    entry.layer = model_->layers.size();
    model_->layers.push_back(std::move(layer));
    Add(std::move(entry), tree);
  }

  void ParseEntry(const Json& json, const Around& around, GroupNames* groups,
                  TreeEntry* entry) {
    const std::string class_name = LayerClass(json);
    if (IsModelClass(class_name)) {
      Around inner = around;
      inner.path += entry->name + "/";
      inner.group = groups->Next(class_name == "Sequential" ? "Sequential"
                                                            : "Functional") +
                    "/";
      if (inner.top.empty()) inner.top = entry->name;
      ++inner.depth;
      entry->model = Parse(JsonAt(json, "config"), class_name, inner);
      return;
    }
    KerasLayer layer = ParseLayer(json);
    if (!model_->to_look_at) {
      if (layer.class_name != "InputLayer")
        CheckDtype(*layer.config,
                   layer.class_name.starts_with(kOperationClass));
      CheckOptions(layer, model_);
    }
    layer.trainable &= around.trainable;
    layer.label = around.path + layer.name;
    layer.top = around.top.empty() ? entry->name : around.top;
    if (!around.top.empty())
      layer.path = layer.label.substr(around.top.size() + 1);
    entry->layer = model_->layers.size();
    if (const KerasLayer* same = SameObject(json, layer)) {
      entry->layer = static_cast<size_t>(same - model_->layers.data());
      // Keras 3 counts it again, without writing it again.
      if (model_->generation == 3) groups->Next(class_name);
      return;
    }
    // What Keras 3 computes by functions are no layers.
    if (!class_name.starts_with(kOperationClass))
      layer.group =
          groups->Next(JsonString(JsonAt(json, "class_name"), "class_name"));
    model_->layers.push_back(std::move(layer));
  }

  // The layer that has been read already, as a part of another model, and is
  // the same object as this one; or null.
  const KerasLayer* SameObject(const Json& json, const KerasLayer& layer) {
    const Json* id = JsonFind(json, "shared_object_id");
    if (id == nullptr || !id->is_number_integer()) return nullptr;
    for (const KerasLayer& other : model_->layers) {
      if (other.class_name == layer.class_name && other.name == layer.name &&
          other.label != layer.label)
        return &other;
    }
    return nullptr;
  }

  void ParseCalls(const Json& layers, const Around& around, ModelTree* tree) {
    const auto is_layer = [&](const std::string& name) {
      return tree->places.count(name) != 0;
    };
    size_t place = 0;
    for (const Json& json : layers) {
      TreeEntry& entry = tree->entries[place++];
      ForLayer(around.path + entry.name, [&] {
        if (entry.model == nullptr &&
            model_->layers[entry.layer].class_name == "InputLayer") {
          entry.calls.emplace_back();
          return;
        }
        const Json* nodes = JsonFind(json, "inbound_nodes");
        if (nodes == nullptr || JsonArray(*nodes, "inbound_nodes").empty()) {
          Fail(ErrorKind::kCorrupt, "it reads nothing");
        }
        for (const Json& call : *nodes)
          entry.calls.push_back(ParseCall(call, is_layer));
      });
    }
  }

  static void ParseEnds(const Json& config, ModelTree* tree) {
    ForLayer("input_layers", [&] {
      tree->inputs = litesmith::ParseEnds(JsonAt(config, "input_layers"),
                                          &tree->input_names);
    });
    ForLayer("output_layers", [&] {
      tree->outputs = litesmith::ParseEnds(JsonAt(config, "output_layers"),
                                           &tree->output_names);
    });
    if (tree->inputs.empty() || tree->outputs.empty()) {
      Fail(ErrorKind::kCorrupt, "it has no inputs or no outputs");
    }
  }

  KerasModel* model_;
};

// Whether a layer of the config says its shape as Keras 3 does.
bool SaysBatchShape(const Json& layers) {
  for (const Json& layer : layers) {
    const Json* config = JsonFind(layer, "config");
    if (config != nullptr && JsonFind(*config, "batch_shape") != nullptr)
      return true;
  }
  return false;
}

int GenerationOf(const std::string& keras_version, const Json& layers) {
  if (!keras_version.empty()) return keras_version[0] >= '3' ? 3 : 2;
  return SaysBatchShape(layers) ? 3 : 2;
}

// Layers' own names, but where several have one: then those of models in the
// model have their path, in letters that a name may have.
void SetLabels(KerasModel* model) {
  std::map<std::string, int> uses;
  for (const KerasLayer& layer : model->layers) ++uses[layer.name];
  for (KerasLayer& layer : model->layers) {
    std::string path = std::move(layer.label);
    layer.label = layer.name;
    const size_t inner = path.size() - std::min(path.size(), layer.name.size());
    if (uses[layer.name] < 2 || inner == 0) continue;
    for (size_t i = 0; i < inner; ++i) {
      if (path[i] == '/') path[i] = '_';
    }
    layer.label = path;
  }
}

}  // namespace

std::optional<size_t> TensorPlace(const Json& argument) {
  const Json* place = JsonFind(argument, "tensor");
  if (place == nullptr || !place->is_number_unsigned() || argument.size() != 1)
    return std::nullopt;
  return place->get<size_t>();
}

std::unique_ptr<ModelTree> ParseModelTree(const Json& config,
                                          const std::string& kind,
                                          KerasModel* model) {
  return TreeParser(model).Parse(config, kind, {});
}

KerasModel ParseKerasConfig(const std::string& text, const char* what,
                            const std::string& keras_version, bool to_look_at) {
  const Json json = ParseJson(text, what);
  const std::string& kind =
      JsonString(JsonAt(json, "class_name"), "class_name");
  const Json& config = JsonAt(json, "config");
  KerasModel model;
  if (!IsModelClass(kind)) {
    Fail(ErrorKind::kUnsupported,
         "it is a model of class '{}'; Sequential and Functional are supported",
         kind);
  }
  model.name = JsonString(config, "name", "");
  model.functional = kind != "Sequential";
  model.to_look_at = to_look_at;
  if (!to_look_at) RequireKnownLayers(ModelLayers(config));
  model.generation =
      GenerationOf(keras_version, JsonArray(ModelLayers(config), "layers"));
  const auto tree = ParseModelTree(config, kind, &model);
  SetLabels(&model);
  Flatten(*tree, &model);
  return model;
}

}  // namespace litesmith
