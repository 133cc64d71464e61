// Sounds: their form, their windows, and their decoder.
#include "src/data/sources/wav.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/data/augment.h"
#include "src/data/decode/sound.h"
#include "src/data/features/feature_dataset.h"

namespace litesmith {
namespace {

constexpr const char* kEndings[] = {".wav", ".wave"};
constexpr double kMostSeconds = 10;  // without an option
constexpr int64_t kMostSamples = 1 << 26;
constexpr uint64_t kWindowStream = 4;

class Decoder : public FileDecoder {
 public:
  explicit Decoder(const SoundForm& form)
      : form_(form), field_(form.features->field(form.length)) {}

  const Field& field() const override { return field_; }
  void Decode(std::span<const std::byte> bytes, const std::string& where,
              int64_t part, std::byte* out) const override {
    int rate = 0;
    std::vector<float> sound = DecodeSound(bytes, where, &rate);
    sound = Resampled(sound, rate, form_.rate);
    const auto length = static_cast<size_t>(form_.length);
    const auto from =
        std::min(sound.size(), static_cast<size_t>(part * form_.stride));
    std::vector<float> clip(length);
    const size_t there = std::min(length, sound.size() - from);
    std::copy_n(sound.begin() + static_cast<std::ptrdiff_t>(from), there,
                clip.begin());
    form_.features->compute(clip, out);
  }
  std::string Key() const override {
    return fmt::format("sound {} {} {} {}", form_.rate, form_.length,
                       form_.stride, form_.features->name);
  }

 private:
  SoundForm form_;
  Field field_;
};

// "16000" samples, or "0.5s".
int64_t Samples(const SpecOptions& options, const std::string& name, int rate) {
  const std::string text = options.Text(name, "");
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  const bool seconds = at + 1 == end && *at == 's';
  const double samples = std::round(seconds ? value * rate : value);
  if (error != std::errc() || (at != end && !seconds) || !(samples >= 1) ||
      !(samples <= static_cast<double>(kMostSamples)) ||
      (!seconds && samples != value)) {
    options.Refuse(name, "a whole number of samples (16000) or seconds (0.5s)");
  }
  return static_cast<int64_t>(samples);
}

const FrontEnd& FrontEndOf(const SpecOptions& options,
                           const DataContext& context) {
  const std::span<const FrontEnd> all = FrontEnds();
  if (options.Has("features"))
    return FindByName(all, options.Text("features", ""),
                      "front end (features=)");
  // A model whose input is what one makes of a second is for it.
  for (const FrontEnd& each : all.subspan(1)) {
    const Shape wanted = each.field(each.rate).shape;
    if (!context.has_input) continue;
    Shape input = context.input;
    if (input.rank() == 3 && input[2] == 1)
      input = Shape(input.dims().first(2));
    if (input == wanted) return each;
  }
  return all[0];
}

struct Found {
  FolderFiles files;
  std::string first;                // a file that can be read
  double longest = 0;               // seconds
  std::vector<double> train, test;  // seconds of each; 0: it cannot be read
};

void Measure(const std::vector<LabelledFile>& files, bool skip_bad,
             std::vector<double>* seconds, Found* found) {
  for (const LabelledFile& file : files) {
    seconds->push_back(0);
    try {
      const SoundHeader header = ReadSoundHeader(file.path);
      seconds->back() = static_cast<double>(header.samples) / header.rate;
      found->longest = std::max(found->longest, seconds->back());
      if (found->first.empty()) found->first = file.path;
    } catch (const Error&) {
      // Named and counted when it is decoded.
      if (!skip_bad) throw;
    }
  }
}

// Which windows of each file are samples.
std::vector<FilePart> Parts(const std::vector<double>& seconds,
                            const SoundForm& form, uint64_t seed) {
  std::vector<FilePart> parts;
  for (size_t i = 0; i < seconds.size(); ++i) {
    int64_t count = 1;
    if (form.stride > 0) {
      const auto samples = static_cast<int64_t>(seconds[i] * form.rate);
      count =
          samples < form.length ? 1 : 1 + (samples - form.length) / form.stride;
    }
    for (int64_t p = 0; p < count; ++p)
      parts.push_back({static_cast<int32_t>(i), static_cast<int32_t>(p)});
  }
  if (parts.size() > seconds.size()) {
    Rng rng(seed, kWindowStream);
    rng.Shuffle(std::span<FilePart>(parts));
  }
  return parts;
}

}  // namespace

SoundForm SoundFormOf(const SpecOptions& options, const DataContext& context,
                      const std::string& path, double longest) {
  SoundForm form;
  form.features = &FrontEndOf(options, context);
  form.rate = form.features->rate;
  if (form.rate == 0) form.rate = ReadSoundHeader(path).rate;
  if (options.Has("rate")) {
    form.rate = static_cast<int>(options.Whole("rate", 0, 100, 768000));
    if (form.features->rate != 0 && form.rate != form.features->rate) {
      options.Refuse("rate",
                     fmt::format("{}, for which features={} is,",
                                 form.features->rate, form.features->name));
    }
  }
  const bool window = options.Has("window");
  if (window && options.Has("length"))
    options.Refuse("length", "length or window, not both,");
  if (window || options.Has("length")) {
    form.length = Samples(options, window ? "window" : "length", form.rate);
  } else if (form.features->rate != 0) {
    form.length = form.features->rate;  // a second
  } else if (context.has_input && context.input.IsStatic()) {
    form.length = context.input.NumElements();
  } else {
    form.length = std::max<int64_t>(
        1, std::llround(std::min(longest, kMostSeconds) * form.rate));
  }
  if (window) form.stride = form.length;
  if (options.Has("stride")) {
    if (!window) options.Refuse("stride", "window=N with it,");
    form.stride = Samples(options, "stride", form.rate);
  }
  const Field field = form.features->field(form.length);
  if (field.shape[0] < 1) {
    options.Refuse(
        window ? "window" : "length",
        fmt::format("more for features={}: it", form.features->name));
  }
  return form;
}

std::shared_ptr<const FileDecoder> SoundDecoder(const SoundForm& form) {
  return std::make_shared<const Decoder>(form);
}

DataSplits LoadWav(const DataRequest& request) {
  const SpecOptions& options = request.options;
  const bool skip_bad = request.context.skip_bad;
  Found found;
  found.files =
      FindFiles(request.argument, options, kEndings, "sound", skip_bad);
  Measure(found.files.train, skip_bad, &found.train, &found);
  Measure(found.files.test, skip_bad, &found.test, &found);
  if (found.first.empty()) {
    Fail(ErrorKind::kCorrupt, "{}: no sound in it can be read",
         request.argument);
  }
  const SoundForm form =
      SoundFormOf(options, request.context, found.first, found.longest);
  if (form.stride == 0 && !options.Has("length")) {
    int64_t cut = 0;
    for (const auto* half : {&found.train, &found.test}) {
      cut += std::count_if(half->begin(), half->end(), [&](double seconds) {
        return seconds * form.rate > 1.01 * static_cast<double>(form.length);
      });
    }
    if (cut > 0) {
      Warn("{} of {} cut to {:.3g} s; length=N or window=N says otherwise",
           Counted(cut, "sound"), request.argument,
           static_cast<double>(form.length) / form.rate);
    }
  }
  const auto seed = static_cast<uint64_t>(
      options.Whole("seed", 1, 0, std::numeric_limits<int64_t>::max()));
  std::vector<FilePart> train = Parts(found.train, form, seed);
  std::vector<FilePart> test = Parts(found.test, form, seed);
  // What changes sound at random does so before the front end.
  SoundForm decoded = form;
  const bool late = HasAugmentation(options);
  if (late) decoded.features = &FrontEnds()[0];
  DataSplits splits = FileSplits(
      "wav", std::move(found.files), request.argument, SoundDecoder(decoded),
      request.context, std::move(train), std::move(test));
  if (!late || decoded.features == form.features) return splits;
  splits = WithFeatures(Augmented(std::move(splits), options), *form.features);
  splits.augmented = true;
  return splits;
}

}  // namespace litesmith
