// An op's attributes as a plain struct, and the one list of its fields: files,
// JSON, equality, help and messages all read the AttrDef table that is made
// from it at compile time.
//
//   struct Pool2DAttrs {
//     Padding padding = kSame;
//     int32_t stride_w = 0;
//   };
//   template <>
//   inline constexpr auto kAttrs<Pool2DAttrs> = AttrList({
//       Attr<&Pool2DAttrs::padding>("padding", 0),
//       Attr<&Pool2DAttrs::stride_w>("stride_w", 1),
//   });
//
// A member's initializer is its default in the IR and on the wire. A node
// holds the values in the table's order; Get and Put translate between the two.
#ifndef LITESMITH_GRAPH_ATTRS_H_
#define LITESMITH_GRAPH_ATTRS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/base/check.h"
#include "src/graph/graph.h"

namespace litesmith {

// How an attribute is held and stored in a TFLite options table.
enum class AttrType : uint8_t {
  kEnum,      // one byte on the wire
  kInt,       // int32
  kBool,      // one byte
  kFloat,     // float32
  kInts,      // vector of int32
  kText,      // string
  kSubgraph,  // int32: the number of a subgraph, in the IR of Graph::subgraphs
};

// Which of its graph's subgraphs a node runs.
struct SubgraphIndex {
  int32_t value = 0;
};

struct AttrDef {
  const char* name;
  AttrType type;
  double initial;    // the default, in the IR as in the file
  int tflite_field;  // field id in the options table, -1 if not stored
  // Between a node's value and the member of the op's struct.
  void (*load)(const AttrValue& value, void* attrs);
  void (*store)(const void* attrs, AttrValue* value);
};

// The table of a struct of attributes; specialised beside each of them.
template <class Attrs>
inline constexpr int kAttrs = 0;

template <size_t kCount>
constexpr std::array<AttrDef, kCount> AttrList(const AttrDef (&defs)[kCount]) {
  return std::to_array(defs);
}

namespace attrs_internal {

template <class Attrs, class Member>
Attrs ClassOf(Member Attrs::*);
template <class Attrs, class Member>
Member MemberOf(Member Attrs::*);

template <auto kMember>
using Class = decltype(ClassOf(kMember));
template <auto kMember>
using Value = decltype(MemberOf(kMember));

template <class T>
constexpr AttrType TypeOf() {
  if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
    return AttrType::kInts;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return AttrType::kText;
  } else if constexpr (std::is_same_v<T, SubgraphIndex>) {
    return AttrType::kSubgraph;
  } else if constexpr (std::is_same_v<T, float>) {
    return AttrType::kFloat;
  } else if constexpr (std::is_same_v<T, bool>) {
    return AttrType::kBool;
  } else if constexpr (std::is_enum_v<T>) {
    return AttrType::kEnum;
  } else {
    static_assert(std::is_integral_v<T>, "no attribute has this type");
    return AttrType::kInt;
  }
}

template <class T>
T FromValue(const AttrValue& value) {
  if constexpr (TypeOf<T>() == AttrType::kInts) {
    return value.ints;
  } else if constexpr (TypeOf<T>() == AttrType::kText) {
    return value.text;
  } else if constexpr (TypeOf<T>() == AttrType::kSubgraph) {
    return {static_cast<int32_t>(value.i)};
  } else if constexpr (TypeOf<T>() == AttrType::kFloat) {
    return value.f;
  } else {
    return static_cast<T>(value.i);
  }
}

template <class T>
void ToValue(const T& from, AttrValue* value) {
  if constexpr (TypeOf<T>() == AttrType::kInts) {
    value->ints = from;
  } else if constexpr (TypeOf<T>() == AttrType::kText) {
    value->text = from;
  } else if constexpr (TypeOf<T>() == AttrType::kSubgraph) {
    value->i = from.value;
  } else if constexpr (TypeOf<T>() == AttrType::kFloat) {
    value->f = from;
  } else {
    value->i = static_cast<int64_t>(from);
  }
}

template <auto kMember>
void Load(const AttrValue& value, void* attrs) {
  static_cast<Class<kMember>*>(attrs)->*kMember =
      FromValue<Value<kMember>>(value);
}

template <auto kMember>
void Store(const void* attrs, AttrValue* value) {
  ToValue(static_cast<const Class<kMember>*>(attrs)->*kMember, value);
}

// The member's position in its struct's table.
template <auto kMember>
constexpr size_t Index() {
  const auto& table = kAttrs<Class<kMember>>;
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].load == &Load<kMember>) return i;
  }
  return table.size();
}

}  // namespace attrs_internal

// One row: the member, its name, and the id of its field in TFLite's table of
// options (-1: not stored there).
template <auto kMember>
constexpr AttrDef Attr(const char* name, int tflite_field = -1) {
  using T = attrs_internal::Value<kMember>;
  AttrDef def{name,
              attrs_internal::TypeOf<T>(),
              0,
              tflite_field,
              &attrs_internal::Load<kMember>,
              &attrs_internal::Store<kMember>};
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    def.initial =
        static_cast<double>(attrs_internal::Class<kMember>{}.*kMember);
  }
  return def;
}

// One table behind another, for an op that does the work of two.
template <size_t kFirst, size_t kSecond>
constexpr std::array<AttrDef, kFirst + kSecond> Join(
    const std::array<AttrDef, kFirst>& first,
    const std::array<AttrDef, kSecond>& second) {
  std::array<AttrDef, kFirst + kSecond> both{};
  for (size_t i = 0; i < kFirst; ++i) both[i] = first[i];
  for (size_t i = 0; i < kSecond; ++i) both[kFirst + i] = second[i];
  return both;
}

// Whether the node's op has this attribute at this position: a node of another
// op is a mistake of the caller.
bool HasAttr(const Node& node, size_t index,
             void (*load)(const AttrValue&, void*));

// The node's attributes as the op's struct, whose table begins at position
// `first` of the node's op's.
template <class Attrs>
Attrs Get(const Node& node, size_t first = 0) {
  Attrs attrs;
  LS_CHECK(HasAttr(node, first, kAttrs<Attrs>[0].load));
  for (size_t i = 0; i < kAttrs<Attrs>.size(); ++i)
    kAttrs<Attrs>[i].load(node.attrs[first + i], &attrs);
  return attrs;
}

// Makes them the node's.
template <class Attrs>
void Put(const Attrs& attrs, Node* node) {
  node->attrs.resize(kAttrs<Attrs>.size());
  for (size_t i = 0; i < kAttrs<Attrs>.size(); ++i)
    kAttrs<Attrs>[i].store(&attrs, &node->attrs[i]);
}

template <auto kMember>
auto Node::Get() const {
  constexpr size_t kIndex = attrs_internal::Index<kMember>();
  LS_CHECK(HasAttr(*this, kIndex, &attrs_internal::Load<kMember>));
  return attrs_internal::FromValue<attrs_internal::Value<kMember>>(
      attrs[kIndex]);
}

template <auto kMember, class T>
void Node::Set(T value) {
  constexpr size_t kIndex = attrs_internal::Index<kMember>();
  LS_CHECK(HasAttr(*this, kIndex, &attrs_internal::Load<kMember>));
  attrs_internal::ToValue(
      static_cast<attrs_internal::Value<kMember>>(std::move(value)),
      &attrs[kIndex]);
}

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_ATTRS_H_
