// Backward against central differences, mostly without a tolerance (case.h says
// why),
// on every SIMD target, op by op and with the fusions of training plans.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "src/graph/differentiates.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/ops/fusions.h"
#include "tests/conformance/node_run.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

constexpr int kBatch = 3;
// Other values are drawn where a kink is within a step, or where activations
// cut everything off.
constexpr int kMaxDraws = 20;
// Of an input, that are moved: as many again whose gradient is not zero.
constexpr size_t kMaxValues = 60;

const float* Floats(const TensorData& data) {
  return reinterpret_cast<const float*>(data.data());
}
float* MutableFloats(TensorData* data) {
  return reinterpret_cast<float*>(data->MutableData());
}
size_t Count(const TensorData& data) { return data.size() / sizeof(float); }

// Small integers in the shapes of the outputs.
Arrays OutputGradients(const Arrays& outputs) {
  Arrays gradients;
  Rng rng(Seed(), 77);
  for (const TensorData& output : outputs) {
    TensorData& data = gradients.emplace_back(output.size());
    float* values = MutableFloats(&data);
    for (size_t i = 0; i < Count(data); ++i) {
      values[i] = static_cast<float>(rng.Below(5)) - 2;
    }
  }
  return gradients;
}

// The sum of outputs times gradients: exact.
double Loss(const Arrays& outputs, const Arrays& gradients) {
  double sum = 0;
  for (size_t o = 0; o < outputs.size(); ++o) {
    for (size_t i = 0; i < Count(outputs[o]); ++i) {
      sum += double{Floats(outputs[o])[i]} * double{Floats(gradients[o])[i]};
    }
  }
  return sum;
}

// The derivative of the loss by some value of an input.
struct Slope {
  size_t value;
  double slope;
};

// Values to move: some spread over all, and some that `gradient` says matter.
std::vector<size_t> Sample(const TensorData& gradient) {
  const size_t n = Count(gradient);
  std::vector<size_t> sample;
  for (size_t i = 0; i < n; i += 1 + n / kMaxValues) sample.push_back(i);
  size_t nonzero = 0;
  for (size_t i = 0; i < n && nonzero < kMaxValues; ++i) {
    if (Floats(gradient)[i] == 0) continue;
    sample.push_back(i);
    ++nonzero;
  }
  return sample;
}

// The slopes at these values of an input; nothing if a kink lies within a step
// of one.
std::optional<std::vector<Slope>> Differences(NodeRunner* runner,
                                              const Arrays& values,
                                              size_t input,
                                              const std::vector<size_t>& sample,
                                              const Arrays& dy,
                                              const Gradient& rules) {
  const float step = rules.step;
  Arrays moved = values;
  const auto id = static_cast<size_t>(runner->inputs()[input]);
  const double here = Loss(runner->ForwardAll(values), dy);
  std::vector<Slope> slopes;
  for (const size_t i : sample) {
    const auto loss_at = [&](float by) {
      MutableFloats(&moved[id])[i] = Floats(values[id])[i] + by;
      return Loss(runner->ForwardAll(moved), dy);
    };
    const double above = loss_at(step);
    const double below = loss_at(-step);
    MutableFloats(&moved[id])[i] = Floats(values[id])[i];
    if (rules.tolerance == 0 && above - here != here - below)
      return std::nullopt;
    slopes.push_back({i, (above - below) / (2.0 * double{step})});
  }
  return slopes;
}

class GradientCheck {
 public:
  GradientCheck(const Gradient& rules, const Graph& graph, int batch,
                const Arrays& values)
      : rules_(rules),
        graph_(graph),
        facts_(FactsForNodes(graph, batch)),
        values_(values) {}

  // Whether the values were good for a check. Adds to `nonzero`.
  bool Kernel(PlannedKernel planned, int* nonzero) const {
    const bool fused = planned.fusion != nullptr;
    const Node& node = graph_.node(planned.nodes.back());
    NodeRunner runner(graph_, facts_, std::move(planned));
    const Arrays y = runner.ForwardAll(values_);
    const Arrays dy = OutputGradients(y);
    std::vector<bool> wanted;
    for (const TensorId id : runner.inputs())
      wanted.push_back(id != kNoTensor && IsWanted(id, fused));
    const Arrays grads = runner.Backward(values_, y, dy, wanted);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!wanted[i]) continue;
      SCOPED_TRACE(fmt::format("{}, input {}{}", node.op->name, i,
                               fused ? " of a fusion" : ""));
      // The layer behind a training op has a plain gradient.
      const bool estimates = !fused && node.op->training != nullptr &&
                             node.op->training->update != nullptr;
      if (estimates && rules_.straight_through && i == 0) {
        EXPECT_TRUE(
            SameValues(graph_.tensor(runner.inputs()[i]), grads[i], dy[0]));
        ++*nonzero;
        continue;
      }
      const auto slopes =
          Differences(&runner, values_, i, Sample(grads[i]), dy, rules_);
      if (!slopes) return false;
      const double divisor = estimates && i > 0 ? rules_.divisor : 1.0;
      for (const auto& [value, slope] : *slopes) {
        const double wanted = slope / divisor;
        const float bound = static_cast<float>(rules_.tolerance *
                                               std::max(1.0, std::abs(wanted)));
        EXPECT_NEAR(Floats(grads[i])[value], static_cast<float>(wanted), bound)
            << "value " << value;
        *nonzero += slope != 0;
      }
    }
    return true;
  }

 private:
  // A fusion may be for inputs that need no gradient.
  bool IsWanted(TensorId id, bool fused) const {
    const Tensor& tensor = graph_.tensor(id);
    if (fused) return facts_.IsTrained(id);
    return tensor.dtype == DType::kFloat32 &&
           tensor.kind != TensorKind::kState &&
           tensor.kind != TensorKind::kConstant;
  }

  const Gradient& rules_;
  const Graph& graph_;
  GraphFacts facts_;
  const Arrays& values_;
};

// The kernels of a training plan, and of nodes for which it needs none; or only
// those of fusions, which a machine of narrow vectors may not have.
std::vector<PlannedKernel> TrainedKernels(const Graph& graph, int batch,
                                          bool fused) {
  const GraphFacts facts = FactsForNodes(graph, batch);
  std::vector<PlannedKernel> kernels =
      PrepareKernels(graph, facts, Purpose::kTrain);
  std::erase_if(kernels, [&](const PlannedKernel& kernel) {
    return !Differentiates(graph, graph.node(kernel.nodes.back()), facts);
  });
  if (fused) {
    std::erase_if(kernels, [](const PlannedKernel& kernel) {
      return kernel.fusion == nullptr;
    });
    return kernels;
  }
  for (const Node& node : graph.nodes) {
    if (!node.op->in_place) continue;
    const PrepareContext context{graph, node, facts};
    const KernelRow& row = ChooseKernel(context, Purpose::kTrain);
    kernels.push_back(PlannedAlone(context, row.name, row.prepare(context)));
  }
  return kernels;
}

// Whether the values were good.
bool CheckGraph(const Gradient& rules, const Graph& graph, int batch,
                bool fused, const Arrays& inputs) {
  const Arrays values = RunByNode(graph, inputs, batch);
  const GradientCheck check(rules, graph, batch, values);
  for (PlannedKernel& kernel : TrainedKernels(graph, batch, fused)) {
    int nonzero = 0;
    if (!check.Kernel(std::move(kernel), &nonzero) || nonzero == 0)
      return false;
  }
  return true;
}

TEST_P(Conformance, GradientsEqualDifferences) {
  // Values for a fusion may lie beside kinks of its parts, which have cases of
  // their own: equal maxima behind a ReLU.
  const bool fused = GetParam().op == nullptr;
  ForEachCase([fused](const Case& c) {
    if (!c.gradient) return;
    ForEachTarget([&] {
      for (int draw = 0; draw < kMaxDraws; ++draw) {
        const Graph graph = GraphOf(c, draw);
        const int batch = CaseBatch(graph, kBatch);
        const Arrays inputs = InputsOf(c, graph, batch, draw);
        const Graph bound = BindForNodes(graph, batch);
        if (CheckGraph(*c.gradient, bound, batch, fused, inputs)) return;
      }
      ADD_FAILURE() << "all of " << kMaxDraws
                    << " draws lie beside a kink, or all slopes are zero";
    });
  });
}

}  // namespace
}  // namespace litesmith
