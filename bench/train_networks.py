#!/usr/bin/env python3
"""Training steps of real networks, ours and TensorFlow's in turn, in one run: a table of milliseconds and ratios.

usage: train_networks.py [--litesmith build/bench/litesmith] [--rounds N] [--threads N] [--only a,b] [--ours]

The networks are the built-in ones, trained by Adam on random samples. Litesmith writes each as .h5, which Keras reads: both train the
same graph. Ours is `train --json` or `optimize --recipe quant --json` (its median step, with reading the batch); TensorFlow's is
Keras 2's compiled train function on a batch that is a tensor already, TFMOT's that of `quantize_model`. Each round takes our steps,
then theirs; printed are medians, the median ratio (theirs / ours) and its smallest and largest round, and resident memory of both
(theirs with the interpreter). --ours leaves TensorFlow out. Needs tools/venv.sh.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from compare import Peak

ROOT = Path(__file__).resolve().parents[1]
STEPS = 24  # of a turn, on either side
# name: (built-in model, batch, sample, classes or 0: it answers with its input, a quantization-aware graph)
NETWORKS = {
    "resnet8": ("resnet8", 128, (32, 32, 3), 10, False),
    "resnet8-qat": ("resnet8", 128, (32, 32, 3), 10, True),
    "mobilenet": ("mobilenet-v1-0.25", 32, (96, 96, 3), 2, False),
    "ds-cnn": ("ds-cnn", 100, (49, 10, 1), 12, False),
    "autoencoder": ("autoencoder", 512, (640,), 0, False),
}


class Ours:
    """One network's training by the program."""

    def __init__(self, name, args, folder):
        self.model, self.batch, self.sample, self.classes, self.qat = NETWORKS[name]
        self.args, self.folder = args, folder
        self.data, self.h5 = folder / f"{name}.npz", folder / f"{name}.h5"
        rng = np.random.default_rng(1)
        arrays = {}
        for half, count in (("train", self.batch * 8), ("test", 8)):
            arrays[f"x_{half}"] = rng.random((count, *self.sample), np.float32)
            if self.classes:
                arrays[f"y_{half}"] = rng.integers(0, self.classes, count).astype(np.int32)
        np.savez(self.data, **arrays)
        shape = ["--input", "x".join(map(str, self.sample))] if len(self.sample) == 3 else []
        self.run("train", self.model, *shape, *(["--classes", self.classes] if self.classes else []), "--epochs", 1, "-o", self.h5)

    def run(self, *command):
        options = ["--data", f"npz:{self.data}", "--batch", self.batch, "--validation-split", 0, "--threads", self.args.threads, "--json"]
        words = [str(c) for c in (self.args.litesmith, *command, *options)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        peak = Peak()
        peak.watch(process.pid)
        text = process.stdout.read()
        if process.wait() != 0:
            raise SystemExit(f"{' '.join(words)}: exit {process.returncode}")
        return json.loads(text), peak.mb

    def step(self):
        """(milliseconds, resident megabytes)"""
        verb = ("optimize", self.h5, "--recipe", "quant") if self.qat else ("train", self.h5)
        result, mb = self.run(*verb, "--epochs", STEPS // 8, "-o", self.folder / "out.h5")
        return result["step_ms"], mb


def serve(threads):
    """TensorFlow's side: a network and its file on each line of standard input, milliseconds of its steps on standard output."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import h5py
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    trains = {}

    def make(name, path):
        _, batch, sample, classes, qat = NETWORKS[name]
        with h5py.File(path) as file:  # weights do not matter to time
            model = keras.models.model_from_json(file.attrs["model_config"])
        if qat:
            model = tfmot.quantization.keras.quantize_model(model)
        loss = keras.losses.SparseCategoricalCrossentropy() if classes else "mse"  # behind a softmax
        model.compile(optimizer=keras.optimizers.Adam(), loss=loss)
        rng = np.random.default_rng(1)
        x = tf.constant(rng.random((batch, *sample), np.float32))
        y = tf.constant(rng.integers(0, classes, batch).astype(np.int32)) if classes else x
        data = tf.data.Dataset.from_tensors((x, y)).repeat()
        return model.make_train_function(), iter(data)

    for line in sys.stdin:
        name, path = line.split()
        if name not in trains:
            trains[name] = make(name, path)
            train, data = trains[name]
            for _ in range(3):
                float(train(data)["loss"])
        train, data = trains[name]
        times = []
        for _ in range(STEPS):
            start = time.perf_counter()
            float(train(data)["loss"])
            times.append(1e3 * (time.perf_counter() - start))
        with open("/proc/self/status") as status:
            rss = next(int(s.split()[1]) for s in status if s.startswith("VmRSS")) / 1024
        print(json.dumps([statistics.median(times), rss]), flush=True)


class Theirs:
    def __init__(self, threads):
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, __file__, "--serve", "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)

    def step(self, name, path):
        self.process.stdin.write(f"{name} {path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"TensorFlow ended at {name}")
        return json.loads(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litesmith", type=Path, default=ROOT / "build/bench/litesmith")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=",".join(NETWORKS))
    parser.add_argument("--ours", action="store_true", help="without TensorFlow")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        theirs = None if args.ours else Theirs(args.threads)
        print("| | Litesmith ms | TensorFlow/TFMOT ms | ratio | rounds | Litesmith MB | theirs |\n" + "| --- " * 7 + "|")
        for name in args.only.split(","):
            ours = Ours(name, args, Path(folder))
            rounds = []
            for _ in range(args.rounds):
                rounds.append((ours.step(), theirs.step(name, ours.h5) if theirs else (float("nan"), 0)))
            (ms, mb), (their_ms, their_mb) = ([statistics.median(r[side][i] for r in rounds) for i in (0, 1)] for side in (0, 1))
            ratios = [b[0] / a[0] for a, b in rounds]
            ratio = f"{statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}"
            print(f"| {name} | {ms:.2f} | {their_ms:.2f} | {ratio} | {mb:.0f} | {their_mb:.0f} |", flush=True)
    return None


if __name__ == "__main__":
    sys.exit(main())
