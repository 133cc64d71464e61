// Unique names for tensors and nodes.
#include "src/graph/names.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

// Names that are taken, and where counting goes on for each name asked for.
class TakenNames {
 public:
  // Takes the name unless it is empty or taken.
  bool Take(const std::string& name) {
    return !name.empty() && taken_.insert(name).second;
  }
  // Takes `wanted`, or the first of "wanted_1", ... that is free.
  std::string TakeLike(const std::string& wanted) {
    if (Take(wanted)) return wanted;
    int& count = counts_[wanted];
    std::string name;
    do {
      name = fmt::format("{}_{}", wanted, ++count);
    } while (!Take(name));
    return name;
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> counts_;
};

// Items are tensors or nodes; `fallback` gives the name of one without.
template <typename Item, typename Fallback>
void MakeUnique(std::vector<Item>* items, const Fallback& fallback,
                std::vector<std::string>* changes) {
  TakenNames names;
  std::vector<size_t> open;  // after all that may keep their names
  for (size_t i = 0; i < items->size(); ++i) {
    if (!names.Take((*items)[i].name)) open.push_back(i);
  }
  for (const size_t i : open) {
    std::string& name = (*items)[i].name;
    const std::string before = name;
    name = names.TakeLike(before.empty() ? fallback(i) : before);
    if (!before.empty())
      changes->push_back(fmt::format("'{}' is now '{}'", before, name));
  }
}

template <typename Item>
void VerifyUnique(const std::vector<Item>& items, const char* what) {
  std::unordered_map<std::string_view, size_t> first;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].name.empty())
      Fail(ErrorKind::kCorrupt, "{} {} has no name", what, i);
    const auto [place, is_new] = first.emplace(items[i].name, i);
    if (!is_new) {
      Fail(ErrorKind::kCorrupt, "{}s {} and {} are both called '{}'", what,
           place->second, i, items[i].name);
    }
  }
}

}  // namespace

std::vector<std::string> MakeNamesUnique(Graph* graph) {
  std::vector<std::string> changes;
  std::vector<std::string> written_by(graph->tensors.size());
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    for (const TensorId id : graph->nodes[n].outputs) {
      written_by[static_cast<size_t>(id)] =
          fmt::format("{}_{}", graph->nodes[n].op->name, n);
    }
  }
  MakeUnique(
      &graph->tensors,
      [&](size_t t) {
        return written_by[t].empty() ? fmt::format("tensor_{}", t)
                                     : written_by[t];
      },
      &changes);
  MakeUnique(
      &graph->nodes,
      [&](size_t n) {
        const Node& node = graph->nodes[n];
        return node.outputs.empty() ? fmt::format("{}_{}", node.op->name, n)
                                    : graph->tensor(node.outputs[0]).name;
      },
      &changes);
  return changes;
}

void MakeNamesUniqueAtDoor(const std::string& where, Graph* graph) {
  const std::vector<std::string> changes = MakeNamesUnique(graph);
  if (changes.empty()) return;
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, changes.size()); ++i)
    text += (i == 0 ? "" : ", ") + changes[i];
  if (changes.size() > kShown)
    text += fmt::format(", and {} more", changes.size() - kShown);
  Warn("{}: names are used twice in it: {}", where, text);
}

std::string UniqueTensorName(const Graph& graph, const std::string& wanted) {
  TakenNames names;
  for (const Tensor& tensor : graph.tensors) names.Take(tensor.name);
  return names.TakeLike(wanted);
}

void VerifyNames(const Graph& graph) {
  VerifyUnique(graph.tensors, "tensor");
  VerifyUnique(graph.nodes, "node");
}

}  // namespace litesmith
