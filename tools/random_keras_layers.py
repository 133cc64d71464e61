#!/usr/bin/env python3
"""Draws Keras models of 3 to 15 layers of all kinds and compares what Litesmith makes of their files with Keras.

    build/venv/bin/python tools/random_keras_layers.py build/dev/litesmith COUNT [SEED]

Each model is drawn twice alike, for tf_keras and for Keras 3, with random weights, and saved as .h5 and .keras. `run` must give Keras's outputs, and what
`convert --method keras` writes of it, .h5 and .keras, must give them in the Keras that it is of (in both, once in four). Prints what differs, with the seed
of the model; the exit code is the number of those.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

BOTH = ("linear", "relu", "relu6", "softmax", "sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "silu", "gelu", "mish", "exponential", "leaky_relu",
        "log_softmax", "hard_sigmoid")
KERAS3 = ("hard_silu", "celu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "log_sigmoid", "squareplus", "sparse_plus", "sparse_sigmoid")


class Drawer:
    def __init__(self, k, seed):
        self.k, self.l = k, k.layers
        self.rng = np.random.default_rng(seed)
        self.three = k is keras
        self.count = 0

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def flip(self, share=0.5):
        return self.rng.random() < share

    def function(self):
        # Draws the same for both, so that one seed is one model.
        own, name = self.flip(0.2), self.pick(*BOTH)
        extra = self.pick(*KERAS3)
        return extra if own and self.three else name

    def sane(self, x):
        """A layer behind which numbers are no larger than before."""
        return self.l.Activation("tanh", name=self.name("calm"))(x)

    def name(self, kind):
        self.count += 1
        return f"{kind}_{self.count}"

    # ---- kinds of layers ----

    def conv(self, x):
        n, dims = self.name("conv"), len(x.shape) - 2
        make = self.l.Conv1D if dims == 1 else self.l.Conv2D
        padding = self.pick("same", "valid", "same", *(("causal",) if dims == 1 else ()))
        size = min(self.pick(1, 2, 3), *x.shape[1:-1])
        dilation, strides = (self.pick(1, 2), 1) if self.flip() and padding != "valid" else (1, self.pick(1, 1, 2))
        groups = x.shape[-1] if self.flip(0.15) else 1
        filters = self.pick(2, 3, 4) * groups
        return make(filters, size, strides=strides, padding=padding, dilation_rate=dilation, groups=groups, use_bias=self.flip(0.7),
                    activation=self.function(), name=n)(x)

    def depthwise(self, x):
        n, dims = self.name("dw"), len(x.shape) - 2
        make = self.l.DepthwiseConv1D if dims == 1 else self.l.DepthwiseConv2D
        return make(min(2, *x.shape[1:-1]), strides=self.pick(1, 2), padding=self.pick("same", "valid"), depth_multiplier=self.pick(1, 2),
                    use_bias=self.flip(), activation=self.function(), name=n)(x)

    def separable(self, x):
        n, dims = self.name("sep"), len(x.shape) - 2
        make = self.l.SeparableConv1D if dims == 1 else self.l.SeparableConv2D
        return make(self.pick(2, 4), min(2, *x.shape[1:-1]), padding=self.pick("same", "valid"), depth_multiplier=self.pick(1, 2), use_bias=self.flip(),
                    activation=self.function(), name=n)(x)

    def transposed(self, x):
        n, dims = self.name("up"), len(x.shape) - 2
        make = self.l.Conv1DTranspose if dims == 1 else self.l.Conv2DTranspose
        size, strides, padding = self.pick(1, 2, 3), self.pick(1, 2), self.pick("same", "valid")
        if max(x.shape[1:-1]) > 12:
            return x
        return make(self.pick(2, 3), size, strides=strides, padding=padding, use_bias=self.flip(), activation=self.pick("relu", "linear", "tanh"), name=n)(x)

    def pool(self, x):
        n, dims = self.name("pool"), len(x.shape) - 2
        kind = self.pick("MaxPooling", "AveragePooling")
        return getattr(self.l, f"{kind}{dims}D")(min(2, *x.shape[1:-1]), strides=self.pick(None, 1), padding=self.pick("same", "valid"), name=n)(x)

    def resize(self, x):
        n, dims = self.name("size"), len(x.shape) - 2
        kind = self.pick("pad", "crop", "up", "resize")
        if kind == "pad":
            sides = (self.pick(0, 1, 2), self.pick(0, 1))
            return getattr(self.l, f"ZeroPadding{dims}D")((sides, (1, 0)) if dims == 2 else sides, name=n)(x)
        if kind == "crop" and min(x.shape[1:-1]) > 3:
            sides = (self.pick(0, 1), self.pick(0, 1, 2))
            return getattr(self.l, f"Cropping{dims}D")((sides, (1, 0)) if dims == 2 else sides, name=n)(x)
        if max(x.shape[1:-1]) > 12:
            return x
        if kind == "up":
            if dims == 1:
                return self.l.UpSampling1D(self.pick(2, 3), name=n)(x)
            return self.l.UpSampling2D((self.pick(1, 2), 2), interpolation=self.pick("nearest", "bilinear"), name=n)(x)
        if dims == 2:
            return self.l.Resizing(self.pick(3, 5, 6), self.pick(4, 6), interpolation=self.pick("nearest", "bilinear"), name=n)(x)
        return x

    def bend(self, x):
        n = self.name("bend")
        kind = self.pick("function", "relu", "leaky", "elu", "prelu", "softmax")
        if kind == "function":
            return self.l.Activation(self.function(), name=n)(x)
        if kind == "relu":
            return self.l.ReLU(self.pick(None, 6.0, 1.0, 2.5), negative_slope=self.pick(0.0, 0.0, 0.25), threshold=self.pick(0.0, 0.0, 0.5), name=n)(x)
        if kind == "leaky":
            slope = self.pick(0.1, 0.3)
            return self.l.LeakyReLU(slope, name=n)(x)
        if kind == "elu":
            return self.l.ELU(self.pick(1.0, 0.5), name=n)(x)
        if kind == "prelu":
            return self.l.PReLU(shared_axes=self.pick(None, [1]) if len(x.shape) > 2 else None, name=n)(x)
        return self.l.Softmax(axis=self.pick(-1, 1), name=n)(x)

    def dense(self, x):
        n = self.name("dense")
        return self.l.Dense(self.pick(2, 3, 5), use_bias=self.flip(0.7), activation=self.function(), name=n)(x)

    def einsum(self, x):
        n, shape = self.name("einsum"), x.shape
        if len(shape) == 2:
            return self.l.EinsumDense("ab,bc->ac", output_shape=3, bias_axes=self.pick(None, "c"), name=n)(x)
        if len(shape) == 3:
            return self.l.EinsumDense("abc,cde->abde", output_shape=(shape[1], 2, 3), bias_axes=self.pick(None, "de"), name=n)(x)
        return self.l.EinsumDense("abcd,cde->abe", output_shape=(shape[1], 4), bias_axes=self.pick(None, "e"), name=n)(x)

    def norm(self, x):
        n = self.name("norm")
        kind = self.pick("batch", "batch", "rescale", "normal", "spread")
        if kind == "batch":
            return self.l.BatchNormalization(epsilon=self.pick(1e-3, 1e-2), center=self.flip(0.8), scale=self.flip(0.8), trainable=self.flip(0.7), name=n)(x)
        if kind == "rescale":
            return self.l.Rescaling(self.pick(0.5, 1.0, -2.0), offset=self.pick(0.0, 0.25), name=n)(x)
        c = x.shape[-1]
        mean, variance = self.rng.normal(0, 1, c), self.rng.uniform(0.5, 2, c)
        return self.l.Normalization(mean=[float(np.float32(v)) for v in mean], variance=[float(np.float32(v)) for v in variance], name=n,
                                    **({"invert": True} if kind == "spread" else {}))(x)

    def noise(self, x):
        n, dims = self.name("noise"), len(x.shape) - 2
        kinds = [self.l.Dropout(0.25, name=n), self.l.GaussianNoise(0.5, name=n), self.l.GaussianDropout(0.25, name=n), self.l.AlphaDropout(0.1, name=n),
                 self.l.ActivityRegularization(l1=0.01, name=n)]
        if dims in (1, 2):
            kinds.append(getattr(self.l, f"SpatialDropout{dims}D")(0.25, name=n))
        return self.pick(*kinds)(x)

    def move(self, x):
        n, shape = self.name("move"), x.shape[1:]
        kind = self.pick("flatten", "reshape", "permute", "repeat", "split")
        if kind == "permute" and len(shape) > 1:
            return self.l.Permute(tuple(int(a) + 1 for a in self.rng.permutation(len(shape))), name=n)(x)
        if kind == "repeat" and len(shape) == 1:
            return self.l.RepeatVector(3, name=n)(x)
        size = int(np.prod(shape))
        if kind == "reshape" and size % 4 == 0 and size > 4:
            return self.l.Reshape(self.pick((4, -1), (2, 2, size // 4), (-1, 4)), name=n)(x)
        if kind == "split" and len(shape) == 1 and size > 2:
            return self.l.Reshape((size, 1), name=n)(x)
        return self.l.Flatten(name=n)(x) if len(shape) > 1 else x

    def summary(self, x):
        n, dims = self.name("global"), len(x.shape) - 2
        return getattr(self.l, self.pick("GlobalAveragePooling", "GlobalMaxPooling") + f"{dims}D")(keepdims=self.flip(0.3), name=n)(x)

    def merge(self, x):
        n = self.name("merge")
        kind = self.pick("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate", "gate")
        y = self.sane(x)
        if kind == "gate" and len(x.shape) > 2:
            gate = self.l.Dense(x.shape[-1], activation="sigmoid", name=self.name("gate"))(self.l.Flatten(name=self.name("flat"))(y))
            return self.l.Multiply(name=n)([x, gate] if x.shape[-1] == x.shape[1] or len(x.shape) == 2 else [x, y])
        if kind == "Concatenate":
            return self.l.Concatenate(axis=self.pick(-1, 1), name=n)([x, y])
        if kind == "gate":
            kind = "Add"
        third = [self.l.ReLU(name=self.name("third"))(x)] if kind != "Subtract" and self.flip(0.3) else []
        return getattr(self.l, kind)(name=n)([x, y, *third])

    def shared(self, x):
        """A layer that is called twice."""
        layer = self.l.Dense(x.shape[-1], activation=self.pick("tanh", "relu"), name=self.name("twice"))
        return layer(layer(x))

    def nested(self, x):
        shape, n = tuple(x.shape[1:]), self.name("inner")
        i = self.k.Input(shape, name=self.name("inner_in"))
        y = self.bend(self.dense(i))
        y = self.norm(self.l.Dense(shape[-1], name="same_name")(y))
        if self.flip(0.3):
            model = self.k.Sequential([self.k.Input(shape), self.l.Dense(shape[-1], activation="tanh", name="same_name"), self.l.ReLU(name="relu")], name=n)
        else:
            model = self.k.Model(i, y, name=n)
        x = model(x)
        return self.l.Add(name=self.name("again"))([model(self.sane(x)), x]) if self.flip() else x

    def operation(self, x):
        """Functions between layers."""
        kind = self.pick("affine", "reduce", "slice", "bend", "concat", "transpose", "stack")
        t, last = self.three, len(x.shape) - 1
        if kind == "affine":
            return keras.ops.subtract(2.0, x * 0.5) / 3.0 + 1.0 if t else tf.subtract(2.0, x * 0.5) / 3.0 + 1.0
        if kind == "reduce" and last > 1:
            axis, keep = self.pick(1, -1), self.flip()
            name = self.pick("mean", "sum", "max")
            return getattr(keras.ops, name)(x, axis=axis, keepdims=keep) if t else getattr(tf, f"reduce_{name}")(x, axis=axis, keepdims=keep)
        if kind == "slice" and x.shape[1] > 2:
            return x[:, 1:] if self.flip() or last < 2 else x[:, ::2]
        if kind == "concat":
            return keras.ops.concatenate([x, x], axis=-1) if t else tf.concat([x, x], -1)
        if kind == "transpose" and last == 2:
            return keras.ops.transpose(x, (0, 2, 1)) if t else tf.transpose(x, (0, 2, 1))
        if kind == "stack" and last == 1:
            return keras.ops.stack([x, x], axis=1) if t else tf.stack([x, x], axis=1)
        name = self.pick("abs", "square", "relu6", "sigmoid", "exp")
        x = self.sane(x)
        if t:
            return getattr(keras.ops, name)(x)
        return {"abs": tf.abs, "square": tf.square, "relu6": tf.nn.relu6, "sigmoid": tf.sigmoid, "exp": tf.exp}[name](x)

    def model(self):
        rank = self.pick(1, 2, 3, 3)
        shape = {1: (self.pick(4, 6),), 2: (self.pick(6, 9), 3), 3: (self.pick(6, 8), 7, self.pick(1, 2, 3))}[rank]
        inputs = [self.k.Input(shape, name=f"in_{i}") for i in range(2 if self.flip(0.25) else 1)]
        x = self.l.Add(name="both")(inputs) if len(inputs) > 1 else inputs[0]
        outputs = []
        for _ in range(self.rng.integers(3, 13)):
            everywhere = [self.bend, self.dense, self.norm, self.noise, self.move, self.merge, self.shared, self.nested, self.operation, self.einsum]
            images = [self.conv, self.conv, self.depthwise, self.separable, self.transposed, self.pool, self.resize, self.summary]
            x = self.pick(*(everywhere + images if len(x.shape) in (3, 4) else everywhere))(x)
            if int(np.prod(x.shape[1:])) > 3000 or len(x.shape) > 4:
                x = self.l.Dense(3, name=self.name("small"))(self.l.Flatten(name=self.name("flat"))(x))
            if self.flip(0.1):
                outputs.append(self.sane(x))
        outputs.append(self.l.Dense(2, name="end")(self.sane(x)))
        return self.k.Model(inputs, outputs if len(outputs) > 1 else outputs[0])


def set_weights(model, seed):
    rng = np.random.default_rng(seed)
    values = []
    for w in model.weights:
        v = rng.normal(0, 0.5, w.shape).astype(np.float32)
        values.append(np.abs(v) + np.float32(0.5) if "variance" in w.name else v)
    model.set_weights(values)


def as_list(y):
    return [np.array(v) for v in (y if isinstance(y, (list, tuple)) else [y])]


def call(litesmith, *args):
    return subprocess.run([litesmith, *map(str, args)], capture_output=True, text=True, timeout=100)


def apart(got, want):
    if got.shape != want.shape:
        return np.inf
    return np.abs(got - want).max() / max(np.abs(want).max(), 1e-3) if want.size else 0


def check(litesmith, k, seed, folder):
    model = Drawer(k, seed).model()
    set_weights(model, seed)
    rng = np.random.default_rng(seed + 1)
    xs = [rng.normal(0, 1, (3, *i.shape[1:])).astype(np.float32) for i in model.inputs]
    want = as_list(model(xs if len(xs) > 1 else xs[0]))
    if not all(np.isfinite(y).all() for y in want):
        return []
    args = []
    for i, x in enumerate(xs):
        np.save(folder / f"x{i}.npy", x)
        args += ["--input", folder / f"x{i}.npy"]
    for i in range(len(want)):
        args += ["--output", folder / f"y{i}.npy"]
    bad = []
    for ending in (".h5", ".keras"):
        path = folder / f"m{ending}"
        try:
            model.save(path)
        except Exception as error:  # noqa: BLE001: Keras cannot write every model of its own
            print(f"   {k.__name__} {seed}{ending}: not saved: {str(error)[:100]}")
            continue
        done = call(litesmith, "run", path, *args)
        if done.returncode != 0:
            bad.append(f"{ending}: {done.stderr.strip()[:300]}")
            continue
        worst = max(apart(np.load(folder / f"y{i}.npy"), y) for i, y in enumerate(want))
        if not worst <= 1e-4:
            bad.append(f"{ending}: {worst} of the largest apart")
            continue
        again = folder / f"again{'.keras' if ending == '.h5' else '.h5'}"
        done = call(litesmith, "convert", path, "--method", "keras", "-o", again)
        if done.returncode != 0:
            bad.append(f"{ending} written: {done.stderr.strip()[:300]}")
            continue
        if "own graph alone" in done.stderr:
            print(f"   {k.__name__} {seed}{ending}: {done.stderr.strip()[-160:]}")
            continue
        for reader in (tf_keras, keras) if seed % 4 == 0 else (k,):
            try:
                loaded = reader.models.load_model(again, compile=False)
                got = as_list(loaded(xs if len(xs) > 1 else xs[0]))
                worst = max(apart(a, b) for a, b in zip(got, want, strict=True))
            except Exception as error:  # noqa: BLE001
                bad.append(f"{ending} written, in {reader.__name__}: {str(error)[-300:]}")
                continue
            if not worst <= 1e-4:
                bad.append(f"{ending} written, in {reader.__name__}: {worst} of the largest apart")
    return [f"{k.__name__} {seed}{text}" for text in bad]


def main():
    litesmith, count = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else int.from_bytes(os.urandom(3), "little")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            for k in (tf_keras, keras):
                k.backend.clear_session()
                try:
                    found = check(litesmith, k, seed, pathlib.Path(folder))
                except Exception as error:  # noqa: BLE001: a drawing that Keras refuses
                    print(f"   {k.__name__} {seed}: not drawn: {str(error)[:150]!r}")
                    continue
                for line in found:
                    print(line)
                bad += len(found)
    print(f"seeds {first} to {first + count - 1}: {bad} differ")
    sys.exit(min(bad, 100))


if __name__ == "__main__":
    main()
