// Control flow and variables, in graphs of fixed shapes; DENSIFY.
#include "src/ops/control/control.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

// [counter < limit] of the loop's variables.
Graph Condition(Rng* rng, int32_t limit, const Shape& shape) {
  GraphBuilder build(rng);
  const TensorId counter = build.Fixed("counter", DType::kInt32, {});
  build.Fixed("value", DType::kFloat32, shape);
  const TensorId end = build.Values<int32_t>("end", {}, {limit});
  build.Add(kLess, "go_on", {counter, end}, {}, DType::kBool);
  return build.Finish();
}

// counter + 1, value * 1.5.
Graph Body(Rng* rng, const Shape& shape) {
  GraphBuilder build(rng);
  const TensorId counter = build.Fixed("counter", DType::kInt32, {});
  const TensorId value = build.Fixed("value", DType::kFloat32, shape);
  const TensorId one = build.Values<int32_t>("one", {}, {1});
  const TensorId factor = build.Values<float>("factor", {}, {1.5f});
  build.Add(kAdd, "next", {counter, one}, {}, DType::kInt32);
  const TensorId next = build.last();
  build.Add(kMul, "larger", {value, factor});
  return build.Finish({next, build.last()});
}

Graph Loop(GraphBuilder* build, int32_t limit, const Shape& shape) {
  const WhileAttrs attrs = {
      build->Subgraph(Condition(build->rng(), limit, shape)),
      build->Subgraph(Body(build->rng(), shape))};
  const TensorId zero = build->Values<int32_t>("zero", {}, {0});
  const TensorId x = build->Fixed("x", DType::kFloat32, shape);
  Node& node = build->AddMany(kWhile, {"count", "y"}, {zero, x});
  Put(attrs, &node);
  const std::vector<TensorId> outputs = node.outputs;
  build->tensor(outputs[1]).shape = shape;
  return build->Finish(outputs);
}

// A branch: value + `by`.
Graph Branch(Rng* rng, float by, const Shape& shape) {
  GraphBuilder build(rng);
  const TensorId value = build.Fixed("value", DType::kFloat32, shape);
  const TensorId term = build.Values<float>("term", {}, {by});
  build.Add(kAdd, "sum", {value, term});
  return build.Finish();
}

Graph Choice(GraphBuilder* build, const Shape& shape) {
  const IfAttrs attrs = {build->Subgraph(Branch(build->rng(), 1, shape)),
                         build->Subgraph(Branch(build->rng(), -2, shape))};
  const TensorId condition = build->Fixed("condition", DType::kBool, {});
  const TensorId x = build->Fixed("x", DType::kFloat32, shape);
  Node& node = build->Add(kIf, "y", {condition, x});
  Put(attrs, &node);
  build->tensor(node.outputs[0]).shape = shape;
  return build->Finish();
}

TensorId Handle(GraphBuilder* build, const std::string& name) {
  Node& node = build->Add(kVarHandle, name, {}, {}, DType::kResource);
  Put(VarHandleAttrs{"", "v"}, &node);
  build->tensor(node.outputs[0]).shape = {1};
  return node.outputs[0];
}

TensorId Read(GraphBuilder* build, TensorId handle, const std::string& name,
              DType dtype, const Shape& shape) {
  Node& node = build->Add(kReadVariable, name, {handle}, {}, dtype);
  const TensorId out = node.outputs[0];
  build->tensor(out).shape = shape;
  return out;
}

void Assign(GraphBuilder* build, TensorId handle, TensorId value) {
  build->AddNone(kAssignVariable, "assign", {handle, value});
}

// Assigned first; what is read is added.
Graph Variable(GraphBuilder* build, DType dtype, const Shape& shape) {
  const TensorId x = build->Fixed("x", dtype, shape);
  const TensorId handle = Handle(build, "v");
  Assign(build, handle, x);
  const TensorId read = Read(build, handle, "read", dtype, shape);
  build->Add(kAdd, "y", {x, read}, {}, dtype);
  return build->Finish();
}

// The initial value of the variable is assigned by a subgraph.
Graph Initialized(GraphBuilder* build, const Shape& shape) {
  GraphBuilder init(build->rng());
  const TensorId first = init.Random("first", DType::kFloat32, shape);
  Assign(&init, Handle(&init, "v"), first);
  const CallOnceAttrs attrs = {build->Subgraph(init.Finish({}))};
  Put(attrs, &build->AddNone(kCallOnce, "init", {}));
  const TensorId x = build->Fixed("x", DType::kFloat32, shape);
  const TensorId read =
      Read(build, Handle(build, "v"), "read", DType::kFloat32, shape);
  build->Add(kAdd, "y", {x, read});
  return build->Finish();
}

Case Of(const std::string& name, std::function<Graph(GraphBuilder*)> make) {
  Case c;
  c.name = name;
  c.build = [make = std::move(make)](Rng* rng) {
    GraphBuilder build(rng);
    return make(&build);
  };
  return c;
}

}  // namespace

std::vector<Case> WhileCases() {
  return {Of("while_five",
             [](GraphBuilder* b) {
               return Loop(b, 5, {2, 3});
             }),
          Of("while_never", [](GraphBuilder* b) { return Loop(b, 0, {4}); })};
}
std::vector<RandomKind> WhileRandom() {
  return {{"f32",
           [](GraphBuilder* build) {
             const Shape shape = DrawShape(build->rng(), 3);
             return Loop(build, Draw(build->rng(), 0, 9), shape);
           },
           "", ""}};
}

std::vector<Case> IfCases() {
  return {Of("if", [](GraphBuilder* b) { return Choice(b, {2, 3}); })};
}
std::vector<RandomKind> IfRandom() {
  return {{"f32",
           [](GraphBuilder* build) {
             return Choice(build,
                           DrawShape(build->rng(), Draw(build->rng(), 1, 4)));
           },
           "", ""}};
}

std::vector<Case> CallOnceCases() {
  return {Of("call_once", [](GraphBuilder* b) { return Initialized(b, {5}); })};
}
std::vector<RandomKind> CallOnceRandom() {
  return {{"f32",
           [](GraphBuilder* build) {
             return Initialized(build, DrawShape(build->rng(), 2));
           },
           "", ""}};
}

std::vector<Case> VarHandleCases() {
  return {Of("variable_f32",
             [](GraphBuilder* b) {
               return Variable(b, DType::kFloat32, {3, 2});
             }),
          Of("variable_i32",
             [](GraphBuilder* b) { return Variable(b, DType::kInt32, {4}); })};
}
std::vector<RandomKind> VarHandleRandom() {
  return {{"f32",
           [](GraphBuilder* build) {
             return Variable(build, DType::kFloat32,
                             DrawShape(build->rng(), Draw(build->rng(), 1, 4)));
           },
           "", ""}};
}
std::vector<Case> ReadVariableCases() { return {}; }
std::vector<RandomKind> ReadVariableRandom() { return VarHandleRandom(); }
std::vector<Case> AssignVariableCases() { return {}; }
std::vector<RandomKind> AssignVariableRandom() { return VarHandleRandom(); }

std::vector<Case> DensifyCases() {
  Case c = Of("densify", [](GraphBuilder* build) {
    const TensorId x = build->Fixed("x", DType::kFloat32, {3, 8});
    const TensorId sparse = build->Random("sparse", DType::kFloat32, {3, 8});
    Tensor& tensor = build->tensor(sparse);
    std::span<float> values = tensor.MutableAs<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      if (i % 3 != 0) values[i] = 0;
    }
    tensor.stored_as = {.traversal_order = {0, 1},
                        .block_map = {},
                        .compressed = {0, 1},
                        .dense_size = {3, 8}};
    build->Add(kDensify, "dense", {sparse});
    build->Add(kAdd, "y", {x, build->last()});
    return build->Finish();
  });
  c.tflm_fails = "it has no DENSIFY";
  return {c};
}
std::vector<RandomKind> DensifyRandom() { return {}; }

}  // namespace litesmith
