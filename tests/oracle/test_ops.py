"""Every case of the conformance run (tests/conformance) in LiteRT 2.3.0 (BUILTIN_REF) and tflite-micro: our reference kernels give the same
bytes, and where a case says that a runtime fails, it does.

Environment: LITESMITH_CONFORMANCE (the program; build/dev/conformance_test).
"""

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import runtimes

ROOT = Path(__file__).resolve().parents[2]
# Of the largest value: sums of float32 products in the same order, which another build may fuse.
FLOAT_TOLERANCE = 1e-6


def program():
    path = Path(os.environ.get("LITESMITH_CONFORMANCE", ROOT / "build" / "dev" / "conformance_test")).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"no program at {path}: build it, or set LITESMITH_CONFORMANCE")
    return path


@functools.cache
def dump():
    """(directory, cases) as the program writes them."""
    # Thousands of small files, each synced to its disk: memory is faster.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="litesmith-cases-", dir=memory))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    subprocess.run([program(), "--dump", directory], check=True, timeout=300)
    return directory, json.loads((directory / "cases.json").read_text())


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        cases = dump()[1]
        metafunc.parametrize("case", cases, ids=[case["name"] for case in cases])


def path_of(case):
    return dump()[0] / f"{case['name']}.tflite"


def arrays(case, what, count):
    return [np.load(dump()[0] / f"{case['name']}.{i}.{what}.npy") for i in range(count)]


def check(case, numerics, batch, outputs_of):
    """Compares the runtime's outputs with ours, or makes sure that it fails if the case says so."""
    inputs = arrays(case, "in", case["inputs"])
    want = arrays(case, f"{numerics}.out", case["outputs"])
    if reason := case[f"{numerics}_fails"]:
        if reason.startswith("crashes"):
            pytest.skip(f"{numerics} {reason}")
        try:
            got = outputs_of(inputs)
        except (RuntimeError, ValueError):
            return
        same = all(np.array_equal(ours, theirs) for ours, theirs in zip(want, got))
        assert not same, f"the case says that {numerics} fails ({reason}), but it agrees"
        return
    got = outputs_of(inputs)
    assert len(got) == len(want)
    for ours, theirs in zip(want, got):
        assert (theirs.dtype, theirs.shape) == (ours.dtype, ours.shape)
        if case["sums_floats"]:
            assert np.abs(ours - theirs).max() <= FLOAT_TOLERANCE * max(1.0, np.abs(theirs).max())
        else:
            different = np.argwhere(ours != theirs)
            assert len(different) == 0, (
                f"{len(different)} of {ours.size} values differ at batch {batch}; first: {different[0]}: "
                f"{ours[tuple(different[0])]} is {theirs[tuple(different[0])]} in {numerics}"
            )


def test_litert(case):
    path = path_of(case)
    if case["as_written"]:
        check(case, "litert", 1, lambda inputs: runtimes.litert_whole(path, inputs))
        return
    check(case, "litert", 1, lambda inputs: runtimes.litert_outputs(path, inputs))
    if not case["fixed_batch"]:
        check(case, "litert", 3, lambda inputs: runtimes.litert_outputs(path, inputs, batch=len(inputs[0])))


def test_tflm(case):
    outputs_of = runtimes.tflm_whole if case["as_written"] else runtimes.tflm_outputs
    check(case, "tflm", 1, lambda inputs: outputs_of(path_of(case), inputs, case["outputs"]))


def test_cases_are_judged():
    """No runtime is excused from more than the ops and types that it is known to lack."""
    cases = dump()[1]
    assert len(cases) > 500
    assert sum(bool(case["litert_fails"]) for case in cases) < 0.05 * len(cases)
    assert sum(bool(case["tflm_fails"]) for case in cases) < 0.35 * len(cases)
