// The bytes of a checkpoint, and whose run it is.
#include "src/train/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/fields.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/progress.h"
#include "src/graph/op_def.h"
#include "src/train/schedules.h"

namespace litesmith {
namespace {

constexpr std::string_view kMagic = "LTSMCKT5";
constexpr std::string_view kAnyMagic = "LTSMCKT";

uint64_t HashOf(const Graph& graph) {
  const std::string text = Print(graph);
  Digest digest;
  digest.Text(text);
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.has_data())
      digest.Bytes({tensor.data.data(), tensor.data.size()});
  }
  return digest.value();
}

// Targets tell data sets apart as well as all of a sample does, and are few.
uint64_t HashOf(const Dataset& data) {
  Digest digest;
  for (size_t f = 0; f < NumFields(data); ++f)
    digest.Text(FieldAt(data, f).shape.ToString());
  for (size_t t = 0; t < data.targets().size(); ++t) {
    const std::span<const std::byte> stored = data.Stored(TargetAt(data, t));
    if (stored.empty()) {
      data.AddTo(&digest);
      return digest.value();
    }
    digest.Block(stored);
  }
  if (data.targets().empty()) data.AddTo(&digest);
  return digest.value();
}

// For VisitFields: names and values of what has an effect.
class SettingsOf {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    settings_.emplace_back(name, fmt::format("{}", value));
  }
  template <typename T>
  void operator()(const char*, const T&, NoEffect) {}
  const std::vector<std::pair<std::string, std::string>>& settings() const {
    return settings_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> settings_;
};

// As people say it.
std::string Words(std::string name) {
  if (name == "stage") return "step of the recipe";
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

// The file: this header, the settings as lines "name=value", the epochs,
// parameters, the optimizer's slots, states, then a digest of all that. Little
// endian, as every machine we run on.
struct Checkpoint::Header {
  char magic[8];
  Run run;
  uint64_t settings_bytes;
  int64_t step;
  uint64_t epochs;
  uint64_t parameter_floats;
  uint64_t slots;
  uint64_t state_bytes;
  uint64_t has_best;  // parameters and states once more: the best epoch's
};

Checkpoint::Checkpoint(const TrainOptions& options, const Graph& graph,
                       const Dataset& data)
    : options_(options), run_{HashOf(graph), HashOf(data)} {
  SettingsOf of;
  VisitFields(options, of);
  // More epochs are the same run, unless its rates depend on how many.
  for (const auto& setting : of.settings()) {
    if (setting.first != "epochs" || NeedsLength(options) ||
        FreezesBatchNorms(options))
      settings_.push_back(setting);
  }
}

std::string Checkpoint::Differences(const Run& run,
                                    const Settings& settings) const {
  std::string text;
  const auto add = [&](const std::string& what) {
    text += (text.empty() ? "" : "; ") + what;
  };
  const auto find = [](const Settings& in, const std::string& name) {
    const auto at = std::find_if(in.begin(), in.end(), [&](const auto& each) {
      return each.first == name;
    });
    return at == in.end() ? std::string() : at->second;
  };
  for (const auto& [name, value] : settings_) {
    const std::string there = find(settings, name);
    if (there != value)
      add(fmt::format("{} {} there, {} here", Words(name), there, value));
  }
  if (run.data != run_.data) add("other data");
  // Start weights come from the seed; a schedule ends where the training does.
  if (run.graph != run_.graph &&
      find(settings, "seed") == find(settings_, "seed"))
    add("another model, start weights or schedule");
  return text;
}

void Checkpoint::RequireThisRun(const Header& header,
                                std::string_view lines) const {
  Settings settings;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    const size_t equals = line.find('=');
    settings.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    lines.remove_prefix(end + 1);
  }
  const std::string differences = Differences(header.run, settings);
  if (!differences.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--checkpoint {}: it is of another run ({}); the settings of that "
         "run, another name, or removing the file to train from the start "
         "would do",
         options_.checkpoint, differences);
  }
  if (header.epochs > static_cast<uint64_t>(options_.epochs)) {
    Fail(
        ErrorKind::kInvalidArgument,
        "--checkpoint {}: it is {} further than the {} asked for; as many "
        "epochs or more, or another name, would do",
        options_.checkpoint,
        Counted(static_cast<int64_t>(header.epochs) - options_.epochs, "epoch"),
        options_.epochs);
  }
}

void Checkpoint::Read(TrainingRun* run,
                      std::vector<EpochResult>* epochs) const {
  const std::string& path = options_.checkpoint;
  if (!FileExists(path)) return;
  const std::vector<std::byte> bytes = ReadFile(path);
  if (bytes.empty()) return;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  if (!text.starts_with(kAnyMagic)) {
    Fail(ErrorKind::kInvalidArgument,
         "--checkpoint {}: this file is no checkpoint; it stays as it is, and "
         "another name is wanted",
         path);
  }
  const auto fail = [&](ErrorKind kind, const char* what) {
    Fail(kind, "{}: {}; remove the file to train from the start", path, what);
  };
  if (text.size() >= kMagic.size() && !text.starts_with(kMagic)) {
    fail(ErrorKind::kUnsupported,
         "the checkpoint is of another version of Litesmith");
  }
  Header header;
  if (bytes.size() < sizeof(header) + sizeof(uint64_t))
    fail(ErrorKind::kCorrupt, "the checkpoint is cut short");
  // The hash first: damaged settings must not pass for another run's.
  const size_t payload = bytes.size() - sizeof(uint64_t);
  uint64_t hash;
  std::memcpy(&hash, bytes.data() + payload, sizeof(hash));
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (hash != Digest().Bytes({bytes.data(), payload}).value())
    fail(ErrorKind::kCorrupt, "the checkpoint is damaged");
  const auto contradict = [&] {
    fail(ErrorKind::kCorrupt, "the checkpoint's sizes contradict each other");
  };
  if (header.settings_bytes > payload - sizeof(header)) contradict();
  RequireThisRun(header, text.substr(sizeof(header), header.settings_bytes));
  const std::span<float> w = run->plan().parameters();
  const std::span<std::byte> states = run->plan().states();
  if (header.parameter_floats != w.size() ||
      header.slots != run->slots().size() ||
      header.state_bytes != states.size() || header.has_best > 1 ||
      payload != sizeof(header) + header.settings_bytes +
                     header.epochs * sizeof(EpochResult) +
                     header.slots * w.size_bytes() +
                     (1 + header.has_best) * (w.size_bytes() + states.size())) {
    contradict();
  }
  size_t at = sizeof(header) + header.settings_bytes;
  const auto take = [&](void* to, size_t n) {
    if (n > 0) std::memcpy(to, bytes.data() + at, n);
    at += n;
  };
  epochs->resize(header.epochs);
  take(epochs->data(), header.epochs * sizeof(EpochResult));
  take(w.data(), w.size_bytes());
  for (std::vector<float>& slot : run->slots())
    take(slot.data(), w.size_bytes());
  take(states.data(), states.size());
  if (header.has_best != 0) {
    run->best().parameters.resize(w.size());
    run->best().states.resize(states.size());
    take(run->best().parameters.data(), w.size_bytes());
    take(run->best().states.data(), states.size());
  }
  run->set_steps(header.step);
  if (header.epochs > 0) NoteKept(options_.checkpoint);
}

void Checkpoint::Write(TrainingRun* run,
                       const std::vector<EpochResult>& epochs) const {
  const std::span<const float> w = run->plan().parameters();
  const std::span<const std::byte> states = run->plan().states();
  std::string settings;
  for (const auto& [name, value] : settings_)
    settings += fmt::format("{}={}\n", name, value);
  Header header{{},
                run_,
                settings.size(),
                run->steps(),
                epochs.size(),
                w.size(),
                run->slots().size(),
                states.size(),
                run->best().parameters.empty() ? 0u : 1u};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  std::vector<std::byte> bytes;
  const auto put = [&](const void* from, size_t n) {
    const auto* p = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), p, p + n);
  };
  put(&header, sizeof(header));
  put(settings.data(), settings.size());
  put(epochs.data(), epochs.size() * sizeof(EpochResult));
  put(w.data(), w.size_bytes());
  for (const std::vector<float>& slot : run->slots())
    put(slot.data(), w.size_bytes());
  put(states.data(), states.size());
  const TrainingRun::Best& best = run->best();
  put(best.parameters.data(), best.parameters.size() * sizeof(float));
  put(best.states.data(), best.states.size());
  const uint64_t hash = Digest().Bytes(bytes).value();
  put(&hash, sizeof(hash));
  WriteFile(options_.checkpoint, bytes);
  NoteKept(options_.checkpoint);
}

}  // namespace litesmith
