"""Records what Keras makes of MLPerf Tiny's ResNet-8 (../shared/models/resnet8.h5) into tests/golden/resnet8/.

    build/venv/bin/python tools/record_resnet8.py [--model FILE]

Files, float32: predictions.npy [32, 10] of images 0 to 31; loss.npy [1] and gradients.npy, one after another of all trainable variables, of
images 0 to 15 (of more, some value lies so near a ReLU's kink that Keras's own gradients differ by 0.5 % between kernels); losses.npy [10] of
ten steps of Adam (rate 1e-4) on batches of 128, step s on images [128 s, 128 s + 128); moments.npy [2, ...], all moving means and variances
after the first step and after the tenth. info.json lists [name, shape] of both in the order of the file, in Litesmith's layouts.
The images are no data set: bytes of a formula (`images`), which tests/golden/resnet8_test.cc computes, too, as are the labels.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras as keras  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "tests" / "golden" / "resnet8"
BATCH, STEPS, PREDICTED, GRADIENT_BATCH = 128, 10, 32, 16


def mix(image, y, x, channel):
    """A byte that looks random, of 32-bit arithmetic."""
    h = (image * 73856093) ^ (y * 19349663) ^ (x * 83492791) ^ (channel * 49979687)
    h = np.asarray(h, np.uint64) & 0xFFFFFFFF
    h ^= h >> 16
    h = (h * 0x45D9F3B) & 0xFFFFFFFF
    h ^= h >> 16
    return h & 0xFF


def images(first, count):
    """[count, 32, 32, 3] bytes: squares of 8x8 pixels in four shades, and noise."""
    i, y, x, c = np.meshgrid(np.arange(first, first + count), *(np.arange(n) for n in (32, 32, 3)), indexing="ij")
    return ((mix(i, y // 8, x // 8, c) & 0xC0) + (mix(i, y + 32, x, c) & 0x3F)).astype(np.uint8)


def labels(first, count):
    return (mix(np.arange(first, first + count), 99, 0, 0) % 10).astype(np.int32)


def to_ours(name, values):
    """Kernels HWIO to OHWI and [in, out] to [out, in]."""
    if "kernel" not in name:
        return values
    return np.moveaxis(values, -1, 0)


def listing(variables, arrays):
    """Names and shapes, and all numbers side by side."""
    arrays = [to_ours(v.name, np.asarray(a)) for v, a in zip(variables, arrays)]
    return [[v.name.removesuffix(":0"), list(a.shape)] for v, a in zip(variables, arrays)], np.concatenate([a.ravel() for a in arrays])


def batch(step):
    return images(step * BATCH, BATCH).astype(np.float32), labels(step * BATCH, BATCH)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=ROOT.parent / "shared" / "models" / "resnet8.h5")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    model = keras.models.load_model(args.model, compile=False)
    x, _ = batch(0)
    np.save(OUT / "predictions.npy", model.predict(x[:PREDICTED], verbose=0))

    loss_of = keras.losses.SparseCategoricalCrossentropy()
    optimizer = keras.optimizers.Adam(1e-4)

    @tf.function
    def gradients_of(x, y):
        with tf.GradientTape() as tape:
            # With the L2 of its kernels (model.losses).
            loss = loss_of(y, model(x, training=True)) + tf.add_n(model.losses)
        return loss, tape.gradient(loss, model.trainable_variables)

    start = model.get_weights()
    x, y = batch(0)
    loss, gradients = gradients_of(x[:GRADIENT_BATCH], y[:GRADIENT_BATCH])
    gradient_list, flat = listing(model.trainable_variables, gradients)
    np.save(OUT / "gradients.npy", flat)
    np.save(OUT / "loss.npy", np.asarray([loss], np.float32))
    model.set_weights(start)

    moments = [v for v in model.weights if "moving_" in v.name]
    losses, after = [], []
    for s in range(STEPS):
        loss, gradients = gradients_of(*batch(s))
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(float(loss))
        moment_list, flat = listing(moments, moments)
        after.append(flat)
    np.save(OUT / "losses.npy", np.asarray(losses, np.float32))
    np.save(OUT / "moments.npy", np.stack([after[0], after[-1]]))
    info = {"gradients": gradient_list, "moments": moment_list}
    (OUT / "info.json").write_text(json.dumps(info) + "\n")
    print(losses)


if __name__ == "__main__":
    main()
