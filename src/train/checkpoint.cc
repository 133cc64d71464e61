#include "src/train/checkpoint.h"

#include <cstring>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

constexpr uint64_t kMagic = 0x31544B434D53544Cu;  // "LTSMCKT1"

// FNV-1a, 64 bits.
uint64_t Hash(std::span<const std::byte> bytes,
              uint64_t hash = 0xCBF29CE484222325u) {
  for (const std::byte b : bytes)
    hash = (hash ^ static_cast<uint64_t>(b)) * 0x100000001B3u;
  return hash;
}

// What two runs must share to be the same run: the graph with its start
// values, and every option that changes a bit of the result.
uint64_t RunKey(const TrainOptions& options, const Graph& graph) {
  const std::string text =
      fmt::format("{}|{}|{}|{}|{}|{}|{}", Print(graph), options.epochs,
                  options.batch, options.learning_rate,
                  options.validation_split, options.seed, options.stage);
  uint64_t hash = Hash(std::as_bytes(std::span(text)));
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.has_data())
      hash = Hash({tensor.data.data(), tensor.data.size()}, hash);
  }
  return hash;
}

// The file: this header, the epochs, parameters, m, v, states, then a hash of
// all that. Little endian, as every machine we run on.
struct Header {
  uint64_t magic;
  uint64_t key;
  int64_t step;
  uint64_t epochs;
  uint64_t parameter_floats;
  uint64_t state_bytes;
};

}  // namespace

void ReadCheckpoint(const TrainOptions& options, const Graph& graph,
                    TrainingRun* run, std::vector<EpochResult>* epochs) {
  if (!FileExists(options.checkpoint)) return;
  const std::vector<std::byte> bytes = ReadFile(options.checkpoint);
  const auto fail = [&](const char* what) {
    Fail(ErrorKind::kCorrupt, "{}: {}; remove the file to train from the start",
         options.checkpoint, what);
  };
  Header header;
  if (bytes.size() < sizeof(header) + sizeof(uint64_t))
    fail("the checkpoint is cut short");
  // The hash first: a damaged key must not pass for another run's.
  const size_t payload = bytes.size() - sizeof(uint64_t);
  uint64_t hash;
  std::memcpy(&hash, bytes.data() + payload, sizeof(hash));
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) fail("this is not a checkpoint of this version");
  if (hash != Hash({bytes.data(), payload})) fail("the checkpoint is damaged");
  if (header.key != RunKey(options, graph)) return;  // another run's
  const std::span<float> w = run->plan().parameters();
  const std::span<std::byte> states = run->plan().states();
  if (header.epochs > static_cast<uint64_t>(options.epochs) ||
      header.parameter_floats != w.size() ||
      header.state_bytes != states.size() ||
      payload != sizeof(header) + header.epochs * sizeof(EpochResult) +
                     3 * w.size_bytes() + states.size()) {
    fail("the checkpoint's sizes contradict each other");
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
}

void WriteCheckpoint(const TrainOptions& options, const Graph& graph,
                     TrainingRun* run, const std::vector<EpochResult>& epochs) {
  const std::span<const float> w = run->plan().parameters();
  const std::span<const std::byte> states = run->plan().states();
  const Header header{kMagic,       RunKey(options, graph),
                      run->steps(), epochs.size(),
                      w.size(),     states.size()};
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
  const uint64_t hash = Hash(bytes);
  put(&hash, sizeof(hash));
  WriteFile(options.checkpoint, bytes);
}

}  // namespace litesmith
