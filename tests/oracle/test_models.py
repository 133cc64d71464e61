"""The reference models and single-op files of shared/models: the same bytes as LiteRT's reference kernels, floats within 1e-4.

Environment: LITESMITH_MODEL_INPUTS (20 inputs of each model; more for a longer look).
"""

import os
import re
import sys

import numpy as np
import pytest
import runtimes
from conftest import shared_dir

INPUTS = int(os.environ.get("LITESMITH_MODEL_INPUTS", "20"))
# Files that hold what no engine computes (shared/models/ops/README.md).
LEFT_OUT = ("DIV_int8_x86_shift_wrap", "SUM_int8_fixed_point", "SUM_int16_fixed_point")
# What a model waits for: an op that is not there yet. Strict: one that runs must leave the list.
WAITING = {name: "DEPTHWISE_CONV_2D" for name in ("dscnn_float", "dscnn_kws_fp32", "dscnn_kws_int8")}


def files(folder):
    """The .tflite files of a folder of shared/models; nothing without the data."""
    return sorted((shared_dir() / "models" / folder).glob("*.tflite"))


def pytest_generate_tests(metafunc):
    for name, folder in (("model", "."), ("op", "ops")):
        if name in metafunc.fixturenames:
            found = files(folder)
            marks = [[pytest.mark.xfail(strict=True, reason=WAITING[path.stem])] if path.stem in WAITING else [] for path in found]
            cases = [pytest.param(path, id=path.stem, marks=mark) for path, mark in zip(found, marks)]
            metafunc.parametrize(name, cases or [None])


def require(path):
    if path is not None:
        return
    message = f"NO MODELS AT {shared_dir() / 'models'}: set LITESMITH_SHARED; no real model was tested"
    if os.environ.get("CI"):
        pytest.fail(message)
    print(message, file=sys.stderr)
    pytest.skip(message)


def random_inputs(path):
    """Values over the whole of an integer input, pixels or coefficients of a float one."""
    detail = runtimes.details(path)[0]
    rng = np.random.default_rng(11)
    shape = (INPUTS, *detail["shape"][1:])
    dtype = np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return rng.uniform(0, 255, shape).astype(dtype) if shape[-1] == 3 else rng.normal(0, 20, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


@pytest.mark.parametrize("options", [(), ("--reference",)], ids=["fast", "reference"])
def test_model(litesmith, model, options, tmp_path):
    require(model)
    inputs = random_inputs(model)
    ours, theirs = litesmith.run(model, inputs, tmp_path, *options), runtimes.litert(model, inputs)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert theirs.min() < theirs.max()
    if ours.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    else:
        assert np.array_equal(ours, theirs), f"{np.sum(ours != theirs)} of {ours.size} differ"


def wanted_of(arrays):
    """(runtime, outputs) of the engine that computes the file as specified."""
    for letter, numerics in (("y", "litert"), ("o", "litert"), ("t", "tflm")):
        if outputs := [arrays[key] for key in sorted(arrays) if re.fullmatch(letter + r"\d+", key)]:
            return numerics, outputs
    raise AssertionError("no outputs")


def test_single_op(litesmith, known_ops, op, tmp_path):
    """Of every op that there is; the others are skipped by the name that the refusal gives."""
    require(op)
    if op.stem[:-2] in LEFT_OUT:
        pytest.skip("no engine computes it")
    arrays = dict(np.load(op.with_suffix(".npz")))
    numerics, wanted = wanted_of(arrays)
    args = ["run", op, "--reference", "--numerics", numerics]
    for key in sorted(key for key in arrays if re.fullmatch(r"x\d+", key)):
        np.save(tmp_path / f"{key}.npy", arrays[key])
        args += ["--input", tmp_path / f"{key}.npy"]
    for i in range(len(wanted)):
        args += ["--output", tmp_path / f"y{i}.npy"]
    done = litesmith.call(*args)
    if missing := re.search(r"operator \d+ is (\w+)", done.stderr):
        assert missing[1] not in known_ops, done.stderr
        pytest.skip(f"waits for {missing[1]}")
    if re.search(r"samples?; the arrays before it have|mixes samples", done.stderr):
        pytest.skip("its first dimension is no batch, of which `run` feeds one sample a call")
    assert done.returncode == 0, done.stderr
    for i, want in enumerate(wanted):
        got = np.load(tmp_path / f"y{i}.npy")
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * max(1.0, np.abs(want).max()))
        else:
            assert np.array_equal(got, want), f"{np.sum(got != want)} of {want.size} differ"


@pytest.fixture(scope="module")
def known_ops(litesmith):
    return set(re.findall(r"^\s*([A-Z][A-Z0-9_]+)\s", litesmith.ok("list", "ops"), re.MULTILINE))
