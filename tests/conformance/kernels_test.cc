// Every kernel row against its reference twin, on every SIMD target; the
// interpreter with all that it does to a graph against the graph run node by
// node; a batch against its samples.
#include <gtest/gtest.h>

#include "src/kernels/common/simd_targets_test.h"
#include "src/runtime/bind.h"
#include "tests/conformance/accumulation.h"
#include "tests/conformance/node_run.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

constexpr int kBatch = 3;
constexpr Numerics kAllNumerics[] = {Numerics::kLiteRt, Numerics::kTflm};

// A bound graph and every tensor's values.
struct Wanted {
  Graph graph;
  int batch;
  Arrays inputs;
  Arrays values;
  Arrays bounds;  // of float32 tensors

  testing::AssertionResult Holds(TensorId id, const TensorData& got) const {
    const auto t = static_cast<size_t>(id);
    const Tensor& tensor = graph.tensor(id);
    return tensor.dtype == DType::kFloat32
               ? WithinBounds(tensor, got, values[t], bounds[t])
               : SameValues(tensor, got, values[t]);
  }
};

Wanted WantedOf(const Case& c, const Graph& graph, Numerics numerics) {
  Wanted wanted;
  wanted.batch = CaseBatch(graph, kBatch);
  wanted.inputs = InputsOf(c, graph, wanted.batch);
  wanted.graph = BindForNodes(graph, wanted.batch);
  wanted.values =
      RunByNode(wanted.graph, wanted.inputs, wanted.batch, numerics);
  wanted.bounds = AccumulationBounds(wanted.graph, wanted.values, wanted.batch);
  return wanted;
}

TEST_P(Conformance, KernelsEqualTheirReference) {
  ForEachCase([](const Case& c) {
    for (const Numerics numerics : kAllNumerics) {
      const Wanted wanted = WantedOf(c, GraphOf(c), numerics);
      const GraphFacts facts = FactsForNodes(wanted.graph, wanted.batch);
      ForEachTarget([&] {
        for (const Node& node : wanted.graph.nodes) {
          // In training these are other functions than outside.
          if (node.op->only_in_training()) continue;
          const PrepareContext context{wanted.graph, node, facts, numerics};
          for (const KernelRow& row : node.op->rows) {
            if (row.purpose == Purpose::kReference || !Fits(row, context))
              continue;
            SCOPED_TRACE(row.name);
            NodeRunner runner(context, row);
            if (runner.of_batch()) continue;
            const Arrays outputs = runner.ForwardAll(wanted.values);
            for (size_t o = 0; o < outputs.size(); ++o)
              EXPECT_TRUE(wanted.Holds(node.outputs[o], outputs[o]));
          }
        }
      });
    }
  });
}

TEST_P(Conformance, PlansEqualNodes) {
  ForEachCase([](const Case& c) {
    const Graph graph = GraphOf(c);
    for (const Numerics numerics : kAllNumerics) {
      const Wanted wanted = WantedOf(c, graph, numerics);
      const auto check = [&](const Arrays& outputs, bool exact) {
        for (size_t i = 0; i < outputs.size(); ++i) {
          const TensorId id = wanted.graph.outputs[i];
          EXPECT_TRUE(exact ? SameValues(wanted.graph.tensor(id), outputs[i],
                                         wanted.values[static_cast<size_t>(id)])
                            : wanted.Holds(id, outputs[i]));
        }
      };
      check(RunGraph(graph, wanted.inputs, {wanted.batch, numerics, true}),
            true);
      ForEachTarget([&] {
        check(RunGraph(graph, wanted.inputs, {wanted.batch, numerics, false}),
              false);
      });
    }
  });
}

// One sample of each input.
Arrays Sample(const Arrays& inputs, int n) {
  Arrays samples;
  for (const TensorData& all : inputs) {
    const size_t bytes = all.size() / kBatch;
    samples.emplace_back(
        std::span(all.data() + bytes * static_cast<size_t>(n), bytes));
  }
  return samples;
}

// Bit for bit, also where floats are summed: what an evaluation finds must not
// depend on how it cuts the data.
TEST_P(Conformance, BatchesEqualTheirSamples) {
  ForEachCase([](const Case& c) {
    const Graph graph = GraphOf(c);
    if (CaseBatch(graph, kBatch) == kAsWritten) return;
    const Arrays inputs = InputsOf(c, graph, kBatch);
    const auto check = [&](bool reference) {
      Interpreter whole(graph, {kBatch, Numerics::kLiteRt, reference});
      Interpreter single(graph, {1, Numerics::kLiteRt, reference});
      const Arrays of_whole = Invoke(&whole, inputs, kBatch);
      const Arrays of_part = Invoke(&whole, inputs, kBatch - 1);
      for (int n = 0; n < kBatch; ++n) {
        const Arrays of_one = Invoke(&single, Sample(inputs, n), 1);
        for (size_t i = 0; i < of_one.size(); ++i) {
          const Tensor& tensor = single.output_tensor(static_cast<int>(i));
          SCOPED_TRACE("sample " + std::to_string(n));
          EXPECT_TRUE(SameValues(tensor, Sample(of_whole, n)[i], of_one[i]));
          if (n == kBatch - 1) continue;
          const size_t bytes = of_one[i].size();
          const TensorData part(std::span(
              of_part[i].data() + bytes * static_cast<size_t>(n), bytes));
          EXPECT_TRUE(SameValues(tensor, part, of_one[i]));
        }
      }
    };
    check(true);
    ForEachTarget([&] { check(false); });
  });
}

}  // namespace
}  // namespace litesmith
