// Names of builtin operators, for messages about those that Litesmith does not
// have; the ones it has are named by their OpDef.
#ifndef LITESMITH_FORMATS_TFLITE_OPERATOR_NAMES_H_
#define LITESMITH_FORMATS_TFLITE_OPERATOR_NAMES_H_

namespace litesmith {

// The name of the operator code (specs/tflite.md 1.3), or "unknown".
const char* TfliteOperatorName(int builtin_code);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_OPERATOR_NAMES_H_
