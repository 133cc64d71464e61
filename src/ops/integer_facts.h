// What the quantizer wants to know of ops beyond their rules.
#ifndef LITESMITH_OPS_INTEGER_FACTS_H_
#define LITESMITH_OPS_INTEGER_FACTS_H_

#include "src/graph/op_def.h"

namespace litesmith {

// Whether LiteRT runs the op on int16, as the op says and to some use. Else it
// stays float among integers of 16 bits, though it has rows for other runtimes'
// files.
bool LiteRtHasInt16(const OpDef& op);

// Whether each element of the output is an element of an input: then what of
// the inputs lies beyond all outputs need not be told apart.
bool TakesOneOf(const OpDef& op);

}  // namespace litesmith

#endif  // LITESMITH_OPS_INTEGER_FACTS_H_
