// 8 bits: w = q / scale. 4 bits in blocks: w = (q - zero) * scale.
#include "src/formats/keras/quantized.h"

#include <fmt/ranges.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace litesmith {
namespace {

std::vector<float> FloatsOf(const H5Dataset& data) {
  std::vector<float> values(data.bytes.size() / sizeof(float));
  if (!values.empty())
    std::memcpy(values.data(), data.bytes.data(), data.bytes.size());
  return values;
}

std::vector<float> Require(const H5Dataset* data, const char* what,
                           size_t count) {
  if (data == nullptr)
    Fail(ErrorKind::kCorrupt, "the file holds no {} of its kernel", what);
  std::vector<float> values = FloatsOf(*data);
  if (values.size() != count) {
    Fail(ErrorKind::kCorrupt, "its kernel has {} {}; {} are wanted",
         values.size(), what, count);
  }
  return values;
}

void RequireDims(const H5Dataset& data, const std::vector<int64_t>& wanted) {
  if (data.dims == wanted) return;
  Fail(ErrorKind::kCorrupt,
       "its stored kernel has the shape ({}); ({}) is wanted",
       fmt::join(data.dims, ", "), fmt::join(wanted, ", "));
}

float Quotient(float q, float scale) {
  if (!(scale > 0))
    Fail(ErrorKind::kCorrupt, "its kernel has a scale of {}", scale);
  return q / scale;
}

// Of `dims`, each divided by the scale of its place, whose dimensions are those
// or 1.
std::vector<float> Divided(std::vector<float> values,
                           const std::vector<int32_t>& dims,
                           const H5Dataset* scale, bool by_row) {
  if (scale == nullptr)
    Fail(ErrorKind::kCorrupt, "the file holds no scales of its kernel");
  std::vector<int64_t> of = scale->dims;
  // Of an EinsumDense, dimensions of 1 may stand in front.
  while (of.size() > dims.size() && of.front() == 1) of.erase(of.begin());
  // Along the first dimension, or the last ones.
  while (of.size() < dims.size()) of.insert(by_row ? of.end() : of.begin(), 1);
  size_t count = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (of.size() != dims.size() || (of[d] != 1 && of[d] != dims[d])) {
      Fail(ErrorKind::kCorrupt, "its kernel's scales have the shape ({})",
           fmt::join(scale->dims, ", "));
    }
    count *= static_cast<size_t>(of[d]);
  }
  const std::vector<float> scales = Require(scale, "scales", count);
  for (size_t i = 0; i < values.size(); ++i) {
    size_t rest = i, at = 0, stride = 1;
    for (size_t d = dims.size(); d-- > 0;) {
      const size_t place = rest % static_cast<size_t>(dims[d]);
      rest /= static_cast<size_t>(dims[d]);
      if (of[d] != 1) at += place * stride;
      stride *= static_cast<size_t>(of[d]);
    }
    values[i] = Quotient(values[i], scales[at]);
  }
  return values;
}

float Signed(int nibble) {
  return static_cast<float>(nibble < 8 ? nibble : nibble - 16);
}

// Two in a byte along the last dimension, the lower half first.
std::vector<float> Unpacked(const H5Dataset& stored, int32_t rows,
                            int32_t columns) {
  const int64_t packed = (int64_t{columns} + 1) / 2;
  RequireDims(stored, {rows, packed});
  const std::vector<float> bytes = FloatsOf(stored);
  std::vector<float> values;
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c) {
      const int byte =
          static_cast<int>(bytes[static_cast<size_t>(r * packed + c / 2)]) &
          0xff;
      values.push_back(Signed(c % 2 == 0 ? byte & 15 : byte >> 4));
    }
  }
  return values;
}

// (q - zero) * scale of each input's block: inputs are the rows of a kernel
// and the columns of a table.
void ScaleBlocks(int32_t rows, int32_t columns, bool by_row,
                 const std::function<const H5Dataset*(int)>& find,
                 std::vector<float>* values) {
  const size_t inputs = static_cast<size_t>(by_row ? columns : rows);
  const size_t outputs = static_cast<size_t>(by_row ? rows : columns);
  const std::vector<float> block = Require(find(2), "blocks", inputs);
  const H5Dataset* scale = find(0);
  const size_t count =
      scale == nullptr ? 0 : scale->bytes.size() / sizeof(float);
  const size_t blocks = count / outputs;
  const std::vector<float> scales = Require(scale, "scales", blocks * outputs);
  const std::vector<float> zeros = Require(find(1), "zeros", blocks * outputs);
  for (size_t i = 0; i < values->size(); ++i) {
    const size_t row = i / static_cast<size_t>(columns);
    const size_t column = i % static_cast<size_t>(columns);
    const float b = block[by_row ? column : row];
    if (!(b >= 0 && b < static_cast<float>(blocks)))
      Fail(ErrorKind::kCorrupt, "its kernel has an input in block {}", b);
    const auto in = static_cast<size_t>(b);
    const size_t at = by_row ? row * blocks + in : in * outputs + column;
    (*values)[i] = ((*values)[i] - zeros[at]) * scales[at];
  }
}

}  // namespace

int BitsOf(const Json& config) {
  const Json* dtype = JsonFind(config, "dtype");
  if (dtype == nullptr || !dtype->is_object()) return 0;
  const std::string policy = JsonString(*dtype, "class_name", "");
  const Json* of = JsonFind(*dtype, "config");
  const std::string mode = of == nullptr ? "" : JsonString(*of, "mode", "");
  if (policy == "QuantizedDTypePolicy" && mode == "int8") return 8;
  if (policy == "Int4DTypePolicy" ||
      (policy == "QuantizedDTypePolicy" && mode == "int4"))
    return 4;
  if (policy == "DTypePolicy" || policy == "Policy" || policy.empty()) return 0;
  Fail(ErrorKind::kUnsupported, "its dtype is a {} of {}; float32 is supported",
       policy, mode);
}

std::vector<float> Dequantized(
    int bits, const H5Dataset& stored, const std::vector<int32_t>& dims,
    bool by_row, const std::function<const H5Dataset*(int)>& find) {
  if (bits == 8) {
    RequireDims(stored, {dims.begin(), dims.end()});
    return Divided(FloatsOf(stored), dims, find(0), by_row);
  }
  if (dims.size() != 2) {
    Fail(ErrorKind::kUnsupported,
         "its kernel of {} dimensions has 4 bits; two dimensions are supported",
         dims.size());
  }
  std::vector<float> values = Unpacked(stored, dims[0], dims[1]);
  if (find(2) == nullptr)
    return Divided(std::move(values), dims, find(0), by_row);
  ScaleBlocks(dims[0], dims[1], by_row, find, &values);
  return values;
}

}  // namespace litesmith
