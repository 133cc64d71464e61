// A verified .tflite file's bytes, and copies out of them. Nothing in the file
// is trusted: the FlatBuffers verifier walks the outer tables, options tables
// are checked field by field, and every index, count and value is checked by
// whoever uses it. Memory stays proportional to the file: vectors may be shared
// between tables, so a small file could otherwise name a large one many times.
#ifndef LITESMITH_FORMATS_TFLITE_FILE_H_
#define LITESMITH_FORMATS_TFLITE_FILE_H_

#include <flatbuffers/flatbuffers.h>

#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schema_generated.h"
#include "src/graph/graph.h"

namespace litesmith {

template <typename T>
using FbVector = flatbuffers::Vector<T>;

template <typename T>
size_t SizeOrZero(const FbVector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

class TfliteFile {
 public:
  // The bytes outlive this and begin at a multiple of 16; `path` is where they
  // are from, since weights may lie in files beside. Throws Error{corrupt} or
  // Error{unsupported}.
  TfliteFile(std::span<const std::byte> bytes, std::string path);

  const tflite_schema::Model& model() const { return *model_; }
  // Throws Error{corrupt} if there is none; `what` names it.
  const tflite_schema::SubGraph& Subgraph(int64_t index,
                                          const std::string& what) const;

  // A copy of the vector's elements, which need not be aligned.
  template <typename T>
  std::vector<T> Copy(const FbVector<T>* vector) {
    std::vector<T> values(SizeOrZero(vector));
    if (values.empty()) return values;
    Spend(values.size() * sizeof(T));
    std::memcpy(values.data(), vector->Data(), values.size() * sizeof(T));
    return values;
  }
  std::string Copy(const flatbuffers::String* text);
  // A buffer's bytes, shared by all who ask for them; nothing for an empty one.
  TensorData Buffer(uint32_t index, const std::string& tensor);
  // The same of an external buffer by its id: a part of a file in the model's
  // own folder, and of no other. Throws Error of ReadFile, too.
  TensorData ExternalBuffer(uint32_t id, const std::string& tensor);
  // How many bytes more may be made of this file. Throws Error{corrupt}.
  void Spend(size_t bytes);

  // The attributes of an operator whose op is known; those of subgraphs are the
  // file's numbers.
  void ReadOptions(const tflite_schema::Operator& op, Node* node);
  // A field of a table that nothing has looked at yet.
  template <typename T>
  T ReadField(const flatbuffers::Table& table, int id, T initial) const;
  // A copy of such a field that is a vector. Throws Error{corrupt} if it lies
  // outside the file; `what` names it.
  template <typename T>
  std::vector<T> ReadVector(const flatbuffers::Table& table, int id,
                            const char* what);

 private:
  // Of a table's field that is another table, string or vector; null if it is
  // not there. Throws Error{corrupt} if it lies outside the file.
  template <typename T, typename Verify>
  const T* ReadOffset(const flatbuffers::Table& table, int id,
                      const char* attribute, const Verify& verify) const;

  // The file that a group of external buffers names, read once.
  const std::vector<std::byte>& External(uint32_t group,
                                         const std::string& tensor);

  std::span<const std::byte> bytes_;
  std::string path_;
  std::map<std::string, std::vector<std::byte>> externals_;  // by name
  size_t copies_left_;
  std::unique_ptr<flatbuffers::Verifier> verifier_;
  const tflite_schema::Model* model_ = nullptr;
  // Constant bytes by their place in the file, so that sharing stays sharing.
  std::map<const void*, TensorData> constants_;
  std::map<uint32_t, TensorData> external_constants_;  // by id
  size_t constant_bytes_ = 0;
  size_t external_bytes_ = 0;
};

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_FILE_H_
