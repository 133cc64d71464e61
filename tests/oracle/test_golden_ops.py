"""The single-op files of shared/models/ops: outputs that real runtimes gave, bit for bit. Its README says what the arrays are.

Environment: LITESMITH_CONFORMANCE (the program; build/dev/conformance_test). Where the data are: --shared DIR or LITESMITH_SHARED, ../shared beside the checkout otherwise (conftest.py).
"""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from conftest import shared_dir
from test_ops import program

# Show undefined shifts of one machine, and totals that begin beside zero (README, specs/ops.md 6.3).
NOT_DEFINED = ("DIV_int8_x86_shift_wrap", "CUMSUM_int8_bug_starts_at_-z")
# Files of floats whose sums and functions of libm are those of the reference: bit for bit.
EXACT_FLOATS = ("RESIZE_BILINEAR_float32", "L2_NORMALIZATION_float", "SOFTMAX_float", "WHILE", "IF")
FLOAT_TOLERANCE = 1e-5  # of 1 or the largest output


def files():
    """The names of all files that have right outputs; nothing without the data."""
    folder = shared_dir() / "models" / "ops"
    return [path.stem for path in sorted(folder.glob("*.tflite")) if not path.stem.startswith(NOT_DEFINED)]


def pytest_generate_tests(metafunc):
    if "name" not in metafunc.fixturenames:
        return
    metafunc.parametrize("name", files() or [None])


def wanted(arrays, name):
    """(--numerics, outputs): LiteRT's reference kernels where these compute it, else its optimized ones or tflite-micro."""
    for numerics, key in (("litert", "y"), ("litert", "o"), ("tflm", "t")):
        # BUILTIN_REF's SUM is wrong; right there only by chance.
        if key == "y" and re.match("SUM_.*_fixed_point", name):
            continue
        if f"{key}0" in arrays:
            return numerics, [arrays[f"{key}{i}"] for i in range(len(arrays)) if f"{key}{i}" in arrays]
    raise AssertionError(f"{name}: no outputs")


def test_golden_op(name, tmp_path):
    if name is None:
        message = f"NO OPS AT {shared_dir() / 'models' / 'ops'}: set LITESMITH_SHARED; no single-op file was tested"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    path = shared_dir() / "models" / "ops" / f"{name}.tflite"
    arrays = dict(np.load(path.with_suffix(".npz")))
    numerics, want = wanted(arrays, name)
    for key, values in arrays.items():
        if key.startswith("x"):
            np.save(tmp_path / f"op.{key[1:]}.in.npy", values)
    command = [program(), "--run", path, "--arrays", tmp_path / "op", "--runs", str(arrays["runs"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for i, theirs in enumerate(want):
        check(np.load(tmp_path / f"op.{i}.{numerics}.out.npy"), theirs, exact=name.startswith(EXACT_FLOATS))
        check(np.load(tmp_path / f"op.{i}.{numerics}_fast.out.npy"), theirs, exact=False)


def check(ours, theirs, exact):
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    if theirs.dtype.kind != "f" or exact:
        different = np.argwhere(ours != theirs)
        assert len(different) == 0, f"{len(different)} of {ours.size} values differ; first: {different[0]}"
    else:
        assert np.abs(ours - theirs).max() <= FLOAT_TOLERANCE * max(1.0, np.abs(theirs).max())
