// GATHER, GATHER_ND and EMBEDDING_LOOKUP: indices that are constants, and such
// that are inputs.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  Shape indices;
  std::vector<int32_t> values;
  GatherAttrs attrs;
  DType type = DType::kInt32;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<int32_t> kEven = {0,  2,  4,  6,  8,  10, 12, 14,
                                    16, 18, 20, 22, 24, 26, 28, 30};

const std::vector<Row> kRows = {
    {"rows", {4, 5, 3}, {3}, {2, 0, 2}, {1, 0}},
    {"timed", {16, 16, 32}, {16}, kEven, {3, 0}},
    {"channels", {2, 3, 6}, {2, 2}, {5, 1, 0, 3}, {3, 0}},
    {"last", {4, 5}, {4}, {4, 3, 0, 0}, {-1, 0}},
    {"scalar", {4, 5}, Shape(), {3}, {1, 0}},
    {"s64",
     {4, 5},
     {2},
     {1, 3},
     {2, 0},
     DType::kInt64,
     "",
     "its GATHER wants int32 indices"},
    {"s16",
     {4, 5},
     {2},
     {1, 3},
     {2, 0},
     DType::kInt16,
     "",
     "its GATHER wants int32 indices"},
};

TensorId Constant(const Row& row, GraphBuilder* build) {
  const std::vector<int32_t>& v = row.values;
  switch (row.type) {
    case DType::kInt64:
      return build->Values<int64_t>("indices", row.indices,
                                    {v.begin(), v.end()});
    case DType::kInt16:
      return build->Values<int16_t>("indices", row.indices,
                                    {v.begin(), v.end()});
    default:
      return build->Values<int32_t>("indices", row.indices, v);
  }
}

Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  Put(row.attrs, &build.Add(kGather, "y", {x, Constant(row, &build)},
                            type.quant, type.dtype));
  return build.Finish();
}

// Inputs are indices 0 .. kLimit - 1.
constexpr int kLimit = 5;

// A table that is trained, and rows of it for each sample.
Graph BuildTable(DType dtype, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId table =
      dtype == DType::kFloat32
          ? build.Grid("table", {kLimit, 3}, 4)
          : build.Random("table", dtype, {kLimit, 3}, PerTensor(0.1f, -7));
  const TensorId ids = build.Input("ids", DType::kInt32, {4});
  build.Add(kGather, "y", {table, ids}, build.tensor(table).quant, dtype);
  return build.Finish();
}

// Indices and array of each sample.
Graph BuildBatchDims(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {2, kLimit, 3});
  const TensorId indices = build.Input("indices", DType::kInt32, {4});
  Put(GatherAttrs{2, 1}, &build.Add(kGather, "y", {x, indices}));
  return build.Finish();
}

struct NdRow {
  const char* name;
  Shape array;
  std::vector<int32_t> indices;  // without the batch
};
const NdRow kNdRows[] = {
    {"elements", {kLimit, 6, 2}, {4, 3}},
    {"rows", {kLimit, 6, 2}, {3, 2}},
    {"one_number", {kLimit, 3}, {1}},
};

// An index's later numbers have smaller limits: they are constants.
Graph BuildNd(const NdRow& row, const MoveType& type, DType index, bool fixed,
              Rng* rng) {
  GraphBuilder build(rng);
  std::vector<int32_t> dims = row.indices;
  dims.insert(dims.begin(), 3);
  TensorId array = kNoTensor;
  if (fixed) {
    array = build.Fixed("array", type.dtype, row.array, type.quant);
  } else if (type.dtype == DType::kFloat32) {
    array = build.Grid("array", row.array, 4);
  } else {
    array = build.Random("array", type.dtype, row.array, type.quant);
  }
  TensorId indices = kNoTensor;
  if (!fixed) {
    indices = build.Input("indices", index, row.indices);
  } else {
    std::vector<int32_t> values(static_cast<size_t>(Shape(dims).NumElements()));
    const int numbers = dims.back();
    for (size_t i = 0; i < values.size(); ++i) {
      const auto limit =
          static_cast<uint32_t>(row.array[static_cast<int>(i) % numbers]);
      values[i] = static_cast<int32_t>(rng->Below(limit));
    }
    indices = build.Values<int32_t>("indices", Shape(dims), values);
  }
  build.Add(kGatherNd, "y", {array, indices}, type.quant, type.dtype);
  return build.Finish();
}

Graph BuildEmbedding(const Quantization& quant, DType dtype, DType out,
                     Rng* rng) {
  GraphBuilder build(rng);
  const TensorId ids = build.Fixed("ids", DType::kInt32, {6});
  const TensorId table = build.Random("table", dtype, {kLimit, 4}, quant);
  build.Add(kEmbeddingLookup, "y", {ids, table},
            out == DType::kFloat32 ? Quantization() : quant, out);
  return build.Finish();
}

// One id a sample.
Graph BuildTrainedEmbedding(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId ids = build.Input("ids", DType::kInt32, {});
  build.Add(kEmbeddingLookup, "y", {ids, build.Grid("table", {kLimit, 4}, 4)});
  return build.Finish();
}

Case Indexed(std::string name, std::function<Graph(Rng*)> build,
             bool gradient = false) {
  Case c;
  c.name = std::move(name);
  c.build = std::move(build);
  c.index_limit = kLimit;
  if (!gradient) return c;
  c.gradient = Gradient{};
  c.fill = GridFill(4);
  return c;
}

const MoveRuntimes kGatherRuntimes = {kAllMoveTypes, {"f32", "s8"}};

TensorId DrawIndices(const Shape& shape, int limit, GraphBuilder* build) {
  std::vector<int32_t> values(static_cast<size_t>(shape.NumElements()));
  for (int32_t& v : values) v = Draw(build->rng(), 0, limit - 1);
  return build->Values<int32_t>("indices", shape, values);
}

Graph DrawGather(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4), 5);
  const int axis = Draw(rng, 0, x.rank() - 1);
  const int batch_dims = Draw(rng, 0, axis);
  std::vector<int32_t> dims(x.dims().begin(), x.dims().begin() + batch_dims);
  for (int i = Draw(rng, 1, 2); i > 0; --i) dims.push_back(Draw(rng, 1, 4));
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId indices = DrawIndices(Shape(dims), x[axis], build);
  Put(GatherAttrs{Coin(rng) ? axis : axis - x.rank(), batch_dims},
      &build->Add(kGather, "y", {in, indices}, type.quant, type.dtype));
  return build->Finish();
}

Graph DrawGatherNd(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4), 5);
  const int numbers = Draw(rng, 1, x.rank());
  std::vector<int32_t> dims;
  for (int i = Draw(rng, 1, 2); i > 0; --i) dims.push_back(Draw(rng, 1, 4));
  dims.push_back(numbers);
  std::vector<int32_t> values(static_cast<size_t>(Shape(dims).NumElements()));
  for (size_t i = 0; i < values.size(); ++i) {
    const int d = static_cast<int>(i % static_cast<size_t>(numbers));
    values[i] = Draw(rng, 0, x[d] - 1);
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId indices =
      build->Values<int32_t>("indices", Shape(dims), values);
  build->Add(kGatherNd, "y", {in, indices}, type.quant, type.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> GatherCases() {
  std::vector<Case> cases = MoveCases("gather", kRows, Build, kGatherRuntimes);
  for (const DType dtype : {DType::kFloat32, DType::kInt8}) {
    cases.push_back(Indexed(
        fmt::format("gather_table_{}", Name(dtype)),
        [dtype](Rng* rng) { return BuildTable(dtype, rng); },
        dtype == DType::kFloat32));
  }
  cases.push_back(Indexed("gather_batch_dims", BuildBatchDims, true));
  return cases;
}

std::vector<Case> GatherNdCases() {
  std::vector<Case> cases;
  for (const NdRow& row : kNdRows) {
    for (const MoveType& type : kMoveTypes) {
      const bool both =
          type.dtype == DType::kFloat32 || type.dtype == DType::kInt8;
      if (!both && &row != &kNdRows[0]) continue;
      Case c = Indexed(fmt::format("gather_nd_{}_{}", type.name, row.name),
                       [&](Rng* rng) {
                         return BuildNd(row, type, DType::kInt32, true, rng);
                       });
      if (!both) c.tflm_fails = "its GATHER_ND has no such type";
      cases.push_back(std::move(c));
    }
  }
  for (const DType index : {DType::kInt32, DType::kInt64}) {
    Case c = Indexed(
        fmt::format("gather_nd_batch_{}", Name(index)),
        [index](Rng* rng) {
          return BuildNd(kNdRows[2], kMoveTypes[0], index, false, rng);
        },
        true);
    if (index == DType::kInt64)
      c.tflm_fails = "its GATHER_ND wants int32 indices";
    cases.push_back(std::move(c));
  }
  cases.push_back(cases.back());
  cases.back().name = "gather_nd_timed";
  cases.back().timed = true;
  return cases;
}

std::vector<Case> EmbeddingLookupCases() {
  struct {
    const char* name;
    DType table;
    Quantization quant;
    DType out;
    const char* tflm = "";
    const char* litert = "";
  } static const kTables[] = {
      {"f32", DType::kFloat32, {}, DType::kFloat32},
      {"s8", DType::kInt8, PerTensor(0.03f), DType::kFloat32},
      {"s8_rows", DType::kInt8, PerAxis(kLimit, 0.03f), DType::kFloat32,
       "its EMBEDDING_LOOKUP takes the first scale for all"},
      {"s8_same", DType::kInt8, PerTensor(0.03f, 5), DType::kInt8},
      {"u8", DType::kUInt8, PerTensor(0.03f), DType::kFloat32,
       "its EMBEDDING_LOOKUP has no uint8",
       "its EMBEDDING_LOOKUP takes uint8 for int8"},
  };
  std::vector<Case> cases;
  for (const auto& table : kTables) {
    Case c =
        Indexed(fmt::format("embedding_lookup_{}", table.name), [&](Rng* rng) {
          return BuildEmbedding(table.quant, table.table, table.out, rng);
        });
    c.tflm_fails = table.tflm;
    c.litert_fails = table.litert;
    cases.push_back(std::move(c));
  }
  cases.push_back(
      Indexed("embedding_lookup_trained", BuildTrainedEmbedding, true));
  cases.push_back(cases.back());
  cases.back().name = "embedding_lookup_timed";
  cases.back().timed = true;
  return cases;
}

// Rows of floats, or of integers that give floats.
std::vector<RandomKind> EmbeddingLookupRandom() {
  std::vector<RandomKind> kinds;
  for (const auto& [name, dtype] :
       {std::pair("f32", DType::kFloat32), std::pair("s8_f32", DType::kInt8)}) {
    kinds.push_back(
        {name,
         [dtype = dtype](GraphBuilder* build) {
           Rng* rng = build->rng();
           const Shape shape = DrawShape(rng, Draw(rng, 2, 4));
           const Quantization quant =
               dtype == DType::kInt8 ? PerTensor(DrawScale(rng, 0.01f, 0.1f))
                                     : Quantization();
           const TensorId table = build->Random("table", dtype, shape, quant);
           std::vector<int32_t> ids;
           for (int i = Draw(rng, 1, 6); i > 0; --i)
             ids.push_back(Draw(rng, 0, shape[0] - 1));
           const auto count = static_cast<int32_t>(ids.size());
           const TensorId rows = build->Values<int32_t>("ids", {count}, ids);
           build->Add(kEmbeddingLookup, "rows", {rows, table});
           const TensorId found = build->last();
           const TensorId x = build->Fixed("x", DType::kFloat32, {1});
           build->Add(kAdd, "y", {found, x});
           return build->Finish();
         },
         "", ""});
  }
  return kinds;
}

std::vector<RandomKind> GatherRandom() {
  return MoveRandom(DrawGather, kGatherRuntimes);
}

std::vector<RandomKind> GatherNdRandom() {
  return MoveRandom(DrawGatherNd, kGatherRuntimes);
}

}  // namespace litesmith
