"""Saves or runs a Keras .h5 in this process's Keras; run by test_keras.py, once for each dialect.

usage: keras_h5.py 2|3 save FILE.h5                   an untrained `mnist-cnn` with tools/mnist_cnn.py's start weights
       keras_h5.py 2|3 predict FILE.h5 IN.npy OUT.npy
       keras_h5.py 2|3 save-options FILE.h5           one with a frozen layer, a layer without bias and dropouts
       keras_h5.py 2|3 weights FILE.h5 OUT.npz        each weight as 'layer/N', and the options as JSON in 'options'
2 is tf_keras, 3 is Keras 3 (its TensorFlow backend).
"""

import json
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


def model_with_options(keras):
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((28, 28)),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(4, 3, activation="relu", use_bias=False, name="bare"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.3, noise_shape=(None, 1, 1, 4), seed=7, name="channels"),
        layers.Conv2D(6, 3, activation="relu", name="frozen"),
        layers.Flatten(),
        layers.Dropout(0.25, name="drop"),
        layers.Dense(10, name="head"),
    ])
    model.get_layer("frozen").trainable = False
    return model


def options(layer):
    config = layer.get_config()
    keys = ("rate", "noise_shape", "seed", "use_bias")
    return {"trainable": layer.trainable, **{key: config[key] for key in keys if key in config}}


def main(generation, verb, path, *arrays):
    keras = import_keras(generation)
    if verb == "save":
        model = mnist_cnn.build(keras)
        model.set_weights(mnist_cnn.to_keras(mnist_cnn.start_weights(3)))
        model.save(path, include_optimizer=False)
    elif verb == "save-options":
        model_with_options(keras).save(path, include_optimizer=False)
    elif verb == "weights":
        model = keras.models.load_model(path, compile=False)
        weights = {f"{layer.name}/{i}": w for layer in model.layers for i, w in enumerate(layer.get_weights())}
        said = {layer.name: options(layer) for layer in model.layers if layer.weights or "rate" in layer.get_config()}
        np.savez(arrays[0], options=json.dumps(said), **weights)
    else:
        model = keras.models.load_model(path, compile=False)
        np.save(arrays[1], model.predict(np.load(arrays[0]), batch_size=1000, verbose=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
