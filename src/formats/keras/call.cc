// Calls of layers in the dialects of Keras 2 and 3.
#include "src/formats/keras/call.h"

#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace litesmith {
namespace {

constexpr int kMaxListDepth = 16;  // of lists in a call
constexpr char kLiteral[] = "_CONSTANT_VALUE";

// A reference is [layer, call, output, ...] in either dialect.
bool IsReference(const Json& value) {
  return value.is_array() && value.size() >= 3 && value[0].is_string();
}

Reference ToReference(const Json& value) {
  return {JsonString(value[0], "layer"), JsonInt(value[1], "node index"),
          JsonInt(value[2], "tensor index")};
}

// Of a tensor of Keras 3, or null.
const Json* History(const Json& value) {
  if (!value.is_object()) return nullptr;
  const auto it = value.find("class_name");
  if (it == value.end() || *it != "__keras_tensor__") return nullptr;
  const Json& history = JsonAt(JsonAt(value, "config"), "keras_history");
  if (!IsReference(history)) {
    Fail(ErrorKind::kCorrupt, "its keras_history is no connection");
  }
  return &history;
}

class Parser {
 public:
  explicit Parser(const std::function<bool(const std::string&)>& is_layer)
      : is_layer_(is_layer) {}

  ParsedCall Parse(const Json& call) {
    Json args = Json::array();
    Json kwargs = Json::object();
    if (call.is_object()) {
      for (const Json& arg : JsonArray(JsonAt(call, "args"), "args"))
        args.push_back(Keras3(arg, 0));
      call_.inputs = call_.tensors.size();
      if (const Json* given = JsonFind(call, "kwargs")) {
        for (const auto& [key, value] : given->items())
          if (!value.is_null()) kwargs[key] = Keras3(value, 0);
      }
    } else {
      Keras2Call(call, &args, &kwargs);
    }
    call_.args = std::make_shared<const Json>(std::move(args));
    call_.kwargs = std::make_shared<const Json>(std::move(kwargs));
    return std::move(call_);
  }

 private:
  Json Tensor(Reference reference) {
    call_.tensors.push_back(std::move(reference));
    return Json{{"tensor", call_.tensors.size() - 1}};
  }

  // Tensors replaced, anywhere in nested lists and objects.
  Json Keras3(const Json& value, int depth) {
    if (depth > kMaxListDepth)
      Fail(ErrorKind::kCorrupt, "its lists nest too deep");
    if (const Json* history = History(value))
      return Tensor(ToReference(*history));
    // A file need not say what a number is.
    if (IsReference(value) && value[1].is_number_integer() &&
        value[2].is_number_integer() && is_layer_(value[0]))
      return Tensor(ToReference(value));
    if (value.is_array() || value.is_object()) {
      Json copy = value;
      for (Json& item : copy) item = Keras3(item, depth + 1);
      return copy;
    }
    return value;
  }

  // A tensor, or a literal in the place of one, with the call's keywords behind
  // it; or a list of such.
  void Keras2Call(const Json& call, Json* args, Json* kwargs) {
    std::vector<const Json*> keywords;
    if (IsReference(call)) {
      args->push_back(Keras2(call, 0, &keywords));
    } else {
      Json list = Json::array();
      for (const Json& item : JsonArray(call, "inbound_nodes"))
        list.push_back(Keras2(item, 0, &keywords));
      if (list.size() == 1) {
        args->push_back(list[0]);
      } else if (!list.empty()) {
        args->push_back(std::move(list));
      }
    }
    call_.inputs = call_.tensors.size();
    for (const Json* object : keywords) {
      for (const auto& [key, value] : object->items()) {
        if (!value.is_null() && !kwargs->contains(key))
          (*kwargs)[key] = Keyword(value, 0);
      }
    }
  }

  Json Keras2(const Json& value, int depth,
              std::vector<const Json*>* keywords) {
    if (depth > kMaxListDepth)
      Fail(ErrorKind::kCorrupt, "its lists nest too deep");
    if (IsReference(value)) {
      if (value.size() > 3 && value[3].is_object())
        keywords->push_back(&value[3]);
      if (value[0] == kLiteral) return value[2];
      return Tensor(ToReference(value));
    }
    if (value.is_array() || value.is_object()) {
      Json list = Json::array();
      for (const Json& item : value)
        list.push_back(Keras2(item, depth + 1, keywords));
      return list;
    }
    if (value.is_null()) return value;
    Fail(ErrorKind::kUnsupported, "it is called with {}, which is no tensor",
         JsonShown(value));
  }

  Json Keyword(const Json& value, int depth) {
    if (depth > kMaxListDepth)
      Fail(ErrorKind::kCorrupt, "its lists nest too deep");
    if (IsReference(value) && value[1].is_number_integer() &&
        value[2].is_number_integer()) {
      if (value[0] == kLiteral) return value[2];
      if (is_layer_(value[0])) return Tensor(ToReference(value));
    }
    if (value.is_array() || value.is_object()) {
      Json copy = value;
      for (Json& item : copy) item = Keyword(item, depth + 1);
      return copy;
    }
    return value;
  }

  const std::function<bool(const std::string&)>& is_layer_;
  ParsedCall call_;
};

void CollectEnds(const Json& value, int depth, std::vector<Reference>* ends) {
  if (depth > kMaxListDepth)
    Fail(ErrorKind::kCorrupt, "its lists nest too deep");
  if (const Json* history = History(value)) {
    ends->push_back(ToReference(*history));
  } else if (IsReference(value)) {
    ends->push_back(ToReference(value));
  } else if (value.is_array() || value.is_object()) {
    for (const Json& item : value) CollectEnds(item, depth + 1, ends);
  } else if (!value.is_null()) {
    Fail(ErrorKind::kCorrupt, "it lists {}, which is no tensor",
         JsonShown(value));
  }
}

}  // namespace

ParsedCall ParseCall(const Json& call,
                     const std::function<bool(const std::string&)>& is_layer) {
  return Parser(is_layer).Parse(call);
}

std::vector<Reference> ParseEnds(const Json& value,
                                 std::vector<std::string>* names) {
  std::vector<Reference> ends;
  CollectEnds(value, 0, &ends);
  names->clear();
  if (value.is_object() && History(value) == nullptr &&
      value.size() == ends.size()) {
    for (const auto& [key, end] : value.items()) names->push_back(key);
  }
  return ends;
}

}  // namespace litesmith
