"""Every Keras file of shared/zoo and shared/models/keras: `litesmith run` gives what Keras gave, and so does what we write of it.

Where the data are: see conftest.shared_dir. A file whose layers wait for something is in WAITING, and fails until it leaves that list.
"""

import os
import sys

import numpy as np
import pytest

from conftest import shared_dir

TOLERANCE = 1e-4  # of the largest output
ZOO_FILES = ("model.h5", "model.keras", "model_k3.h5")
# Weights of 8 and 4 bits run in floats here, without the activations' own 8 bits: (file, of the largest output).
LOOSE = {"q_int8_k3.keras": 0.03, "q_int4_k3.keras": 0.03, "q2_int8_k3.keras": 0.03}
# `convert` writes what is left of a quantization-aware model without its fake quants.
STRIPPED = {"qat_k2.h5": 0.05}
WAITING = {}


def files():
    zoo = sorted(p for f in ZOO_FILES for p in (shared_dir() / "zoo").glob(f"*/{f}"))
    golden = shared_dir() / "models" / "keras"
    return zoo + sorted(p for p in golden.glob("*") if p.suffix in (".h5", ".keras"))


def name_of(path):
    return f"{path.parent.name}/{path.name}"


def pytest_generate_tests(metafunc):
    if "path" not in metafunc.fixturenames:
        return
    params = []
    for path in files():
        what = WAITING.get(path.parent.name if path.name in ZOO_FILES else path.stem)
        marks = [pytest.mark.xfail(strict=True, reason=f"waits for {what}")] if what else []
        params.append(pytest.param(path, id=name_of(path), marks=marks))
    metafunc.parametrize("path", params or [None])


def arrays(path):
    """(inputs, outputs): of the zoo's io.npz, or of the file's own."""
    if path.name in ZOO_FILES:
        with np.load(path.parent / "io.npz") as npz:
            io = {name: npz[name] for name in npz.files}
        inputs = [io[n] for n in ("x_test", *(f"x_test_{i}" for i in range(9))) if n in io]
        generation = "keras3" if path.name != "model.h5" and "keras3_y0" in io else "keras"
        outputs = []
        while f"keras_y{len(outputs)}" in io:
            i = len(outputs)
            outputs.append(io.get(f"{generation}_y{i}", io[f"keras_y{i}"]))
        return inputs, outputs
    name = path.name.rsplit(".", 1)[0]
    io_path = path.with_name(f"{name}_io.npz")
    with np.load(io_path) as npz:
        io = {name: npz[name] for name in npz.files}
    return ([io[f"x{i}"] for i in range(len(io)) if f"x{i}" in io], [io[f"y{i}"] for i in range(len(io)) if f"y{i}" in io])


def run(litesmith, path, inputs, outputs, tmp_path, *arguments):
    command = ["run", path, *arguments]
    for i, array in enumerate(inputs):
        np.save(tmp_path / f"x{i}.npy", array)
        command += ["--input", tmp_path / f"x{i}.npy"]
    for i in range(len(outputs)):
        command += ["--output", tmp_path / f"y{i}.npy"]
    done = litesmith.call(*command, timeout=120)
    assert done.returncode == 0, f"{path}: {done.stderr}"
    return [np.load(tmp_path / f"y{i}.npy") for i in range(len(outputs))]


def check(where, ours, theirs, tolerance):
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert a.shape == b.shape, f"{where}, output {i}: {a.shape}, {b.shape}"
        apart = np.abs(a - b).max() / max(np.abs(b).max(), 1e-9)
        assert apart <= tolerance, f"{where}, output {i}: {apart} of the largest apart"


def test_keras_file(path, litesmith, tmp_path):
    if path is None:
        message = f"NO DATA AT {shared_dir()}: set LITESMITH_SHARED; no Keras file of others was tested"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    inputs, outputs = arrays(path)
    tolerance = LOOSE.get(path.name, TOLERANCE)
    ours = run(litesmith, path, inputs, outputs, tmp_path)
    check(name_of(path), ours, outputs, tolerance)
    for ending in (".h5", ".keras"):
        again = tmp_path / f"again{ending}"
        litesmith.ok("convert", path, "--method", "keras", "-o", again)
        check(f"{name_of(path)} as {ending}", run(litesmith, again, inputs, outputs, tmp_path), ours, STRIPPED.get(path.name, 1e-5))
