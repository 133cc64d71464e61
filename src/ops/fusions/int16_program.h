// What nodes are in a program of int16 values (kernels/map/program16.h). Each
// is false of a node of another op or type, or where vectors do not hold it.
#ifndef LITESMITH_OPS_FUSIONS_INT16_PROGRAM_H_
#define LITESMITH_OPS_FUSIONS_INT16_PROGRAM_H_

#include "src/graph/op_def.h"
#include "src/kernels/map/program16.h"

namespace litesmith {

// ADD, SUB and MUL of values with scales.
bool FillInt16Binary(const PrepareContext& context, ScaledBinarySpec* spec);
// LOGISTIC and TANH.
bool FillSigmoid16(const PrepareContext& context, Sigmoid16* f);
// FULLY_CONNECTED with constant weights.
bool FillDense16(const PrepareContext& context, Dense16Spec* spec);

}  // namespace litesmith

#endif  // LITESMITH_OPS_FUSIONS_INT16_PROGRAM_H_
