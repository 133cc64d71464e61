// The cases as files for the real runtimes (tests/oracle/test_ops.py).
#ifndef LITESMITH_TESTS_CONFORMANCE_DUMP_H_
#define LITESMITH_TESTS_CONFORMANCE_DUMP_H_

#include <string>

#include "src/graph/graph.h"

namespace litesmith {

// Whether a file can hold the graph: no training-only ops.
bool FitsTflite(const Graph& graph);

// Writes for every case that a file can hold
//   <case>.tflite
//   <case>.<i>.in.npy            input i, a few samples
//   <case>.<i>.litert.out.npy    output i by our reference kernels
//   <case>.<i>.tflm.out.npy      the same in the numbers of tflite-micro
// and cases.json: a list of {name, op, inputs, outputs, sums_floats,
// fixed_batch, as_written, litert_fails, tflm_fails}; as_written: the arrays
// are one call. `random` > 0: so many of each random kind instead of the cases.
void DumpCases(const std::string& directory, int random);

// Runs a .tflite file `runs` times, variables kept, on the arrays
//   <stem>.<i>.in.npy            input i, of the file's whole shape
// and writes the last outputs as DumpCases does, and those of the fast kernels
// as
//   <stem>.<i>.litert_fast.out.npy, <stem>.<i>.tflm_fast.out.npy
// Throws Error for what cannot run.
void RunFile(const std::string& file, const std::string& stem, int runs);

// Reads a .tflite file and writes the graph as another.
void RewriteFile(const std::string& file, const std::string& to);

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_DUMP_H_
