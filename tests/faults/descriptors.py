"""Every subset of the standard descriptors closed at the start, for every verb: the same files and exit code as with them open."""

import os
import shutil
import struct

from common import Faults, difference, snapshot, text, tiny_mnist


def closing(subset):
    def close():
        for fd in range(3):
            if subset >> fd & 1:
                os.close(fd)

    return close


def main():
    faults = Faults("descriptors", __doc__, 8)  # there are no more than seven subsets
    data = tiny_mnist(faults.folder / "data")
    model, array = faults.folder / "m.h5", faults.folder / "x.npy"
    faults.ok("train", "mnist-cnn", "--data", data, "--epochs", 1, "-o", model)
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 28, 28), }".ljust(117) + "\n"
    array.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(784 * 4))
    out = faults.folder / "out"
    verbs = (
        ("study", "--data", data, "--recipes", "none", "--methods", "keras,uint8", "--epochs", 1, "-o", out / "run"),
        ("train", model, "--data", data, "--epochs", 1, "--checkpoint", out / "ck", "-o", out / "t.h5"),
        ("optimize", model, "--recipe", "prune", "--data", data, "--epochs", 1, "-o", out / "o.h5"),
        ("convert", model, "--method", "uint8", "--calibration", data, "-o", out / "c.tflite"),
        ("evaluate", model, "--data", data),
        ("run", model, "--input", array, "--output", out / "y.npy"),
        ("benchmark", model, "--seconds", 0, "--warm-up", 0),
        ("inspect", model),
        ("list", "recipes"),
        ("--version",),
    )
    for verb in verbs:
        out.mkdir()
        faults.ok(*verb)
        wanted = snapshot(out)
        shutil.rmtree(out)
        for subset in range(1, min(faults.count, 8)):
            out.mkdir()
            # Without pipes of ours, which would take the place of what is closed.
            done = faults.call(*verb, stdin=None, stdout=None if subset & 2 else -1, stderr=None if subset & 4 else -1, preexec_fn=closing(subset))
            name = f"{verb[0]} with {[fd for fd in range(3) if subset >> fd & 1]} closed"
            faults.check(done.returncode == 0, f"{name}: exit {done.returncode}: {text(done)[-300:]}")
            differs = difference(snapshot(out), wanted)
            faults.check(not differs, f"{name}: {differs}")
            shutil.rmtree(out)
    # Where the closed one is what was asked for, an error.
    done = faults.call("convert", model, "--method", "fp32", "-o", "-", stdout=None, preexec_fn=closing(2))
    faults.check(done.returncode == 6 and "standard output" in text(done), f"-o - with 1 closed: exit {done.returncode}: {text(done)}")
    done = faults.call("run", model, "--input", "-", "--output", faults.folder / "y.npy", stdin=None, preexec_fn=closing(1))
    faults.check(done.returncode == 6 and "standard input" in text(done), f"--input - with 0 closed: exit {done.returncode}: {text(done)}")
    faults.finish()


if __name__ == "__main__":
    main()
