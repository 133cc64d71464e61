// The .keras container: a zip archive with config.json, metadata.json and an
// HDF5 file of the variables, whose groups are called by class and place.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "src/base/error.h"
#include "src/containers/zip.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/json.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/from_keras.h"
#include "src/formats/keras/keras.h"

namespace litesmith {
namespace {

constexpr char kConfig[] = "config.json";
constexpr char kMetadata[] = "metadata.json";
constexpr char kWeights[] = "model.weights.h5";
// Our own graph. Keras reads the members that it knows.
constexpr char kOurs[] = "litesmith.h5";

constexpr int64_t kMaxConfigBytes = int64_t{1} << 26;
// Weights hardly pack, and Keras does not pack at all: what unpacks to more
// than so many times the archive is made to fill a memory.
constexpr int64_t kMaxRatio = 100;
constexpr int64_t kAlwaysAllowed = int64_t{1} << 26;

// By place: 'layers/dense_1/vars/0' is the first variable of the second Dense.
class ArchiveVariables : public Variables {
 public:
  ArchiveVariables(const KerasModel& model, const H5Tree& weights)
      : model_(model), weights_(weights) {
    for (const auto& [path, data] : weights.datasets) {
      if (path.starts_with(kOldTop)) old_ = true;
      if (path.find('\\') != std::string::npos) windows_ = true;
    }
  }

  const H5Dataset* Find(size_t layer,
                        const VariablePlace& place) const override {
    const KerasLayer& of = model_.layers[layer];
    std::string path = of.group;
    size_t index = place.index;
    if (of.wrapper.class_name == "PruneLowMagnitude" ||
        of.wrapper.class_name == "SpectralNormalization") {
      path += "/layer";
    } else if (!of.wrapper.class_name.empty()) {
      // What it does something with is the wrapper's own, the rest the layer's.
      const bool weight = HasWeight(layer);
      const bool clusters = of.wrapper.class_name == "ClusterWeights";
      if (!weight || (clusters && index > 0)) {
        path += "/layer";
        index -= weight ? 1 : 0;
      }
    }
    if (!place.part.empty()) path += fmt::format("/{}", place.part);
    const std::string group = GroupOf(path) + "/vars";
    // Keras from 3.5 on says which layer it is.
    const auto* name = weights_.Attribute(group, "name");
    if (place.part.empty() && name != nullptr && name->size() == 1 &&
        name->front() != of.name && of.wrapper.class_name.empty()) {
      Fail(ErrorKind::kCorrupt,
           "where its weights should be, at '{}', are those of '{}'", group,
           name->front());
    }
    const auto it = weights_.datasets.find(group + "/" + std::to_string(index));
    return it == weights_.datasets.end() ? nullptr : &it->second;
  }

  // By what stands before it: the variables that are trained, the quantized one
  // again, the step, and then the ranges.
  const H5Dataset* FindOfWrapper(size_t layer,
                                 WrapperVariable which) const override {
    const KerasLayer& of = model_.layers[layer];
    const size_t count = CountOf(of.group);
    if (of.wrapper.class_name == "PruneLowMagnitude")
      return which == WrapperVariable::kMask && count == 4 ? Own(of, 1)
                                                           : nullptr;
    if (of.wrapper.class_name == "ClusterWeights")
      return which == WrapperVariable::kCentroids && count > 2 ? Own(of, 1)
                                                               : nullptr;
    const bool quantizes = of.wrapper.class_name.empty();
    const bool weight = !quantizes && HasWeight(layer);
    size_t step = 0;
    while (step < count && !IsStep(*Own(of, step))) ++step;
    // QuantizeLayer has the step behind its range.
    const size_t first = quantizes ? 0 : step + 1;
    const size_t ranges = quantizes ? 2 : count - std::min(count, step + 1);
    switch (which) {
      case WrapperVariable::kWeightMin:
        return weight && ranges >= 2 ? Own(of, first) : nullptr;
      case WrapperVariable::kWeightMax:
        return weight && ranges >= 2 ? Own(of, first + 1) : nullptr;
      case WrapperVariable::kActivationMin:
        return ranges == (weight ? 4u : 2u)
                   ? Own(of, count - (quantizes ? 3 : 2))
                   : nullptr;
      case WrapperVariable::kActivationMax:
        return ranges == (weight ? 4u : 2u)
                   ? Own(of, count - (quantizes ? 2 : 1))
                   : nullptr;
      // Nothing says so; what has a softmax or its like is so.
      case WrapperVariable::kPreActivationMin:
        return FindOfWrapper(layer, WrapperVariable::kActivationMin);
      default:
        return nullptr;
    }
  }

  std::vector<std::pair<std::string, const H5Dataset*>> All(
      size_t layer) const override {
    const std::string& group = model_.layers[layer].group;
    std::vector<std::pair<std::string, const H5Dataset*>> all;
    if (group.empty()) return all;
    const std::string prefix = GroupOf(group) + (windows_ ? "\\" : "/");
    for (auto it = weights_.datasets.lower_bound(prefix);
         it != weights_.datasets.end() && it->first.starts_with(prefix); ++it) {
      if (IsWeight(it->first))
        all.emplace_back(it->first.substr(prefix.size()), &it->second);
    }
    return all;
  }

  void RequireAllFound(size_t layer, size_t count) const override {
    const std::string& group = model_.layers[layer].group;
    const std::string prefix = GroupOf(group) + (windows_ ? "\\" : "/");
    const std::string vars = GroupOf(group) + "/vars/";
    size_t there = 0;
    for (const std::string& begin : {prefix, vars}) {
      if (begin == vars && prefix.back() == '/') break;
      for (auto it = weights_.datasets.lower_bound(begin);
           it != weights_.datasets.end() && it->first.starts_with(begin); ++it)
        there += IsWeight(it->first) ? 1 : 0;
    }
    if (there > count) {
      Fail(ErrorKind::kCorrupt,
           "the file holds more than the {} weights that it has", count);
    }
  }

 private:
  static constexpr char kOldTop[] = "_layer_checkpoint_dependencies";

  const H5Dataset* Own(const KerasLayer& layer, size_t index) const {
    const auto it = weights_.datasets.find(GroupOf(layer.group) + "/vars/" +
                                           std::to_string(index));
    return it == weights_.datasets.end() ? nullptr : &it->second;
  }
  size_t CountOf(const std::string& group) const {
    size_t count = 0;
    while (weights_.datasets.count(GroupOf(group) + "/vars/" +
                                   std::to_string(count)) != 0)
      ++count;
    return count;
  }
  // A scalar, which no layer's variable is that is quantized.
  static bool IsStep(const H5Dataset& data) { return data.dims.empty(); }
  // Whether the wrapper has a weight of its layer.
  bool HasWeight(size_t layer) const {
    const H5Dataset* first = Own(model_.layers[layer], 0);
    return first != nullptr && first->dims.size() > 1;
  }

  // The state of random numbers is none, and how often a mean was adapted.
  static bool IsWeight(const std::string& path) {
    return path.find("seed_generator") == std::string::npos;
  }

  // As Keras 2.13 calls it, and as Keras writes it on Windows, where a
  // backslash stays in the name.
  std::string GroupOf(std::string path) const {
    constexpr std::string_view kTop = "layers/";
    if (old_) {
      for (size_t at = 0; (at = path.find(kTop, at)) != std::string::npos;) {
        path.replace(at, kTop.size(), std::string(kOldTop) + "/");
        at += sizeof(kOldTop);
      }
    }
    if (windows_) std::replace(path.begin(), path.end(), '/', '\\');
    return path;
  }

  const KerasModel& model_;
  const H5Tree& weights_;
  bool old_ = false;
  bool windows_ = false;
};

class ArchiveReader {
 public:
  ArchiveReader(std::span<const std::byte> bytes, const H5Limits& limits,
                const std::string& path, bool to_look_at)
      : zip_(bytes), limits_(limits), path_(path), to_look_at_(to_look_at) {
    const int64_t by_size = kMaxRatio * static_cast<int64_t>(bytes.size());
    max_bytes_ =
        std::min(limits.contents_bytes, std::max(kAlwaysAllowed, by_size));
  }

  Graph Read() const {
    H5Tree ours;
    if (zip_.Has(kOurs)) ours = ReadH5(kOurs, {.groups = {kGraphGroup}});
    // A graph without a Keras form stands alone.
    if (HoldsGraph(ours) && !zip_.Has(kConfig))
      return ChooseGraph({}, ours, path_);
    const std::vector<std::byte> config =
        zip_.Read(kConfig, std::min(max_bytes_, kMaxConfigBytes));
    const KerasModel model = ParseKerasConfig(
        {reinterpret_cast<const char*>(config.data()), config.size()}, kConfig,
        KerasVersion(), to_look_at_);
    const H5Tree weights =
        ReadH5(kWeights,
               {.groups = {""}, .as_float32 = true, .without = {"optimizer"}});
    return ChooseGraph(
        FromKeras(model, ArchiveVariables(model, weights), path_), ours, path_);
  }

 private:
  // What it says of the Keras that wrote it; empty: nothing.
  std::string KerasVersion() const {
    if (!zip_.Has(kMetadata)) return {};
    const std::vector<std::byte> text =
        zip_.Read(kMetadata, std::min(max_bytes_, kMaxConfigBytes));
    return JsonString(
        ParseJson({reinterpret_cast<const char*>(text.data()), text.size()},
                  kMetadata),
        "keras_version", "");
  }

  // One group of a member that is an HDF5 file.
  H5Tree ReadH5(const char* member, const H5Wanted& wanted) const {
    const std::vector<std::byte> bytes = zip_.Read(member, max_bytes_);
    const std::string name = std::string("its member ") + member;
    return std::move(ReadH5InHelper(bytes, name, {&wanted, 1}, limits_)[0]);
  }

  ZipReader zip_;
  const H5Limits& limits_;
  const std::string& path_;
  bool to_look_at_;
  int64_t max_bytes_;  // of a member, unpacked
};

// The layers of the model in the group, those of models in it below theirs.
void AddLayers(const OutModel& model, const Graph& graph, bool three,
               const std::string& around, H5Image* image) {
  image->AddGroup(around + "/layers");
  image->AddGroup(around + "/vars");  // of the model itself
  std::map<std::string, int> counts;
  for (const OutLayer& layer : model.layers) {
    if (layer.function != nullptr) continue;
    const std::string name = GroupNameOf(layer.class_name);
    const int place = counts[name]++;
    const std::string group =
        around + "/layers/" +
        (place == 0 ? name : name + "_" + std::to_string(place));
    if (layer.model != nullptr)
      AddLayers(*layer.model, graph, three, group, image);
    // Kerases do not miss what is empty.
    std::map<std::string, int> places;  // by part
    for (const OutVariable& weight : layer.weights) {
      std::string vars = group;
      // Keras 3 has no underscores in front of the parts of attention.
      if (!weight.part.empty())
        vars += "/" + weight.part.substr(three && weight.part[0] == '_' &&
                                                 layer.class_name ==
                                                     "MultiHeadAttention"
                                             ? 1
                                             : 0);
      vars += "/vars";
      const int index = places[weight.part]++;
      if (index == 0) {
        image->AddGroup(vars);
        if (weight.part.empty()) image->AddString(vars, "name", layer.name);
      }
      AddVariableDataset(graph, layer, weight,
                         vars + "/" + std::to_string(index), image);
    }
  }
}

std::vector<std::byte> WeightsBytes(const OutModel& model, const Graph& graph) {
  H5Image image;
  AddLayers(model, graph, GenerationOf(model, /*archive=*/true) == 3, "",
            &image);
  return image.Finish();
}

ZipMember TextMember(const char* name, std::string_view text) {
  const auto bytes = std::as_bytes(std::span<const char>(text));
  return {name, {bytes.begin(), bytes.end()}};
}

}  // namespace

std::vector<std::byte> ArchiveBytes(const OutModel* model, const Graph& plain,
                                    const Graph* full) {
  // A fixed date: the same model gives the same bytes.
  std::vector<ZipMember> members = {TextMember(
      kMetadata,
      std::string("{\"keras_version\": \"") +
          (model == nullptr ? kKerasVersion : KerasVersionOf(*model, true)) +
          "\", \"date_saved\": \"1980-01-01@00:00:00\"}")};
  if (model != nullptr) {
    members.push_back(TextMember(kConfig, ConfigForArchive(*model)));
    members.push_back({kWeights, WeightsBytes(*model, plain)});
  }
  if (full != nullptr) {
    H5Image image;
    AddOurGraph(*full, plain, model, &image);
    members.push_back({kOurs, image.Finish()});
  }
  return WriteZip(members);
}

Graph GraphFromArchive(std::span<const std::byte> bytes, const H5Limits& limits,
                       const std::string& path, bool to_look_at) {
  try {
    return ArchiveReader(bytes, limits, path, to_look_at).Read();
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
}

Graph ReadKerasArchive(std::span<const std::byte> bytes,
                       const std::string& path) {
  return GraphFromArchive(bytes, {}, path);
}

Graph ReadKerasArchiveToLookAt(std::span<const std::byte> bytes,
                               const std::string& path) {
  return GraphFromArchive(bytes, {}, path, /*to_look_at=*/true);
}

}  // namespace litesmith
