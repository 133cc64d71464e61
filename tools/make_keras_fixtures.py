#!/usr/bin/env python3
"""Saves tiny Keras models of both dialects, with what they predict.

    build/venv/bin/python tools/make_keras_fixtures.py tests/golden/keras [MODEL...]

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


def nested(k):
    """Models in the model, of equal names inside, one called twice and frozen in part; a layer that is called twice."""
    i = k.Input((4, 4, 2), name="block_in")
    x = k.layers.Conv2D(2, 2, padding="same", name="conv")(i)
    x = k.layers.BatchNormalization(name="bn", trainable=False)(x)
    block = k.Model(i, [x, k.layers.ReLU(name="relu")(x)], name="block")
    head = k.Sequential([k.Input((4, 4, 2)),
                         k.layers.Conv2D(3, 3, activation="relu", name="conv"),
                         k.layers.Flatten(name="flat")], name="head")
    a = k.Input((4, 4, 2), name="a")
    b = k.Input((4, 4, 2), name="b")
    dense = k.layers.Dense(2, name="dense")
    pre, post = block(a)
    other, _ = block(b)
    y = dense(head(k.layers.Add(name="sum")([post, other])))
    return k.Model([b, a], [k.layers.Flatten(name="rest")(pre), dense(head(post)), y])


def sequences(k):
    """Layers of one dimension."""
    x = inputs = k.Input((12, 3), name="steps")
    x = k.layers.ZeroPadding1D((1, 2), name="pad")(x)
    x = k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu", name="causal")(x)
    x = k.layers.SeparableConv1D(6, 3, depth_multiplier=2, padding="same", activation="tanh", name="separable")(x)
    x = k.layers.MaxPooling1D(2, name="max")(x)
    x = k.layers.DepthwiseConv1D(3, strides=2, padding="same", use_bias=False, name="depthwise")(x)
    x = k.layers.Conv1DTranspose(5, 3, strides=2, padding="same", name="up")(x)
    x = k.layers.UpSampling1D(3, name="repeat")(x)
    x = k.layers.Cropping1D((2, 1), name="crop")(x)
    x = k.layers.AveragePooling1D(2, padding="same", name="mean")(x)
    x = k.layers.Permute((2, 1), name="turn")(x)
    y = k.layers.GlobalMaxPooling1D(name="top")(x)
    y = k.layers.RepeatVector(5, name="again")(y)
    return k.Model(inputs, [k.layers.Flatten(name="flat")(x), y])


def bends(k):
    """Activations of several nodes: layers, functions, and one of a layer."""
    x = inputs = k.Input((3, 4), name="x")
    outputs = [k.layers.Activation(name, name=f"as_{name}")(x)
               for name in ("selu", "softplus", "softsign", "mish", "gelu", "exponential", "tanh", "elu", "log_softmax")]
    outputs += [k.layers.ReLU(2.5, name="at_most")(x), k.layers.ReLU(negative_slope=0.25, name="slope")(x),
                k.layers.ReLU(1.5, negative_slope=0.5, threshold=0.25, name="all")(x), k.layers.ReLU(threshold=0.5, name="above")(x),
                k.layers.ELU(0.5, name="soft")(x), k.layers.LeakyReLU(0.125, name="leaky")(x),
                k.layers.PReLU(shared_axes=[1], name="learned")(x), k.layers.Softmax(axis=1, name="along")(x),
                k.layers.Dense(4, activation="softsign", name="dense")(x)]
    return k.Model(inputs, k.layers.Concatenate(axis=1, name="all_of_them")(outputs))


def images(k):
    """Images of other sizes, merges of several and of lower ranks, numbers that are not trained."""
    x = inputs = k.Input((6, 6, 2), name="image")
    x = k.layers.Rescaling(0.5, offset=-1.0, name="rescale")(x)
    x = k.layers.Normalization(mean=[0.5, -0.25], variance=[2.0, 0.75], name="normal")(x)
    a = k.layers.UpSampling2D((2, 1), interpolation="bilinear", name="up")(x)
    a = k.layers.Cropping2D(((3, 3), (0, 0)), name="crop")(a)
    b = k.layers.Conv2DTranspose(2, 3, padding="same", activation="relu", name="back")(x)
    c = k.layers.Resizing(6, 6, name="resize")(k.layers.MaxPooling2D(2, name="small")(x))
    d = k.layers.GlobalAveragePooling2D(name="mean")(x)
    x = k.layers.Average(name="average")([a, b, c])
    x = k.layers.Multiply(name="gate")([x, d])
    x = k.layers.Subtract(name="less")([x, a])
    x = k.layers.Maximum(name="most")([x, b, c])
    return k.Model(inputs, k.layers.Flatten(name="flat")(k.layers.Minimum(name="least")([x, a])))


def noises(k):
    """What acts in training only."""
    x = inputs = k.Input((5, 4, 2), name="image")
    x = k.layers.SpatialDropout2D(0.25, name="channels")(x)
    x = k.layers.GaussianNoise(0.5, name="noise")(x)
    x = k.layers.Conv2D(3, 2, name="conv")(x)
    x = k.layers.AlphaDropout(0.125, name="alpha")(x)
    x = k.layers.Reshape((12, 3), name="steps")(x)
    x = k.layers.SpatialDropout1D(0.5, name="features")(x)
    x = k.layers.ActivityRegularization(l1=0.5, l2=0.25, name="small")(x)
    x = k.layers.Flatten(name="flat")(x)
    x = k.layers.GaussianDropout(0.375, name="factors")(x)
    return k.Model(inputs, k.layers.Dense(2, name="logits")(x))


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
    only = sys.argv[2:]  # names of models; none: all
    for make in (cnn, layers, branches, blocks, depthwise, norms, joins, nested, sequences, bends, images, noises):
        if only and make.__name__ not in only:
            continue
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
