// What each tensor of a graph becomes in a numeric format. Everything is
// decided here, from the whole graph, before a node is added (edit.h):
//
//   Unite     which activations must have one scale (groups.h)
//   Fix       groups whose scale an op fixes
//   Learned   ranges that fake quants have learned
//   Ranges    of the rest, calibrated
//   Weights   scales, for each output channel or for all
//   Biases    in steps of input scale times weight scale
#ifndef LITESMITH_QUANT_DECISIONS_H_
#define LITESMITH_QUANT_DECISIONS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/graph/graph.h"
#include "src/quant/convert.h"
#include "src/quant/float_nodes.h"
#include "src/quant/groups.h"

namespace litesmith {

// How values are held.
struct Form {
  DType dtype = DType::kFloat32;
  Quantization quant = {};
  bool operator==(const Form&) const = default;
};

struct Decision {
  enum From : uint8_t {
    kNone,        // nothing is decided: the tensor stays as it is
    kFixed,       // by an op
    kLearned,     // by one fake quant
    kCalibrated,  // its range, or that of several tensors that share it
    kValues,      // the constant's own
  } from = kNone;
  Form form = {};
  Range range = {};  // of an activation, for inputs and outputs of other types
  TensorData data = {};  // of a constant that everybody reads in this form
  std::string why = {};  // in words: "calibrated: -1 to 2.5"
};

// A constant in the form that a node reads.
struct StoredConstant {
  Form form;
  TensorData data;
};

struct Decisions {
  std::vector<Decision> tensors;  // by id
  // By id: of what nodes that stay float write, the form in which integers and
  // the outside read it.
  std::map<TensorId, Decision> beside;
  // By id: conversions between the tensor and all that read it, one after
  // another; empty: none.
  std::vector<std::vector<Form>> through;
  // What a node reads in another form than the tensor has.
  std::map<NodeInput, Form> requantized;
  std::map<NodeInput, StoredConstant> constants;
  std::vector<char> hybrid;  // by node: float activations, int8 weights
  // A node that has no integers of this form after all, and why: nothing else
  // is said then.
  std::optional<std::pair<NodeId, std::string>> refused;
};

// `graph` is float, with fake quants folded (FoldFakeQuant), and gets biases of
// zeros where the format wants some; `aware` says that it had fake quants, and
// `float_nodes` what stays float among integers. Throws Error as Convert does.
Decisions Decide(Graph* graph, const Scheme& scheme, bool aware,
                 const Ranges& ranges, const ConvertOptions& options,
                 const FloatNodes& float_nodes);

// The scheme that activations and weights go by: of a quantization-aware model
// that of integers where `scheme` has float activations.
const Scheme& SchemeInside(const Scheme& scheme, bool aware);

// Whether activations become integers.
bool MakesIntegers(const Scheme& scheme, bool aware);

// Of the groups' sources, those whose range neither an op fixes nor a fake
// quant has learned, in a graph with its fake quants or with them folded.
std::vector<TensorId> OpenRanges(const Graph& graph, const Groups& groups);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_DECISIONS_H_
