"""Models that go by masks, saved by one Keras as .h5 and .keras with inputs and outputs.

usage: make_masked_models.py 2|3 DIR

Each is DIR/NAME.h5, NAME.keras and NAME.npz (x0, y0, ...). Some samples leave steps out in front, behind or in between; where an output then has a
number, one leaves out all.
"""

import sys
import zlib
from pathlib import Path

import numpy as np

STEPS, WORDS = 7, 9
# Without any step these have no number (a mean of nothing).
MEANS = ("mean", "dense", "spread", "normalized", "add", "add_one", "joined", "joined_one", "in_time", "attended", "block", "features")


def models(k):
    layers = k.layers

    def words(count, make):
        inputs = [k.Input((STEPS,), dtype="int32", name=f"words{i}") for i in range(count)]
        return k.Model(inputs, make(*[layers.Embedding(WORDS, 5, mask_zero=True)(i) for i in inputs]))

    def mean(x):
        return layers.GlobalAveragePooling1D()(x)

    def block(x):
        return mean(layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])))

    yield "lstm", words(1, lambda x: layers.LSTM(4)(x))
    yield "sequence", words(1, lambda x: layers.LSTM(4, return_sequences=True)(x))
    yield "states", words(1, lambda x: layers.LSTM(4, return_sequences=True, return_state=True)(x))
    yield "gru", words(1, lambda x: layers.GRU(4, return_sequences=True, reset_after=False)(layers.Dense(3, activation="relu")(x)))
    yield "simple", words(1, lambda x: layers.SimpleRNN(4)(x))
    yield "backwards", words(1, lambda x: layers.GRU(4, go_backwards=True)(x))
    yield "both_ways", words(1, lambda x: layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x))
    yield "both_ends", words(1, lambda x: layers.Bidirectional(layers.GRU(4), merge_mode="sum")(x))
    yield "deep", words(1, lambda x: layers.GRU(3)(layers.LSTM(4, return_sequences=True)(layers.Dropout(0.1)(x))))
    yield "cells", words(1, lambda x: layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)])(x))
    yield "noise", words(1, lambda x: layers.LSTM(2)(layers.SpatialDropout1D(0.1)(layers.BatchNormalization()(layers.PReLU()(x)))))
    yield "mean", words(1, mean)
    yield "dense", words(1, lambda x: mean(layers.Dense(3)(x)))
    yield "spread", words(1, lambda x: mean(layers.TimeDistributed(layers.Dense(3))(x)))
    yield "normalized", words(1, lambda x: mean(layers.LayerNormalization()(x)))
    yield "ended", words(1, lambda x: mean(layers.Conv1D(3, 2)(x)))
    yield "largest", words(1, lambda x: layers.GlobalMaxPooling1D()(x))
    yield "add", words(2, lambda a, b: mean(layers.Add()([a, b])))
    yield "add_one", words(2, lambda a, b: mean(layers.Add()([a, layers.Conv1D(5, 1)(b)])))
    yield "joined", words(2, lambda a, b: mean(layers.Concatenate()([a, b])))
    yield "joined_one", words(2, lambda a, b: mean(layers.Concatenate()([a, layers.Conv1D(5, 1)(b)])))
    yield "in_time", words(2, lambda a, b: mean(layers.Concatenate(axis=1)([a, b])))
    yield "attention", words(2, lambda a, b: layers.Attention()([a, b]))
    yield "attended", words(2, lambda a, b: mean(layers.Attention()([a, b])))
    yield "additive", words(2, lambda a, b: layers.AdditiveAttention()([a, b]))
    yield "values", words(2, lambda a, b: layers.Attention()([layers.Conv1D(5, 1)(a), b]))
    yield "causal", words(1, lambda x: layers.Attention()([x, x], use_causal_mask=True))
    yield "heads", words(2, lambda a, b: layers.MultiHeadAttention(2, 3)(a, b))
    yield "causal_heads", words(1, lambda x: layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True))
    yield "block", words(1, block)
    source = k.Input((STEPS, 3), name="steps")
    yield "masking", k.Model(source, layers.LSTM(4)(layers.Masking()(source)))
    yield "features", k.Model(source, mean(layers.Dense(4)(layers.Masking()(source))))
    inner = k.Input((STEPS, 5))
    inner_model = k.Model(inner, layers.LSTM(3)(layers.Dense(4)(inner)))
    yield "nested", words(1, inner_model)
    yield "sequential", k.Sequential([k.Input((STEPS,)), layers.Embedding(WORDS, 5, mask_zero=True), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)])


def drawn(name, shape, rng):
    x = rng.normal(0, 1, (6, *shape)).astype(np.float32) if len(shape) > 1 else rng.integers(1, WORDS, (6, *shape)).astype(np.int32)
    x[rng.random((6, STEPS)) < 0.3] = 0
    x[0, 3:], x[1, :3] = 0, 0
    x[2] = 0
    if name in MEANS:
        x[:, 2] = 3
    return x


def main():
    generation, folder = sys.argv[1], Path(sys.argv[2])
    if generation == "2":
        import tf_keras as k
    else:
        import keras as k
    rng = np.random.default_rng(1)
    for name, model in models(k):
        draw = np.random.default_rng(zlib.crc32(name.encode()))
        model.set_weights([np.abs(v) + 0.5 if "variance" in w.name else v for w in model.weights for v in [rng.normal(0, 0.6, w.shape).astype(np.float32)]])
        xs = [drawn(name, tuple(i.shape[1:]), draw) for i in model.inputs]
        ys = model(xs if len(xs) > 1 else xs[0])
        ys = ys if isinstance(ys, (list, tuple)) else [ys]
        np.savez(folder / f"{name}.npz", **{f"x{i}": x for i, x in enumerate(xs)}, **{f"y{i}": np.array(y) for i, y in enumerate(ys)})
        for ending in (".h5", ".keras"):
            model.save(folder / f"{name}{ending}")


if __name__ == "__main__":
    main()
