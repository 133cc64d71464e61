"""The reference models of shared/models: the same bytes as LiteRT's reference kernels, floats within 1e-4.

Environment: LITESMITH_MODEL_INPUTS (20 inputs of each model; more for a longer look).
"""

import os
import sys

import numpy as np
import pytest
import runtimes
from conftest import shared_dir

INPUTS = int(os.environ.get("LITESMITH_MODEL_INPUTS", "20"))


def files():
    """The .tflite files of shared/models; nothing without the data."""
    return sorted((shared_dir() / "models").glob("*.tflite"))


def pytest_generate_tests(metafunc):
    if "model" in metafunc.fixturenames:
        metafunc.parametrize("model", [pytest.param(path, id=path.stem) for path in files()] or [None])


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
