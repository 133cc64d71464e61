#!/usr/bin/env python3
"""Saves tiny Keras models of both dialects, with what they predict.

    build/venv/bin/python tools/make_keras_fixtures.py tests/golden/keras

writes, for tf_keras 2.18 (keras2_*) and Keras 3 (keras3_*), as .h5 and .keras,
the models that src/formats/keras/keras_fixture_test.cc reads, and once
`<name>.json` with an input and the output of both, which agree.
"""

import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras  # noqa: E402


def cnn(k):
    """A Sequential: every layer that Litesmith reads, the plain way."""
    return k.Sequential([
        k.layers.Input((6, 5)),
        k.layers.Reshape((6, 5, 1)),
        k.layers.Conv2D(3, 3, activation="relu"),
        k.layers.MaxPooling2D(2),
        k.layers.Flatten(),
        k.layers.Dense(4),
    ])


def layers(k):
    """A Functional chain: separate activations, strides, no biases, dropout."""
    x = inputs = k.Input((7, 6, 2), name="image")
    x = k.layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same",
                        use_bias=False)(x)
    x = k.layers.ReLU(6.0)(x)
    x = k.layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same")(x)
    x = k.layers.Conv2D(2, 2, dilation_rate=(1, 2), padding="same")(x)
    x = k.layers.Dropout(0.5)(x)
    x = k.layers.Activation("relu")(x)
    x = k.layers.Reshape((-1, 4))(x)
    x = k.layers.Dense(3, activation="linear")(x)
    x = k.layers.ReLU()(x)
    x = k.layers.Flatten()(x)
    x = k.layers.Dense(2, use_bias=False, name="logits")(x)
    return k.Model(inputs, x)


def branches(k):
    """A graph with two inputs and three outputs."""
    a = k.Input((4,), name="a")
    b = k.Input((3,), name="b")
    x = k.layers.Dense(5, activation="relu", name="shared")(a)
    first = k.layers.Dense(2, name="first")(x)
    second = k.layers.Dense(3, name="second")(x)
    third = k.layers.Dense(2, activation="relu", name="third")(b)
    return k.Model([b, a], [second, third, first])


def blocks(k):
    """Sums of two and three, averages, activations that fuse nowhere."""
    x = inputs = k.Input((6, 6, 2), name="image")
    x = k.layers.ReLU(name="first")(x)
    a = k.layers.Conv2D(3, 3, padding="same", activation="relu", name="a")(x)
    b = k.layers.Conv2D(3, 1, name="b")(x)
    c = k.layers.Activation("relu6", name="c")(b)
    x = k.layers.Add(name="three")([a, b, c])
    x = k.layers.Activation("relu", name="after_three")(x)
    x = k.layers.AveragePooling2D((2, 3), strides=(2, 1), padding="same",
                                  name="average")(x)
    y = k.layers.ReLU(6.0, name="clip")(x)
    y = k.layers.ReLU(name="again")(y)
    x = k.layers.Add(name="two")([x, y])
    return k.Model(inputs, k.layers.Flatten(name="flat")(x))


def depthwise(k):
    """Depthwise convolutions, with and without a multiplier, and separable ones."""
    x = inputs = k.Input((9, 8, 3), name="image")
    x = k.layers.DepthwiseConv2D((3, 2), strides=2, padding="same",
                                 activation="relu", name="dw")(x)
    x = k.layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=(2, 1),
                                 padding="same", use_bias=False,
                                 name="twice")(x)
    x = k.layers.SeparableConv2D(4, 3, depth_multiplier=2, activation="relu6",
                                 padding="same", name="separable")(x)
    x = k.layers.SeparableConv2D(5, 2, use_bias=False, name="plain")(x)
    return k.Model(inputs, k.layers.Flatten(name="flat")(x))


def norms(k):
    """Batch normalization behind layers, behind none, without gamma or beta, frozen."""
    x = inputs = k.Input((6, 5, 2), name="image")
    x = k.layers.BatchNormalization(name="first")(x)
    x = k.layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = k.layers.BatchNormalization(momentum=0.9, epsilon=0.01,
                                    name="conv_bn")(x)
    x = k.layers.Activation("relu", name="conv_relu")(x)
    y = k.layers.Conv2D(4, 1, activation="relu", name="side")(x)
    y = k.layers.BatchNormalization(scale=False, name="side_bn")(y)
    x = k.layers.Add(name="sum")([x, y])
    x = k.layers.Flatten(name="flat")(x)
    x = k.layers.Dense(6, name="dense")(x)
    x = k.layers.BatchNormalization(center=False, name="dense_bn")(x)
    x = k.layers.ReLU(6.0, name="dense_relu")(x)
    x = k.layers.BatchNormalization(name="frozen", trainable=False)(x)
    x = k.layers.BatchNormalization(center=False, scale=False, name="bare")(x)
    return k.Model(inputs, k.layers.Dense(3, name="logits")(x))


def random_weights(model):
    rng = np.random.default_rng(1)
    weights = []
    for variable in model.weights:
        values = rng.normal(0, 0.5, variable.shape).astype(np.float32)
        if "variance" in variable.name:
            values = np.abs(values) + np.float32(0.1)
        weights.append(values)
    return weights


def joins(k):
    """Zeros around images, tensors side by side along each axis, means of whole images."""
    x = inputs = k.Input((5, 6, 2), name="image")
    a = k.layers.ZeroPadding2D(((1, 0), (0, 2)), name="corner")(x)
    a = k.layers.Conv2D(3, 3, name="a")(a)
    b = k.layers.ZeroPadding2D((0, 1), name="sides")(x)
    b = k.layers.Conv2D(4, (2, 3), name="b")(b)
    x = k.layers.Concatenate(name="channels")([a, b])
    y = k.layers.ZeroPadding2D(1, name="around")(x)
    y = k.layers.MaxPooling2D(3, strides=1, name="same")(y)
    x = k.layers.Concatenate(axis=1, name="rows")([x, y])
    x = k.layers.Concatenate(axis=-2, name="columns")([x, x])
    c = k.layers.GlobalAveragePooling2D(name="dropped")(x)
    d = k.layers.GlobalAveragePooling2D(keepdims=True, name="kept")(x)
    d = k.layers.Flatten(name="flat")(d)
    return k.Model(inputs, k.layers.Concatenate(name="means")([c, d, c]))


def save(k, name, model, folder, weights):
    if weights is None:
        weights = random_weights(model)
    model.set_weights(weights)
    path = folder / f"{'keras3' if k is keras else 'keras2'}_{name}"
    model.save(f"{path}.h5", include_optimizer=False)
    model.save(f"{path}.keras")
    return weights


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for make in (cnn, layers, branches, blocks, depthwise, norms, joins):
        weights = None
        results = []
        for k in (tf_keras, keras):
            model = make(k)
            weights = save(k, make.__name__, model, folder, weights)
            rng = np.random.default_rng(2)
            inputs = [rng.normal(0, 1, (2, *x.shape[1:])).astype(np.float32)
                      for x in model.inputs]
            outputs = model(inputs if len(inputs) > 1 else inputs[0])
            if not isinstance(outputs, (list, tuple)):
                outputs = [outputs]
            results.append([np.array(y) for y in outputs])
        for two, three in zip(*results):
            np.testing.assert_allclose(two, three, rtol=1e-6, atol=1e-6)

        def listed(arrays):
            return [{"shape": list(a.shape),
                     "values": [float(v) for v in a.ravel()]} for a in arrays]

        text = {"inputs": listed(inputs), "outputs": listed(results[0])}
        (folder / f"{make.__name__}.json").write_text(json.dumps(text) + "\n")


if __name__ == "__main__":
    main()
