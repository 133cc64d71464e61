// Lives of values and gradients, and their places.
#include "src/runtime/training_layout.h"

#include <algorithm>

#include "src/base/check.h"
#include "src/runtime/arena.h"

namespace litesmith {
namespace {

size_t FloatsOf(const Tensor& tensor) {
  LS_CHECK(tensor.dtype == DType::kFloat32);
  return static_cast<size_t>(tensor.shape.NumElements());
}

// The place of the next `bytes` in a block that only grows.
Place Append(Block block, size_t bytes, size_t* total) {
  const Place place{block, *total};
  *total += AlignUp(bytes);
  return place;
}

// The buffers of a block whose memory is used again, and whose each they are.
class LivingBuffers {
 public:
  explicit LivingBuffers(Block block) : block_(block) {}
  Block block() const { return block_; }

  // Whatever shall be told where its buffer is alive at this time too.
  void Touch(Place* owner, size_t bytes, int time) {
    if (owner->block == Block::kNone) {
      *owner = {block_, buffers_.size()};  // its number, until Finish
      buffers_.push_back({bytes, time, time});
      owners_.push_back(owner);
      return;
    }
    ArenaBuffer& buffer = buffers_[owner->offset];
    buffer.first = std::min(buffer.first, time);
    buffer.last = std::max(buffer.last, time);
  }
  // Writes the places; gives the bytes of the block.
  size_t Finish() {
    const size_t bytes = PlanArena(&buffers_);
    for (size_t b = 0; b < buffers_.size(); ++b)
      owners_[b]->offset = buffers_[b].offset;
    return bytes;
  }

 private:
  Block block_;
  std::vector<ArenaBuffer> buffers_;
  std::vector<Place*> owners_;
};

class Builder {
 public:
  Builder(const Graph& graph, const GraphFacts& facts,
          std::span<const LayoutNode> nodes, std::span<const int> heads)
      : graph_(graph),
        facts_(facts),
        nodes_(nodes),
        heads_(heads),
        root_value_(graph.tensors.size()),
        root_grad_(graph.tensors.size()),
        sum_(graph.tensors.size()),
        asides_(nodes.size()),
        adds_(nodes.size()) {
    layout_.nodes.resize(nodes.size());
  }

  TrainingLayout Build() {
    for (size_t n = 0; n < nodes_.size(); ++n) {
      const bool batched = facts_.IsBatched(nodes_[n].outputs[0]);
      (batched ? layout_.body : layout_.edge).push_back(static_cast<int>(n));
    }
    PlaceWhatStays();
    PlaceSums();
    ChooseAdds();
    PlaceMoments();
    PlaceWhatLives();
    for (size_t n = 0; n < nodes_.size(); ++n) FillNode(n);
    FillRest();
    return std::move(layout_);
  }

 private:
  size_t Root(TensorId id) const {
    return static_cast<size_t>(facts_.Root(id));
  }
  const Tensor& RootOf(TensorId id) const { return graph_.tensors[Root(id)]; }
  bool Wanted(TensorId id) const {
    return id != kNoTensor && facts_.IsTrained(id);
  }
  bool HasGradient(size_t n) const {
    const std::vector<TensorId>& outputs = nodes_[n].outputs;
    return std::any_of(outputs.begin(), outputs.end(),
                       [&](TensorId id) { return Wanted(id); });
  }

  // Parameters, states and constants: through all steps.
  void PlaceWhatStays() {
    for (size_t t = 0; t < graph_.tensors.size(); ++t) {
      const Tensor& tensor = graph_.tensors[t];
      if (tensor.kind == TensorKind::kParameter) {
        root_value_[t] =
            Append(Block::kParameters, FloatsOf(tensor) * sizeof(float),
                   &layout_.parameter_bytes);
      } else if (tensor.kind == TensorKind::kState) {
        root_value_[t] =
            Append(Block::kStates, tensor.data.size(), &layout_.state_bytes);
      } else if (tensor.kind == TensorKind::kConstant) {
        root_value_[t] = {Block::kConstant, t};
      }
    }
  }

  // What the body reads of the weight edge, whose gradients are summed over
  // shards.
  void PlaceSums() {
    if (layout_.edge.empty()) {
      layout_.sums_are_gradients = true;
      layout_.sum_bytes = layout_.parameter_bytes;
      for (size_t t = 0; t < sum_.size(); ++t) {
        if (root_value_[t].block == Block::kParameters)
          sum_[t] = {Block::kGradients, root_value_[t].offset};
      }
      return;
    }
    for (const int n : layout_.body) {
      for (const TensorId id : nodes_[static_cast<size_t>(n)].inputs) {
        if (!Wanted(id) || facts_.IsBatched(id)) continue;
        Place& sum = sum_[Root(id)];
        if (sum.block != Block::kNone) continue;
        sum = Append(Block::kSums, FloatsOf(RootOf(id)) * sizeof(float),
                     &layout_.sum_bytes);
      }
    }
  }

  // Decides, in backward order, which node writes a tensor's gradient and which
  // adds to it. The losses write before any node. On the edge, what the body
  // reads too has the body's sum: of a parameter it is copied into the gradient
  // first.
  void ChooseAdds() {
    std::vector<char> written(graph_.tensors.size(), 0);
    for (const int head : heads_) {
      char& of_head = written[Root(graph_.outputs[static_cast<size_t>(head)])];
      LS_CHECK(of_head == 0);  // two losses would overwrite each other
      of_head = 1;
    }
    ChooseAdds(layout_.body, written);
    for (size_t t = 0; t < written.size(); ++t)
      written[t] = sum_[t].block == Block::kSums;
    ChooseAdds(layout_.edge, written);
  }
  void ChooseAdds(const std::vector<int>& list, std::vector<char> written) {
    for (auto at = list.rbegin(); at != list.rend(); ++at) {
      const auto n = static_cast<size_t>(*at);
      asides_[n].resize(nodes_[n].inputs.size());
      adds_[n].assign(nodes_[n].inputs.size(), 0);
      if (!HasGradient(n)) continue;
      for (size_t i = 0; i < nodes_[n].inputs.size(); ++i) {
        if (!Wanted(nodes_[n].inputs[i])) continue;
        layout_.nodes[n].backward = true;
        char& before = written[Root(nodes_[n].inputs[i])];
        if (before != 0 && i == 0 && nodes_[n].adds) {
          layout_.nodes[n].adds_itself = true;
        } else {
          adds_[n][i] = before;
        }
        before = 1;
      }
    }
  }

  // Values that are made again rather than kept, for readers whose weights'
  // gradient wants them. Between maker and reader no shards meet, or the reader
  // has read them before.
  void PlaceMoments() {
    std::vector<int> uses(graph_.tensors.size(), 0);
    for (const TensorId id : graph_.inputs) ++uses[Root(id)];
    for (const TensorId id : graph_.outputs) ++uses[Root(id)];
    for (const LayoutNode& node : nodes_) {
      for (const TensorId id : node.inputs)
        if (id != kNoTensor) ++uses[Root(id)];
    }
    for (size_t i = 1; i < layout_.body.size(); ++i) {
      const LayoutNode& maker =
          nodes_[static_cast<size_t>(layout_.body[i - 1])];
      const auto n = static_cast<size_t>(layout_.body[i]);
      if (!maker.runs_from_saved || maker.outputs.size() != 1) continue;
      if (nodes_[n].meets && !nodes_[n].runs_from_saved) continue;
      const size_t root = Root(maker.outputs[0]);
      const auto reads = [&](TensorId id) {
        return id != kNoTensor && Root(id) == root;
      };
      const auto weighs = [&](TensorId id) {
        return Wanted(id) && !facts_.IsBatched(id);
      };
      const std::vector<TensorId>& inputs = nodes_[n].inputs;
      if (uses[root] != 1 || std::ranges::none_of(inputs, reads) ||
          std::ranges::none_of(inputs, weighs))
        continue;
      root_value_[root] = {Block::kWorker, 0};
      layout_.worker_bytes =
          std::max(layout_.worker_bytes, AlignUp(graph_.tensors[root].Bytes()));
      layout_.nodes[n].remakes = true;
    }
  }

  void PlaceWhatLives() {
    LivingBuffers edge(Block::kEdge);
    LivingBuffers shard(Block::kShard);
    const Clock edge_clock{static_cast<int>(layout_.edge.size())};
    const Clock shard_clock{static_cast<int>(layout_.body.size())};
    for (const TensorId id : graph_.inputs)
      TouchValue(id, shard_clock.Load(), &shard);
    for (const int head : heads_) {
      const TensorId id = graph_.outputs[static_cast<size_t>(head)];
      TouchValue(id, shard_clock.Loss(), &shard);
      TouchGradient(id, shard_clock.Loss(), &shard);
    }
    // All shards read what the edge computed.
    for (const int n : layout_.body) {
      for (const TensorId id : nodes_[static_cast<size_t>(n)].inputs) {
        if (id != kNoTensor && !facts_.IsBatched(id))
          TouchValue(id, edge_clock.Loss(), &edge);
      }
    }
    TouchNodes(layout_.edge, edge_clock, &edge, &layout_.edge_workspace);
    TouchNodes(layout_.body, shard_clock, &shard, &layout_.shard_workspace);
    layout_.edge_bytes = edge.Finish();
    layout_.shard_bytes = shard.Finish();
  }

  void TouchNodes(const std::vector<int>& list, const Clock& clock,
                  LivingBuffers* buffers, size_t* workspace) {
    for (size_t i = 0; i < list.size(); ++i) {
      const auto n = static_cast<size_t>(list[i]);
      *workspace = std::max(*workspace, AlignUp(nodes_[n].workspace_bytes));
      TouchNode(n, clock.Forward(static_cast<int>(i)), buffers);
      if (!layout_.nodes[n].backward) continue;
      const int time = clock.Backward(static_cast<int>(i));
      TouchNode(n, time, buffers);
      TouchGradients(n, time, buffers);
    }
  }
  void TouchNode(size_t n, int time, LivingBuffers* buffers) {
    for (const TensorId id : nodes_[n].inputs) TouchValue(id, time, buffers);
    for (const TensorId id : nodes_[n].outputs) TouchValue(id, time, buffers);
    if (nodes_[n].saved_bytes > 0)
      buffers->Touch(&layout_.nodes[n].saved, nodes_[n].saved_bytes, time);
  }
  void TouchGradients(size_t n, int time, LivingBuffers* buffers) {
    for (const TensorId id : nodes_[n].outputs)
      TouchGradient(id, time, buffers);
    for (size_t i = 0; i < nodes_[n].inputs.size(); ++i) {
      const TensorId id = nodes_[n].inputs[i];
      if (adds_[n][i] != 0) {
        buffers->Touch(&asides_[n][i], FloatsOf(RootOf(id)) * sizeof(float),
                       time);
      }
      TouchGradient(id, time, buffers);
    }
  }
  // Of a tensor that lies elsewhere: nothing.
  void TouchValue(TensorId id, int time, LivingBuffers* buffers) {
    if (id == kNoTensor) return;
    Place& place = root_value_[Root(id)];
    const Block wanted = facts_.IsBatched(id) ? Block::kShard : Block::kEdge;
    if (buffers->block() != wanted) return;
    if (place.block != Block::kNone && place.block != wanted) return;
    buffers->Touch(&place, RootOf(id).Bytes(), time);
  }
  void TouchGradient(TensorId id, int time, LivingBuffers* buffers) {
    if (!Wanted(id)) return;
    const Block wanted = facts_.IsBatched(id) ? Block::kShard : Block::kEdge;
    if (buffers->block() != wanted || LiesWithSums(id)) return;
    buffers->Touch(&root_grad_[Root(id)], FloatsOf(RootOf(id)) * sizeof(float),
                   time);
  }
  // Whether the tensor's gradient is a parameter's or a sum over shards.
  bool LiesWithSums(TensorId id) const {
    return RootOf(id).kind == TensorKind::kParameter ||
           sum_[Root(id)].block != Block::kNone;
  }

  // Where a reader or writer in the body or on the edge has its part of the
  // tensor's gradient.
  Place Gradient(TensorId id, bool in_body) const {
    if (!Wanted(id)) return {};
    if (!LiesWithSums(id)) return root_grad_[Root(id)];
    if (in_body) return {Block::kShardSums, sum_[Root(id)].offset};
    if (RootOf(id).kind == TensorKind::kParameter)
      return {Block::kGradients, root_value_[Root(id)].offset};
    // The body reads it too: what the edge has is added to the body's sum.
    return sum_[Root(id)];
  }

  void FillNode(size_t n) {
    const LayoutNode& node = nodes_[n];
    NodePlaces& places = layout_.nodes[n];
    const bool in_body = facts_.IsBatched(node.outputs[0]);
    for (const TensorId id : node.inputs)
      places.inputs.push_back(id == kNoTensor ? Place()
                                              : root_value_[Root(id)]);
    for (const TensorId id : node.outputs) {
      places.outputs.push_back(root_value_[Root(id)]);
      places.output_grads.push_back(Gradient(id, in_body));
    }
    places.input_grads.resize(node.inputs.size());
    if (!places.backward) return;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Place& to = places.input_grads[i];
      to = Gradient(node.inputs[i], in_body);
      if (adds_[n][i] == 0) continue;
      places.adds.push_back(
          {asides_[n][i], to, FloatsOf(RootOf(node.inputs[i]))});
      to = asides_[n][i];
    }
  }

  void FillRest() {
    for (size_t t = 0; t < graph_.tensors.size(); ++t) {
      const auto id = static_cast<TensorId>(t);
      layout_.values.push_back(root_value_[Root(id)]);
      if (sum_[t].block == Block::kSums &&
          graph_.tensors[t].kind == TensorKind::kParameter) {
        layout_.parameter_sums.push_back(
            {sum_[t],
             {Block::kGradients, root_value_[t].offset},
             FloatsOf(graph_.tensors[t])});
      }
    }
    for (const int head : heads_) {
      layout_.head_grads.push_back(
          Gradient(graph_.outputs[static_cast<size_t>(head)], true));
    }
  }

  const Graph& graph_;
  const GraphFacts& facts_;
  std::span<const LayoutNode> nodes_;
  std::span<const int> heads_;
  std::vector<Place> root_value_;  // by tensor that is a root
  std::vector<Place> root_grad_;   // the same, if not with the sums
  std::vector<Place> sum_;         // by tensor: over shards, if it has one
  std::vector<std::vector<Place>> asides_;  // by node and input
  std::vector<std::vector<char>> adds_;     // by node and input: aside
  TrainingLayout layout_;
};

}  // namespace

TrainingLayout LayOutTraining(const Graph& graph, const GraphFacts& facts,
                              std::span<const LayoutNode> nodes,
                              std::span<const int> heads) {
  return Builder(graph, facts, nodes, heads).Build();
}

}  // namespace litesmith
