"""Our conversion of every network of shared/zoo beside TensorFlow's: from TensorFlow's own float file and from Keras's, to every method. LiteRT
runs what we write, and finds what our own run finds; errors, sizes, names and order by the limits of zoo_convert.py.

Where the data are: --shared DIR or LITESMITH_SHARED, ../shared beside the checkout otherwise (conftest.py).
"""

import os
import sys
from pathlib import Path

import pytest

import zoo_convert
from conftest import shared_dir

# What waits for something. Strict: one that passes must leave the list.
WAITING = {}


def folders():
    zoo = shared_dir() / "zoo"
    return sorted(path for path in zoo.iterdir() if path.is_dir()) if zoo.is_dir() else []


def pytest_generate_tests(metafunc):
    if "model" not in metafunc.fixturenames:
        return
    cases = []
    for folder in folders():
        for name in ("fp32.tflite", "model.h5"):
            if not (folder / name).is_file():
                continue
            waits = WAITING.get((folder.name, name))
            marks = [pytest.mark.xfail(strict=True, reason=waits)] if waits else []
            cases.append(pytest.param(folder / name, id=f"{folder.name}-{name}", marks=marks))
    metafunc.parametrize("model", cases or [None])


@pytest.fixture(scope="module")
def worker():
    return zoo_convert.Worker()


def test_as_good_as_tensorflow(model, litesmith, worker, tmp_path):
    if model is None:
        message = f"NO ZOO AT {shared_dir() / 'zoo'}: set LITESMITH_SHARED; no conversion was compared with TensorFlow's"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    compare(model, litesmith, worker, tmp_path)


RECORDED = Path(__file__).parent / "recorded_models"


@pytest.mark.parametrize("folder", sorted(path.name for path in RECORDED.iterdir()))
def test_recorded(folder, litesmith, worker, tmp_path):
    """Networks of tools/random_keras_models.py, with the errors and sizes of TensorFlow's files."""
    compare(RECORDED / folder / "model.h5", litesmith, worker, tmp_path)


def test_there_are_ten():
    assert len(list(RECORDED.iterdir())) >= 10


def compare(model, litesmith, worker, tmp_path):
    found, theirs = [], {}
    for method in zoo_convert.METHODS:
        complaints, _ = worker.compare(litesmith, model.parent, model, method, theirs, tmp_path / f"{method}.tflite", tmp_path)
        found += [f"{method}: {complaint}" for complaint in complaints]
    assert not found, "\n".join(found)
