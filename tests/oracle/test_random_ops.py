"""Models of one op drawn at random, in LiteRT (BUILTIN_REF), tflite-micro and ours: the same bytes in integers, 1e-5 in floats.

Environment: LITESMITH_RANDOM_OPS (how many of each op and type, 5 without it), LITESMITH_RANDOM_SEED (0 without it), LITESMITH_CONFORMANCE (the
program).
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

from test_ops import program

COUNT = int(os.environ.get("LITESMITH_RANDOM_OPS", "5"))
SEED = os.environ.get("LITESMITH_RANDOM_SEED", "0")
FLOAT_TOLERANCE = 1e-5  # of 1 or the largest output


@functools.cache
def dump():
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="litesmith-random-", dir=memory))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    subprocess.run([program(), "--seed", SEED, "--dump", directory, "--random", str(COUNT)], check=True, timeout=3600)
    cases = {}
    for case in json.loads((directory / "cases.json").read_text()):
        cases.setdefault(case["op"], []).append(case)
    return directory, cases


def pytest_generate_tests(metafunc):
    if "op" in metafunc.fixturenames:
        metafunc.parametrize("op", sorted(dump()[1]))


def difference(case, runtime, outputs_of):
    """What is wrong with a case, or nothing."""
    directory = dump()[0]
    path = directory / f"{case['name']}.tflite"

    def load(what, count):
        return [np.load(directory / f"{case['name']}.{i}.{what}.npy") for i in range(count)]

    want = load(f"{runtime}.out", case["outputs"])
    try:
        got = outputs_of(path, load("in", case["inputs"]))
    except (RuntimeError, ValueError) as error:
        return f"{case['name']}: {runtime} refuses it: {error}"
    for i, (ours, theirs) in enumerate(zip(want, got, strict=True)):
        if (theirs.dtype, theirs.shape) != (ours.dtype, ours.shape):
            return f"{case['name']}: output {i} is {ours.dtype} {ours.shape}, {theirs.dtype} {theirs.shape} in {runtime}"
        if theirs.dtype.kind == "f":
            largest = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
            with np.errstate(invalid="ignore"):
                bad = ~((np.abs(ours - theirs) <= FLOAT_TOLERANCE * largest) | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
        else:
            bad = ours != theirs
        if bad.any():
            at = tuple(np.argwhere(bad)[0])
            return f"{case['name']}: {bad.sum()} of {bad.size} values of output {i} differ; {at}: {ours[at]}, {theirs[at]} in {runtime}"
    return None


@pytest.mark.parametrize("runtime", ["litert", "tflm"])
def test_random_op(op, runtime):
    wrong = []
    for case in dump()[1][op]:
        if case[f"{runtime}_fails"]:
            continue
        run = runtimes.litert_whole if runtime == "litert" else functools.partial(runtimes.tflm_whole, count=case["outputs"])
        found = difference(case, runtime, run)
        if found:
            wrong.append(found)
    assert not wrong, f"{len(wrong)} of {len(dump()[1][op])}:\n" + "\n".join(wrong[:20])
