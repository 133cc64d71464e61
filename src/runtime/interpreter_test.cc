// The interpreter: batches, reference and fast kernels, memory. What its
// kernels compute is compared with LiteRT in tests/oracle.
#include "src/runtime/interpreter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/small_graph_test.h"

namespace {

// Every allocation of this program through operator new.
std::atomic<int64_t> allocations{0};

void* Allocate(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  bytes =
      (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, bytes)) return p;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return Allocate(bytes, alignof(std::max_align_t));  // or the end, here
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace litesmith {
namespace {

using Floats = std::vector<float>;

constexpr size_t kPixels = 6 * 6 * 2;

Floats Images(int count) {
  Rng rng(4);
  Floats images(static_cast<size_t>(count) * kPixels);
  for (float& v : images) v = rng.Uniform(-1, 1);
  return images;
}

// The outputs of the first `count` images.
Floats Outputs(Interpreter* interpreter, const Floats& images, int count) {
  std::memcpy(interpreter->input(0).data(), images.data(),
              static_cast<size_t>(count) * kPixels * sizeof(float));
  interpreter->Invoke(count);
  Floats result(static_cast<size_t>(count) * 3);
  std::memcpy(result.data(), interpreter->output(0).data(),
              result.size() * sizeof(float));
  return result;
}

TEST(Interpreter, BindsTheBatchAndNamesItsTensors) {
  Interpreter interpreter(SmallCnn(), {.batch = 5});
  EXPECT_EQ(interpreter.num_inputs(), 1);
  EXPECT_EQ(interpreter.num_outputs(), 1);
  EXPECT_EQ(interpreter.batch(), 5);
  EXPECT_EQ(interpreter.input_tensor(0).name, "input");
  EXPECT_EQ(interpreter.input_tensor(0).shape, (Shape{5, 6, 6, 2}));
  EXPECT_EQ(interpreter.output_tensor(0).shape, (Shape{5, 3}));
  EXPECT_EQ(interpreter.input(0).size(), 5 * kPixels * sizeof(float));
  EXPECT_EQ(interpreter.output(0).size(), 5 * 3 * sizeof(float));
}

TEST(Interpreter, ASampleDoesNotDependOnItsBatch) {
  const Floats images = Images(9);
  for (const bool reference : {false, true}) {
    Interpreter nine(SmallCnn(), {.batch = 9, .reference = reference});
    Interpreter one(SmallCnn(), {.batch = 1, .reference = reference});
    const Floats all = Outputs(&nine, images, 9);
    for (size_t i = 0; i < 9; ++i) {
      const Floats image(images.begin() + i * kPixels,
                         images.begin() + (i + 1) * kPixels);
      EXPECT_EQ(Outputs(&one, image, 1),
                Floats(all.begin() + 3 * i, all.begin() + 3 * (i + 1)));
    }
  }
}

TEST(Interpreter, FewerSamplesThanPlannedLeaveTheOthersAlone) {
  const Floats images = Images(8);
  Interpreter interpreter(SmallCnn(), {.batch = 8});
  const Floats all = Outputs(&interpreter, images, 8);
  for (const int count : {1, 3, 7}) {
    Floats other = images;
    std::fill(other.begin(), other.end(), 0.25f);
    Outputs(&interpreter, other, 8);  // so that nothing is right by chance
    EXPECT_EQ(Outputs(&interpreter, images, count),
              Floats(all.begin(), all.begin() + 3 * count));
  }
}

TEST(Interpreter, ReferenceAndFastKernelsAgree) {
  const Floats images = Images(16);
  Interpreter fast(SmallCnn(), {.batch = 16});
  Interpreter reference(SmallCnn(), {.batch = 16, .reference = true});
  const Floats a = Outputs(&fast, images, 16);
  const Floats b = Outputs(&reference, images, 16);
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-5 * (1 + std::abs(b[i]))) << i;
}

TEST(Interpreter, TimesEachOfItsSteps) {
  Interpreter interpreter(SmallCnn(), {.batch = 2});
  const std::vector<PlanStep> steps = interpreter.Steps();
  ASSERT_FALSE(steps.empty());
  const Floats images = Images(2);
  const Floats wanted = Outputs(&interpreter, images, 2);
  std::vector<double> seconds(steps.size());
  interpreter.InvokeTimed(seconds);
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_GT(seconds[i], 0) << steps[i].ops;
    EXPECT_FALSE(steps[i].kernel.empty());
    EXPECT_GT(steps[i].bytes, 0);
  }
  EXPECT_NE(steps[0].ops.find("CONV_2D"), std::string::npos);
  EXPECT_GT(steps[0].work.macs, 0);
  Floats again(wanted.size());
  std::memcpy(again.data(), interpreter.output(0).data(),
              again.size() * sizeof(float));
  EXPECT_EQ(again, wanted);
}

// Before a QUANTIZE, an accumulation error would become a whole step.
TEST(Interpreter, FloatsBeforeQuantizeHaveTheReferencesBits) {
  Graph graph = SmallCnn();
  const TensorId logits = graph.outputs[0];
  Node& node = graph.AddNode(kQuantize, "quantize", {logits}, {"quantized"});
  Tensor& quantized = graph.tensor(node.outputs[0]);
  quantized.dtype = DType::kInt8;
  quantized.quant = {{0.01f}, {0}, 0};
  graph.outputs.push_back(node.outputs[0]);
  graph.output_names.push_back("quantized");
  InferShapes(&graph);
  const Floats images = Images(64);
  Interpreter fast(graph, {.batch = 64});
  Interpreter reference(graph, {.batch = 64, .reference = true});
  EXPECT_EQ(Outputs(&fast, images, 64), Outputs(&reference, images, 64));
  EXPECT_TRUE(std::ranges::equal(fast.output(1), reference.output(1)));
}

TEST(Interpreter, InvokeKeepsItsInputAndRepeats) {
  const Floats images = Images(4);
  Interpreter interpreter(SmallCnn(), {.batch = 4});
  const Floats first = Outputs(&interpreter, images, 4);
  EXPECT_EQ(std::memcmp(interpreter.input(0).data(), images.data(),
                        images.size() * sizeof(float)),
            0);
  interpreter.Invoke();
  Floats second(first.size());
  std::memcpy(second.data(), interpreter.output(0).data(),
              second.size() * sizeof(float));
  EXPECT_EQ(first, second);
}

TEST(Interpreter, InvokeDoesNotAllocate) {
  for (const bool reference : {false, true}) {
    Interpreter interpreter(SmallCnn(), {.batch = 4, .reference = reference});
    EXPECT_GT(allocations, 0);  // they are counted
    Outputs(&interpreter, Images(4), 4);
    const int64_t before = allocations;
    interpreter.Invoke();
    interpreter.Invoke(1);
    EXPECT_EQ(allocations, before);
  }
}

// Without fusions: input, convolution, pool and logits, of which the reshaped
// pool is the pool's own bytes and the logits fit where the convolution was.
TEST(Interpreter, ActivationsShareTheArena) {
  Interpreter interpreter(SmallCnn(), {.batch = 1, .reference = true});
  const auto aligned = [](size_t floats) {
    return (floats * sizeof(float) + 63) / 64 * 64;
  };
  EXPECT_EQ(interpreter.arena_bytes(),
            aligned(kPixels) + aligned(4 * 4 * 4) + aligned(16));
}

TEST(Interpreter, RefusesWhatCannotRunAndNamesTheNode) {
  Graph graph = SmallCnn();
  for (Node& node : graph.nodes) {
    if (node.name == "conv") node.Set<&Conv2DAttrs::stride_w>(0);
  }
  EXPECT_NE(ErrorOf([&] { Interpreter interpreter(graph); }).find("'conv'"),
            std::string::npos);
}

}  // namespace
}  // namespace litesmith
