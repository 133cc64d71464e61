// Which instruction set the kernels use here: float training gives the same
// bits per instruction set, so every result records it.
#ifndef LITESMITH_BASE_ISA_H_
#define LITESMITH_BASE_ISA_H_

#include <string>

namespace litesmith {

// Highway's name for the best target of this machine: "AVX3_DL", "AVX2", ...
const char* IsaName();

// What the system calls the processor, and how many of them the process may
// use: "Intel(R) Xeon(R) Processor, 2 processors".
std::string MachineName();

}  // namespace litesmith

#endif  // LITESMITH_BASE_ISA_H_
