"""SIGKILL of `study` and of `train --checkpoint` at random moments, gone on from: the same bits as without, no leftovers. One study is of
ResNet-8, whose batch normalizations have moments that freeze, and whose activations have ranges from samples."""

import shutil
import signal
import subprocess
import time

from common import Faults, difference, snapshot, temporaries, tiny_cifar, tiny_mnist, wait

STUDY = ("--recipes", "none,prune,prune_cluster_pcqat", "--methods", "keras,fp32,uint8", "--epochs", 2)
RESNET = ("--recipes", "prune_pqat,cluster", "--methods", "keras,int8", "--epochs", 3, "--batch", 16)
TRAIN = ("--epochs", 40, "--batch", 4)


def main():
    faults = Faults("kill", __doc__, 200)
    data = tiny_mnist(faults.folder / "data", images=120)

    def study(folder):
        return ("study", "--data", data, *STUDY, "-o", folder)

    pictures = tiny_cifar(faults.folder / "pictures", images=50)

    def resnet(folder):
        return ("study", "--model", "resnet8", "--data", pictures, *RESNET, "-o", folder)

    def train(folder):
        return ("train", "mnist-cnn", "--data", data, *TRAIN, "--checkpoint", folder / "ck", "-o", folder / "model.h5")

    # Undisturbed: what must come out, and how long a moment can be.
    wanted, seconds = {}, {}
    for verb in (study, resnet, train):
        folder = faults.folder / verb.__name__
        folder.mkdir()
        start = time.monotonic()
        faults.ok(*verb(folder))
        seconds[verb] = time.monotonic() - start
        wanted[verb] = snapshot(folder)

    killed = 0
    while killed < faults.count:
        verb = faults.random.choice((study, resnet, train))
        folder = faults.folder / f"{verb.__name__}-{killed}"
        folder.mkdir()
        # Up to three kills of one run, each a fault.
        for _ in range(min(faults.random.choice((1, 1, 2, 3)), faults.count - killed)):
            process = faults.start(*verb(folder))
            try:
                process.wait(faults.random.uniform(0, seconds[verb]))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            code, said = wait(process)
            killed += 1
            faults.check(code in (0, -signal.SIGKILL), f"{verb.__name__}: exit {code}: {said[-300:]}")
        code, said = wait(faults.start(*verb(folder)))
        faults.check(code == 0, f"going on with {verb.__name__}: exit {code}: {said[-300:]}")
        left = temporaries(folder)
        faults.check(not left, f"{verb.__name__} left {left}")
        differs = difference(snapshot(folder), wanted[verb])
        faults.check(not differs, f"{verb.__name__} {folder.name}: {differs}")
        shutil.rmtree(folder)
    faults.notes.append(f"{killed} kills")
    faults.finish()


if __name__ == "__main__":
    main()
