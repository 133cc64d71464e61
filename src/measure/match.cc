// Forward through both graphs at once.
#include "src/measure/match.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "src/graph/op_def.h"
#include "src/measure/reals.h"
#include "src/ops/map/conversion.h"
#include "src/quant/convert.h"
#include "src/quant/dequantize.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

bool IsTransparent(const Node& node) {
  return !node.inputs.empty() &&
         (Quantizes(*node.op) || Dequantizes(*node.op) || node.op->in_place);
}

// A graph, and of each tensor where its values come from.
struct Side {
  explicit Side(const Graph& g) : graph(g), base(g.tensors.size()) {
    for (size_t t = 0; t < base.size(); ++t) base[t] = static_cast<TensorId>(t);
    for (const Node& node : g.nodes) {
      if (!IsTransparent(node) || node.inputs[0] == kNoTensor) continue;
      for (const TensorId out : node.outputs)
        base[static_cast<size_t>(out)] = Base(node.inputs[0]);
    }
  }
  TensorId Base(TensorId id) const { return base[static_cast<size_t>(id)]; }
  const Tensor& tensor(TensorId id) const { return graph.tensor(id); }

  const Graph& graph;
  std::vector<TensorId> base;
};

// How many values a sample has; -1 where that is not known.
int64_t ValuesOf(const Tensor& tensor) {
  if (tensor.has_data())
    return static_cast<int64_t>(tensor.data.size() / SizeOf(tensor.dtype));
  if (tensor.shape.rank() == 0) return 1;
  for (int d = 1; d < tensor.shape.rank(); ++d) {
    if (tensor.shape[d] < 0) return -1;
  }
  return tensor.shape.NumElementsPerSample();
}

// The value of "fused_activation_function", 0 for an op that has none.
int64_t Activation(const Node& node) {
  for (size_t a = 0; a < node.op->attrs.size(); ++a) {
    if (std::string_view(node.op->attrs[a].name) == "fused_activation_function")
      return node.attrs[a].i;
  }
  return 0;
}

class Matcher {
 public:
  Matcher(const Graph& reference, const Graph& file)
      : a_(reference),
        b_(file),
        taken_(reference.nodes.size()),
        match_(file.tensors.size(), kNoTensor),
        constant_(file.tensors.size()) {}

  std::vector<TensorMatch> Run() {
    const size_t inputs =
        std::min(a_.graph.inputs.size(), b_.graph.inputs.size());
    for (size_t i = 0; i < inputs; ++i)
      Add(a_.graph.inputs[i], b_.graph.inputs[i], -1);
    for (size_t n = 0; n < b_.graph.nodes.size(); ++n) {
      const Node& node = b_.graph.nodes[n];
      if (IsTransparent(node)) continue;
      const Node* partner = Partner(node);
      if (partner == nullptr) continue;
      taken_[static_cast<size_t>(partner - a_.graph.nodes.data())] = 1;
      AddConstants(*partner, node, static_cast<NodeId>(n));
      for (size_t o = 0; o < node.outputs.size(); ++o)
        Add(partner->outputs[o], node.outputs[o], static_cast<NodeId>(n));
    }
    return std::move(matches_);
  }

 private:
  void Add(TensorId a, TensorId b, NodeId node) {
    match_[static_cast<size_t>(b)] = a;
    if (StandsForReals(a_.tensor(a)) && StandsForReals(b_.tensor(b)))
      matches_.push_back({a, b, node, false});
  }

  void AddConstants(const Node& a, const Node& b, NodeId node) {
    for (size_t i = 0; i < std::min(a.inputs.size(), b.inputs.size()); ++i) {
      if (!AreConstants(a, b, i)) continue;
      const TensorId from = a_.Base(a.inputs[i]);
      const TensorId to = b_.Base(b.inputs[i]);
      char& seen = constant_[static_cast<size_t>(to)];
      if (seen != 0 || !StandsForReals(a_.tensor(from)) ||
          !StandsForReals(b_.tensor(to))) {
        continue;
      }
      seen = 1;
      matches_.push_back({from, to, node, true});
    }
  }

  // Whether input `i` of both is a constant.
  bool AreConstants(const Node& a, const Node& b, size_t i) const {
    return a.input(i) != kNoTensor && b.input(i) != kNoTensor &&
           a_.tensor(a_.Base(a.inputs[i])).has_data() &&
           b_.tensor(b_.Base(b.inputs[i])).has_data();
  }

  // Whether input `j` of the file's node has the values of input `i` of the
  // other one; one that is missing may be anything.
  bool InputFits(const Node& a, size_t i, const Node& b, size_t j) const {
    if (a.input(i) == kNoTensor || b.input(j) == kNoTensor) return true;
    const TensorId from = a_.Base(a.inputs[i]);
    const TensorId to = b_.Base(b.inputs[j]);
    const Tensor& x = a_.tensor(from);
    const Tensor& y = b_.tensor(to);
    if (x.has_data() != y.has_data()) return false;
    if (x.has_data()) return ValuesOf(x) == ValuesOf(y);
    const TensorId matched = match_[static_cast<size_t>(to)];
    return matched != kNoTensor && a_.Base(matched) == from;
  }

  bool InputsFit(const Node& a, const Node& b) const {
    const size_t count = std::max(a.inputs.size(), b.inputs.size());
    bool straight = true;
    for (size_t i = 0; i < count; ++i) straight &= InputFits(a, i, b, i);
    // Converters write sums in either order.
    return straight || (a.inputs.size() == 2 && b.inputs.size() == 2 &&
                        InputFits(a, 0, b, 1) && InputFits(a, 1, b, 0));
  }

  bool Same(const Node& a, const Node& b) const {
    if (taken_[static_cast<size_t>(&a - a_.graph.nodes.data())] != 0 ||
        a.op != b.op || a.outputs.size() != b.outputs.size() ||
        a.outputs.empty() || Activation(a) != Activation(b)) {
      return false;
    }
    for (size_t o = 0; o < a.outputs.size(); ++o) {
      const int64_t values = ValuesOf(a_.tensor(a.outputs[o]));
      if (values < 0 || values != ValuesOf(b_.tensor(b.outputs[o])))
        return false;
    }
    return true;
  }

  // How far the first constants are from each other, relative to their size;
  // infinite where there are none.
  double Distance(const Node& a, const Node& b) const {
    for (size_t i = 0; i < std::min(a.inputs.size(), b.inputs.size()); ++i) {
      if (!AreConstants(a, b, i)) continue;
      const Tensor& x = a_.tensor(a_.Base(a.inputs[i]));
      const Tensor& y = b_.tensor(b_.Base(b.inputs[i]));
      if (!StandsForReals(x) || !StandsForReals(y)) continue;
      if (ValuesOf(x) != ValuesOf(y)) break;
      const std::vector<float> u = RealsOf(x);
      const std::vector<float> v = RealsOf(y);
      double difference = 0;
      double size = 0;
      for (size_t k = 0; k < std::min(u.size(), v.size()); ++k) {
        difference += std::abs(double{u[k]} - double{v[k]});
        size += std::abs(double{u[k]});
      }
      return size > 0 ? difference / size : difference;
    }
    return std::numeric_limits<double>::infinity();
  }

  // The one whose weights are nearest, and not further than `limit`.
  const Node* Nearest(const std::vector<const Node*>& nodes, const Node& b,
                      double limit) const {
    const Node* nearest = nullptr;
    double least = limit;
    for (const Node* a : nodes) {
      const double distance = Distance(*a, b);
      if (!(distance < least)) continue;
      nearest = a;
      least = distance;
    }
    return nearest;
  }

  // Whether the node reads real numbers that are constant, such as weights.
  static bool HasWeights(const Side& side, const Node& node) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](TensorId id) {
                         if (id == kNoTensor) return false;
                         const Tensor& t = side.tensor(side.Base(id));
                         return t.has_data() && StandsForReals(t);
                       });
  }

  // The node without weights that makes as many values of the same input by
  // another op: MEAN where the other has an average pool of all.
  const Node* Standing(const Node& b) const {
    if (b.outputs.size() != 1 || HasWeights(b_, b)) return nullptr;
    for (const Node& a : a_.graph.nodes) {
      if (a.op == b.op || a.outputs.size() != 1 || IsTransparent(a) ||
          taken_[static_cast<size_t>(&a - a_.graph.nodes.data())] != 0 ||
          Activation(a) != Activation(b) || HasWeights(a_, a)) {
        continue;
      }
      const int64_t values = ValuesOf(a_.tensor(a.outputs[0]));
      if (values >= 0 && values == ValuesOf(b_.tensor(b.outputs[0])) &&
          a.input(0) != kNoTensor && b.input(0) != kNoTensor &&
          InputFits(a, 0, b, 0)) {
        return &a;
      }
    }
    return nullptr;
  }

  const Node* Partner(const Node& b) const {
    const auto named = [&](const Node& a) {
      return a_.tensor(a.outputs[0]).name == b_.tensor(b.outputs[0]).name;
    };
    // Of a converter that has left something out in front: no other layer has
    // weights like these.
    constexpr double kAlike = 0.25;
    std::vector<const Node*> same;
    std::vector<const Node*> fitting;
    const Node* by_name = nullptr;
    for (const Node& a : a_.graph.nodes) {
      if (!Same(a, b)) continue;
      same.push_back(&a);
      if (InputsFit(a, b)) {
        if (named(a)) return &a;
        fitting.push_back(&a);
      } else if (named(a)) {
        by_name = &a;
      }
    }
    if (fitting.empty() && by_name == nullptr) {
      by_name = Nearest(same, b, kAlike);
      if (by_name == nullptr) by_name = Standing(b);
    }
    if (fitting.empty()) return by_name;
    const Node* nearest =
        Nearest(fitting, b, std::numeric_limits<double>::infinity());
    return nearest != nullptr ? nearest : fitting[0];
  }

  const Side a_;
  const Side b_;
  std::vector<char> taken_;      // nodes of the reference
  std::vector<TensorId> match_;  // by tensor of the file
  std::vector<char> constant_;   // of the file, that are matched
  std::vector<TensorMatch> matches_;
};

}  // namespace

std::vector<TensorMatch> MatchTensors(const Graph& reference,
                                      const Graph& file) {
  return Matcher(reference, file).Run();
}

Graph AsReference(const Graph& model) {
  switch (NumbersOf(model)) {
    case Numbers::kFloat:
    case Numbers::kHalf:
      return Convert(StripTrainingOps(model), FindScheme("fp32"), {});
    default:
      return model;
  }
}

}  // namespace litesmith
