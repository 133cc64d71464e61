// A view with other fields; samples themselves are the source's.
#include "src/data/described.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/data/values.h"
#include "src/data/views.h"

namespace litesmith {
namespace {

constexpr const char* kLabels[] = {"index", "onehot", "value", "none"};
enum class Labels : uint8_t { kIndex, kOnehot, kValue, kNone };

struct Meaning {
  SpecOptions options;
  bool takes_bytes = false;
  Labels labels = Labels::kIndex;
};

// Real values that are (x * scale - mean) / std of what is stored.
Affine RealBy(const SpecOptions& options, const Field& field) {
  const double scale = options.Number("scale", 0, -1e30, 1e30);  // 0: not given
  const auto mean = options.Numbers("mean", {0});
  const auto std = options.Numbers("std", {1});
  const size_t channels = std::max(mean.size(), std.size());
  const int rank = field.shape.rank();
  const int64_t last = rank > 0 ? field.shape[rank - 1] : 1;
  for (const char* name : {"mean", "std"}) {
    const size_t given = (name[0] == 'm' ? mean : std).size();
    if (given == 1 || static_cast<int64_t>(given) == last) continue;
    options.Refuse(name, fmt::format("one number or {}, as the samples have "
                                     "channels ({}),",
                                     last, field.shape.ToString()));
  }
  for (const double each : std) {
    if (!(each > 0)) options.Refuse("std", "a number above 0");
  }
  Affine real;
  real.a.resize(channels);
  real.b.resize(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double by = std[std.size() == 1 ? 0 : c];
    const double a =
        scale != 0 ? scale : field.real.a[field.real.a.size() == 1 ? 0 : c];
    const double b =
        scale != 0 ? 0 : field.real.b[field.real.b.size() == 1 ? 0 : c];
    real.a[c] = a / by;
    real.b[c] = (b - mean[mean.size() == 1 ? 0 : c]) / by;
  }
  return real;
}

bool IsPictureOfBytes(const Field& field) {
  return field.dtype == DType::kUInt8 && field.real == Affine{{1.0 / 255}, {0}};
}

class DescribedDataset : public ViewDataset {
 public:
  DescribedDataset(DatasetPtr from, const Meaning& meaning)
      : ViewDataset(std::move(from)), labels_(meaning.labels) {
    const SpecOptions& options = meaning.options;
    inputs_.assign(whole_->inputs().begin(), whole_->inputs().end());
    targets_.assign(whole_->targets().begin(), whole_->targets().end());
    if (options.Has("scale") || options.Has("mean") || options.Has("std")) {
      inputs_[0].real = RealBy(options, inputs_[0]);
    } else if (meaning.takes_bytes && IsPictureOfBytes(inputs_[0])) {
      inputs_[0].real = {};
    }
    if (labels_ == Labels::kIndex) return;
    if (whole_->classes() == 0) {
      options.Refuse("labels",
                     "nothing: the data has no class labels, so none");
    }
    Field& label = targets_[0];
    if (labels_ == Labels::kNone) {
      hidden_ = label;
      targets_.erase(targets_.begin());
      return;
    }
    label.dtype = DType::kFloat32;
    label.real = {};
    label.shape = {labels_ == Labels::kOnehot ? whole_->classes() : 1};
  }

  std::span<const Field> inputs() const override { return inputs_; }
  std::span<const Field> targets() const override { return targets_; }
  int classes() const override {
    return labels_ == Labels::kIndex ? whole_->classes() : 0;
  }
  int ClassesOf(size_t target) const override {
    if (labels_ == Labels::kNone) return whole_->ClassesOf(target + 1);
    return target == 0 ? classes() : whole_->ClassesOf(target);
  }
  std::span<const std::string> ClassNamesOf(size_t target) const override {
    return whole_->ClassNamesOf(target + (labels_ == Labels::kNone ? 1 : 0));
  }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    if (labels_ == Labels::kIndex) return whole_->Read(index, draw, fields);
    const size_t at = inputs_.size();
    std::vector<std::byte*> to(fields, fields + NumFields(*this));
    std::byte label[8];
    if (labels_ == Labels::kNone) {
      to.insert(to.begin() + static_cast<std::ptrdiff_t>(at), label);
    } else {
      to[at] = label;
    }
    whole_->Read(index, draw, to.data());
    if (labels_ != Labels::kNone) WriteLabel(label, fields[at]);
  }
  std::span<const std::byte> Stored(size_t f) const override {
    if (labels_ == Labels::kIndex || f < inputs_.size())
      return whole_->Stored(f);
    if (labels_ == Labels::kNone) return whole_->Stored(f + 1);
    return f == inputs_.size() ? std::span<const std::byte>()
                               : whole_->Stored(f);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Word(static_cast<uint64_t>(labels_));
    for (const std::vector<double>* values :
         {&inputs_[0].real.a, &inputs_[0].real.b})
      digest->Block(std::as_bytes(std::span(*values)));
  }

 private:
  void WriteLabel(const std::byte* stored, std::byte* out) const {
    const double label = StoredNumber(whole_->targets()[0].dtype, stored);
    if (labels_ == Labels::kValue) {
      const auto value = static_cast<float>(label);
      std::memcpy(out, &value, sizeof(value));
      return;
    }
    std::memset(out, 0, targets_[0].bytes());
    const float one = 1;
    std::memcpy(out + static_cast<size_t>(label) * sizeof(one), &one,
                sizeof(one));
  }

  Labels labels_;
  std::vector<Field> inputs_;
  std::vector<Field> targets_;
  Field hidden_;
};

}  // namespace

DataSplits Described(DataSplits splits, const SpecOptions& options,
                     const DataContext& context) {
  Meaning meaning{options, context.takes_bytes, Labels::kIndex};
  const std::string labels = options.Choice("labels", kLabels);
  for (size_t i = 0; i < std::size(kLabels); ++i) {
    if (labels == kLabels[i]) meaning.labels = static_cast<Labels>(i);
  }
  const bool plain = options.empty() && !context.takes_bytes;
  if (plain) return splits;
  for (DataHalf* half : {&splits.train, &splits.test}) {
    half->first = [meaning, first = half->first](int64_t count) -> DatasetPtr {
      return std::make_shared<const DescribedDataset>(first(count), meaning);
    };
  }
  return splits;
}

}  // namespace litesmith
