// What op_bench times: the kernels that fit the timed cases of
// tests/conformance, each ready to run.
#ifndef LITESMITH_BENCH_OP_RUNS_H_
#define LITESMITH_BENCH_OP_RUNS_H_

#include <functional>
#include <string>

#include "src/kernels/common/peak.h"
#include "tests/conformance/case.h"

namespace litesmith {

// One kernel at one size, forward or backward.
struct OpRun {
  std::string op;      // or "fusion"
  std::string name;    // the case's
  std::string kernel;  // the row's or the fusion's
  std::string pass;    // "forward", "backward", or "reference"
  int batch = 0;
  double macs = 0;   // of a call; 0: the op counts none
  double bytes = 0;  // of all tensors that a call reads and writes
  PeakKind peak = PeakKind::kF32;  // what the products run against
  std::function<void()> call;
};

// Calls body with each run of the case: the rows of the file's op that fit its
// nodes, or the fusions that a plan takes. `batch` are the samples of a call; 0
// is 1, or where training has another kernel 16, a shard of a batch of 128. A
// run may be called as often as wanted until body returns.
void ForEachRun(const CaseFile& file, const Case& c, int batch,
                const std::function<void(const OpRun&)>& body);

// Why there is nothing to time in any case; null: there is.
const char* WhyNotTimed(const OpDef& op);

}  // namespace litesmith

#endif  // LITESMITH_BENCH_OP_RUNS_H_
