// Two interpreters on each thread, all activations among their outputs.
#include "src/measure/tensor_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/data/batch.h"
#include "src/graph/facts.h"
#include "src/graph/op_def.h"
#include "src/measure/match.h"
#include "src/measure/reals.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

// Samples whose sums are kept apart until they are added in order.
constexpr int64_t kSamplesAtOnce = 64;

// What one sample adds to a tensor's numbers.
struct Part {
  int64_t values = 0;
  int64_t not_finite = 0;
  double signal = 0;
  double noise = 0;
  double largest = 0;
  int64_t element = 0;
};

Part PartOf(std::span<const float> wanted, std::span<const float> got) {
  Part part;
  const size_t count = std::min(wanted.size(), got.size());
  part.values = static_cast<int64_t>(count);
  for (size_t i = 0; i < count; ++i) {
    const double x = wanted[i];
    const double difference = std::abs(static_cast<double>(got[i]) - x);
    if (!std::isfinite(difference)) {
      ++part.not_finite;
      continue;
    }
    part.signal += x * x;
    part.noise += difference * difference;
    if (difference > part.largest) {
      part.largest = difference;
      part.element = static_cast<int64_t>(i);
    }
  }
  return part;
}

void Add(const Part& part, int64_t sample, TensorNoise* to) {
  to->values += part.values;
  to->not_finite += part.not_finite;
  to->signal += part.signal;
  to->noise += part.noise;
  if (part.largest <= to->largest) return;
  to->largest = part.largest;
  to->sample = sample;
  to->element = part.element;
}

// A graph whose outputs are these tensors.
Graph Watched(const Graph& graph, std::vector<TensorId> ids) {
  Graph watched = graph;
  watched.outputs = std::move(ids);
  watched.output_names.clear();
  return watched;
}

// The activations among the matches that can be outputs of both graphs: of
// rank 1 or more, and computed of the inputs.
std::vector<size_t> Watchable(const Graph& reference, const Graph& file,
                              const std::vector<TensorMatch>& matches) {
  const GraphFacts a = FactsOf(reference, {}, /*as_written=*/true);
  const GraphFacts b = FactsOf(file, {}, /*as_written=*/true);
  std::vector<size_t> result;
  for (size_t m = 0; m < matches.size(); ++m) {
    const TensorMatch& match = matches[m];
    if (match.constant || reference.tensor(match.reference).shape.rank() == 0 ||
        file.tensor(match.file).shape.rank() == 0 ||
        !a.IsBatched(match.reference) || !b.IsBatched(match.file)) {
      continue;
    }
    result.push_back(m);
  }
  return result;
}

// Both graphs on one thread, one sample at a time.
class Runner {
 public:
  Runner(const Graph& reference, const Graph& file, const Dataset& data)
      : a_(reference, Options()),
        b_(file, Options()),
        feed_a_(data.inputs(), a_),
        feed_b_(data.inputs(), b_),
        reader_(data, 1) {}

  void Run(int64_t sample, std::span<Part> parts) {
    const Batch& batch = reader_.Read(sample, 1);
    feed_a_(batch, &a_);
    feed_b_(batch, &b_);
    a_.Invoke();
    b_.Invoke();
    for (size_t o = 0; o < parts.size(); ++o) {
      const int at = static_cast<int>(o);
      parts[o] = PartOf(RealsOf(a_.output_tensor(at), a_.output(at)),
                        RealsOf(b_.output_tensor(at), b_.output(at)));
    }
  }

 private:
  static InterpreterOptions Options() {
    InterpreterOptions options;
    options.batch = 1;
    options.inner_outputs = true;
    return options;
  }

  Interpreter a_;
  Interpreter b_;
  InputFeeder feed_a_;
  InputFeeder feed_b_;
  BatchReader reader_;
};

double Relative(const TensorNoise& tensor) {
  return tensor.signal > 0 ? tensor.noise / tensor.signal : tensor.noise;
}

// What each op adds to the noise of what it reads.
void SetAdded(const Graph& file, const std::vector<TensorMatch>& matches,
              std::vector<TensorNoise>* tensors) {
  // Of tensors that are not compared: the worst of what they are made of.
  std::map<TensorId, double> before;
  for (size_t m = 0; m < matches.size(); ++m) {
    if (matches[m].constant || matches[m].node >= 0) continue;
    (*tensors)[m].added = Relative((*tensors)[m]);
    before[matches[m].file] = (*tensors)[m].added;
  }
  std::map<TensorId, size_t> compared;
  for (size_t m = 0; m < matches.size(); ++m) {
    if (!matches[m].constant && (*tensors)[m].values > 0)
      compared[matches[m].file] = m;
  }
  for (const Node& node : file.nodes) {
    double worst = 0;
    for (const TensorId in : node.inputs) {
      const auto known = before.find(in);
      if (known != before.end()) worst = std::max(worst, known->second);
    }
    for (const TensorId out : node.outputs) {
      const auto found = compared.find(out);
      before[out] = worst;
      if (found == compared.end()) continue;
      TensorNoise& tensor = (*tensors)[found->second];
      before[out] = Relative(tensor);
      tensor.added = std::max(0.0, before[out] - worst);
    }
  }
}

TensorNoise Start(const Graph& reference, const Graph& file,
                  const TensorMatch& match) {
  const Tensor& tensor = file.tensor(match.file);
  TensorNoise noise;
  noise.name = tensor.name;
  noise.reference = reference.tensor(match.reference).name;
  noise.op = match.node < 0 ? "input" : file.node(match.node).op->name;
  noise.constant = match.constant;
  noise.dtype = tensor.dtype;
  noise.shape = tensor.shape;
  if (match.constant) {
    Add(PartOf(RealsOf(reference.tensor(match.reference)), RealsOf(tensor)), 0,
        &noise);
  }
  return noise;
}

}  // namespace

double TensorNoise::sqnr_db() const {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

std::vector<TensorNoise> CompareTensors(const Graph& reference,
                                        const Graph& file, const Dataset& data,
                                        int64_t samples) {
  samples = std::min(samples, data.size());
  if (samples < 1) {
    Fail(ErrorKind::kInvalidArgument,
         "a comparison wants at least one sample; the data has {}",
         data.size());
  }
  const Graph a = AsReference(reference);
  const Graph b = AsReference(file);
  const std::vector<TensorMatch> matches = MatchTensors(a, b);
  std::vector<TensorNoise> tensors;
  for (const TensorMatch& match : matches)
    tensors.push_back(Start(a, b, match));

  const std::vector<size_t> watched = Watchable(a, b, matches);
  std::vector<TensorId> ids_a;
  std::vector<TensorId> ids_b;
  for (const size_t m : watched) {
    ids_a.push_back(matches[m].reference);
    ids_b.push_back(matches[m].file);
  }
  const Graph watched_a = Watched(a, ids_a);
  const Graph watched_b = Watched(b, ids_b);
  const auto threads =
      static_cast<int>(std::min<int64_t>(AvailableThreads(), samples));
  std::vector<Runner> runners;
  runners.reserve(static_cast<size_t>(threads));
  for (int t = 0; t < threads; ++t)
    runners.emplace_back(watched_a, watched_b, data);

  std::vector<Part> parts(static_cast<size_t>(kSamplesAtOnce) * watched.size());
  for (int64_t begin = 0; begin < samples; begin += kSamplesAtOnce) {
    ThrowIfStopRequested();
    const int64_t count = std::min(kSamplesAtOnce, samples - begin);
    const auto of = [&](int64_t s) {
      return std::span(parts).subspan(static_cast<size_t>(s) * watched.size(),
                                      watched.size());
    };
    ParallelFor(threads, threads, [&](int t) {
      for (int64_t s = t; s < count; s += threads)
        runners[static_cast<size_t>(t)].Run(begin + s, of(s));
    });
    for (int64_t s = 0; s < count; ++s) {
      for (size_t o = 0; o < watched.size(); ++o)
        Add(of(s)[o], begin + s, &tensors[watched[o]]);
    }
  }
  SetAdded(b, matches, &tensors);
  // What neither graph gave as an output was not compared.
  std::erase_if(tensors, [](const TensorNoise& t) { return t.values == 0; });
  return tensors;
}

const TensorNoise* MostAdded(std::span<const TensorNoise> tensors) {
  const TensorNoise* most = nullptr;
  for (const TensorNoise& tensor : tensors) {
    if (tensor.constant || tensor.added <= 0) continue;
    if (most == nullptr || tensor.added > most->added) most = &tensor;
  }
  return most;
}

}  // namespace litesmith
