"""Saves or runs a Keras .h5 in this process's Keras; run by test_keras.py, once for each dialect.

usage: keras_h5.py 2|3 save FILE.h5                   an untrained `mnist-cnn` with tools/mnist_cnn.py's start weights
       keras_h5.py 2|3 predict FILE.h5 IN.npy OUT.npy
2 is tf_keras, 3 is Keras 3 (its TensorFlow backend).
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import mnist_cnn
import numpy as np


def import_keras(generation):
    """The Keras of that generation."""
    if generation == "2":
        import tf_keras as keras
    else:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        import keras
    if not keras.__version__.startswith(generation):
        raise RuntimeError(f"wanted Keras {generation}, got {keras.__version__}")
    return keras


def main(generation, verb, path, *arrays):
    keras = import_keras(generation)
    if verb == "save":
        model = mnist_cnn.build(keras)
        model.set_weights(mnist_cnn.to_keras(mnist_cnn.start_weights(3)))
        model.save(path, include_optimizer=False)
    else:
        model = keras.models.load_model(path, compile=False)
        np.save(arrays[1], model.predict(np.load(arrays[0]), batch_size=1000, verbose=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
