"""Fixtures of the oracle tests: the binary, MNIST, one study of ours and one set of files by TensorFlow's own converter.

Environment: LITESMITH (the binary; build/release/litesmith), LITESMITH_SHARED or --shared DIR (holds data/mnist and cases; ../shared
beside the checkout), CI (if set, missing data is a failure instead of a skip), LITESMITH_ORACLE_IMAGES (10000; test.sh says 2000).
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import mnist_cnn  # noqa: E402

TF_ENV = {
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}


# A shell starts what runs in its background with Ctrl-C ignored, and nohup with SIGHUP; so would be what tests interrupt. A program that
# is started has the default action where this process has a handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


class Litesmith:
    """The command line under test."""

    def __init__(self, path):
        self.path = path

    def call(self, *args, timeout=600, **kwargs):
        """Runs it and returns the finished process, whatever its exit code."""
        command = [str(self.path), *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **kwargs)

    def ok(self, *args, **kwargs):
        """Runs it, fails the test unless it exits with 0, and returns its standard output."""
        done = self.call(*args, **kwargs)
        assert done.returncode == 0, f"litesmith {' '.join(map(str, args))}\nexit {done.returncode}\n{done.stderr}"
        return done.stdout

    def run(self, file, inputs, directory, *options):
        """`litesmith run` on an array: the outputs as an array."""
        source, sink = directory / "input.npy", directory / "output.npy"
        np.save(source, np.ascontiguousarray(inputs))
        sink.unlink(missing_ok=True)
        self.ok("run", file, "--input", source, "--output", sink, *options)
        return np.load(sink)


def python(script, *args, **extra_env):
    """Runs one of our scripts in a process of its own and fails the test with its stderr."""
    command = [sys.executable, str(script), *map(str, args)]
    env = {**os.environ, **TF_ENV, **extra_env}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-4000:]}"
    return done.stdout


def pytest_addoption(parser):
    parser.addoption("--shared", metavar="DIR", help="the folder of data/mnist and cases, instead of LITESMITH_SHARED")


def pytest_configure(config):
    # Tests write thousands of small files, each synced to its disk: memory is faster, if there is enough (containers may have 64 MB).
    memory = "/dev/shm"
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)
    if config.getoption("--shared"):
        os.environ["LITESMITH_SHARED"] = config.getoption("--shared")


def shared_dir():
    """The folder of the data that tests share."""
    return Path(os.environ.get("LITESMITH_SHARED", ROOT.parent / "shared")).absolute()


def pytest_report_header():
    return f"litesmith: {os.environ.get('LITESMITH', 'build/release/litesmith')}, MNIST: {mnist_cnn.mnist_dir()}"


@pytest.fixture(scope="session")
def litesmith():
    path = Path(os.environ.get("LITESMITH", ROOT / "build" / "release" / "litesmith")).absolute()
    if not path.is_file():
        pytest.fail(f"no binary at {path}: build it, or set LITESMITH")
    return Litesmith(path)


@pytest.fixture(scope="session")
def mnist():
    """The directory of MNIST's IDX files."""
    directory = mnist_cnn.mnist_dir()
    if not (directory / "t10k-images-idx3-ubyte.gz").is_file():
        message = f"NO MNIST AT {directory}: set LITESMITH_SHARED; nothing that needs it was tested"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    return directory.absolute()


@pytest.fixture(scope="session")
def images(mnist):
    """The 10,000 test images, float32 [n, 28, 28] / 255."""
    return mnist_cnn.load_mnist("t10k", mnist)[0][: int(os.environ.get("LITESMITH_ORACLE_IMAGES", "10000"))]


@pytest.fixture(scope="session")
def labels(mnist):
    return mnist_cnn.load_mnist("t10k", mnist)[1]


@pytest.fixture(scope="session")
def study(litesmith, mnist, tmp_path_factory):
    """(run directory, results.json as a dictionary by method, standard output) of one short study of `none`."""
    out = tmp_path_factory.mktemp("study")
    text = litesmith.ok(
        *("study", "--data", f"mnist:{mnist}", "--recipes", "none", "--epochs", 2, "--limit", 6000, "--out", out)
    )
    rows = json.loads((out / "results.json").read_text())
    return out, {row["method"]: row for row in rows}, text


@pytest.fixture(scope="session")
def ours(litesmith, mnist, study, tmp_path_factory):
    """The path of our file of each method, int8 (int8 I/O) and int16x8_int16 (int16 I/O) included; `keras` is the .h5."""
    out, rows, _ = study
    files = {method: out / row["path"] for method, row in rows.items()}
    directory = tmp_path_factory.mktemp("converted")
    for name, options in {"int8": ("int8",), "int16x8_int16": ("int16x8", "--io", "int16")}.items():
        files[name] = directory / f"{name}.tflite"
        calibration = ("--calibration", f"mnist:{mnist}")
        litesmith.ok("convert", files["keras"], "--method", *options, *calibration, "-o", files[name])
    return files


@pytest.fixture(scope="session")
def tensorflow_files(mnist, tmp_path_factory, worker_id):
    """The directory that make_tf_models.py filled, once for all processes of the run."""
    if worker_id == "master":
        out = tmp_path_factory.mktemp("tensorflow")
        python(Path(__file__).with_name("make_tf_models.py"), out, mnist)
        return out
    out = tmp_path_factory.getbasetemp().parent / "tensorflow"
    with open(out.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "done").exists():
            out.mkdir(exist_ok=True)
            python(Path(__file__).with_name("make_tf_models.py"), out, mnist)
            (out / "done").touch()
    return out
