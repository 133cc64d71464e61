"""Our conversion of a network beside TensorFlow's: what the tests and the table of docs/conversion.md measure.

usage: zoo_convert.py [--zoo DIR] [--models fp32.tflite,model.h5] [--folders a,b] [--methods int8] [--keep DIR] [--record DIR]

Converts every network of shared/zoo (or what a folder of the same form holds) to every method, runs the file in LiteRT's reference kernels, and
prints a line for each that is worse than TensorFlow's by the limits below, then a summary. --keep writes our files there; --record
writes folders with the models and the errors and sizes of TensorFlow's files, for tests.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

METHODS = ("fp32", "fp16", "dynamic", "int8", "int16x8")
# Of the largest output, beside FACTOR times TensorFlow's error.
SLACK = {"fp32": 1e-5, "fp16": 5e-4, "dynamic": 2e-3, "int8": 4e-3, "int16x8": 1e-3}
FACTOR = 1.1
# Of the largest output, where TensorFlow has no file.
ALONE = {"fp32": 1e-4, "fp16": 5e-3, "dynamic": 5e-2, "int8": 5e-2, "int16x8": 2e-2}
SIZE_FACTOR, SIZE_SLACK = 1.25, 2048
RUN_TOLERANCE = 1e-4  # of the largest output: our floats beside LiteRT's


def real(values, detail):
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale


def stored(values, detail):
    dtype = np.dtype(detail["dtype"])
    scale, zero_point = detail["quantization"]
    if values.dtype == dtype or scale == 0:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def samples(io, side):
    """The inputs of a half, in the model's order."""
    names = [f"x_{side}"] + [f"x_{side}_{i}" for i in range(1, 9)]
    return [io[name] for name in names if name in io]


def wanted(io):
    """Keras's outputs for the test samples and then the training ones."""
    count = sum(name.startswith("keras_train_y") for name in io)
    return [np.concatenate([io[f"keras_y{j}"], io[f"keras_train_y{j}"]]) for j in range(count)]


class File:
    """A .tflite file in LiteRT: its reference kernels, or the others where those lack an operator."""

    def __init__(self, path):
        import runtimes

        for self.resolver in ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"):
            try:
                self.interpreter = runtimes._interpreter(path, self.resolver)
                break
            except (ValueError, RuntimeError) as error:
                missing = str(error)
                if "Didn't find op" not in missing or self.resolver != "BUILTIN_REF":
                    raise
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()
        self.operators = [op["op_name"] for op in self.interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
        signatures = self.interpreter.get_signature_list()
        self.signature = next(iter(signatures.values()), None)

    def run(self, arrays):
        """Stored numbers in and out, a sample a call."""
        calls = []
        for sample in zip(*arrays):
            self.interpreter.reset_all_variables()
            for detail, values in zip(self.inputs, sample):
                self.interpreter.set_tensor(detail["index"], np.ascontiguousarray(values).reshape(detail["shape"]))
            self.interpreter.invoke()
            calls.append([self.interpreter.get_tensor(detail["index"]) for detail in self.outputs])
        return [np.concatenate([np.atleast_1d(y) for y in outputs]) for outputs in zip(*calls)]

    def bad_scales(self):
        names = []
        for detail in self.interpreter.get_tensor_details():
            scales = detail["quantization_parameters"]["scales"]
            if not (np.all(np.isfinite(scales)) and np.all(scales > 0)):
                names.append(detail["name"])
        return names


def errors(outputs, details, expected):
    """RMS error of each output against what is expected of it."""
    return [float(np.sqrt(np.mean((real(y, d).reshape(k.shape) - k) ** 2))) for y, d, k in zip(outputs, details, expected)]


def our_run(litesmith, path, arrays, count, folder):
    command = ["run", path, "--reference", "--threads", "1"]
    for i, array in enumerate(arrays):
        np.save(folder / f"x{i}.npy", array)
        command += ["--input", folder / f"x{i}.npy"]
    for i in range(count):
        command += ["--output", folder / f"y{i}.npy"]
    done = litesmith.call(*command, timeout=120)
    if done.returncode != 0:
        return done.stderr.strip()
    return [np.load(folder / f"y{i}.npy") for i in range(count)]


def convert(litesmith, model, method, data, out):
    command = ["convert", model, "--method", method, "-o", out]
    if method in ("int8", "int16x8"):
        command += ["--calibration", f"npz:{data}"]
    return litesmith.call(*command, timeout=120)


def load(folder):
    with np.load(folder / "io.npz") as npz:
        return {name: npz[name] for name in npz.files}


def their_errors(folder, method):
    """RMS errors of TensorFlow's file by Keras's outputs: recorded, or measured; None if there is no file that runs."""
    io = load(folder)
    if f"{method}_err" in io:
        return list(io[f"{method}_err"])
    path = folder / f"{method}.tflite"
    if not path.is_file():
        return None
    try:
        file = File(path)
        return errors(file.run(stored_samples(io, file)), file.outputs, wanted(io))
    except (ValueError, RuntimeError):
        return None


def limits(method, theirs, expected):
    """The largest error of each of Keras's outputs that is right; None where TensorFlow has no file. `theirs`: its errors by method."""
    judges = [theirs[m] for m in (("dynamic", "int8") if method == "dynamic" else (method,)) if theirs.get(m) is not None]
    result = []
    for j, y in enumerate(expected):
        worst = [judge[j] for judge in judges if np.isfinite(judge[j])]
        result.append(FACTOR * max(worst) + SLACK[method] * np.abs(y).max() if worst else None)
    return result


def compare_runs(ours, theirs, exact):
    """What our run of a file has against LiteRT's; empty if nothing."""
    if isinstance(ours, str):
        return f"our run: {ours}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        a = a.reshape(b.shape)
        if b.dtype.kind == "f":
            apart = np.abs(a - b).max() / max(np.abs(b).max(), 1e-9)
            if not apart <= RUN_TOLERANCE:
                return f"our run: output {i} is {apart:.2g} of the largest apart"
        elif (apart := np.abs(a.astype(np.int64) - b)).max() > (0 if exact else 8):
            return f"our run: {np.count_nonzero(apart)} of {apart.size} integers of output {i} differ, by {apart.max()} at most"
    return ""


def stored_samples(io, file):
    """The test samples and then the training ones as the file's own inputs."""
    return [stored(np.concatenate(pair), detail) for pair, detail in zip(zip(samples(io, "test"), samples(io, "train")), file.inputs)]


def measure(litesmith, folder, model, method, theirs, out, scratch):
    """(complaints, facts) of our file of one network and method; complaints are empty if it is as good as TensorFlow's."""
    io = load(folder)
    done = convert(litesmith, model, method, folder / "io.npz", out)
    if done.returncode != 0:
        return [f"refused: {done.stderr.strip()}"], {}
    complaints, facts = [], {"said": done.stderr.strip()}
    try:
        file = File(out)
        arrays = stored_samples(io, file)
        outputs = file.run(arrays)
    except (ValueError, RuntimeError) as error:
        return [f"LiteRT: {error}"], facts
    expected = wanted(io)
    order = io[f"{method}_out"] if f"{method}_out" in io and Path(model).suffix == ".tflite" else np.arange(len(expected))
    facts["limits"] = limits(method, theirs, expected)
    facts["errors"] = errors(outputs, file.outputs, [expected[j] for j in order])
    facts["resolver"], facts["operators"] = file.resolver, file.operators
    for error, j in zip(facts["errors"], order):
        largest = np.abs(expected[j]).max()
        most = facts["limits"][j] if facts["limits"][j] is not None else ALONE[method] * largest
        if not error <= most:
            complaints.append(f"output {j}: RMS error {error:.3g}, at most {most:.3g} is right (largest {largest:.3g})")
    if file.bad_scales():
        complaints.append(f"scales of {file.bad_scales()}")
    count = len(samples(io, "test")[0])
    ours = our_run(litesmith, out, [a[:count] for a in arrays], len(outputs), scratch)
    said = compare_runs(ours, [y[:count] for y in outputs], file.resolver == "BUILTIN_REF")
    complaints += [said] if said else []
    complaints += compare_files(file, out, folder / f"{method}.tflite", io, method, theirs.get(method) is not None)
    if method == "int8":
        for detail in file.inputs + file.outputs:
            if detail["dtype"] not in (np.int8, np.int32, np.int64):
                complaints.append(f"{detail['name']} is {detail['dtype'].__name__}")
    return complaints, facts


class Worker:
    """Calls functions in a process of its own, anew where LiteRT ends it; None then."""

    def __init__(self):
        self.pool = None

    def __call__(self, function, *args):
        if self.pool is None:
            self.pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            return self.pool.submit(function, *args).result(timeout=300)
        except concurrent.futures.process.BrokenProcessPool:
            self.pool = None
            return None

    def compare(self, litesmith, folder, model, method, theirs, out, scratch):
        """As measure; `theirs` holds what is known of TensorFlow's files of this network, and is added to."""
        for m in ("dynamic", "int8") if method == "dynamic" else (method,):
            if m not in theirs:
                theirs[m] = self(their_errors, folder, m)
        found = self(measure, litesmith, folder, model, method, theirs, out, scratch)
        return found if found is not None else (["LiteRT: it ended the process"], {})


def compare_files(file, ours, theirs, io, method, runs):
    """Size, names and order beside TensorFlow's file, if there is one that runs, or its recorded size."""
    if not theirs.is_file() and f"{method}_size" not in io:
        return []
    complaints = []
    size, their_size = ours.stat().st_size, int(io[f"{method}_size"]) if f"{method}_size" in io else theirs.stat().st_size
    if size > SIZE_FACTOR * their_size + SIZE_SLACK:
        complaints.append(f"{size} bytes, TensorFlow's has {their_size}")
    if not theirs.is_file() or not runs:
        return complaints
    other = File(theirs)
    # A function's names ("x", "output_0") are not the model's.
    if file.signature and other.signature and other.signature["outputs"][0] != "output_0":
        for side in ("inputs", "outputs"):
            if file.signature[side] != other.signature[side]:
                complaints.append(f"{side} {file.signature[side]}, TensorFlow's {other.signature[side]}")
    return complaints


def record(worker, folder, models, out):
    out.mkdir(parents=True, exist_ok=True)
    io = load(folder)
    for method in METHODS:
        errors = worker(their_errors, folder, method)
        if errors is not None:
            io[f"{method}_err"], io[f"{method}_size"] = errors, (folder / f"{method}.tflite").stat().st_size
    np.savez_compressed(out / "io.npz", **io)
    for model in models:
        (out / model).write_bytes((folder / model).read_bytes())


def main():
    import conftest

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, default=conftest.shared_dir() / "zoo")
    parser.add_argument("--models", default="fp32.tflite")
    parser.add_argument("--folders", default="")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    litesmith = conftest.Litesmith(os.environ.get("LITESMITH", "build/dev/litesmith"))
    names = options.folders.split(",") if options.folders else sorted(p.name for p in options.zoo.iterdir() if p.is_dir())
    bad = total = 0
    worker = Worker()
    with tempfile.TemporaryDirectory() as scratch:
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
        for name in names:
            theirs = {}
            if options.record:
                record(worker, options.zoo / name, options.models.split(","), options.record / name)
                continue
            for model in options.models.split(","):
                path = options.zoo / name / model
                if not path.is_file():
                    continue
                for method in options.methods.split(","):
                    out = (options.keep or Path(scratch)) / f"{name}-{path.stem}-{method}.tflite"
                    complaints, facts = worker.compare(litesmith, options.zoo / name, path, method, theirs, out, Path(scratch))
                    total += 1
                    bad += bool(complaints)
                    for complaint in complaints:
                        print(f"{name} {model} {method}: {complaint[:600]}", flush=True)
    print(f"{total - bad} of {total} are as good as TensorFlow's")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
