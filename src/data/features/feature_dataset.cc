// A view that computes features when a sample is read.
#include "src/data/features/feature_dataset.h"

#include <memory>
#include <utility>
#include <vector>

#include "src/data/values.h"
#include "src/data/views.h"

namespace litesmith {
namespace {

class FeatureDataset : public ViewDataset {
 public:
  FeatureDataset(DatasetPtr from, const FrontEnd& features)
      : ViewDataset(std::move(from)),
        features_(features),
        inputs_{features.field(whole_->inputs()[0].shape.NumElements())} {}

  std::span<const Field> inputs() const override { return inputs_; }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    const Field& sound = whole_->inputs()[0];
    std::vector<std::byte> stored(sound.bytes());
    std::vector<std::byte*> to(fields, fields + NumFields(*this));
    to[0] = stored.data();
    whole_->Read(index, draw, to.data());
    std::vector<float> clip(static_cast<size_t>(sound.shape.NumElements()));
    for (size_t i = 0; i < clip.size(); ++i) {
      clip[i] = RealValue(
          sound.real, 0,
          StoredNumber(sound.dtype, stored.data() + i * SizeOf(sound.dtype)));
    }
    features_.compute(clip, fields[0]);
  }
  std::span<const std::byte> Stored(size_t f) const override {
    return f == 0 ? std::span<const std::byte>() : whole_->Stored(f);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Text(features_.name);
  }

 private:
  const FrontEnd& features_;
  std::vector<Field> inputs_;
};

}  // namespace

DataSplits WithFeatures(DataSplits splits, const FrontEnd& features) {
  for (DataHalf* half : {&splits.train, &splits.test}) {
    half->first = [&features,
                   first = half->first](int64_t count) -> DatasetPtr {
      return std::make_shared<const FeatureDataset>(first(count), features);
    };
  }
  return splits;
}

}  // namespace litesmith
