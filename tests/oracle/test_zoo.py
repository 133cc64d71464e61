"""Every .tflite file of shared/zoo, made by TensorFlow's converter: `litesmith run` gives the recorded outputs, bytes in integers; written again by
Litesmith the file is no larger, and LiteRT finds the same outputs.

Where the data are: --shared DIR or LITESMITH_SHARED, ../shared beside the checkout otherwise (conftest.py). Its README says what the arrays are.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import runtimes

from conftest import shared_dir
from test_ops import program

METHODS = ("fp32", "fp16", "dynamic", "int8", "int16x8")
FLOAT_TOLERANCE = 1e-4  # of the largest output
# Files of which LiteRT's reference kernels are wrong (an int8 SUM).
NOT_JUDGED = {("norms", "int8")}
# TensorFlow's converter has lost a kernel: it is all zero, its scale infinity, its bias's NaN. LiteRT makes the type's least integer of that, we 0:
# neither has anything to do with the model.
UNDEFINED = {("rnn_unrolled", "int16x8")}
# Where the recorded integers are of other kernels than the reference's: a rounding of theirs travels on.
DEFAULT_STEPS = 8


def folders():
    zoo = shared_dir() / "zoo"
    return sorted(path.name for path in zoo.iterdir() if path.is_dir()) if zoo.is_dir() else []


def pytest_generate_tests(metafunc):
    if "folder" in metafunc.fixturenames:
        metafunc.parametrize("folder", folders() or [None])


def run(litesmith, path, inputs, count, tmp_path, *arguments):
    command = ["run", path, "--reference", "--threads", "1", *arguments]
    for i, array in enumerate(inputs):
        np.save(tmp_path / f"x{i}.npy", array)
        command += ["--input", tmp_path / f"x{i}.npy"]
    for i in range(count):
        command += ["--output", tmp_path / f"y{i}.npy"]
    done = litesmith.call(*command, timeout=120)
    assert done.returncode == 0, f"{path}: {done.stderr}"
    return [np.load(tmp_path / f"y{i}.npy") for i in range(count)]


def arrays(io, method):
    """(inputs, outputs) of a file: each 8 samples."""
    inputs = []
    while True:
        names = [name for name in (f"{method}_x{len(inputs)}", f"x_test_{len(inputs)}") if name in io]
        if not names and not inputs and "x_test" in io:
            names = ["x_test"]
        if not names:
            break
        inputs.append(io[names[0]])
    outputs = []
    while f"{method}_y{len(outputs)}" in io:
        outputs.append(io[f"{method}_y{len(outputs)}"])
    return inputs, outputs


def check(where, ours, theirs, exact):
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
    if theirs.dtype.kind == "f":
        apart = np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-9)
        assert apart <= FLOAT_TOLERANCE, f"{where}: {apart} of the largest apart"
        return
    apart = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
    assert apart.max() <= (0 if exact else DEFAULT_STEPS), f"{where}: {(apart > 0).sum()} of {apart.size} integers differ, by {apart.max()} at most"


def test_zoo(folder, litesmith, tmp_path):
    if folder is None:
        message = f"NO ZOO AT {shared_dir() / 'zoo'}: set LITESMITH_SHARED; no file of TensorFlow's was tested"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    with np.load(shared_dir() / "zoo" / folder / "io.npz") as npz:
        io = {name: npz[name] for name in npz.files}
    for method in METHODS:
        path = shared_dir() / "zoo" / folder / f"{method}.tflite"
        if not path.is_file():
            continue
        where = f"{folder}/{method}"
        inputs, outputs = arrays(io, method)
        exact = f"{method}_default" not in io and (folder, method) not in NOT_JUDGED
        if (folder, method) in UNDEFINED:
            assert run(litesmith, path, inputs, len(outputs), tmp_path)[0].shape == outputs[0].shape
            continue
        for i, ours in enumerate(run(litesmith, path, inputs, len(outputs), tmp_path)):
            check(f"{where}, output {i}", ours, outputs[i], exact)
        again = tmp_path / f"{method}.tflite"
        subprocess.run([program(), "--rewrite", path, "--to", again], check=True, timeout=60)
        assert again.stat().st_size <= path.stat().st_size, where
        resolver = "BUILTIN_WITHOUT_DEFAULT_DELEGATES" if f"{method}_default" in io else "BUILTIN_REF"
        for i, theirs in enumerate(runtimes.litert_outputs(again, inputs, resolver)):
            check(f"{where} written again, output {i}", theirs, outputs[i], True)
