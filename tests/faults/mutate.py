"""Damaged .tflite and .h5 files through `inspect` and through `convert` to every method, damaged .npz archives through `evaluate` and
calibration: a result or one clear refusal.

Never a crash, a signal, an internal error (exit code 1), more than a minute, more than a gigabyte, or a file left after a refusal.
"""

import os
import random
import shutil
import signal
import struct
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

from common import Faults, available_cores, tiny_mnist

METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int8", "int16x8")
GOOD = (0, 2, 3, 4, 5, 6)
SECONDS = 60
KILOBYTES = 1 << 20


def mutated(data, rng):
    """A copy with one to four damages, each of a kind that a disk, a network or an adversary makes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        kind = rng.randrange(8)
        at = rng.randrange(max(1, len(data)))
        if kind <= 1:  # structure lies at the ends of a FlatBuffer, at the start of HDF5
            at = rng.randrange(max(1, min(len(data), 2048)))
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            data[at : at + 1] = bytes([data[at] ^ 1 << rng.randrange(8)]) if data else b""
        elif kind == 3:  # a number at its limits
            value = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
            at -= at % 4
            data[at : at + 4] = value.to_bytes(4, "little")
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            del data[at : at + rng.randrange(1, 64)]
        elif kind == 6:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 64)))
        else:  # a page of zeros, or of another place
            size = rng.choice((16, 512, 4096))
            other = rng.randrange(max(1, len(data)))
            data[at : at + size] = bytes(len(data[at : at + size])) if rng.random() < 0.5 else data[other : other + size]
    return bytes(data)


class Mutations:
    def __init__(self, faults):
        self.faults = faults
        self.lock = threading.Lock()
        self.data = tiny_mnist(faults.folder / "data", images=4)
        self.codes = {}
        self.peak = 0
        self.seeds = self.make_seeds()

    def make_seeds(self):
        """A file of every method, of a plain and of a quantization-aware model."""
        folder = self.faults.folder / "seeds"
        arguments = ("--recipes", "none,prune_cluster_pcqat", "--methods", ",".join(METHODS), "--epochs", 1)
        self.faults.ok("study", "--data", self.data, *arguments, "-o", folder)
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".h5", ".tflite"))
        self.model = next(path for path in files if path.suffix == ".h5")
        archives = [self.make_npz(compression) for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]
        # As many .h5 and .npz, of which there are two, as .tflite.
        return [(path.suffix, path.read_bytes()) for path in files + archives for _ in range(1 if path.suffix == ".tflite" else 6)]

    def make_npz(self, compression):
        """Four images with labels for each half, without numpy, which nothing here needs."""
        path = self.faults.folder / f"{compression}.npz"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for half in ("train", "test"):
                for name, kind, shape, size in ((f"x_{half}", "|u1", "(4, 28, 28)", 3136), (f"y_{half}", "<i8", "(4,)", 32)):
                    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
                    archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(size))
        return path

    def one(self, k):
        """A mutated file through everything."""
        rng = random.Random(f"{self.faults.seed} {k}")
        suffix, data = rng.choice(self.seeds)
        folder = self.faults.folder / f"m{k}"
        folder.mkdir()
        path = folder / f"m{suffix}"
        path.write_bytes(mutated(data, rng))
        if suffix == ".npz":
            out, data = folder / "out.tflite", f"npz:{path}"
            bad = self.call(folder, k, "evaluate", self.model, "--data", data)
            bad |= self.call(folder, k, "convert", self.model, "--method", "int8", "--calibration", data, "-o", out, out=out)
        else:
            bad = self.call(folder, k, "inspect", path)
            for method in METHODS:
                out = folder / ("out.h5" if method == "keras" else "out.tflite")
                bad |= self.call(folder, k, "convert", path, "--method", method, "--calibration", self.data, "-o", out, out=out)
        if bad:
            kept = self.faults.folder.parent / f"litesmith-mutate-{self.faults.seed}-{k}{suffix}"
            shutil.copy(path, kept)
            print(f"mutate: kept {kept}", flush=True)
        shutil.rmtree(folder)

    def call(self, folder, k, *arguments, out=None):
        """Whether something is wrong."""
        said = folder / "said"
        with open(said, "wb") as errors:
            process = self.faults.start(*arguments, stderr=errors)
        timer = threading.Timer(SECONDS, process.send_signal, (signal.SIGKILL,))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        code = process.returncode = os.waitstatus_to_exitcode(status)
        message = said.read_text(errors="replace").strip()
        what = f"{k}: {' '.join(map(str, arguments))}: exit {code}: {message[-300:]}"
        problems = []
        if code not in GOOD:
            problems.append(what)
        if code != 0 and not message.startswith("litesmith: "):
            problems.append(f"{what}: no message")
        if usage.ru_maxrss > KILOBYTES:
            problems.append(f"{what}: {usage.ru_maxrss} kB")
        if out is not None:
            if out.exists() != (code == 0):
                problems.append(f"{what}: {out.name} is {'left' if out.exists() else 'missing'}")
            out.unlink(missing_ok=True)
        with self.lock:
            self.codes[code] = self.codes.get(code, 0) + 1
            self.peak = max(self.peak, usage.ru_maxrss)
            self.faults.check(not problems, "; ".join(problems))
        return bool(problems)


def main():
    faults = Faults("mutate", __doc__, 3000)
    mutations = Mutations(faults)
    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(mutations.one, range(faults.count)))
    codes = " ".join(f"{code}:{count}" for code, count in sorted(mutations.codes.items()))
    faults.notes.append(f"{faults.count} files, exit codes {codes}, peak {mutations.peak // 1024} MB")
    faults.finish()


if __name__ == "__main__":
    main()
