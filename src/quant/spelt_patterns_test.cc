// Functions that have an op, as users and TensorFlow spell them.
#include "src/ops/registry.h"
#include "src/quant/pattern_test.h"

namespace litesmith {

std::vector<PatternCase> SpeltCases() {
  const auto relu6 = [](PatternBuilder* b, TensorId x) {
    return b->Add(kRelu6, {b->Add(kAdd, {x, b->Number(3)})});
  };
  const auto tanh_gelu = [](PatternBuilder* b, TensorId x) {
    const TensorId cube = b->Add(kMul, {b->Add(kMul, {x, x}), x});
    TensorId inner = b->Add(kMul, {cube, b->Number(0.044715f)});
    inner = b->Add(kMul, {b->Add(kAdd, {x, inner}), b->Number(0.79788456f)});
    return b->Add(kAdd, {b->Add(kTanh, {inner}), b->Number(1)});
  };
  return {
      {"hard_swish",
       "product first",
       [=] {
         PatternBuilder b;
         const TensorId x = b.Add(kTanh, {b.Input(Image())});
         return b.Finish(
             b.Add(kMul, {b.Add(kMul, {x, relu6(&b, x)}), b.Number(1.0f / 6)}));
       },
       {"TANH", "HARD_SWISH"}},
      {"hard_swish",
       "quotient first",
       [=] {
         PatternBuilder b;
         const TensorId x = b.Add(kTanh, {b.Input(Image())});
         return b.Finish(
             b.Add(kMul, {b.Add(kDiv, {relu6(&b, x), b.Number(6)}), x}));
       },
       {"TANH", "HARD_SWISH"}},
      {"gelu",
       "by tanh",
       [=] {
         PatternBuilder b;
         const TensorId x = b.Add(kAbs, {b.Input(Image())});
         const TensorId half = b.Add(kMul, {x, b.Number(0.5f)});
         return b.Finish(b.Add(kMul, {half, tanh_gelu(&b, x)}));
       },
       {"ABS", "GELU"}},
      {"leaky_relu",
       "the larger of two",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input(Image());
         return b.Finish(
             b.Add(kMaximum, {b.Add(kMul, {x, b.Number(0.25f)}), x}));
       },
       {"LEAKY_RELU"}},
      {"leaky_relu",
       "one of two",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input(Image());
         const TensorId above = b.Add(kRelu, {x});
         const TensorId below = b.Add(kRelu, {b.Add(kNeg, {x})});
         return b.Finish(
             b.Add(kSub, {above, b.Add(kMul, {b.Number(0.25f), below})}));
       },
       {"LEAKY_RELU"}},
      {"leaky_relu",
       "by a condition",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input(Image());
         const TensorId is = b.Add(kGreater, {x, b.Number(0)});
         return b.Finish(
             b.Add(kSelectV2, {is, x, b.Add(kMul, {x, b.Number(0.25f)})}));
       },
       {"LEAKY_RELU"}},
      {"softmax",
       "stable",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 4, 5});
         const TensorId largest = b.Reduce(kReduceMax, x, {2});
         const TensorId e = b.Add(kExp, {b.Add(kSub, {x, largest})});
         return b.Finish(b.Add(kDiv, {e, b.Reduce(kSum, e, {-1})}));
       },
       {"SOFTMAX"}},
      {"l2_normalization",
       "by the inverse root",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 4, 5});
         const TensorId sum = b.Reduce(kSum, b.Add(kSquare, {x}), {-1});
         const TensorId least = b.Add(kMaximum, {sum, b.Number(1e-12f)});
         return b.Finish(b.Add(kMul, {x, b.Add(kRsqrt, {least})}));
       },
       {"L2_NORMALIZATION"}},
      {"mean",
       "a sum and a quotient",
       [] {
         PatternBuilder b;
         const TensorId sum = b.Reduce(kSum, b.Input(Image()), {1, 2});
         return b.Finish(b.Add(kDiv, {sum, b.Number(30)}));
       },
       {"MEAN"}},
      {"normalization",
       "centered before it is squared",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 4, 5});
         const TensorId mean = b.Reduce(kMean, x, {2});
         const TensorId d = b.Add(kSub, {x, mean});
         TensorId r = b.Reduce(kMean, b.Add(kSquare, {d}), {2});
         r = b.Add(kRsqrt, {b.Add(kAdd, {r, b.Number(1e-3f)})});
         const TensorId offset =
             b.Add(kSub, {b.Number(2), b.Add(kMul, {r, mean})});
         return b.Finish(b.Add(kAdd, {offset, b.Add(kMul, {r, x})}));
       },
       {"MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL", "ADD"}},
      {"normalization",
       "of images, without an offset",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 4, 5, 1});
         const TensorId mean = b.Reduce(kMean, x, {1, 2, 3});
         TensorId r =
             b.Reduce(kMean, b.Add(kSquaredDifference, {x, mean}), {1, 2, 3});
         r = b.Add(kRsqrt, {b.Add(kAdd, {r, b.Number(1e-3f)})});
         const TensorId offset =
             b.Add(kSub, {b.Row({0}), b.Add(kMul, {mean, r})});
         return b.Finish(b.Add(kAdd, {b.Add(kMul, {x, r}), offset}));
       },
       {"MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL"}},
      {"normalization",
       "as TensorFlow spells it",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 4, 5});
         const TensorId mean = b.Reduce(kMean, x, {2});
         TensorId r =
             b.Reduce(kMean, b.Add(kSquaredDifference, {x, mean}), {2});
         r = b.Add(kRsqrt, {b.Add(kAdd, {r, b.Number(1e-3f)})});
         r = b.Add(kMul, {r, b.Row({1, 2, -1, 0.5f, 3})});
         const TensorId offset =
             b.Add(kSub, {b.Row({0, 1, 2, 3, 4}), b.Add(kMul, {mean, r})});
         return b.Finish(b.Add(kAdd, {b.Add(kMul, {x, r}), offset}));
       },
       {"MEAN", "SUB", "MUL", "MEAN", "ADD", "RSQRT", "MUL", "MUL", "ADD"}},
      {"exp_below",
       "SELU as TensorFlow spells it",
       [] {
         PatternBuilder b;
         const TensorId x = b.Add(kTanh, {b.Input(Image())});
         const TensorId above = b.Add(kMul, {x, b.Number(1.05f)});
         TensorId y = b.Add(kSub, {b.Add(kExp, {x}), b.Number(1)});
         y = b.Add(kMul, {y, b.Number(1.75f)});
         return b.Finish(
             b.Add(kSelectV2, {b.Add(kGreater, {x, b.Number(0)}), above, y}));
       },
       {"TANH", "MUL", "MINIMUM", "EXP", "SUB", "MUL", "GREATER", "SELECT_V2"}},
      {"clamp",
       "bounds by hand",
       [] {
         PatternBuilder b;
         TensorId x = b.Add(kTanh, {b.Input(Image())});
         x = b.Add(kMinimum, {b.Add(kRelu, {x}), b.Number(6)});
         x = b.Add(kLogistic, {x});
         x = b.Add(kMaximum, {b.Add(kMinimum, {x, b.Number(1)}), b.Number(-1)});
         return b.Finish(b.Add(kMaximum, {b.Add(kTanh, {x}), b.Number(0)}));
       },
       {"TANH", "RELU6", "LOGISTIC", "RELU_N1_TO_1", "TANH", "RELU"}},
      {"products",
       "what has no integers",
       [] {
         PatternBuilder b;
         TensorId x = b.Add(kTanh, {b.Input(Image())});
         const TensorId y = b.Add(kAbs, {b.Add(kNeg, {x})});
         x = b.Add(kSquare, {x});
         x = b.Add(kTanh, {b.Add(kDiv, {x, b.Row({2, 4, 8})})});
         return b.Finish(b.Add(kAddN, {x, y, x}));
       },
       {"TANH", "MUL", "ABS", "MUL", "MUL", "TANH", "ADD", "ADD"}},
  };
}

}  // namespace litesmith
