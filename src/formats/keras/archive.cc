// The .keras container: a zip archive with config.json, metadata.json and an
// HDF5 file of the variables, whose groups are called by class and place.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "src/base/error.h"
#include "src/containers/zip.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/hdf5/h5_image.h"
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

// "dense", "dense_1", ...: the groups of layers in the order of their list.
class GroupNames {
 public:
  std::string Next(std::string_view class_name) {
    const std::string name = SnakeCase(class_name);
    const int place = counts_[name]++;
    return place == 0 ? name : name + "_" + std::to_string(place);
  }

 private:
  std::map<std::string, int> counts_;
};

// By place: 'layers/dense_1/vars/0' is the first variable of the second Dense.
class ArchiveVariables : public Variables {
 public:
  ArchiveVariables(const KerasModel& model, const H5Tree& weights)
      : model_(model), weights_(weights) {
    GroupNames names;
    for (const KerasLayer& layer : model.layers) {
      // A Sequential does not count its input among its layers; no other layer
      // is called like one.
      groups_.push_back(FindGroup(names.Next(layer.class_name)));
    }
  }

  const H5Dataset* Find(size_t layer, size_t index,
                        std::string_view) const override {
    const std::string& group = groups_[layer];
    // Keras from 3.5 on says which layer it is.
    const auto* name = weights_.Attribute(group, "name");
    if (name != nullptr && name->size() == 1 &&
        name->front() != model_.layers[layer].name) {
      Fail(ErrorKind::kCorrupt,
           "where its weights should be, at '{}', are those of '{}'", group,
           name->front());
    }
    const auto it = weights_.datasets.find(group + "/" + std::to_string(index));
    return it == weights_.datasets.end() ? nullptr : &it->second;
  }

  void RequireCount(size_t layer, size_t count) const override {
    const std::string next = groups_[layer] + "/" + std::to_string(count);
    if (weights_.datasets.count(next) != 0) {
      Fail(ErrorKind::kCorrupt,
           "the file holds more than the {} weights that it has", count);
    }
  }

 private:
  // Keras's own place first, then that of Keras 2.13, then what it writes on
  // Windows, where a backslash stays in the name.
  std::string FindGroup(const std::string& name) const {
    constexpr const char* kTops[] = {"layers",
                                     "_layer_checkpoint_dependencies"};
    for (const char separator : {'/', '\\'}) {
      for (const char* top : kTops) {
        const std::string place =
            fmt::format("{}{}{}/vars", top, separator, name);
        if (weights_.datasets.count(place + "/0") != 0) return place;
      }
    }
    return fmt::format("{}/{}/vars", kTops[0], name);
  }

  const KerasModel& model_;
  const H5Tree& weights_;
  std::vector<std::string> groups_;  // by layer
};

class ArchiveReader {
 public:
  ArchiveReader(std::span<const std::byte> bytes, const H5Limits& limits,
                const std::string& path)
      : zip_(bytes), limits_(limits), path_(path) {
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
        {reinterpret_cast<const char*>(config.data()), config.size()}, kConfig);
    const H5Tree weights =
        ReadH5(kWeights,
               {.groups = {""}, .as_float32 = true, .without = {"optimizer"}});
    return ChooseGraph(
        FromKeras(model, ArchiveVariables(model, weights), path_), ours, path_);
  }

 private:
  // One group of a member that is an HDF5 file.
  H5Tree ReadH5(const char* member, const H5Wanted& wanted) const {
    const std::vector<std::byte> bytes = zip_.Read(member, max_bytes_);
    const std::string name = std::string("its member ") + member;
    return std::move(ReadH5InHelper(bytes, name, {&wanted, 1}, limits_)[0]);
  }

  ZipReader zip_;
  const H5Limits& limits_;
  const std::string& path_;
  int64_t max_bytes_;  // of a member, unpacked
};

std::vector<std::byte> WeightsBytes(const OutModel& model, const Graph& graph) {
  H5Image image;
  image.AddGroup("/layers");
  image.AddGroup("/vars");  // of the model itself
  GroupNames names;
  for (const OutLayer& layer : model.layers) {
    const std::string group =
        "/layers/" + names.Next(layer.class_name) + "/vars";
    // Kerases do not miss what is empty.
    if (layer.weights.empty()) continue;
    image.AddGroup(group);
    image.AddString(group, "name", layer.name);
    int place = 0;
    for (size_t i = 0; i < layer.weights.size(); ++i) {
      if (layer.weights[i] == kNoTensor) continue;
      AddVariableDataset(graph, layer, i, group + "/" + std::to_string(place++),
                         &image);
    }
  }
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
      kMetadata, std::string("{\"keras_version\": \"") + kKerasVersion +
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
                       const std::string& path) {
  try {
    return ArchiveReader(bytes, limits, path).Read();
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
}

Graph ReadKerasArchive(std::span<const std::byte> bytes,
                       const std::string& path) {
  return GraphFromArchive(bytes, {}, path);
}

}  // namespace litesmith
