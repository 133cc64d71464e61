// The doors through which graphs come and go.
#include "src/models/models.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <new>
#include <string_view>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/near_file.h"
#include "src/base/warning.h"
#include "src/containers/content.h"
#include "src/formats/keras/keras.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/weights.h"
#include "src/ops/registry.h"
#include "src/quant/convert.h"
#include "src/quant/dequantize.h"
#include "src/quant/prepare.h"
#include "src/transform/batch.h"
#include "src/transform/batch_norm.h"
#include "src/transform/expand_rnn.h"
#include "src/transform/tables.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void RefuseContent(Content content, const std::string& path) {
  const std::string advice = Advice(content);
  Fail(RefusalOf(content), "{}: it is {}{}{}", path, Name(content),
       advice.empty() ? "" : "; ", advice);
}

// A folder is no model; one kind of folder deserves its name.
[[noreturn]] void RefuseFolder(const std::string& path) {
  std::error_code code;
  if (fs::exists(fs::path(path) / "saved_model.pb", code))
    RefuseContent(Content::kSavedModel, path);
  Fail(ErrorKind::kIo, "cannot read {}: it is a folder, a file is wanted",
       path);
}

// How each kind of file is read.
struct Readers {
  Graph (*tflite)(std::span<const std::byte> bytes, const std::string& path,
                  const std::string& signature);
  Graph (*h5)(const std::string& path);
  Graph (*archive)(std::span<const std::byte> bytes, const std::string& path);
};

Graph ReadModel(const std::string& path, const std::string& signature,
                const Readers& readers) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (!fs::exists(status)) {
    const std::vector<std::string> names = NamesOf(BuiltinModels());
    const std::string nearest = NearestName(path, names);
    Fail(ErrorKind::kNotFound,
         "there is no file {}, and no built-in model of that name{} (there "
         "are: {})",
         path,
         nearest.empty() ? DidYouMeanFile(path)
                         : fmt::format("; did you mean \"{}\"?", nearest),
         JoinNames(names));
  }
  if (fs::is_directory(status)) RefuseFolder(path);
  // What can be read only once, such as a pipe, is read whole.
  const bool again = fs::is_regular_file(status);
  std::vector<std::byte> bytes =
      again ? ReadFileHead(path, kContentHead) : ReadFile(path);
  switch (const Content content = ContentOf(bytes)) {
    case Content::kTflite:
      return readers.tflite(again ? ReadFile(path) : bytes, path, signature);
    case Content::kHdf5: {
      const uint64_t wanted = Hdf5Size(bytes);
      if (again && wanted > static_cast<uint64_t>(FileSize(path))) {
        Fail(ErrorKind::kCorrupt,
             "{}: the file is cut off: it has {} bytes of {}", path,
             FileSize(path), wanted);
      }
      return readers.h5(path);
    }
    case Content::kKerasArchive:
      return readers.archive(again ? ReadFile(path) : bytes, path);
    default:
      RefuseContent(content, path);
  }
}

Graph Load(const std::string& model, uint64_t seed,
           const std::string& signature, const ModelShape& shape,
           const Readers& readers) {
  if (IsBuiltin(model)) return MakeBuiltin(FindBuiltin(model), shape, seed);
  try {
    return ReadModel(model, signature, readers);
  } catch (const std::bad_alloc&) {
    Fail(ErrorKind::kOutOfMemory,
         "{}: there is no room in memory for the model", model);
  }
}

// What is not supported is no reason not to look.
template <typename Read, typename Look>
Graph LookAt(const Read& read, const Look& look) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    Graph graph = look();
    Warn("{}", error.what());
    return graph;
  }
}

constexpr Readers kReaders = {ReadTflite, ReadKerasH5, ReadKerasArchive};
constexpr Readers kLookers = {
    [](std::span<const std::byte> bytes, const std::string& path,
       const std::string& signature) {
      return LookAt([&] { return ReadTflite(bytes, path, signature); },
                    [&] { return ReadTfliteToLookAt(bytes, path); });
    },
    [](const std::string& path) {
      return LookAt([&] { return ReadKerasH5(path); },
                    [&] { return ReadKerasH5ToLookAt(path); });
    },
    [](std::span<const std::byte> bytes, const std::string& path) {
      return LookAt([&] { return ReadKerasArchive(bytes, path); },
                    [&] { return ReadKerasArchiveToLookAt(bytes, path); });
    }};

}  // namespace

Graph LoadModel(const std::string& model, uint64_t seed,
                const std::string& signature, const ModelShape& shape) {
  return Load(model, seed, signature, shape, kReaders);
}

Graph LookAtModel(const std::string& model, uint64_t seed) {
  return Load(model, seed, {}, {}, kLookers);
}

Graph LoadFloatModel(const std::string& model, uint64_t seed, bool dequantize,
                     const ModelShape& shape) {
  Graph graph = LoadModel(model, seed, {}, shape);
  RequireFinite(graph, model);
  for (const Node& node : graph.nodes) {
    if (!node.inputs.empty() && !node.outputs.empty()) continue;
    Fail(
        ErrorKind::kUnsupported,
        "{}: node '{}' ({}) is of a model with variables by name, which can be "
        "run, but not trained or converted",
        model, node.name, node.op->name);
  }
  try {
    const Numbers numbers = NumbersOf(graph);
    if (dequantize &&
        (numbers == Numbers::kFloat || numbers == Numbers::kHalf)) {
      Warn("--dequantize has no effect: {} is {}", model,
           DescribeNumbers(graph));
    }
    graph = dequantize ? Dequantize(graph) : WidenHalves(graph);
    MarkTables(&graph);
    RequireFloat(graph,
                 ": give the one that it was made from, or --dequantize to "
                 "take its integers times their scales");
    return WithInnerShapes(WithoutLstmStates(FoldBatchShapes(graph)));
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", model, error.what());
  }
}

void RequireFinite(const Graph& graph, const std::string& where) {
  const std::string found = FindNotFinite(graph);
  if (found.empty()) return;
  Fail(ErrorKind::kInvalidArgument,
       "{}: {}; a training that diverged leaves such weights", where, found);
}

void WarnNotFinite(const Graph& graph, const std::string& where) {
  const std::string found = FindNotFinite(graph);
  if (!found.empty()) Warn("{}: {}", where, found);
}

std::optional<ModelFormat> FormatOfEnding(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (ending == ".h5" || ending == ".hdf5") return ModelFormat::kKerasH5;
  if (ending == ".keras") return ModelFormat::kKerasArchive;
  if (ending == ".tflite" || ending == ".lite") return ModelFormat::kTflite;
  return std::nullopt;
}

const char* EndingsOf(ModelFormat format) {
  return IsKeras(format) ? ".h5, .hdf5 or .keras" : ".tflite or .lite";
}

void WarnIfNoKerasForm(const Graph& graph, ModelFormat format) {
  if (IsKeras(format)) WarnIfNoKerasForm(StripTrainingOps(graph));
}

void SaveModel(const Graph& graph, const std::string& path) {
  const std::optional<ModelFormat> format = FormatOfEnding(path);
  if (format.has_value()) {
    SaveModelAs(*format, graph, path);
  } else {
    Fail(ErrorKind::kInvalidArgument,
         "output \"{}\": a name ending in {}, or {} is wanted", path,
         EndingsOf(ModelFormat::kKerasH5), EndingsOf(ModelFormat::kTflite));
  }
}

void SaveModelAs(ModelFormat format, const Graph& graph,
                 const std::string& path) {
  if (format == ModelFormat::kTflite) {
    // What training put there goes as the file of floats has it.
    const bool trained = HasTrainingOps(graph) ||
                         std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                     [](const Node& node) {
                                       return node.op->only_in_training();
                                     });
    const Graph plain = trained ? Convert(graph, FindScheme("fp32"), {})
                                : FoldBatchNorms(SplitBatchNorms(graph));
    WriteFile(path, std::span<const std::byte>(WriteTflite(plain)));
    return;
  }
  const KerasFile file =
      format == ModelFormat::kKerasH5 ? KerasFile::kH5 : KerasFile::kArchive;
  if (HasTrainingOps(graph)) {
    WriteKeras(file, StripTrainingOps(graph), &graph, path);
  } else {
    WriteKeras(file, graph, nullptr, path);
  }
}

}  // namespace litesmith
