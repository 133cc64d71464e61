#!/usr/bin/env python3
"""Writes CIFAR-10 as the .npz that `--data npz:FILE` takes: x_train, x_test uint8 [n,32,32,3], 0 to 255; y_train, y_test uint8 [n].

  build/venv/bin/python tools/make_cifar10_npz.py OUT.npz [--train N] [--test M] [--compressed] [--source TAR]

The source is an archive of JPEGs, one folder a class (`train/cat/0001.jpg`); classes are numbered by the alphabet, as CIFAR-10's own
are. The order is the same in every run: each class is shuffled by a fixed seed, then rounds take one image of each class, in an order
that is shuffled, too. So the first N images have every class as often as any other, give or take one, and are the first N of a larger file.
"""

import argparse
import os
import tarfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("LITESMITH_SHARED", ROOT.parent / "shared"))
SEEDS = {"train": 1, "test": 2}
SHAPE = (32, 32, 3)


def read_images(source):
    """{half: {class: [JPEG bytes, in the order of their names]}}"""
    files = {}
    with tarfile.open(source, "r|*") as archive:  # a stream, read once
        for member in archive:
            parts = Path(member.name).parts[-3:]
            if member.isfile() and len(parts) == 3 and parts[2].endswith(".jpg"):
                files[parts] = archive.extractfile(member).read()
    halves = {}
    for half, name, file in sorted(files):
        halves.setdefault(half, {}).setdefault(name, []).append(files[half, name, file])
    return halves


def in_order(classes, seed):
    """[(label, JPEG)] of one half: rounds of one image of each class that has any left."""
    rng = np.random.default_rng(seed)
    images = [[classes[name][i] for i in rng.permutation(len(classes[name]))] for name in sorted(classes)]
    order = []
    for k in range(max(map(len, images))):
        order += [(label, images[label][k]) for label in rng.permutation(len(images)) if k < len(images[label])]
    return order


def decoded(jpegs):
    import tensorflow as tf

    out = np.empty((len(jpegs), *SHAPE), np.uint8)
    for i, jpeg in enumerate(jpegs):
        # As libjpeg does it unless it is told to be quick.
        image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        if image.shape != SHAPE:
            raise SystemExit(f"an image of shape {image.shape}; {SHAPE} is wanted")
        out[i] = image
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, help="the first N training images (all)")
    parser.add_argument("--test", type=int, help="the first M test images (all)")
    parser.add_argument("--compressed", action="store_true", help="deflated; a few percent smaller and slower to write")
    parser.add_argument("--source", type=Path, default=SHARED / "data/cifar10/cifar10-jpg.tar.gz")
    options = parser.parse_args()
    halves = read_images(options.source)
    arrays = {}
    for half, limit in (("train", options.train), ("test", options.test)):
        chosen = in_order(halves[half], SEEDS[half])[:limit]
        arrays[f"x_{half}"] = decoded([jpeg for _, jpeg in chosen])
        arrays[f"y_{half}"] = np.array([label for label, _ in chosen], np.uint8)
    save = np.savez_compressed if options.compressed else np.savez
    save(options.out, **arrays)
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    print(f"{options.out}: {shapes}, {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
