"""Saves or runs a Keras file (.h5 or .keras, by its ending) in this process's Keras; run by test_keras.py, for each dialect.

usage: keras_file.py 2|3 save FILE                     an untrained `mnist-cnn` with tools/mnist_cnn.py's start weights
       keras_file.py 2|3 save-two FILE                 two inputs and two outputs, in an order of their own
       keras_file.py 2|3 save-options FILE             one with a frozen layer, a layer without bias and dropouts
       keras_file.py 2|3 save-residual FILE            a residual network on images of digits, with start weights of a seed
       keras_file.py 2|3 save-gated FILE [ACTIVATION]  one with squeeze-and-excitation that ends in a softmax, or in that
       keras_file.py 2|3 save-joined FILE              branches side by side, on images of digits, with start weights of a seed
       keras_file.py 2|3 save-regularized FILE         a chain of a functional model with regularizers, also in layers of layers
       keras_file.py 2|3 save-masked FILE KIND [FILE]  token or step networks that go by masks; KIND: see masked_model
       keras_file.py 2|3 save-small FILE KIND [FILE]   few layers; KIND: see small_models.py
       keras_file.py 2|3 save-nested FILE KIND         models in the model; KIND: see nested_model
       keras_file.py 2|3 predict FILE OUT.npz IN.npy.. its outputs for these inputs, as arr_0, arr_1, ...; prints tree() of it as JSON
       keras_file.py 2|3 loss FILE LOSS DATA.npz       prints the loss of its x_test and y_test
       keras_file.py 2|3 train-step FILE DATA.npz RATE OUT  one step of plain descent over all of x_train; prints its loss
       keras_file.py 2|3 weights FILE OUT.npz          each weight as 'layer/N', and the options as JSON in 'options'
       keras_file.py 2|3 layers FILE                   prints {name: class} as JSON
       keras_file.py 2|3 configs FILE                  prints the model's name and class, and all of each layer's config, as JSON
       keras_file.py 2|3 activations FILE              prints {name: activation} of those that have one
       keras_file.py 2|3 serve                         any of these, one after another: a JSON list of arguments per line of
                                                       standard input, {"printed": ..., "error": ...} per line of output
2 is tf_keras, 3 is Keras 3 (its TensorFlow backend).
"""

import contextlib
import functools
import io
import json
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import mnist_cnn
import numpy as np
import small_models


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


def model_with_two(keras):
    """Inputs and outputs in another order than that of the layers."""
    layers = keras.layers
    a, b = keras.Input((5,), name="a"), keras.Input((3,), name="b")
    x = layers.Dense(4, name="first")(a)
    x = layers.ReLU(6.0, name="clip")(x)
    y = layers.Dense(2, activation="relu", name="second")(b)
    z = layers.Dense(3, name="third")(x)
    return keras.Model([b, a], [z, y])


def residual_model(keras):
    layers = keras.layers
    keras.utils.set_random_seed(1)
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="stem")(image)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    y = layers.Conv2D(6, 3, padding="same", name="first")(x)
    y = layers.Activation("relu", name="first_relu")(layers.BatchNormalization(momentum=0.9, name="first_norm")(y))
    y = layers.BatchNormalization(name="second_norm")(layers.Conv2D(6, 3, padding="same", name="second")(y))
    x = layers.ReLU(max_value=6, name="joined_relu")(layers.Add(name="joined")([x, y]))
    x = layers.BatchNormalization(name="alone")(layers.AveragePooling2D(2, name="average")(x))
    return keras.Model(image, layers.Dense(10, name="logits")(layers.Flatten(name="flat")(x)))


def gated_model(keras, activation="softmax"):
    layers = keras.layers
    keras.utils.set_random_seed(2)
    image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")(image)
    y = layers.Flatten(name="squeezed")(layers.AveragePooling2D(14, name="squeeze")(x))
    y = layers.Dense(4, activation="relu", name="reduce")(y)
    y = layers.Dense(8, activation="sigmoid", name="gate")(y)
    x = layers.Multiply(name="excited")([x, layers.Reshape((1, 1, 8), name="gate_map")(y)])
    x = layers.AveragePooling2D(2, name="average")(x)
    x = layers.Conv2D(6, 3, name="mixed")(x)
    # A gate by itself, and a third factor.
    x = layers.Multiply(name="swished")([x, layers.Activation("sigmoid", name="swish")(x), layers.Conv2D(6, 1, activation="sigmoid", name="third")(x)])
    return keras.Model(image, layers.Dense(10, activation=activation, name="shares")(layers.Flatten(name="flat")(x)))


def joined_model(keras):
    """Branches of different ranges side by side, one of a fixed scale, one read elsewhere, too; and what is joined joined again."""
    layers = keras.layers
    keras.utils.set_random_seed(2)
    wide = keras.initializers.RandomNormal(stddev=3.0, seed=3)
    image = keras.Input((28, 28, 1), name="image")
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="corner")(image)
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="stem")(x)
    a = layers.Conv2D(4, 1, activation="relu", kernel_initializer=wide, name="wide")(x)
    b = layers.Conv2D(4, 3, padding="same", name="narrow")(x)
    x = layers.Concatenate(name="inner")([a, b])
    c = layers.Conv2D(8, 1, activation="relu", name="pooled")(layers.MaxPooling2D(3, strides=1, padding="same", name="pool")(x))
    d = layers.Conv2D(4, 1, activation="sigmoid", name="share")(x)
    x = layers.Concatenate(name="outer")([x, c, layers.Add(name="sum")([c, c]), d])
    y = layers.GlobalAveragePooling2D(name="means")(x)
    z = layers.GlobalAveragePooling2D(keepdims=True, name="kept")(c)
    x = layers.Concatenate(name="all")([y, layers.Flatten(name="flat")(z)])
    return keras.Model(image, layers.Dense(10, name="logits")(x))


def regularized_model(keras):
    """L1 and L2 at every kind of weights; the loss of all of them is what counts."""
    layers, by = keras.layers, keras.regularizers
    keras.utils.set_random_seed(4)
    x = image = keras.Input((28, 28), name="image")
    x = layers.Conv1D(6, 3, kernel_regularizer=by.L2(0.003), bias_regularizer=by.L1(0.02), name="conv")(x)
    x = layers.BatchNormalization(gamma_regularizer=by.L1L2(0.001, 0.002), name="norm")(x)
    x = layers.SeparableConv1D(4, 3, depthwise_regularizer="l2", pointwise_regularizer=by.L1(0.001), name="separable")(x)
    x = layers.TimeDistributed(layers.Dense(4, kernel_regularizer=by.L2(0.01), name="inner"), name="each")(x)
    x = layers.Bidirectional(layers.LSTM(3, recurrent_regularizer=by.L2(0.02), kernel_regularizer=by.L2(0.01)), name="both")(x)
    x = layers.Dense(10, kernel_regularizer=by.L2(1e-4), name="logits")(x)
    return keras.Model(image, x, name="mine")


def masked_model(keras, kind):
    """Masks of an Embedding or a Masking on their way through layers of all kinds."""
    layers = keras.layers
    keras.utils.set_random_seed(5)
    if kind in ("steps", "given"):
        inputs = [keras.Input((7, 5))]
        x = layers.Masking()(inputs[0])
        if kind == "given":
            inputs.append(keras.Input((4,)))
            x, state = layers.GRU(4, return_sequences=True, return_state=True)(x, initial_state=inputs[1])
            x, h, c = layers.LSTM(4, return_state=True, return_sequences=True)(x, initial_state=[state, inputs[1]])
            x = layers.Concatenate()([layers.SimpleRNN(4)(x, initial_state=inputs[1]), h, c])
        else:
            x = layers.GRU(3)(layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.TimeDistributed(layers.Dense(4))(x)))
        return keras.Model(inputs, layers.Dense(3)(x))
    tokens = keras.Input((7,), dtype="int32")
    x, other = (layers.Embedding(9, 6, mask_zero=True)(tokens) for _ in range(2))
    if kind == "tokens":
        x = layers.LSTM(4)(layers.Dense(6, activation="relu")(layers.Dropout(0.2)(layers.LSTM(6, return_sequences=True)(x))))
    elif kind == "joined":
        x = layers.Concatenate()([layers.LSTM(4)(layers.Concatenate()([x, other])), layers.GRU(4)(layers.Add()([x, other]))])
    elif kind == "attention":
        # In this order: in Keras 3 MultiHeadAttention takes their masks away from the tensors that it reads.
        x = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 3)(layers.Attention()([x, other]), other))
    else:
        x = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 3, dropout=0.1)(x, other) + x)
    return keras.Model(tokens, layers.Dense(3)(x))


def nested_model(keras, kind):
    """Models in the model, of both kinds, in each other, with weights that tell an order from another."""
    layers = keras.layers
    keras.utils.set_random_seed(11)

    def block(name, channels, size=8):
        x = inputs = keras.Input((size, size, channels), name=f"{name}_in")
        x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(x)
        x = layers.BatchNormalization(name="norm")(x)
        y = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
        x = layers.Add(name="join")([layers.Dropout(0.2, name="drop")(y), x])
        return keras.Model(inputs, layers.ReLU(name="relu")(x), name=name)

    head = keras.Sequential([layers.GlobalAveragePooling2D(name="pool"), layers.Dense(5, activation="relu", name="fc"), layers.Dropout(0.3, name="drop")], name="head")
    image = keras.Input((8, 8, 3), name="image")
    if kind == "sequential":
        stem = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, activation="relu", name="conv"), layers.BatchNormalization(name="norm")], name="stem")
        model = keras.Model(image, layers.Dense(2, name="out")(head(layers.ReLU(name="relu")(stem(image)))))
    elif kind == "chain":
        model = keras.Sequential([image, block("backbone", 3), head, layers.Dense(2, name="out")], name="chain")
    elif kind == "deep":
        x = inputs = keras.Input((8, 8, 3), name="inner")
        inner = block("inner_block", 3)
        inner.get_layer("conv").trainable = False
        # Names of their own: no Keras writes an .h5 of two in one model.
        last = keras.Sequential([layers.Conv2D(2, 1, name="narrow"), layers.LayerNormalization(name="scale")], name="last")
        x = last(layers.Conv2D(4, 3, name="wide")(inner(x)))
        backbone = keras.Model(inputs, x, name="backbone")
        model = keras.Model(image, layers.Dense(2, name="out")(head(backbone(image))))
    elif kind == "frozen":
        backbone = block("backbone", 3)
        backbone.trainable = False
        model = keras.Model(image, layers.Dense(2, name="out")(head(backbone(image, training=False))))
    elif kind == "two":
        a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
        x = layers.Dense(4, name="of_b")(b)
        pair = keras.Model([a, b], [layers.Add(name="sum")([x, a]), layers.Dense(3, name="more")(x)], name="pair")
        inputs = [keras.Input((3,), name="x"), keras.Input((4,), name="y")]
        first, second = pair([inputs[1], inputs[0]])
        model = keras.Model(inputs, [layers.Dense(2, name="out")(second), layers.ReLU(name="bent")(first), first])
    elif kind == "twice":
        other = keras.Input((8, 8, 3), name="other")
        backbone = block("backbone", 3)
        model = keras.Model([image, other], [layers.Subtract(name="sub")([head(backbone(image)), head(backbone(other))]), backbone(image)])
    else:
        tokens = keras.Input((6,), dtype="int32", name="tokens")
        steps = keras.Input((6, 4), name="steps")
        x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(steps)
        encoder = keras.Model(steps, layers.LSTM(3, name="lstm")(layers.TimeDistributed(layers.Dense(4), name="each")(x)), name="encoder")
        model = keras.Model(tokens, layers.Dense(2, name="out")(encoder(layers.Embedding(9, 4, name="table")(tokens))))
    rng = np.random.default_rng(17)
    model.set_weights([rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def tree(model):
    """[name, class, whether it trains, shapes of its weights], or of a model [name, class, its layers]: Keras 2 forgets that one was frozen."""
    inner = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    described = [(tree(layer),) if hasattr(layer, "layers") else (layer.trainable, [list(w.shape) for w in layer.weights]) for layer in inner]
    return [[layer.name, type(layer).__name__, *rest] for layer, rest in zip(inner, described)]


def save(model, path):
    """The file without the optimizer: .h5 has an option, .keras none to leave out."""
    model.save(path, **({} if path.endswith(".keras") else {"include_optimizer": False}))


def options(layer):
    config = layer.get_config()
    keys = ("rate", "noise_shape", "seed", "use_bias")
    return {"trainable": layer.trainable, **{key: config[key] for key in keys if key in config}}


def serve(generation):
    """Keras takes seconds to import, and a command a fraction of one."""
    keras = import_keras(generation)
    answers = sys.stdout
    for line in sys.stdin:
        keras.backend.clear_session()
        printed, error = io.StringIO(), None
        with contextlib.redirect_stdout(printed):
            try:
                run(keras, *json.loads(line))
            except Exception:
                error = traceback.format_exc()
        print(json.dumps({"printed": printed.getvalue(), "error": error}), file=answers, flush=True)


def main(generation, verb, *args):
    if verb == "serve":
        serve(generation)
    else:
        run(import_keras(generation), verb, *args)


@functools.lru_cache(2)
def loaded_once(keras, path, _changed):
    return keras.models.load_model(path, compile=False)


def loaded(keras, path):
    """The model of a file, which tests ask several things of: loading takes the most. Not to be changed."""
    return loaded_once(keras, path, os.stat(path).st_mtime_ns)


def run(keras, verb, path, *arrays):
    if verb == "save":
        model = mnist_cnn.build(keras)
        model.set_weights(mnist_cnn.to_keras(mnist_cnn.start_weights(3)))
        save(model, path)
    elif verb == "save-options":
        save(model_with_options(keras), path)
    elif verb == "save-residual":
        save(residual_model(keras), path)
    elif verb == "save-gated":
        save(gated_model(keras, *arrays), path)
    elif verb == "save-joined":
        save(joined_model(keras), path)
    elif verb == "save-regularized":
        save(regularized_model(keras), path)
    elif verb in ("save-masked", "save-small"):
        model = (masked_model if verb == "save-masked" else small_models.build)(keras, arrays[0])
        for each in (path, *arrays[1:]):
            save(model, each)
    elif verb == "save-nested":
        save(nested_model(keras, *arrays), path)
    elif verb == "save-two":
        save(model_with_two(keras), path)
    elif verb == "layers":
        model = loaded(keras, path)
        print(json.dumps({layer.name: type(layer).__name__ for layer in model.layers}))
    elif verb == "train-step":
        model = keras.models.load_model(path, compile=False)
        data, rate, out = arrays
        data = np.load(data)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.SGD(float(rate)), loss=loss, run_eagerly=True)
        print(model.train_on_batch(data["x_train"], data["y_train"]))
        save(model, out)
    elif verb == "configs":
        model = loaded(keras, path)
        configs = {layer.name: layer.get_config() for layer in model.layers}
        print(json.dumps({"name": model.name, "class": type(model).__name__, "layers": configs}, default=lambda v: v.tolist() if hasattr(v, "tolist") else list(v)))
    elif verb == "activations":
        configs = {layer.name: layer.get_config() for layer in loaded(keras, path).layers}
        print(json.dumps({name: config["activation"] for name, config in configs.items() if "activation" in config}))
    elif verb == "loss":
        model = keras.models.load_model(path, compile=False)
        model.compile(loss=arrays[0], run_eagerly=True)
        data = np.load(arrays[1])
        print(model.evaluate(data["x_test"], data["y_test"], verbose=0))
    elif verb == "weights":
        model = loaded(keras, path)
        weights = {f"{layer.name}/{i}": w for layer in model.layers for i, w in enumerate(layer.get_weights())}
        said = {layer.name: options(layer) for layer in model.layers if layer.weights or "rate" in layer.get_config()}
        np.savez(arrays[0], options=json.dumps(said), **weights)
    else:
        model = loaded(keras, path)
        # A call, not predict(): that traces a function first, which takes most of a second.
        inputs = [np.load(name) for name in arrays[1:]]
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        np.savez(arrays[0], *map(np.asarray, outputs if isinstance(outputs, (list, tuple)) else [outputs]))
        print(json.dumps(tree(model)))


if __name__ == "__main__":
    main(*sys.argv[1:])
