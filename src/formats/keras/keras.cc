// Which parts a Keras file has: the model as Keras sees it, our own graph, or
// both.
#include "src/formats/keras/keras.h"

#include <fmt/ranges.h>

#include <optional>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/warning.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/lstm.h"
#include "src/graph/names.h"

namespace litesmith {
namespace {

// Of layers that one Keras alone reads, or means so.
void WarnOfOneKeras(const OutModel& model, bool archive) {
  const int of_file = GenerationOf(model, archive);
  for (const int generation : {2, 3}) {
    std::vector<std::string> names;
    ForEachLayer(model, [&](const OutLayer& layer) {
      const int of = layer.generation != 0 ? layer.generation
                     : HasTwoForms(layer)  ? of_file
                                           : 0;
      if (of == generation) names.push_back(layer.name);
    });
    if (names.empty()) continue;
    Warn(
        "a Keras file of this model is one of Keras {}'s: the other does not "
        "read these layers, or means something else by them: {}",
        generation, fmt::join(names, ", "));
  }
}

// The Keras form, if there is one; else the warning is said.
std::optional<OutModel> KerasForm(const Graph& graph, bool archive) {
  try {
    std::vector<std::string> changed;
    OutModel model = ToKeras(graph, &changed);
    if (!changed.empty()) {
      Warn(
          "in a Keras file of this model others do the work of these layers, "
          "for which Keras 2 and 3 have no form that both read: {}",
          fmt::join(changed, ", "));
    }
    if (!model.flattened.empty()) {
      Warn(
          "in a Keras file of this model these models in the model are written "
          "as their layers, as layers outside of them read what they did not "
          "give or share what they have: {}",
          fmt::join(model.flattened, ", "));
    }
    WarnOfOneKeras(model, archive);
    return model;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    Warn(
        "a Keras file of this model holds Litesmith's own graph alone, which "
        "Keras does not read: {}",
        error.what());
    return std::nullopt;
  }
}

}  // namespace

Graph ChooseGraph(Graph keras, const H5Tree& ours, const std::string& path) {
  Graph graph = HoldsGraph(ours) ? ReadGraph(ours, keras) : std::move(keras);
  MakeNamesUniqueAtDoor(path, &graph);
  return graph;
}

void WriteKeras(KerasFile kind, const Graph& graph, const Graph* full,
                const std::string& path) {
  const Graph plain = JoinLstms(graph);
  std::vector<std::byte> bytes;
  try {
    const std::optional<OutModel> model =
        KerasForm(plain, kind != KerasFile::kH5);
    if (full == nullptr && !(model && KeepsWeightNames(plain, *model)))
      full = &graph;
    const OutModel* form = model ? &*model : nullptr;
    bytes = kind == KerasFile::kH5 ? H5Bytes(form, plain, full)
                                   : ArchiveBytes(form, plain, full);
  } catch (const Error& error) {
    Fail(error.kind(), "cannot write {}: {}", path, error.what());
  }
  WriteFile(path, bytes);
}

void WarnIfNoKerasForm(const Graph& graph) {
  KerasForm(JoinLstms(graph), /*archive=*/false);
}

}  // namespace litesmith
