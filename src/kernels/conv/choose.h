// The kernels of a packed convolution by kind of numbers. Each kind is a source
// of its own: all of them in one took a minute and a half to compile.
#ifndef LITESMITH_KERNELS_CONV_CHOOSE_H_
#define LITESMITH_KERNELS_CONV_CHOOSE_H_

#include "src/kernels/conv/simd.h"

namespace litesmith {

// Each sets packed->run, for the best target of this machine.
void ChooseConvF32(PackedConv* packed);
void ChooseConvExact(PackedConv* packed);
void ChooseConvS8(PackedConv* packed);
void ChooseConvS16(PackedConv* packed);
void ChooseConvHybrid(PackedConv* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_CHOOSE_H_
