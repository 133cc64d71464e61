"""The model `mnist-cnn` and its data for the Python tools: MNIST, start weights, batches, layouts, and the tf_keras twin.

Importing this module imports neither TensorFlow nor Keras. Weights are dictionaries in Litesmith's names and layouts:
convolution kernels OHWI, dense kernels [out, in], all float32.
"""

import gzip
import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
NAMES = ("conv2d_kernel", "conv2d_bias", "dense_kernel", "dense_bias")
BATCH = 128
TRAIN_SAMPLES = 54_000  # the last 10 % of the training set is held out


def mnist_dir():
    """The directory of the four IDX files: $LITESMITH_SHARED/data/mnist, or ../shared/data/mnist beside the checkout."""
    shared = Path(os.environ.get("LITESMITH_SHARED", ROOT.parent / "shared"))
    return shared / "data" / "mnist"


def read_idx(path):
    """One IDX file of unsigned bytes, gzipped or not, as an array of uint8."""
    raw = Path(path).read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load_mnist(split, directory=None):
    """(images as float32 / 255 of shape [n, 28, 28], labels as int32); split is `train` or `t10k`."""
    directory = Path(directory or mnist_dir())

    def find(kind):
        for name in (f"{split}-{kind}-ubyte.gz", f"{split}-{kind}-ubyte"):
            if (directory / name).is_file():
                return read_idx(directory / name)
        raise FileNotFoundError(f"no {split}-{kind}-ubyte[.gz] in {directory}")

    return find("images-idx3").astype(np.float32) / np.float32(255), find("labels-idx1").astype(np.int32)


def batches(steps, seed):
    """Sample indices [steps, 128] (int32) into MNIST's training set, without repetition."""
    order = np.random.default_rng(seed).permutation(TRAIN_SAMPLES)
    return order[: steps * BATCH].reshape(steps, BATCH).astype(np.int32)


def start_weights(seed):
    """Glorot-uniform kernels and zero biases."""
    rng = np.random.default_rng(seed)

    def glorot(shape, fan_in, fan_out):
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    return {
        "conv2d_kernel": glorot((12, 3, 3, 1), 9, 9 * 12),
        "conv2d_bias": np.zeros(12, np.float32),
        "dense_kernel": glorot((10, 2028), 2028, 10),
        "dense_bias": np.zeros(10, np.float32),
    }


def to_keras(weights):
    """Litesmith's dictionary as Keras' list of weights: kernels HWIO and [in, out]."""
    return [
        np.transpose(weights["conv2d_kernel"], (1, 2, 3, 0)),
        weights["conv2d_bias"],
        np.transpose(weights["dense_kernel"]),
        weights["dense_bias"],
    ]


def kernel_from_keras(kernel):
    """One kernel (or its mask) from Keras' layout to Litesmith's: HWIO -> OHWI, [in, out] -> [out, in]; else unchanged."""
    kernel = np.asarray(kernel)
    if kernel.ndim == 4:
        kernel = kernel.transpose(3, 0, 1, 2)
    elif kernel.ndim == 2:
        kernel = kernel.transpose()
    return np.ascontiguousarray(kernel)


def from_keras(values):
    """The inverse of to_keras."""
    return {name: kernel_from_keras(value) for name, value in zip(NAMES, values, strict=True)}


def build(keras, conv_name="conv2d", dense_name="dense"):
    """`mnist-cnn` with whichever Keras is passed in."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(28, 28)) if keras.__version__.startswith("2") else layers.Input((28, 28)),
            layers.Reshape((28, 28, 1), name="reshape"),
            layers.Conv2D(12, 3, activation="relu", name=conv_name),
            layers.MaxPooling2D(2, name="max_pooling2d"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, name=dense_name),
        ],
        name="mnist_cnn",
    )


def compile_model(keras, model):
    """Adam at Keras' defaults (learning rate 1e-3), sparse categorical cross-entropy on logits."""
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def save_weights(directory, weights, names=None):
    """Writes NAME.npy for each weight."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names or weights:
        np.save(directory / f"{name}.npy", np.ascontiguousarray(weights[name]))


def load_weights(directory):
    """Reads what save_weights wrote."""
    return {name: np.load(Path(directory) / f"{name}.npy") for name in NAMES}
