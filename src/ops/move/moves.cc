// The kernel of moves: blocks of one sample, and of each.
#include "src/ops/move/moves.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"

namespace litesmith {
namespace {

using kernels::Block;
using kernels::BlockDim;

// Elements of one sample, 0 where all samples share them.
int64_t SampleSize(const PrepareContext& context, TensorId id) {
  if (!context.facts.IsBatched(id)) return 0;
  return PerSample(context, context.graph.tensor(id).shape.NumElements());
}

// Whether all that the block reads or writes lies in an array of this size.
bool LiesIn(int64_t size, int64_t first, const Block& block,
            int64_t BlockDim::*step) {
  int64_t lowest = first;
  int64_t highest = first;
  for (const BlockDim& dim : block.dims) {
    const int64_t way = (dim.count - 1) * (dim.*step);
    (way < 0 ? lowest : highest) += way;
  }
  return lowest >= 0 && highest < size;
}

class MoveKernel final : public TrainKernel {
 public:
  MoveKernel(const PrepareContext& context, Moves moves)
      : element_bytes_(SizeOf(context.output().dtype)),
        batched_(context.facts.IsBatched(context.node)),
        fill_(moves.fill) {
    const Node& node = context.node;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      inputs_.push_back(InputOf(context, i, moves));
    for (const TensorId id : node.outputs)
      output_samples_.push_back(batched_ ? SampleSize(context, id) : 0);
    for (Block& block : moves.blocks) {
      if (block.size() == 0) continue;
      CheckPlaces(context, block);
      if (batched_) TakeOneSample(context, &block);
      forward_.push_back(kernels::Simplified(block));
      backward_.push_back(kernels::Simplified(kernels::Reversed(block)));
    }
  }

  void Run(const KernelArgs& args) const override {
    for (int s = 0; s < Samples(args.batch); ++s) {
      for (const Block& block : forward_) {
        const std::byte* from = block.input == kGiven
                                    ? fill_.data()
                                    : args.in<std::byte>(Index(block.input)) +
                                          Bytes(s * InputSample(block.input));
        std::byte* to = args.out<std::byte>(Index(block.output)) +
                        Bytes(s * output_samples_[Index(block.output)]);
        kernels::CopyBlock(block, element_bytes_, from, to);
      }
    }
  }

  void Backward(const BackwardArgs& args) const override {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      float* grad = args.input_grads[i];
      if (grad == nullptr || (inputs_[i].covered && args.output_grads[0]))
        continue;
      std::fill_n(grad,
                  inputs_[i].sample == 0 ? inputs_[i].elements
                                         : inputs_[i].sample * args.batch,
                  0.0f);
    }
    for (int s = 0; s < Samples(args.batch); ++s) {
      for (const Block& block : backward_) {
        if (block.input == kGiven) continue;
        const Input& input = inputs_[Index(block.input)];
        float* to = args.input_grads[Index(block.input)];
        const float* from = args.output_grads[Index(block.output)];
        if (to == nullptr || from == nullptr) continue;
        to += s * input.sample;
        from += s * output_samples_[Index(block.output)];
        if (input.adds) {
          kernels::AddBlock(block, from, to);
        } else {
          kernels::CopyBlock(block, sizeof(float), from, to);
        }
      }
    }
  }

 private:
  struct Input {
    int64_t elements = 0;  // of all
    int64_t sample = 0;    // of one sample; 0: all share them
    bool adds = false;     // gradients: an element goes to several places
    bool covered = false;  // all elements go to one place of output 0
  };

  static size_t Index(int i) { return static_cast<size_t>(i); }
  size_t Bytes(int64_t elements) const {
    return static_cast<size_t>(elements) * element_bytes_;
  }
  int Samples(int batch) const { return batched_ ? batch : 1; }
  int64_t InputSample(int i) const {
    return i == kGiven ? 0 : inputs_[Index(i)].sample;
  }

  Input InputOf(const PrepareContext& context, size_t i,
                const Moves& moves) const {
    Input input;
    if (!context.has_input(i)) return input;
    input.elements = context.input(i).shape.NumElements();
    if (batched_) input.sample = SampleSize(context, context.node.inputs[i]);
    input.adds = moves.repeats || (batched_ && input.sample == 0);
    int64_t moved = 0;
    for (const Block& block : moves.blocks) {
      if (block.input != static_cast<int>(i)) continue;
      if (block.output == 0) moved += block.size();
      for (const BlockDim& dim : block.dims)
        input.adds |= dim.from == 0 && dim.count > 1;
    }
    input.covered = !input.adds && moved == input.elements;
    return input;
  }

  void CheckPlaces(const PrepareContext& context, const Block& block) const {
    const Tensor& out = context.output(Index(block.output));
    LS_CHECK(LiesIn(out.shape.NumElements(), block.to, block, &BlockDim::to));
    LS_CHECK(
        LiesIn(block.input == kGiven ? 1 : inputs_[Index(block.input)].elements,
               block.from, block, &BlockDim::from));
  }

  // Leaves of the block what is the first sample's: one loop goes through the
  // samples, or through several rows of each.
  void TakeOneSample(const PrepareContext& context, Block* block) const {
    const int batch = context.facts.batch;
    if (batch == 1) return;
    const int64_t in = InputSample(block->input);
    const int64_t out = output_samples_[Index(block->output)];
    for (BlockDim& dim : block->dims) {
      const int64_t rows = dim.count / batch;
      if (dim.count % batch != 0 || dim.from * rows != in ||
          dim.to * rows != out)
        continue;
      dim.count = rows;
      return;
    }
    Fail(ErrorKind::kUnsupported,
         "node '{}': {} at a batch of {} moves values from one sample to "
         "another: it mixes samples",
         context.node.name, context.node.op->name, batch);
  }

  size_t element_bytes_;
  bool batched_;
  alignas(8) Element fill_;  // read as an element of any type
  std::vector<Input> inputs_;
  std::vector<int64_t> output_samples_;  // elements of one
  std::vector<Block> forward_;           // of one sample
  std::vector<Block> backward_;
};

}  // namespace

KernelPtr MakeMoves(const PrepareContext& context, Moves moves) {
  return std::make_unique<MoveKernel>(context, std::move(moves));
}

TensorData FoldMove(const Graph& graph, const Node& node) {
  std::vector<const void*> inputs;
  for (const TensorId id : node.inputs) {
    const Tensor* tensor = id == kNoTensor ? nullptr : &graph.tensor(id);
    const bool known = tensor == nullptr || tensor->has_data() ||
                       tensor->kind == TensorKind::kConstant;
    if (!known ||
        (tensor != nullptr && (tensor->kind == TensorKind::kParameter ||
                               tensor->kind == TensorKind::kState)))
      return {};
    inputs.push_back(tensor == nullptr ? nullptr : tensor->data.data());
  }
  GraphFacts facts;
  facts.batched.assign(graph.tensors.size(), 0);
  const PrepareContext context{graph, node, facts};
  const KernelPtr kernel =
      ChooseKernel(context, Purpose::kReference).prepare(context);
  TensorData result(context.output().Bytes());
  void* outputs[] = {result.MutableData()};
  KernelArgs args{};
  args.inputs = inputs.data();
  args.outputs = outputs;
  args.batch = 1;
  kernel->Run(args);
  return result;
}

std::vector<int64_t> Strides(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
  for (int d = shape.rank() - 1; d > 0; --d) {
    const auto at = static_cast<size_t>(d);
    strides[at - 1] = strides[at] * shape[d];
  }
  return strides;
}

Element ZeroElement(const Tensor& tensor) {
  Element element{};
  if (tensor.quant.empty() || !IsInteger(tensor.dtype)) return element;
  // The low bytes: the same number in a narrower type.
  const int64_t zero = tensor.quant.zero_point[0];
  std::memcpy(element.data(), &zero, SizeOf(tensor.dtype));
  return element;
}

void CheckMovable(const Tensor& tensor, const char* what) {
  CheckDType(tensor, what,
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64, DType::kBool, DType::kFloat16,
              DType::kFloat64});
}

int32_t CheckedDimension(int64_t dimension, const Tensor& of) {
  if (dimension < 0 || dimension > std::numeric_limits<int32_t>::max()) {
    Fail(ErrorKind::kCorrupt,
         "a dimension of {} would come out of '{}' of shape {}; 0 to 2^31-1 "
         "are possible",
         dimension, of.name, of.shape.ToString());
  }
  return static_cast<int32_t>(dimension);
}

int MoveVersion(const Tensor& x, int int16, int large) {
  if (large > 0 && x.shape.rank() > 4) return large;
  return x.dtype == DType::kInt16 ? int16 : x.dtype == DType::kInt8 ? 2 : 1;
}

}  // namespace litesmith
