"""Two at once: two studies in one folder, two writers of one file. Whoever is let in finishes, and nothing is damaged."""

import time

from common import Faults, difference, snapshot, temporaries, tiny_mnist, wait

STUDY = ("--recipes", "none,prune", "--methods", "keras,fp32,uint8", "--epochs", 2)
IO = 6


def main():
    faults = Faults("twice", __doc__, 20)
    data = tiny_mnist(faults.folder / "data", images=120)

    def study(folder):
        return ("study", "--data", data, *STUDY, "-o", folder)

    reference = faults.folder / "reference"
    start = time.monotonic()
    faults.ok(*study(reference))
    seconds = time.monotonic() - start
    wanted = snapshot(reference)

    for k in range(faults.count):
        folder = faults.folder / f"run-{k}"
        first = faults.start(*study(folder))
        time.sleep(faults.random.uniform(0, seconds))
        second = faults.start(*study(folder))
        ends = [wait(first), wait(second)]
        faults.check(0 in [code for code, _ in ends], f"neither finishes: {ends}")
        for code, said in ends:
            # It comes after the other has finished, or is told that the folder is taken.
            good = code == 0 or (code == IO and "another" in said and str(folder) in said)
            faults.check(good, f"exit {code}: {said[-300:]}")
        faults.ok(*study(folder))
        faults.check(not temporaries(folder), f"left {temporaries(folder)}")
        differs = difference(snapshot(folder), wanted)
        faults.check(not differs, differs)

    model, out = reference / "none" / "model.h5", faults.folder / "out" / "same.tflite"
    out.parent.mkdir()
    for _ in range(faults.count):
        writers = [faults.start("convert", model, "--method", "fp32", "-o", out) for _ in range(4)]
        ends = [wait(writer) for writer in writers]
        faults.check(all(code == 0 for code, _ in ends), f"{ends}")
        faults.check(out.read_bytes() == (reference / "none" / "fp32.tflite").read_bytes(), "the file is not whole")
        faults.check([path.name for path in out.parent.iterdir()] == [out.name], f"left {temporaries(out.parent)}")
    faults.finish()


if __name__ == "__main__":
    main()
