// Through a .tflite file and back: the same graph, the same results, and the
// same bytes when written again.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "src/formats/tflite/tflite.h"
#include "src/models/models.h"
#include "tests/conformance/dump.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

TEST_P(Conformance, FilesKeepTheGraph) {
  ForEachCase([](const Case& c) {
    const Graph graph = GraphOf(c);
    if (!FitsTflite(graph)) return;
    const std::vector<std::byte> bytes = WriteTflite(graph);
    const Graph read = ReadTflite(bytes, c.name);
    EXPECT_EQ(Print(read), Print(graph));
    EXPECT_EQ(WriteTflite(read), bytes);
    for (const int of : {1, 3}) {
      const int batch = CaseBatch(graph, of);
      const Arrays inputs = InputsOf(c, graph, batch);
      const InterpreterOptions options = {batch, Numerics::kLiteRt, false};
      const Arrays want = RunGraph(graph, inputs, options);
      const Arrays got = RunGraph(read, inputs, options);
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_TRUE(
            SameValues(graph.tensor(graph.outputs[i]), got[i], want[i]));
      }
    }
  });
}

// What only our own part of a Keras file can hold: graphs inside of graphs, and
// other forms of constants.
TEST_P(Conformance, OwnFilesKeepTheGraph) {
  ForEachCase([](const Case& c) {
    const Graph graph = GraphOf(c);
    const bool stored = std::any_of(
        graph.tensors.begin(), graph.tensors.end(),
        [](const Tensor& t) { return !(t.stored_as == Storage{}); });
    if (graph.subgraphs.empty() && !stored) return;
    const std::string path = testing::TempDir() + c.name + ".h5";
    SaveModel(graph, path);
    const Graph read = LoadModel(path, 0);
    EXPECT_EQ(Print(read), Print(graph));
    for (size_t t = 0; t < graph.tensors.size(); ++t)
      EXPECT_EQ(read.tensors[t].stored_as, graph.tensors[t].stored_as);
    std::filesystem::remove(path);
  });
}

}  // namespace
}  // namespace litesmith
