// .tflite bytes -> Graph: which subgraph, the names that its signature gives,
// and what the rest of the program expects of a graph.
#include <algorithm>
#include <memory>

#include "schema_generated.h"
#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/tflite/file.h"
#include "src/formats/tflite/missing_bias.h"
#include "src/formats/tflite/subgraph_reader.h"
#include "src/formats/tflite/tflite.h"
#include "src/graph/infer.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

namespace fb = tflite_schema;

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where)
      : where_(where), file_(bytes, where) {}

  Graph Read(const std::string& signature);
  Graph ReadToLookAt();

 private:
  const fb::SignatureDef* FindSignature(const std::string& key) const;
  void ReadNames(const FbVector<flatbuffers::Offset<fb::TensorMap>>* maps,
                 const std::vector<TensorId>& ids, const char* what,
                 std::vector<std::string>* names);
  void CheckShapes(const std::vector<Tensor>& before,
                   const std::vector<char>& loose);

  const std::string& where_;  // the file's name
  TfliteFile file_;
  Graph graph_;
};

void Reader::ReadNames(const FbVector<flatbuffers::Offset<fb::TensorMap>>* maps,
                       const std::vector<TensorId>& ids, const char* what,
                       std::vector<std::string>* names) {
  for (const TensorId id : ids) names->push_back(graph_.tensor(id).name);
  for (size_t m = 0; m < SizeOrZero(maps); ++m) {
    const fb::TensorMap& map =
        *maps->Get(static_cast<flatbuffers::uoffset_t>(m));
    bool found = false;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (static_cast<uint32_t>(ids[i]) != map.tensor_index()) continue;
      found = true;
      if (map.name() != nullptr) (*names)[i] = file_.Copy(map.name());
    }
    if (!found) {
      Fail(ErrorKind::kCorrupt,
           "the signature names tensor {}, which is no {} of the graph",
           map.tensor_index(), what);
    }
  }
}

// The signature of this key, or the one that names the first subgraph's inputs;
// null if there is none.
const fb::SignatureDef* Reader::FindSignature(const std::string& key) const {
  const fb::SignatureDef* found = nullptr;
  std::string keys;
  size_t of_others = 0;
  for (size_t s = 0; s < SizeOrZero(file_.model().signature_defs()); ++s) {
    const fb::SignatureDef* candidate = file_.model().signature_defs()->Get(
        static_cast<flatbuffers::uoffset_t>(s));
    const auto name = candidate->signature_key() == nullptr
                          ? std::string_view()
                          : candidate->signature_key()->string_view();
    keys += fmt::format("{}'{}'", keys.empty() ? "" : ", ", name);
    if (key.empty() && candidate->subgraph_index() != 0) {
      ++of_others;
      continue;
    }
    const bool fits = key.empty()
                          ? found == nullptr || name == "serving_default"
                          : name == key;
    if (fits) found = candidate;
  }
  if (!key.empty() && found == nullptr) {
    Fail(ErrorKind::kInvalidArgument, "it has no signature '{}', but {}", key,
         keys.empty() ? "none at all" : keys);
  }
  if (of_others > 0) {
    Warn("{}: it has the signatures {}; the first subgraph is taken", where_,
         keys);
  }
  return found;
}

// Inferred types and shapes against the file's. Shapes behind a shape that is
// computed by the graph itself (TensorFlow's SHAPE -> PACK -> RESHAPE) are not
// known until that is folded, and where the batch is symbolic the inferred
// dimension wins.
void Reader::CheckShapes(const std::vector<Tensor>& before,
                         const std::vector<char>& loose) {
  for (const Node& node : graph_.nodes) {
    for (const TensorId id : node.outputs) {
      const auto t = static_cast<size_t>(id);
      const Tensor& tensor = graph_.tensors[t];
      if (tensor.dtype != before[t].dtype) {
        Fail(ErrorKind::kCorrupt,
             "tensor {} '{}' is of type {} in the file; {} gives {}", t,
             tensor.name, Name(before[t].dtype), node.op->name,
             Name(tensor.dtype));
      }
      const Shape& file = before[t].shape;
      const Shape& inferred = tensor.shape;
      // A file does not tell an unknown rank from a scalar.
      if (loose[t] != 0 || file.rank() == 0) continue;
      bool same = file.rank() == inferred.rank();
      for (int i = 0; same && i < file.rank(); ++i) {
        same = file[i] == inferred[i] || file[i] == kDynamic ||
               inferred[i] == kDynamic;
      }
      if (!same) {
        Fail(ErrorKind::kCorrupt,
             "tensor {} '{}' has the shape {} in the file; {} gives {}", t,
             tensor.name, file.ToString(), node.op->name, inferred.ToString());
      }
    }
  }
}

void MakeNamesUniqueInside(Graph* graph) {
  for (Graph& subgraph : graph->subgraphs) {
    MakeNamesUnique(&subgraph);
    MakeNamesUniqueInside(&subgraph);
  }
}

Graph Reader::Read(const std::string& key) {
  const fb::SignatureDef* signature = FindSignature(key);
  const int64_t index = signature == nullptr ? 0 : signature->subgraph_index();
  graph_ = ReadSubgraph(&file_, index, Reading::kToRun);
  MakeNamesUniqueAtDoor(where_, &graph_);  // nodes take their outputs'
  MakeNamesUniqueInside(&graph_);
  ReadNames(signature ? signature->inputs() : nullptr, graph_.inputs, "input",
            &graph_.input_names);
  ReadNames(signature ? signature->outputs() : nullptr, graph_.outputs,
            "output", &graph_.output_names);
  VerifyStructure(graph_);
  const std::vector<Tensor> before = graph_.tensors;
  InferShapes(&graph_);
  CheckShapes(before, LooseTensors(graph_));
  DropZeroBiases(&graph_);
  MarkParameters(&graph_);
  VerifyStructure(graph_);
  return std::move(graph_);
}

Graph Reader::ReadToLookAt() {
  Graph graph = ReadSubgraph(&file_, 0, Reading::kToLookAt);
  VerifyStructure(graph);
  return graph;
}

template <typename Read>
Graph Open(std::span<const std::byte> bytes, const std::string& where,
           const Read& read) {
  try {
    // The verifier and the accessors want the file's start aligned.
    constexpr uintptr_t kAlignment = 16;
    if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0) {
      Reader reader(bytes, where);
      return read(&reader);
    }
    const TensorData copy(bytes);
    Reader reader(std::span(copy.data(), copy.size()), where);
    return read(&reader);
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", where, error.what());
  }
}

}  // namespace

Graph ReadTflite(std::span<const std::byte> bytes, const std::string& where,
                 const std::string& signature) {
  return Open(bytes, where,
              [&](Reader* reader) { return reader->Read(signature); });
}

Graph ReadTfliteToLookAt(std::span<const std::byte> bytes,
                         const std::string& where) {
  return Open(bytes, where,
              [](Reader* reader) { return reader->ReadToLookAt(); });
}

}  // namespace litesmith
