"""What the fault injections share: arguments, the tally, calls of the binary, digests of a folder.

Every script is `SCRIPT.py BINARY COUNT SEED`, needs only Python, prints a line for each failure and ends with
"NAME: 12 passed, 0 failed, ..."; the exit code is 0 only if nothing failed.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = ("total_ms", "latency_us_p50", "latency_us_p99", "train_s", "convert_s")
MARK = ".litesmith-tmp-"


class Faults:
    """Arguments, a folder of its own that is removed at the end, and the tally."""

    def __init__(self, name, what, count):
        parser = argparse.ArgumentParser(description=what)
        parser.add_argument("binary", type=lambda text: Path(text).absolute())
        parser.add_argument("count", type=int, nargs="?", default=count, help=f"how many faults ({count})")
        parser.add_argument("seed", type=int, nargs="?", default=int(time.time()), help="of the random choices (the time)")
        arguments = parser.parse_args()
        self.name = name
        self.binary, self.count, self.seed = arguments.binary, arguments.count, arguments.seed
        self.random = random.Random(self.seed)
        self.folder = Path(tempfile.mkdtemp(prefix=f"litesmith-{name}-"))
        self.passed = self.failed = 0
        self.notes = []

    def check(self, good, what):
        """Counts one thing that must hold."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{self.name}: FAILED: {what}", flush=True)

    def finish(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        notes = "".join(f", {note}" for note in [f"seed {self.seed}", *self.notes])
        print(f"{self.name}: {self.passed} passed, {self.failed} failed{notes}")
        sys.exit(self.failed > 0)

    def call(self, *arguments, timeout=300, **options):
        """A finished process, whatever its exit code."""
        command = [str(self.binary), *map(str, arguments)]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, timeout=timeout, check=False, **options)

    def ok(self, *arguments, **options):
        done = self.call(*arguments, **options)
        if done.returncode != 0:
            print(f"{self.name}: litesmith {' '.join(map(str, arguments))}: exit {done.returncode}\n{text(done)}")
            self.failed += 1
            self.finish()
        return done

    def start(self, *arguments, **options):
        command = [str(self.binary), *map(str, arguments)]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, **options)


def text(done):
    return (done.stderr or b"").decode(errors="replace").strip()


def tiny_cifar(folder, images):
    """A data set of the form cifar10:DIR: noise of ten brightnesses, its binary files."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(9)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = (bytes([i % 10]) + bytes(20 * (i % 10) + rng.randrange(50) for _ in range(3072)) for i in range(images))
        (folder / f"{name}.bin").write_bytes(b"".join(records))
    return f"cifar10:{folder}"


def tiny_mnist(folder, images=24):
    """A data set of the form mnist:DIR that loads at once: random strokes, ten classes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    for half in ("train", "t10k"):
        pixels = bytes(rng.choice((0, 0, 0, 255)) for _ in range(images * 784))
        (folder / f"{half}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, images, 28, 28) + pixels)
        labels = bytes(i % 10 for i in range(images))
        (folder / f"{half}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, images) + labels)
    return f"mnist:{folder}"


def snapshot(folder):
    """Every file below by its relative name: the digest of models, what is not a time of results, "" of the rest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name] = "folder"
        elif path.suffix in (".h5", ".tflite"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name == "results.json":
            rows = json.loads(path.read_text())
            found[name] = json.dumps([{k: v for k, v in row.items() if k not in TIMES} for row in rows])
        else:
            found[name] = ""
    return found


def difference(got, wanted):
    """In words, or nothing."""
    words = [f"{name} is missing" for name in wanted if name not in got]
    words += [f"{name} is left over" for name in got if name not in wanted]
    words += [f"{name} differs" for name in wanted if name in got and got[name] != wanted[name]]
    return "; ".join(words[:5])


def temporaries(folder):
    return [str(path) for path in folder.rglob("*") if MARK in path.name or ".tmp" in path.name]


def wait(process, timeout=300):
    """The exit code and what was said."""
    _, said = process.communicate(timeout=timeout)
    return process.returncode, (said or b"").decode(errors="replace").strip()


def available_cores():
    return len(os.sched_getaffinity(0))
