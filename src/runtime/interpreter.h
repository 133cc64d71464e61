// Runs a graph forward: shapes bound, constants folded, kernels chosen and
// prepared, one arena planned. Invoke allocates nothing and never fails, unless
// the graph has control flow: shapes there may depend on values.
#ifndef LITESMITH_RUNTIME_INTERPRETER_H_
#define LITESMITH_RUNTIME_INTERPRETER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/runtime/profile.h"

namespace litesmith {

struct InterpreterOptions {
  // The largest batch that Invoke will see, or kAsWritten (runtime/bind.h):
  // then Invoke runs the whole graph once, at the shapes that its inputs have.
  int batch = 1;
  Numerics numerics = Numerics::kLiteRt;
  bool reference = false;  // reference kernels only, no fusions
  // Outputs may be inner tensors, with several rows for each sample: for
  // calibration.
  bool inner_outputs = false;
  // Variables keep their values from call to call; else each call starts from
  // fresh ones.
  bool keep_state = false;
};

// One kernel of a plan.
struct PlanStep {
  // Of the graph that was given, in their order: one node, or what is fused.
  std::string ops, node;
  std::string kernel;  // row or fusion
  Shape output;
  Work work;         // of a sample
  double bytes = 0;  // of all tensors that a full Invoke reads and writes
};

class Interpreter {
 public:
  // Throws Error if the graph cannot run: an op without a kernel for its
  // types, or shapes that contradict each other at this batch.
  Interpreter(const Graph& graph, const InterpreterOptions& options = {});
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;

  int num_inputs() const;
  int num_outputs() const;
  // Name, dtype, quantization and shape (bound to the batch).
  const Tensor& input_tensor(int i) const;
  const Tensor& output_tensor(int i) const;
  // The memory to fill before, and to read after Invoke: samples one after
  // another. Fixed for the interpreter's life.
  std::span<std::byte> input(int i);
  std::span<const std::byte> output(int i) const;
  // Runs samples [0, batch). 1 <= batch <= options.batch.
  void Invoke(int batch);
  void Invoke() { Invoke(batch()); }
  // As Invoke(), and adds the seconds of each step to `seconds`.
  void InvokeTimed(std::span<double> seconds);
  // In the order in which they run.
  std::vector<PlanStep> Steps() const;
  int batch() const;
  // Variables as before the first call.
  void Reset();
  // Bytes of the arena, for `inspect` and the benchmark.
  size_t arena_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_INTERPRETER_H_
