"""Random Keras 2 models, converted by TensorFlow to every method, in LiteRT and in `litesmith run`: whatever networks of many layers show
that no single op does.

usage: random_keras_models.py --work DIR [--count 200] [--seed 1] [--litesmith build/dev/litesmith] [--record DIR --pick 17-int8,4-fp32]
       random_keras_models.py --work DIR --zoo OUT [--count 200] [--seed 1]

DIR keeps what is made, so that a later run only compares: N-METHOD.tflite (or .refused, with TensorFlow's reason) and N.json (the layers).
Models have 3 to 15 layers; batch is 1 where TensorFlow converts no open one. Inputs are drawn from the file's own types. LiteRT computes with
BUILTIN_REF, every sample in a fresh interpreter (variables); where that lacks an op (ELU), with its optimized kernels, whose integers may be
some steps off. Integers are to be equal, floats within 1e-4 of the largest. --record writes files with their inputs and outputs for tests.
--zoo makes a folder of each in the form of shared/zoo (model.h5, the .tflite files, io.npz), for tests/oracle/zoo_convert.py.
"""

import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

METHODS = ("fp32", "fp16", "dynamic", "int8", "int16x8")
SAMPLES = 3
CALIBRATION = 10
TOLERANCE = 1e-4  # of the largest output
MOST_ELEMENTS = 3000

# ---- Models: in a process with TensorFlow ----------------------------------------------------------------------------------------------


class Builder:
    """Draws layers behind a tensor. A layer that would make too much, or that does not fit, is drawn again."""

    # Of every model, and of those that hold what some methods refuse, or what LiteRT's reference kernels lack, too.
    COMMON = ("relu", "relu6", "tanh", "sigmoid", "relu", "linear")
    ACTIVATIONS = (*COMMON, "elu", "selu", "softplus", "swish", "gelu", "hard_sigmoid", "exponential")

    def __init__(self, rng):
        import tensorflow as tf
        import tf_keras as keras

        self.tf, self.k, self.layers, self.rng, self.names = tf, keras, keras.layers, rng, []
        self.common = rng.random() < 0.6

    def pick(self, *values):
        return values[self.rng.integers(len(values))]

    def activation(self):
        return self.pick(None, *(self.COMMON if self.common or self.rng.random() < 0.7 else self.ACTIVATIONS))

    def any_shape(self):
        """Layers for a tensor of any rank that keep its shape."""
        k = self.layers
        yield "BatchNormalization", lambda: k.BatchNormalization()
        yield "Activation", lambda: k.Activation(self.activation() or "relu")
        yield "LeakyReLU", lambda: k.LeakyReLU(float(self.rng.uniform(0.05, 0.4)))
        yield "Softmax", lambda: k.Softmax()
        yield "Dropout", lambda: k.Dropout(0.3)
        if self.common:
            return
        yield "ReLU", lambda: k.ReLU(max_value=self.pick(None, 6.0, 1.0), negative_slope=self.pick(0.0, 0.1), threshold=self.pick(0.0, 0.0, 0.25))
        yield "PReLU", lambda: k.PReLU(alpha_initializer=self.k.initializers.RandomUniform(-0.3, 0.5))
        yield "ELU", lambda: k.ELU(float(self.pick(1.0, 0.7)))
        yield "LayerNormalization", lambda: k.LayerNormalization()

    def of_rank(self, x):
        """Layers by the tensor's rank (with its batch)."""
        k, shape = self.layers, tuple(x.shape[1:])
        n = int(self.rng.integers(1, 9))
        same = {"padding": self.pick("same", "valid"), "activation": self.activation(), "use_bias": bool(self.rng.random() < 0.8)}
        if len(shape) == 3:
            kernel = (int(self.rng.integers(1, 4)), int(self.rng.integers(1, 4)))
            stride = self.pick(1, 1, 2)
            yield "Conv2D", lambda: k.Conv2D(n, kernel, stride, **same)
            yield "Conv2D", lambda: k.Conv2D(n, kernel, dilation_rate=self.pick(1, 2), **same)
            yield "DepthwiseConv2D", lambda: k.DepthwiseConv2D(kernel, stride, depth_multiplier=self.pick(1, 1, 2), **same)
            yield "SeparableConv2D", lambda: k.SeparableConv2D(n, kernel, stride, **same)
            yield "Conv2DTranspose", lambda: k.Conv2DTranspose(n, kernel, stride, **same)
            pool = (int(self.rng.integers(1, 4)), int(self.rng.integers(1, 4)))
            yield "MaxPooling2D", lambda: k.MaxPooling2D(pool, padding=self.pick("same", "valid"))
            yield "AveragePooling2D", lambda: k.AveragePooling2D(pool, padding=self.pick("same", "valid"))
            yield "GlobalAveragePooling2D", lambda: k.GlobalAveragePooling2D(keepdims=bool(self.rng.random() < 0.5))
            yield "GlobalMaxPooling2D", lambda: k.GlobalMaxPooling2D(keepdims=bool(self.rng.random() < 0.5))
            yield "ZeroPadding2D", lambda: k.ZeroPadding2D(((1, self.pick(0, 2)), (0, 1)))
            yield "Cropping2D", lambda: k.Cropping2D(((1, 0), (0, 1)))
            yield "UpSampling2D", lambda: k.UpSampling2D(2, interpolation=self.pick("nearest", "bilinear"))
            yield "Flatten", lambda: k.Flatten()
            yield "Reshape", lambda: k.Reshape((shape[0] * shape[1], shape[2]))
            yield "Permute", lambda: k.Permute(self.pick((2, 1, 3), (3, 1, 2), (1, 3, 2)))
            yield "Dense", lambda: k.Dense(n, activation=self.activation())
        elif len(shape) == 2:
            kernel = int(self.rng.integers(1, 5))
            yield "Conv1D", lambda: k.Conv1D(n, kernel, self.pick(1, 1, 2), **{**same, "padding": self.pick("same", "valid", "causal")})
            yield "Conv1D", lambda: k.Conv1D(n, kernel, dilation_rate=2, **{**same, "padding": self.pick("same", "valid", "causal")})
            yield "SeparableConv1D", lambda: k.SeparableConv1D(n, kernel, **same)
            for cell in () if self.common else (k.LSTM, k.LSTM, k.GRU, k.SimpleRNN):
                yield cell.__name__, lambda cell=cell: cell(n, return_sequences=bool(self.rng.random() < 0.6))
            yield "MaxPooling1D", lambda: k.MaxPooling1D(2, padding=self.pick("same", "valid"))
            yield "AveragePooling1D", lambda: k.AveragePooling1D(2, padding=self.pick("same", "valid"))
            yield "GlobalAveragePooling1D", lambda: k.GlobalAveragePooling1D()
            yield "GlobalMaxPooling1D", lambda: k.GlobalMaxPooling1D()
            yield "ZeroPadding1D", lambda: k.ZeroPadding1D((1, 2))
            yield "Cropping1D", lambda: k.Cropping1D((1, 0))
            yield "UpSampling1D", lambda: k.UpSampling1D(2)
            yield "Flatten", lambda: k.Flatten()
            yield "Reshape", lambda: k.Reshape((shape[0], 1, shape[1]))
            yield "Permute", lambda: k.Permute((2, 1))
            yield "Dense", lambda: k.Dense(n, activation=self.activation())
        else:
            yield "Dense", lambda: k.Dense(n * 2, activation=self.activation(), use_bias=bool(self.rng.random() < 0.8))
            yield "Dense", lambda: k.Dense(n, activation=self.activation())
            yield "RepeatVector", lambda: k.RepeatVector(3)
            yield "Reshape", lambda: k.Reshape((shape[0], 1))

    def keep_shape(self, x):
        """One layer behind x whose output has x's shape."""
        k, shape = self.layers, tuple(x.shape[1:])
        choices = [make for _, make in self.any_shape()]
        if len(shape) == 3:
            choices += [lambda: k.Conv2D(shape[2], 3, padding="same", activation=self.activation())] * 3
        elif len(shape) == 2:
            choices += [lambda: k.Conv1D(shape[1], 3, padding="same", activation=self.activation())] * 3
        else:
            choices += [lambda: k.Dense(shape[0], activation=self.activation())] * 3
        return self.apply(self.pick(*choices)(), x)

    def apply(self, layer, x):
        self.names.append(type(layer).__name__)
        return layer(x)

    def branch(self, x):
        k = self.layers
        merge = self.pick(k.Add, k.Multiply, k.Subtract, k.Maximum, k.Minimum, k.Average, k.Concatenate)
        parts = [self.keep_shape(x), x if self.rng.random() < 0.4 else self.keep_shape(x)]
        return self.apply(merge(), parts)

    def fits(self, x):
        dims = x.shape[1:]
        return all(d is not None and d > 0 for d in dims) and 0 < np.prod(dims) <= MOST_ELEMENTS

    def build(self):
        k = self.layers
        shape = self.pick((8, 8, 3), (6, 10, 1), (5, 5, 4), (12, 5), (9, 3), (7, 1), (10,), (24,))
        source = x = k.Input(shape)
        for _ in range(int(self.rng.integers(3, 16))):
            for _ in range(20):  # until one fits
                count = len(self.names)
                try:
                    draw = self.rng.random()
                    if draw < 0.15:
                        y = self.branch(x)
                    else:
                        choices = list(self.of_rank(x)) * (1 if draw < 0.45 else 3) + list(self.any_shape())
                        y = self.apply(self.pick(*[make for _, make in choices])(), x)
                except (ValueError, self.tf.errors.InvalidArgumentError):
                    y = None
                if y is not None and self.fits(y):
                    x = y
                    break
                del self.names[count:]
        model = self.k.Model(source, x)
        # Fresh models have biases and means of 0, and variances of 1.
        for variable in model.variables:
            values = variable.numpy()
            if values.dtype.kind != "f":
                continue
            if "variance" in variable.name:
                variable.assign(self.rng.uniform(0.5, 2, values.shape))
            elif values.ndim == 1:
                variable.assign(values + self.rng.uniform(-0.3, 0.3, values.shape))
        return model


def concrete(tf, model, batch):
    """The model as a function of a batch."""
    (source,) = model.inputs
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec((batch, *source.shape[1:]), source.dtype))


def converter_of(tf, model, function, method, samples):
    lite = tf.lite
    # Not the model itself: all of its layers' calls would be traced and saved each time.
    variables = tf.Module()
    variables.all = model.variables
    converter = lite.TFLiteConverter.from_concrete_functions([function], variables)
    if method == "fp32":
        return converter
    converter.optimizations = [lite.Optimize.DEFAULT]
    if method == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    elif method in ("int8", "int16x8"):
        ops = lite.OpsSet
        io = tf.int8 if method == "int8" else tf.int16
        int16 = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.representative_dataset = lambda: ([s] for s in samples)
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8 if method == "int8" else int16]
        converter.inference_input_type = converter.inference_output_type = io
    return converter


def convert(work, seed, number):
    """Makes one model's files, but for those that are there."""
    import tensorflow as tf
    import tf_keras as keras

    wanted = [m for m in METHODS if not any((work / f"{number}-{m}.{end}").exists() for end in ("tflite", "refused"))]
    if not wanted:
        return
    model, names, samples, _ = drawn(keras, tf, seed, number)
    (work / f"{number}.json").write_text(json.dumps({"layers": names, "input": list(model.input_shape)}))
    # Every other model has an open batch, where TensorFlow can convert that.
    functions = [concrete(tf, model, batch) for batch in ((None, 1) if number % 2 == 0 else (1,))]
    for method in wanted:
        path = work / f"{number}-{method}.tflite"
        for function in functions:
            try:
                path.write_bytes(converter_of(tf, model, function, method, samples).convert())
                path.with_suffix(".refused").unlink(missing_ok=True)
                break
            except Exception as error:  # whatever TensorFlow raises
                path.with_suffix(".refused").write_text(f"{type(error).__name__}: {error}")


def drawn(keras, tf, seed, number):
    """(model, layer names, calibration samples, the generator behind them): the same for the same numbers."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed * 1000 + number)
    rng = np.random.default_rng([seed, number])
    builder = Builder(rng)
    model = builder.build()
    samples = rng.uniform(-1, 1, (CALIBRATION, 1, *model.input_shape[1:])).astype(np.float32)
    return model, builder.names, samples, rng


def make_zoo(work, out, seed, first, count):
    """Folders of the form of shared/zoo, one a model."""
    import tensorflow as tf
    import tf_keras as keras

    for number in range(first, count):
        folder = out / f"r{number:03}"
        if (folder / "io.npz").exists() or not (work / f"{number}-fp32.tflite").exists():
            continue
        model, _, samples, rng = drawn(keras, tf, seed, number)
        train, test = samples[:, 0], rng.uniform(-1, 1, (8, *model.input_shape[1:])).astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        model.save(folder / "model.h5", include_optimizer=False)
        for method in METHODS:
            if (path := work / f"{number}-{method}.tflite").exists():
                (folder / f"{method}.tflite").write_bytes(path.read_bytes())
        y = {"keras_y0": model(test, training=False).numpy(), "keras_train_y0": model(train, training=False).numpy()}
        np.savez_compressed(folder / "io.npz", x_train=train, x_test=test, y_train=np.zeros(len(train), np.int32), y_test=np.zeros(len(test), np.int32), **y)


def convert_range(work, seed, first, count):
    # The converter writes pages for what it then does in another way.
    with os.fdopen(os.dup(2), "w") as terminal, open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        for number in range(first, count):
            convert(work, seed, number)
            print(f"\rconverted {number + 1} of {count}", end="", file=terminal, flush=True)
        print(file=terminal)


def convert_all(work, seed, count):
    """In processes with TensorFlow, anew where one dies: its converter may."""
    env = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    first = 0
    while first < count:
        done = subprocess.run(
            [sys.executable, __file__, "--work", work, "--seed", str(seed), "--count", str(count), "--convert-from", str(first)], env=env, check=False
        )
        if done.returncode == 0:
            return
        made = [int(p.stem) for p in work.glob("[0-9]*.json")]
        died = max(made, default=first)
        for method in METHODS:
            if not (work / f"{died}-{method}.tflite").exists():
                path = work / f"{died}-{method}.refused"
                if not path.exists():
                    path.write_text("the converter died")
        first = died + 1


# ---- Runs ------------------------------------------------------------------------------------------------------------------------------


def litert(path, seed):
    """(resolver, op names, inputs [samples, ...], outputs) of the file in LiteRT."""
    from ai_edge_litert import interpreter as api

    def fresh(resolver):
        interpreter = api.Interpreter(
            model_path=str(path), num_threads=1, experimental_op_resolver_type=getattr(api.OpResolverType, resolver)
        )
        interpreter.allocate_tensors()
        return interpreter

    for resolver in ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"):
        try:
            interpreter = fresh(resolver)
            break
        except (RuntimeError, ValueError) as error:
            reason = str(error)
    else:
        return None, reason, None, None
    ops = sorted({op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"})
    rng = np.random.default_rng(seed)
    inputs = []
    for source in interpreter.get_input_details():
        shape, dtype = (SAMPLES, *source["shape"][1:]), source["dtype"]
        if np.dtype(dtype).kind == "f":
            inputs.append(rng.uniform(-1, 1, shape).astype(dtype))
        else:
            limits = np.iinfo(dtype)
            inputs.append(rng.integers(limits.min, limits.max, shape, dtype, endpoint=True))
    calls = []
    for sample in range(SAMPLES):
        interpreter = fresh(resolver)
        for source, array in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(source["index"], array[sample : sample + 1])
        interpreter.invoke()
        calls.append([interpreter.get_tensor(sink["index"]) for sink in interpreter.get_output_details()])
    return resolver, ops, inputs, [np.concatenate(outputs) for outputs in zip(*calls, strict=True)]


class Worker:
    """LiteRT in a process of its own, anew after a crash."""

    def __init__(self):
        self.pool = None

    def __call__(self, *args):
        if self.pool is None:
            self.pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            return self.pool.submit(litert, *args).result(timeout=120)
        except concurrent.futures.process.BrokenProcessPool:
            self.pool = None
            return None, "crashed", None, None


def ours(program, path, inputs, count, folder):
    """Our outputs, or what was said."""
    command = [program, "run", path, "--reference"]
    for i, array in enumerate(inputs):
        np.save(folder / f"in{i}.npy", array)
        command += ["--input", folder / f"in{i}.npy"]
    for i in range(count):
        command += ["--output", folder / f"out{i}.npy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lines = (done.stderr.strip() or f"exit {done.returncode}").splitlines()
        return None, lines[0].replace(str(path), "FILE")
    return [np.load(folder / f"out{i}.npy") for i in range(count)], ""


def difference(theirs, mine):
    """'' where equal enough, else what differs."""
    if (theirs.dtype, theirs.shape) != (mine.dtype, mine.shape):
        return f"{mine.dtype} {mine.shape}, not {theirs.dtype} {theirs.shape}"
    if theirs.dtype.kind == "f":
        # What is not finite is so in both.
        finite = np.isfinite(theirs)
        if not np.array_equal(finite, np.isfinite(mine)):
            return "not finite at other places"
        a, b = np.where(finite, theirs, 0).astype(np.float64), np.where(finite, mine, 0).astype(np.float64)
        largest = max(np.abs(a).max(), 1e-6)
        worst = np.abs(a - b).max() / largest
        return "" if worst <= TOLERANCE else f"{worst:.2g} of the largest"
    steps = np.abs(theirs.astype(np.int64) - mine)
    return "" if steps.max() == 0 else f"{np.count_nonzero(steps)} of {steps.size} differ, by {steps.max()} at most"


def compare(args, worker, number, method):
    """One row: (kind, text, op names)."""
    path = args.work / f"{number}-{method}.tflite"
    if not path.exists():
        refused = path.with_suffix(".refused")
        return "TensorFlow refuses", refused.read_text() if refused.exists() else "not made", []
    resolver, ops, inputs, theirs = worker(path, args.seed * 1000 + number)
    if resolver is None:
        return "LiteRT refuses", ops, []
    with tempfile.TemporaryDirectory() as folder:
        mine, said = ours(args.litesmith, path, inputs, len(theirs), Path(folder))
    if mine is None:
        return "litesmith refuses", said, ops
    found = [text for text in map(difference, theirs, mine) if text]
    if args.record and f"{number}-{method}" in args.pick:
        args.record.mkdir(parents=True, exist_ok=True)
        (args.record / path.name).write_bytes(path.read_bytes())
        arrays = {f"x{i}": a for i, a in enumerate(inputs)} | {f"y{i}": a for i, a in enumerate(theirs)}
        np.savez_compressed(args.record / f"{number}-{method}.npz", **arrays)
    if not found:
        return "equal", "", ops
    return ("differs" if resolver == "BUILTIN_REF" else "differs from optimized kernels"), found[0], ops


def report(rows):
    kinds = collections.Counter((method, kind) for _, method, kind, _, _ in rows)
    names = list(dict.fromkeys(kind for *_, kind, _, _ in rows))
    print(f"{'method':9}" + "".join(f"{name:>32}" for name in names))
    for method in METHODS:
        print(f"{method:9}" + "".join(f"{kinds[method, name]:32}" for name in names))
    for kind in ("litesmith refuses", "LiteRT refuses"):
        # Of operators that are not supported, each.
        reasons = collections.Counter(
            reason for *_, k, text, _ in rows if k == kind for reason in (re.findall(r"([A-Z0-9_]+) \(builtin code", text) or [text])
        )
        if reasons:
            print(f"\n{kind}:")
        for text, count in reasons.most_common(40):
            print(f"{count:5} {text[:180]}")
    print("\ndifferences, by the ops of the file:")
    for number, method, kind, text, ops in sorted(rows, key=lambda row: (row[4], row[1])):
        if kind.startswith("differs"):
            print(f"{number:4} {method:8} {text:44} {' '.join(ops)}{'  (optimized)' if 'optimized' in kind else ''}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--litesmith", type=Path, default=Path("build/dev/litesmith"))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--pick", type=lambda text: text.split(","), default=[])
    parser.add_argument("--only-convert", action="store_true")
    parser.add_argument("--convert-from", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--zoo", type=Path)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.zoo is not None:
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        make_zoo(args.work, args.zoo, args.seed, args.convert_from or 0, args.count)
        return
    if args.convert_from is not None:
        convert_range(args.work, args.seed, args.convert_from, args.count)
        return
    convert_all(args.work, args.seed, args.count)
    if args.only_convert:
        return
    args.litesmith = args.litesmith.absolute()
    worker = Worker()
    rows = []
    for number in range(args.count):
        for method in METHODS:
            rows.append((number, method, *compare(args, worker, number, method)))
    report(rows)


if __name__ == "__main__":
    main()
