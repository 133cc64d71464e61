#!/usr/bin/env python3
"""Litesmith beside TensorFlow, TFMOT and LiteRT on this machine, in one run: a table of ratios with their spread.

usage: compare.py MNIST_DIR [--litesmith build/release/litesmith] [--steps build/bench/train_step_bench] [--out DIR] [--rounds N]
                  [--studies N] [--engines build/engines/bin/python] [--only a,b]

Parts: step (milliseconds a training step of 128 on two threads), study (the whole table, and its peak memory), inference (one image
at a time and batches of 100, one thread), conversion, start (both programs from nothing to a result), scaling (one thread and two),
linear (1, 2 and 4 times the samples), training (train_networks.py: steps of real networks), engines (engines.py: the same networks and
an LSTM by LiteRT, OpenVINO and ONNX Runtime, which `tools/venv.sh engines` installs; peak memory of each). Both sides of a ratio are measured one after the other in each round; printed are the medians,
the median ratio (theirs / ours: above 1 we are faster) and its smallest and largest round. Needs tools/venv.sh.
"""

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import one_op

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PARTS = ("step", "study", "inference", "conversion", "start", "scaling", "linear", "training", "engines")
METHODS = ("fp32", "fp16", "dynamic", "uint8", "int16x8")
STEPS = {"none": "plain", "prune": "prune", "cluster": "cluster", "quant": "qat", "prune_cluster_pcqat": "pcqat"}
BATCH = 100


class Table:
    """Prints rows as they are measured, in Markdown."""

    def __init__(self, title, unit, theirs, ours="Litesmith"):
        print(f"\n{title}\n\n| | {ours} {unit} | {theirs} {unit} | ratio | rounds |\n| --- | --- | --- | --- | --- |")

    def row(self, name, pairs):
        ratios = [theirs / ours for ours, theirs in pairs]
        ours, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        spread = f"{min(ratios):.1f} to {max(ratios):.1f}" if len(pairs) > 1 else "one"
        print(f"| {name} | {ours:.3g} | {theirs:.3g} | {statistics.median(ratios):.1f} | {spread} |", flush=True)


class Peak:
    """The largest resident set of a process. What wait4 tells holds the memory of the process that forked it, too."""

    def __init__(self):
        self.mb = 0.0

    def watch(self, pid):
        """Reads the kernel's own high-water mark until the process has ended."""
        status = Path(f"/proc/{pid}/status")
        while True:
            try:
                lines = status.read_text().splitlines()
            except OSError:
                return
            peaks = [line.split()[1] for line in lines if line.startswith("VmHWM")]
            if not peaks:  # a zombie
                return
            self.mb = max(self.mb, int(peaks[0]) / 1024)
            time.sleep(0.1)  # oftener would take time from what is measured


class Bench:
    def __init__(self, args):
        self.args = args
        args.out.mkdir(parents=True, exist_ok=True)
        self.env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

    def timed(self, *command):
        """(standard output, seconds, peak megabytes) of a process that must succeed."""
        out, peak = self.args.out / "stdout", Peak()
        with out.open("wb") as sink, (self.args.out / "stderr").open("wb") as errors:
            start = time.perf_counter()
            process = subprocess.Popen([str(c) for c in command], stdout=sink, stderr=errors, env=self.env)
            watch = threading.Thread(target=peak.watch, args=[process.pid])
            watch.start()
            process.wait()
            seconds = time.perf_counter() - start
            watch.join()
        if process.returncode != 0:
            errors = (self.args.out / "stderr").read_text()[-2000:]
            raise SystemExit(f"{' '.join(map(str, command))}: exit {process.returncode}\n{errors}")
        return out.read_text(), seconds, peak.mb

    def tensorflow(self, *options):
        """TensorFlow's own study: its JSON."""
        text, seconds, _ = self.timed(sys.executable, HERE / "tfmot_study.py", self.args.mnist, self.args.out / "tf", *options)
        return {**json.loads(text), "process_s": seconds}

    def study(self, *options, data=None):
        """Our study from nothing: its rows, seconds and megabytes."""
        out = self.args.out / "study"
        shutil.rmtree(out, ignore_errors=True)  # it would keep the results of other settings
        data = data or f"mnist:{self.args.mnist}"
        _, seconds, mb = self.timed(self.args.litesmith, "study", "--data", data, "--out", out, *options)
        return json.loads((out / "results.json").read_text()), seconds, mb

    def steps(self, threads):
        """Milliseconds a training step by name."""
        text, _, _ = self.timed(self.args.steps, "--json", "--threads", threads, "--data", f"mnist:{self.args.mnist}")
        return {name: row["ms"] for name, row in json.loads(text).items()}

    def step(self):
        table = Table("Training step of 128 images, two threads", "ms", "TensorFlow/TFMOT")
        # What each needs trained before it, one epoch; no files.
        lineage = "none,prune,cluster,quant,prune_cluster,prune_cluster_pcqat"
        rounds = []
        for _ in range(self.args.rounds):
            theirs = self.tensorflow("--epochs", 1, "--methods", "", "--recipes", lineage)["recipes"]
            rounds.append((self.steps(2), theirs))
        for recipe, ours in STEPS.items():
            table.row(ours, [(mine[ours], theirs[recipe]["step_ms"]) for mine, theirs in rounds])

    def whole_study(self):
        rounds = []
        for _ in range(self.args.studies):
            rows, seconds, mb = self.study("--threads", 2)
            theirs = self.tensorflow()
            rounds.append((len(rows), seconds, mb, theirs))
        cells = f"{rounds[0][0]} cells here, {len(rounds[0][3]['cells'])} there"
        table = Table(f"The whole study, five epochs ({cells})", "s", "TensorFlow/TFMOT")
        table.row("its work, imports aside", [(s, theirs["seconds"]) for _, s, _, theirs in rounds])
        table.row("the process", [(s, theirs["process_s"]) for _, s, _, theirs in rounds])
        table = Table("Peak memory of the study", "MB", "TensorFlow/TFMOT")
        table.row("resident", [(mb, theirs["peak_mb"]) for *_, mb, theirs in rounds])

    @functools.cached_property
    def files(self):
        """Our files of `none` and `quant`, by (recipe, method); trained once."""
        rows, _, _ = self.study("--recipes", "none,quant", "--epochs", 1)
        # The study's own folder is made anew by every study.
        keep = self.args.out / "files"
        keep.mkdir(exist_ok=True)
        paths = {}
        for row in rows:
            source = self.args.out / "study" / row["path"]
            target = keep / f"{row['recipe']}.{row['method']}{source.suffix}"
            target.write_bytes(source.read_bytes())
            paths[row["recipe"], row["method"]] = target
        return paths

    def inference(self):
        paths = self.files
        empty = one_op.write_missing(self.args.out / "empty", ["empty"], ["fp32"])[0]
        table = Table("One image at a time, one thread", "us", "LiteRT")
        for recipe in ("none", "quant"):
            for method in METHODS:
                path = paths[recipe, method]
                table.row(f"{recipe} {method}", one_op.compare(self.args.litesmith, path, empty, self.args.rounds * 2))
        table = Table(f"Batches of {BATCH}, one thread, an image", "us", "LiteRT")
        for method in METHODS:
            path = paths["none", method]
            table.row(f"none {method}", one_op.compare(self.args.litesmith, path, empty, self.args.rounds, batch=BATCH))

    def conversion(self):
        """Whole processes here (start, read, calibrate, write); the converter's call alone there."""
        source = self.files["none", "keras"]
        table = Table("Conversion of one model", "s", "TensorFlow's converter")
        rounds = [self.tensorflow("--epochs", 1, "--recipes", "none", "--evaluate", 1)["cells"] for _ in range(self.args.rounds)]
        for method in METHODS:
            pairs = []
            for theirs in rounds:
                calibration = ["--calibration", f"mnist:{self.args.mnist}"] if method in ("uint8", "int16x8") else []
                output = self.args.out / "converted.tflite"
                _, ours, _ = self.timed(self.args.litesmith, "convert", source, "--method", method, *calibration, "-o", output)
                pairs.append((ours, theirs[f"none {method}"]["convert_s"]))
            table.row(method, pairs)

    def start(self):
        table = Table("Start", "s", "Python with it imported")
        pairs = {"tensorflow": [], "ai_edge_litert.interpreter": []}
        for _ in range(self.args.rounds):
            for module, found in pairs.items():
                _, ours, _ = self.timed(self.args.litesmith, "--version")
                _, theirs, _ = self.timed(sys.executable, "-c", f"import {module}")
                found.append((ours, theirs))
        for module, found in pairs.items():
            table.row(f"--version, import {module}", found)

    def scaling(self):
        table = Table("Training step of 128 images, scaling", "ms", "one thread", "two threads")
        rounds = [(self.steps(2), self.steps(1)) for _ in range(self.args.rounds)]
        for name in rounds[0][0]:
            table.row(name, [(two[name], one[name]) for two, one in rounds])

    def linear(self):
        print("\nSamples: `study --recipes none,quant --methods keras,uint8 --limit N`, one epoch\n")
        print("| training samples | test samples | training s | the study s | peak MB |\n| --- | --- | --- | --- | --- |")
        for limit in (2_500, 5_000, 10_000):
            runs = []
            for _ in range(self.args.rounds):
                options = ["--recipes", "none,quant", "--methods", "keras,uint8", "--epochs", 1, "--limit", limit]
                rows, seconds, mb = self.study(*options)
                runs.append((sum(r["train_s"] for r in rows if r["method"] == "keras"), seconds, mb))
            train, whole, mb = (statistics.median(r[i] for r in runs) for i in range(3))
            print(f"| {limit} | {limit} | {train:.3f} | {whole:.2f} | {mb:.0f} |", flush=True)

    def training(self):
        print("\nTraining steps of real networks, two threads\n", flush=True)
        subprocess.run([sys.executable, HERE / "train_networks.py", "--litesmith", self.args.litesmith, "--rounds", str(self.args.rounds)], check=True, env=self.env)

    def engine_files(self):
        """Networks of train_networks.py and an LSTM, each as NAME=FILE in fp32, int8 and int16x8."""
        from train_networks import NETWORKS

        folder = self.args.out / "engines"
        folder.mkdir(exist_ok=True)
        models = {}
        for name, (model, _, sample, classes, qat) in NETWORKS.items():
            if not qat:
                shape = ["--input", "x".join(map(str, sample))] if len(sample) == 3 else []
                models[name] = folder / f"{name}.h5", sample
                self.timed(self.args.litesmith, "new", model, *shape, *(["--classes", classes] if classes else []), "-o", models[name][0])
        models["lstm"] = folder / "lstm.h5", (20, 6)
        write_lstm(*models["lstm"])
        files = []
        for method in ("fp32", "int8", "int16x8"):
            for name, (source, sample) in models.items():
                values = np.random.default_rng(1).random((100, *sample), np.float32)
                np.savez(folder / "values.npz", **{f"{which}_{half}": x for half in ("train", "test") for which, x in (("x", values), ("y", np.zeros(100, np.int32)))})
                calibration = [] if method == "fp32" else ["--calibration", f"npz:{folder / 'values.npz'}"]
                path = folder / f"{name}.{method}.tflite"
                self.timed(self.args.litesmith, "convert", source, "--method", method, *calibration, "-o", path)
                files.append(f"{name} {method}={path}")
        return files

    def engines(self):
        print("\nOne sample, one thread, beside other engines\n", flush=True)
        empty = one_op.write_missing(self.args.out / "empty", ["empty"], ["fp32"])[0]
        options = ["--litesmith", self.args.litesmith, "--rounds", str(self.args.rounds), "--empty", empty]
        subprocess.run([self.args.engines, HERE / "engines.py", *options, *self.engine_files()], check=True, env=self.env)


def write_lstm(path, sample):
    """A small recurrent classifier as .h5."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tf_keras as keras

    layers = [keras.layers.LSTM(12), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(4, activation="softmax")]
    keras.Sequential([keras.Input(sample), *layers]).save(path)


def machine():
    """What the figures depend on."""
    model = next((x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), "?")
    return f"{model}, {len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path, help="folder of the IDX files")
    parser.add_argument("--litesmith", type=Path, default=ROOT / "build/release/litesmith")
    parser.add_argument("--steps", type=Path, default=ROOT / "build/bench/train_step_bench", help="the program of the step and scaling parts")
    parser.add_argument("--out", type=Path, default=ROOT / "build/compare", help="where files go")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--studies", type=int, default=1, help="rounds of the whole study (four minutes each)")
    parser.add_argument("--engines", type=Path, default=ROOT / "build/engines/bin/python", help="the interpreter of the engines part")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    args = parser.parse_args()
    parts = args.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only {args.only}: some of {','.join(PARTS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bench = Bench(args)
    print(f"{machine()}; {args.rounds} rounds")
    for part in PARTS:
        if part in parts:
            (bench.whole_study if part == "study" else getattr(bench, part))()
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
