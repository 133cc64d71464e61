// Augmentation of stored numbers: bytes and integers are rounded and clamped,
// floats are not.
#include "src/data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/data/values.h"
#include "src/data/views.h"

namespace litesmith {
namespace {

constexpr const char* kNames[] = {"flip",     "shift", "crop",     "brightness",
                                  "contrast", "noise", "timeshift"};
constexpr const char* kFlips[] = {"none", "h", "v", "hv"};
// Streams of a training's seed, apart from those of shuffles.
constexpr uint64_t kStream = uint64_t{0xA6} << 56;

struct Changes {
  std::string spec;  // for the digest
  bool flip_h = false, flip_v = false;
  int shift = 0;
  int crop_w = 0, crop_h = 0;
  double brightness = 0, contrast = 0, noise = 0;
  int64_t timeshift = 0;
};

Changes ReadChanges(const SpecOptions& options) {
  Changes changes;
  for (const char* name : kNames) {
    if (options.Has(name))
      changes.spec += fmt::format("{}={},", name, options.Text(name, ""));
  }
  const std::string flip = options.Choice("flip", kFlips);
  changes.flip_h = flip.find('h') != std::string::npos;
  changes.flip_v = flip.find('v') != std::string::npos;
  changes.shift = static_cast<int>(options.Whole("shift", 0, 0, 4096));
  std::tie(changes.crop_w, changes.crop_h) = options.Size("crop");
  changes.brightness = options.Number("brightness", 0, 0, 1);
  changes.contrast = options.Number("contrast", 0, 0, 1);
  changes.noise = options.Number("noise", 0, 0, 1e6);
  changes.timeshift = options.Whole("timeshift", 0, 0, 1 << 26);
  return changes;
}

// The range that integers of a type have; of floats 1.
double FullRange(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
    case DType::kInt8:
      return 255;
    case DType::kInt16:
      return 32768;
    default:
      return 1;
  }
}

void Store(DType dtype, double value, std::byte* at) {
  const auto put = [&](auto typed) { std::memcpy(at, &typed, sizeof(typed)); };
  const auto rounded = [&](double low, double high) {
    return std::clamp(std::floor(value + 0.5), low, high);
  };
  switch (dtype) {
    case DType::kUInt8:
      return put(static_cast<uint8_t>(rounded(0, 255)));
    case DType::kInt8:
      return put(static_cast<int8_t>(rounded(-128, 127)));
    case DType::kInt16:
      return put(static_cast<int16_t>(rounded(-32768, 32767)));
    case DType::kFloat64:
      return put(value);
    default:
      return put(static_cast<float>(value));
  }
}

class AugmentedDataset : public ViewDataset {
 public:
  AugmentedDataset(DatasetPtr from, Changes changes, bool train,
                   const SpecOptions& options)
      : ViewDataset(std::move(from)),
        changes_(std::move(changes)),
        train_(train),
        inputs_(whole_->inputs().begin(), whole_->inputs().end()) {
    Field& field = inputs_[0];
    const Shape& shape = field.shape;
    const bool picture = shape.rank() == 2 || shape.rank() == 3;
    for (const char* name : {"flip", "shift", "crop"}) {
      if (options.Has(name) && !picture) {
        options.Refuse(name, fmt::format("pictures, not samples of shape {},",
                                         shape.ToString()));
      }
    }
    switch (field.dtype) {
      case DType::kUInt8:
      case DType::kInt8:
      case DType::kInt16:
      case DType::kFloat32:
      case DType::kFloat64:
        break;
      default:
        Fail(ErrorKind::kUnsupported,
             "data \"{}\": samples of {} cannot be changed at random; uint8, "
             "int8, int16, float32 or float64 would do",
             options.spec(), Name(field.dtype));
    }
    height_ = shape.rank() > 0 ? shape[0] : 1;
    width_ = shape.rank() > 1 ? shape[1] : 1;
    size_ = SizeOf(field.dtype);
    pixel_ = field.bytes() / static_cast<size_t>(height_) /
             static_cast<size_t>(width_);
    out_h_ = changes_.crop_h > 0 ? changes_.crop_h : height_;
    out_w_ = changes_.crop_w > 0 ? changes_.crop_w : width_;
    if (out_h_ > height_ || out_w_ > width_) {
      options.Refuse(
          "crop", fmt::format("a window within {}x{} pixels", width_, height_));
    }
    if (picture) {
      field.shape[0] = out_h_;
      field.shape[1] = out_w_;
    }
  }

  std::span<const Field> inputs() const override { return inputs_; }
  void Read(int64_t index, Draw draw, std::byte* const* fields) const override {
    std::vector<std::byte> whole(whole_->inputs()[0].bytes());
    std::vector<std::byte*> to(fields, fields + NumFields(*this));
    to[0] = whole.data();
    whole_->Read(index, draw, to.data());
    Rng rng(draw.seed, kStream + (static_cast<uint64_t>(draw.epoch) << 32) +
                           static_cast<uint64_t>(index));
    const bool random = train_ && draw.random;
    Place(whole.data(), random ? &rng : nullptr, fields[0]);
    if (!random) return;
    Change(&rng, fields[0]);
    ShiftInTime(&rng, fields[0]);
  }
  std::span<const std::byte> Stored(size_t f) const override {
    return f == 0 ? std::span<const std::byte>() : whole_->Stored(f);
  }
  void AddTo(Digest* digest) const override {
    whole_->AddTo(digest);
    digest->Text(changes_.spec);
  }

 private:
  // Window, shift and flips: each pixel is one of the source's.
  void Place(const std::byte* from, Rng* rng, std::byte* out) const {
    int x0 = (width_ - out_w_) / 2;
    int y0 = (height_ - out_h_) / 2;
    bool flip_h = false;
    bool flip_v = false;
    const auto below = [&](int n) {
      return static_cast<int>(rng->Below(static_cast<uint32_t>(n)));
    };
    if (rng != nullptr) {
      x0 = below(width_ - out_w_ + 1);
      y0 = below(height_ - out_h_ + 1);
      if (changes_.shift > 0) {
        x0 += below(2 * changes_.shift + 1) - changes_.shift;
        y0 += below(2 * changes_.shift + 1) - changes_.shift;
      }
      flip_h = changes_.flip_h && below(2) == 1;
      flip_v = changes_.flip_v && below(2) == 1;
    }
    for (int y = 0; y < out_h_; ++y) {
      // Beyond the edges is what is at them.
      const int from_y =
          std::clamp(y0 + (flip_v ? out_h_ - 1 - y : y), 0, height_ - 1);
      for (int x = 0; x < out_w_; ++x) {
        const int from_x =
            std::clamp(x0 + (flip_h ? out_w_ - 1 - x : x), 0, width_ - 1);
        std::memcpy(
            out + static_cast<size_t>(y * out_w_ + x) * pixel_,
            from + static_cast<size_t>(from_y * width_ + from_x) * pixel_,
            pixel_);
      }
    }
  }

  // Contrast, brightness and noise of every number.
  void Change(Rng* rng, std::byte* values) const {
    if (changes_.brightness == 0 && changes_.contrast == 0 &&
        changes_.noise == 0)
      return;
    const Field& field = inputs_[0];
    const double range = FullRange(field.dtype);
    const auto count = static_cast<size_t>(field.shape.NumElements());
    const double add =
        changes_.brightness * range * (2.0 * rng->Uniform() - 1.0);
    const double factor = 1 + changes_.contrast * (2.0 * rng->Uniform() - 1.0);
    double mean = 0;
    for (size_t i = 0; i < count; ++i)
      mean += StoredNumber(field.dtype, values + i * size_);
    mean /= static_cast<double>(count);
    for (size_t i = 0; i < count; ++i) {
      std::byte* at = values + i * size_;
      double value = StoredNumber(field.dtype, at);
      value = mean + factor * (value - mean) + add;
      if (changes_.noise > 0) value += changes_.noise * range * rng->Normal();
      Store(field.dtype, value, at);
    }
  }

  void ShiftInTime(Rng* rng, std::byte* values) const {
    if (changes_.timeshift == 0) return;
    const Field& field = inputs_[0];
    const auto steps = static_cast<int64_t>(
        rng->Below(static_cast<uint32_t>(2 * changes_.timeshift + 1)));
    const int64_t by = std::clamp<int64_t>(steps - changes_.timeshift,
                                           -int64_t{height_}, height_);
    const size_t row = field.bytes() / static_cast<size_t>(height_);
    const auto moved = static_cast<size_t>(std::abs(by)) * row;
    const size_t kept = field.bytes() - moved;
    if (by >= 0) {
      std::memmove(values + moved, values, kept);
      std::memset(values, 0, moved);
    } else {
      std::memmove(values, values + moved, kept);
      std::memset(values + kept, 0, moved);
    }
  }

  Changes changes_;
  bool train_;
  std::vector<Field> inputs_;
  int width_ = 1, height_ = 1;
  int out_w_ = 1, out_h_ = 1;
  size_t size_ = 1;   // bytes of a number
  size_t pixel_ = 1;  // bytes of all channels
};

}  // namespace

bool HasAugmentation(const SpecOptions& options) {
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](const char* name) { return options.Has(name); });
}

DataSplits Augmented(DataSplits splits, const SpecOptions& options) {
  if (!HasAugmentation(options)) return splits;
  const Changes changes = ReadChanges(options);
  for (DataHalf* half : {&splits.train, &splits.test}) {
    const bool train = half == &splits.train;
    if (!train && changes.crop_w == 0) continue;
    half->first = [=, first = half->first](int64_t count) -> DatasetPtr {
      return std::make_shared<const AugmentedDataset>(first(count), changes,
                                                      train, options);
    };
  }
  return splits;
}

}  // namespace litesmith
