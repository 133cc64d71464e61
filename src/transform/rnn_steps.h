// The nodes of a recurrent cell's step, in a graph of TFLite's ops.
#ifndef LITESMITH_TRANSFORM_RNN_STEPS_H_
#define LITESMITH_TRANSFORM_RNN_STEPS_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/kernels/recurrent/through_time.h"

namespace litesmith {

// Adds nodes at the end of a graph. Tensors are called "<name><letter>".
class StepWriter {
 public:
  explicit StepWriter(Graph* graph) : graph_(graph) {}

  Graph& graph() { return *graph_; }
  TensorId Add(const OpDef& op, const std::string& name,
               std::vector<TensorId> inputs);
  std::vector<TensorId> AddMany(const OpDef& op, const std::string& name,
                                std::vector<TensorId> inputs, int outputs);
  Node& last() { return graph_->nodes.back(); }

  TensorId FullyConnected(const std::string& name, TensorId x, TensorId weights,
                          TensorId bias, bool keep_dims = false);
  TensorId Sum(const std::string& name, TensorId a, TensorId b);
  TensorId Product(const std::string& name, TensorId a, TensorId b);
  TensorId Difference(const std::string& name, TensorId a, TensorId b);
  TensorId Apply(kernels::CellFunction function, const std::string& name,
                 TensorId x);
  // Equal parts, or parts of these sizes, along the axis.
  std::vector<TensorId> Split(const std::string& name, TensorId x, int parts,
                              int axis);
  std::vector<TensorId> SplitSizes(const std::string& name, TensorId x,
                                   const std::vector<int32_t>& sizes, int axis);
  std::vector<TensorId> Unpack(const std::string& name, TensorId x, int count);
  // Along axis 1, to the tensor `to`.
  void Pack(const std::vector<TensorId>& parts, const std::string& name,
            TensorId to);
  // Makes the last node, which gives `from`, give `to`.
  void Rename(TensorId from, TensorId to);
  // Makes the node that gives `from` give `to`, to all that read it.
  void Give(TensorId from, TensorId to);

  // A constant that all may read.
  TensorId Scalar(float value);
  TensorId Scalar(int32_t value);
  TensorId Ints(const std::vector<int32_t>& values);

 private:
  template <class T>
  TensorId Shared(const std::string& key, const Shape& shape,
                  std::span<const T> values);
  Graph* graph_;
  std::map<std::string, TensorId> shared_;
};

// What a step reads of its cell.
struct StepWeights {
  // Of the recurrence, for each product: of an LSTM op one for each gate, else
  // one of all that read h.
  std::vector<TensorId> recurrent;
  TensorId recurrent_bias = kNoTensor;
};

// Products of x: as `recurrent` has them, but that of a GRU's candidate apart,
// at the end.
struct StepInput {
  std::vector<TensorId> x;
  TensorId mask = kNoTensor;  // bool [batch, 1]: else the states stay
};

struct StepState {
  TensorId h = kNoTensor;  // kNoTensor: zeros
  TensorId c = kNoTensor;
};

// One step of the cell; tensors' names begin with `name`. The last node gives
// h.
StepState WriteStep(const kernels::Cell& cell, const StepWeights& weights,
                    const StepInput& input, const StepState& before,
                    const std::string& name, StepWriter* out);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_RNN_STEPS_H_
