"""A full disk at every write: exit code 6, a message, earlier results as they were, nothing half-written, and going on once there is room.

On a small tmpfs where this process may mount one; everywhere under RLIMIT_FSIZE, which ends a file in its middle, and on /dev/full.
"""

import resource
import shutil
import signal
import subprocess

from common import Faults, difference, snapshot, temporaries, text, tiny_mnist

STUDY = ("--recipes", "none,prune", "--methods", "keras,fp32,uint8", "--epochs", 1)
IO = 6
PAGE = 4096


def limited(size):
    """For preexec_fn: no file grows beyond `size` bytes. Litesmith itself must ignore SIGXFSZ."""

    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return apply


def used_bytes(folder):
    """In whole pages, as a tmpfs counts."""
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in folder.rglob("*") if path.is_file())


class Tmpfs:
    """A disk of a given size, or none."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.mounted = shutil.which("mount") is not None and self.mount("mount")
        if self.mounted:
            self.unmount()

    def mount(self, *how, size=1 << 20):
        options = f"size={size}" if how == ("mount",) else f"remount,size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "litesmith-faults", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def unmount(self):
        subprocess.run(["umount", str(self.folder)], capture_output=True, check=False)


def main():
    faults = Faults("disk", __doc__, 60)
    data = tiny_mnist(faults.folder / "data")

    def study(folder):
        return ("study", "--data", data, *STUDY, "-o", folder)

    reference = faults.folder / "reference"
    faults.ok(*study(reference))
    wanted = snapshot(reference)
    model, quantized = reference / "none" / "model.h5", reference / "none" / "fp32.tflite"
    largest = max(path.stat().st_size for path in reference.rglob("*") if path.is_file())

    def expect_full(done, what):
        said = text(done)
        faults.check(done.returncode == IO, f"{what}: exit {done.returncode}: {said[-300:]}")
        faults.check("cannot" in said and ("No space left" in said or "File too large" in said), f"{what} says {said[-300:]!r}")

    def expect_whole(folder, what):
        left = temporaries(folder)
        faults.check(not left, f"{what} left {left}")
        for name, digest in snapshot(folder).items():
            if name.endswith((".h5", ".tflite")):
                faults.check(wanted.get(name) == digest, f"{what}: {name} is not whole")

    # The size of a file: each write of a study in turn, with earlier results in place.
    for k in range(faults.count // 2):
        folder = faults.folder / f"limit-{k}"
        # Sizes from nothing to what nearly suffices.
        size = faults.random.randrange(largest) if k > 0 else 0
        done = faults.call(*study(folder), preexec_fn=limited(size))
        expect_full(done, f"study with files of at most {size} bytes")
        if folder.exists():
            expect_whole(folder, f"study with files of at most {size} bytes")
        faults.ok(*study(folder))
        differs = difference(snapshot(folder), wanted)
        faults.check(not differs, f"study after a limit of {size} bytes: {differs}")
        shutil.rmtree(folder)

    # A whole disk: the room left decides which write fails.
    disk = Tmpfs(faults.folder / "disk")
    for k in range(faults.count - faults.count // 2 if disk.mounted else 0):
        size = faults.random.randrange(PAGE, used_bytes(reference) // PAGE * PAGE) // PAGE * PAGE
        disk.mount("mount", size=size)
        try:
            folder = disk.folder / "run"
            done = faults.call(*study(folder))
            expect_full(done, f"study on a disk of {size} bytes")
            if folder.exists():
                expect_whole(folder, f"study on a disk of {size} bytes")
            disk.mount("remount", size=64 << 20)
            faults.ok(*study(folder))
            differs = difference(snapshot(folder), wanted)
            faults.check(not differs, f"study after a disk of {size} bytes: {differs}")
        finally:
            disk.unmount()

    # Every verb that writes, over an earlier result.
    out = faults.folder / "out"
    out.mkdir()
    for name, arguments in {
        "x.h5": ("train", "mnist-cnn", "--data", data, "--epochs", 1, "-o", out / "x.h5"),
        "o.h5": ("optimize", model, "--recipe", "prune", "--data", data, "--epochs", 1, "-o", out / "o.h5"),
        "c.tflite": ("convert", model, "--method", "fp32", "-o", out / "c.tflite"),
        "ck": ("train", "mnist-cnn", "--data", data, "--epochs", 1, "--checkpoint", out / "ck", "-o", out / "y.h5"),
    }.items():
        (out / name).write_bytes(b"" if name == "ck" else b"earlier")
        if name == "ck":
            (out / name).unlink()
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        for size in (0, 1, 20_000):
            expect_full(faults.call(*arguments, preexec_fn=limited(size)), f"{arguments[0]} to {name} at {size} bytes")
            after = {path.name: path.read_bytes() for path in out.iterdir()}
            faults.check(after == before, f"{arguments[0]} to {name} at {size} bytes changed {sorted(after)}")

    # What is printed, and what is written straight.
    with open("/dev/full", "wb") as full:
        for arguments in (
            ("inspect", quantized),
            ("list", "recipes"),
            ("evaluate", quantized, "--data", data),
            ("convert", model, "--method", "fp32", "-o", out / "p.tflite"),
            ("convert", model, "--method", "fp32", "-o", "-"),
        ):
            expect_full(faults.call(*arguments, stdout=full), f"{arguments[0]} > /dev/full")
    expect_full(faults.call("convert", model, "--method", "fp32", "-o", "/dev/full"), "convert -o /dev/full")
    if not disk.mounted:
        faults.notes.append("no tmpfs could be mounted: files at their limit only")
    faults.finish()


if __name__ == "__main__":
    main()
