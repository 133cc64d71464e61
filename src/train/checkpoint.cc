#include "src/train/checkpoint.h"

#include <cstring>
#include <span>
#include <string_view>

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/progress.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

constexpr std::string_view kMagic = "LTSMCKT2";
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

// Labels tell data sets apart as well as samples do, and are few.
uint64_t HashOf(const Dataset& data) {
  const std::string shape = data.sample_shape().ToString();
  Digest digest;
  digest.Text(shape);
  for (int64_t i = 0; i < data.size(); ++i) {
    const int32_t label = data.label(i);
    digest.Bytes(std::as_bytes(std::span(&label, 1)));
  }
  return digest.value();
}

}  // namespace

// The file: this header, the epochs, parameters, m, v, states, then a hash of
// all that. Little endian, as every machine we run on.
struct Checkpoint::Header {
  char magic[8];
  Run run;
  int64_t step;
  uint64_t epochs;
  uint64_t parameter_floats;
  uint64_t state_bytes;
};

Checkpoint::Checkpoint(const TrainOptions& options, const Graph& graph,
                       const Dataset& data)
    : options_(options), run_{HashOf(graph),
                              HashOf(data),
                              options.seed,
                              options.stage,
                              options.batch,
                              options.learning_rate,
                              options.validation_split} {}

std::string Checkpoint::Differences(const Run& there) const {
  std::string text;
  const auto compare = [&](const char* name, auto of_file, auto of_this) {
    if (of_file == of_this) return;
    text += fmt::format("{}{} {} there, {} here", text.empty() ? "" : "; ",
                        name, of_file, of_this);
  };
  compare("seed", there.seed, run_.seed);
  compare("batch", there.batch, run_.batch);
  compare("learning rate", static_cast<float>(there.learning_rate),
          static_cast<float>(run_.learning_rate));
  compare("validation split", there.validation_split, run_.validation_split);
  compare("step of the recipe", there.stage, run_.stage);
  const auto other = [&](const char* what, bool differs) {
    if (differs) text += fmt::format("{}{}", text.empty() ? "" : "; ", what);
  };
  other("other data", there.data != run_.data);
  // Start weights come from the seed; a schedule ends where the training does.
  if (there.seed == run_.seed)
    other("another model, start weights or schedule",
          there.graph != run_.graph);
  return text;
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
  const std::string differences = Differences(header.run);
  if (!differences.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--checkpoint {}: it is of another run ({}); the settings of that "
         "run, another name, or removing the file to train from the start "
         "would do",
         path, differences);
  }
  if (header.epochs > static_cast<uint64_t>(options_.epochs)) {
    Fail(
        ErrorKind::kInvalidArgument,
        "--checkpoint {}: it is {} further than the {} asked for; as many "
        "epochs or more, or another name, would do",
        path,
        Counted(static_cast<int64_t>(header.epochs) - options_.epochs, "epoch"),
        options_.epochs);
  }
  const std::span<float> w = run->plan().parameters();
  const std::span<std::byte> states = run->plan().states();
  if (header.parameter_floats != w.size() ||
      header.state_bytes != states.size() ||
      payload != sizeof(header) + header.epochs * sizeof(EpochResult) +
                     3 * w.size_bytes() + states.size()) {
    fail(ErrorKind::kCorrupt, "the checkpoint's sizes contradict each other");
  }
  size_t at = sizeof(header);
  const auto take = [&](void* to, size_t n) {
    if (n > 0) std::memcpy(to, bytes.data() + at, n);
    at += n;
  };
  epochs->resize(header.epochs);
  take(epochs->data(), header.epochs * sizeof(EpochResult));
  take(w.data(), w.size_bytes());
  take(run->m().data(), w.size_bytes());
  take(run->v().data(), w.size_bytes());
  take(states.data(), states.size());
  run->set_steps(header.step);
  if (header.epochs > 0) NoteKept(options_.checkpoint);
}

void Checkpoint::Write(TrainingRun* run,
                       const std::vector<EpochResult>& epochs) const {
  const std::span<const float> w = run->plan().parameters();
  const std::span<const std::byte> states = run->plan().states();
  Header header{{}, run_, run->steps(), epochs.size(), w.size(), states.size()};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  std::vector<std::byte> bytes;
  const auto put = [&](const void* from, size_t n) {
    const auto* p = static_cast<const std::byte*>(from);
    bytes.insert(bytes.end(), p, p + n);
  };
  put(&header, sizeof(header));
  put(epochs.data(), epochs.size() * sizeof(EpochResult));
  put(w.data(), w.size_bytes());
  put(run->m().data(), w.size_bytes());
  put(run->v().data(), w.size_bytes());
  put(states.data(), states.size());
  const uint64_t hash = Digest().Bytes(bytes).value();
  put(&hash, sizeof(hash));
  WriteFile(options_.checkpoint, bytes);
  NoteKept(options_.checkpoint);
}

}  // namespace litesmith
