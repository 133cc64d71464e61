// How a trained model is written: as Keras's own file, or converted by one of
// the schemes of quant. A method is one column entry of the study's table.
#ifndef LITESMITH_STUDY_METHODS_H_
#define LITESMITH_STUDY_METHODS_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/quant/convert.h"

namespace litesmith {

struct Method {
  const char* name;
  const char* summary;   // one line for `litesmith list methods`
  const Scheme* scheme;  // null: the trained graph as .h5, evaluated in float
  bool in_table;         // a row of the study unless methods are named
};

// keras, then every scheme.
std::vector<Method> Methods();
// The file that the study writes: "uint8.tflite"; "model.h5" for keras.
std::string FileName(const Method& method);
// Throws Error{invalid argument} listing the names.
Method FindMethod(std::string_view name);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_METHODS_H_
