// Interpreter::Invoke allocates nothing. Counts every operator new of this
// program.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "tests/conformance/run.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* p = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

// The array forms call these. The nothrow form is here because a sanitizer's
// own would not fit to this delete; a standard sort calls it.
void* operator new(size_t bytes) {
  return Allocate(bytes, alignof(std::max_align_t));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return Allocate(bytes, alignof(std::max_align_t));  // or the end, here
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace litesmith {
namespace {

TEST(AllocationTest, IsCounted) {
  const int64_t before = allocations;
  const std::vector<float> some(1000);
  EXPECT_EQ(allocations - before, 1);
  const TensorData aligned(100);
  EXPECT_GT(allocations - before, 1);
}

TEST_P(Conformance, InvokeAllocatesNothing) {
  ForEachCase([](const Case& c) {
    for (const bool reference : {true, false}) {
      const Graph graph = GraphOf(c);
      if (!graph.subgraphs.empty()) return;
      Interpreter interpreter(
          graph, {CaseBatch(graph, 2), Numerics::kLiteRt, reference});
      interpreter.Invoke();
      const int64_t before = allocations;
      interpreter.Invoke(1);
      interpreter.Invoke();
      EXPECT_EQ(allocations - before, 0);
    }
  });
}

}  // namespace
}  // namespace litesmith
