#!/usr/bin/env python3
"""Times .tflite files by Litesmith and by LiteRT (XNNPACK) in turn, one thread each; by default files of one op at ResNet-8's shapes.

usage: one_op.py --litesmith build/release/litesmith [--out DIR] [--rounds N] [--only SUBSTRING] [FILE.tflite ...]

Without FILEs: writes CASES x METHODS to DIR with TensorFlow's converter (once; what is there stays) and times those.
Prints a line a file: microseconds of both (median over the rounds) and LiteRT / Litesmith, smallest to largest round.
LiteRT's time is that of invoke() less that of a model of one element through the same Python call.
Needs the packages of tools/requirements.txt; TensorFlow only for writing files.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

METHODS = ("fp32", "int8", "int16x8")

# name: (input height = width, input channels, output channels, filter, stride); padding SAME, ReLU.
CONVOLUTIONS = {
    "conv3x3_3x16_at32": (32, 3, 16, 3, 1),
    "conv3x3_16x16_at32": (32, 16, 16, 3, 1),
    "conv3x3_16x32_s2_at32": (32, 16, 32, 3, 2),
    "conv1x1_16x32_s2_at32": (32, 16, 32, 1, 2),
    "conv3x3_32x32_at16": (16, 32, 32, 3, 1),
    "conv3x3_64x64_at8": (8, 64, 64, 3, 1),
    "conv1x1_64x128_s2_at16": (16, 64, 128, 1, 2),
    "conv1x1_64x128_at8": (8, 64, 128, 1, 1),
}
# name: (depth, outputs)
DENSE = {"dense_640x128": (640, 128)}
CASES = [*CONVOLUTIONS, *DENSE]


def _function(name):
    """The op as a TensorFlow function, and the shape of its input."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(1)

    def weights(*shape):
        fan_in = np.prod(shape[:-1])
        return tf.constant(rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32))

    if name == "empty":
        return lambda x: x + tf.constant([1.0]), (1, 1)
    if name in CONVOLUTIONS:
        size, inputs, outputs, filter_size, stride = CONVOLUTIONS[name]
        kernel = weights(filter_size, filter_size, inputs, outputs)
        bias = weights(1, outputs)[0]
        return lambda x: tf.nn.relu(tf.nn.conv2d(x, kernel, stride, "SAME") + bias), (1, size, size, inputs)
    depth, outputs = DENSE[name]
    kernel, bias = weights(depth, outputs), weights(1, outputs)[0]
    return lambda x: tf.matmul(x, kernel) + bias, (1, depth)


def write(name, method, path):
    """Writes one case by TensorFlow's converter; integer methods have integer input and output, so that the file is one op."""
    import numpy as np
    import tensorflow as tf

    function, shape = _function(name)
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if method != "fp32":
        rng = np.random.default_rng(2)
        samples = [rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(8)]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x] for x in samples)
        ops = tf.lite.OpsSet
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide if method == "int16x8" else ops.TFLITE_BUILTINS_INT8]
        io = tf.int16 if method == "int16x8" else tf.int8
        converter.inference_input_type = converter.inference_output_type = io
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(converter.convert())


def write_missing(out, names, methods=METHODS):
    """The paths of names x methods in `out`, made where they are missing."""
    paths = [out / f"{name}.{method}.tflite" for name in names for method in methods]
    for path in paths:
        if not path.exists():
            name, method, _ = path.name.rsplit(".", 2)
            write(name, method, path)
    return paths


class LiteRt:
    """invoke() of one file by the default resolver, one thread, on random input."""

    def __init__(self, path, batch=1):
        import numpy as np
        from ai_edge_litert import interpreter

        self._batch = batch
        self._interpreter = interpreter.Interpreter(model_path=str(path), num_threads=1)
        if batch > 1:
            for detail in self._interpreter.get_input_details():
                self._interpreter.resize_tensor_input(detail["index"], [batch, *detail["shape"][1:]])
        self._interpreter.allocate_tensors()
        rng = np.random.default_rng(3)
        for detail in self._interpreter.get_input_details():
            dtype, shape = np.dtype(detail["dtype"]), detail["shape"]
            if dtype.kind == "f":
                value = rng.uniform(0, 1, shape).astype(dtype)
            else:
                limits = np.iinfo(dtype)
                value = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
            self._interpreter.set_tensor(detail["index"], value)

    def micros(self, seconds, calls=32):
        """Median over blocks of `calls` calls, in microseconds an inference."""
        invoke = self._interpreter.invoke
        clock = time.perf_counter
        times = []
        end = clock() + seconds
        while clock() < end:
            start = clock()
            for _ in range(calls):
                invoke()
            times.append(clock() - start)
        return statistics.median(times) / calls / self._batch * 1e6


class Litesmith:
    """`litesmith benchmark` of one file, one thread."""

    def __init__(self, program, path, batch=1):
        self._command = [str(program), "benchmark", str(path), "--json", "--threads", "1", "--warm-up", "0.02"]
        self._command += ["--batch", str(batch)]

    def micros(self, seconds):
        """Median over all runs, in microseconds an inference."""
        command = [*self._command, "--seconds", str(seconds)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
        return json.loads(result.stdout)["p50_us"]


def compare(program, path, empty, rounds=10, seconds=0.1, batch=1):
    """(our microseconds, LiteRT's) of each round; the runs of a round follow each other at once."""
    ours, theirs, nothing = Litesmith(program, path, batch), LiteRt(path, batch), LiteRt(empty, batch)
    theirs.micros(0.02)
    pairs = []
    for _ in range(rounds):
        pairs.append((ours.micros(seconds), theirs.micros(seconds) - nothing.micros(seconds / 4)))
    return pairs


def row(name, pairs):
    """One printed line."""
    ratios = [theirs / ours for ours, theirs in pairs]
    return (
        f"{name:34} {statistics.median(p[0] for p in pairs):9.2f} {statistics.median(p[1] for p in pairs):9.2f}"
        f" {statistics.median(ratios):9.2f}  ({min(ratios):.2f} .. {max(ratios):.2f})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--litesmith", required=True, type=Path, help="the program")
    parser.add_argument("--out", type=Path, default=Path("build/one_op"), help="where the one-op files are")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each runtime in a round")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = [] if args.files else CASES
    made = [path for path in write_missing(args.out, names) if args.only in path.name]
    empty = write_missing(args.out, ["empty"], ["fp32"])[0]
    print(f"{'file':34} {'us':>9} {'LiteRT us':>9} {'ratio':>9}  (rounds)")
    for path in args.files or made:
        print(row(path.stem, compare(args.litesmith, path, empty, args.rounds, args.seconds)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
