// Weights and epochs in numbers, and details as JSON files.
#include "src/study/details.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/study/fields_json.h"

namespace litesmith {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kBins = 24;

double Known(double value) { return std::isfinite(value) ? value : -1; }

// Of values that are each coded by how often they occur.
double Entropy(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  double bits = 0;
  const auto count = static_cast<double>(values.size());
  for (auto first = values.begin(); first != values.end();) {
    const auto last = std::upper_bound(first, values.end(), *first);
    const double share = static_cast<double>(last - first) / count;
    bits -= share * std::log2(share);
    first = last;
  }
  return std::max(bits, 0.0);
}

WeightDetails Describe(const Graph& graph, const WeightRef& ref) {
  const Tensor& tensor = graph.tensor(ref.parameter);
  const Node& node = graph.node(ref.node);
  const ValueCounts counts = CountValues(tensor);
  WeightDetails result;
  result.tensor = tensor.name;
  result.layer = node.name;
  result.op = node.op->name;
  result.shape = tensor.shape.ToString();
  result.macs = node.op->macs != nullptr ? node.op->macs(graph, node) : 0;
  result.values = counts.values;
  result.zeros = counts.zeros;
  result.distinct = counts.distinct;
  const auto values = tensor.As<float>();
  if (values.empty()) return result;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  result.low = *low;
  result.high = *high;
  result.entropy = Entropy({values.begin(), values.end()});
  result.histogram.assign(kBins, 0);
  const double width = (result.high - result.low) / kBins;
  for (const float value : values) {
    const double at = width > 0 ? (value - result.low) / width : 0;
    ++result.histogram[static_cast<size_t>(
        std::clamp(at, 0.0, double{kBins - 1}))];
  }
  return result;
}

template <typename Details>
void Write(const std::string& path, const std::string& digest,
           const Details& details) {
  Json json;
  json["of"] = digest;
  json["details"] = FieldsToJson(details);
  // Names are a file's: any bytes.
  WriteFile(path,
            json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

template <typename Details>
std::optional<Details> Read(const std::string& path,
                            const std::string& digest) {
  if (!FileExists(path)) return std::nullopt;
  try {
    const std::vector<std::byte> bytes = ReadFile(path);
    const auto* text = reinterpret_cast<const char*>(bytes.data());
    const Json json = Json::parse(text, text + bytes.size());
    if (json.at("of") != digest) return std::nullopt;
    return FieldsFromJson<Details>(json.at("details"));
  } catch (const Json::exception&) {
    return std::nullopt;  // damaged ones are as good as none
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

ModelDetails DescribeModel(const Graph& plain,
                           const std::vector<EpochResult>& epochs) {
  ModelDetails details;
  for (const WeightRef& ref : FloatWeights(plain))
    details.weights.push_back(Describe(plain, ref));
  for (const EpochResult& epoch : epochs) {
    details.epochs.push_back(
        {epoch.stage, Known(epoch.loss), Known(epoch.accuracy),
         Known(epoch.validation_loss), Known(epoch.validation_accuracy),
         epoch.learning_rate, epoch.sparsity, epoch.seconds});
  }
  return details;
}

std::string ModelDetailsFile(const std::string& folder,
                             const std::string& recipe) {
  return folder + "/" + recipe + "/model.details.json";
}

std::string CellDetailsFile(const std::string& folder,
                            const std::string& recipe,
                            const std::string& method) {
  return folder + "/" + recipe + "/" + method + ".details.json";
}

void WriteDetails(const std::string& path, const std::string& digest,
                  const ModelDetails& details) {
  Write(path, digest, details);
}

void WriteDetails(const std::string& path, const std::string& digest,
                  const CellDetails& details) {
  Write(path, digest, details);
}

std::optional<ModelDetails> ReadModelDetails(const std::string& path,
                                             const std::string& digest) {
  return Read<ModelDetails>(path, digest);
}

std::optional<CellDetails> ReadCellDetails(const std::string& path,
                                           const std::string& digest) {
  return Read<CellDetails>(path, digest);
}

}  // namespace litesmith
