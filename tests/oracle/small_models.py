"""Models of few layers that show a kind of layer or operation each, in either Keras: `build(keras, kind)`; run by keras_file.py."""

import numpy as np


class Operations:
    """Functions by the names that Keras 3 has for them; tf_keras makes layers of TensorFlow's."""

    def __init__(self, keras):
        self.keras_3 = keras.__version__.startswith("3")
        if self.keras_3:
            self.ops = keras.ops
        else:
            import tensorflow

            self.ops = tensorflow

    def __getattr__(self, name):
        of_tensorflow = {"concatenate": "concat", "flip": "reverse", "mean": "reduce_mean", "sum": "reduce_sum"}
        return getattr(self.ops, name if self.keras_3 else of_tensorflow.get(name, name))


def slices(layers, ops):
    x = inputs = layers.Input((9, 6))
    x = layers.Dense(6)(x)
    parts = [x[:, 1:-1, ::2], x[:, ::-1, 3:][:, 2:], x[:, 7:0:-1, -3:]]
    return inputs, ops.concatenate([*parts, x[:, -1][:, None, :3]], 1)


def repeated(layers, ops):
    inputs = layers.Input((5, 4))
    x = layers.Dense(4)(inputs)
    return inputs, ops.tile(ops.flip(x, [1]) - x, (1, 2, 1))


def products(layers, ops):
    inputs = layers.Input((6, 8))
    a = ops.transpose(ops.reshape(layers.Dense(8)(inputs), (-1, 6, 2, 4)), (0, 2, 1, 3))
    b = ops.reshape(layers.Dense(4)(inputs), (-1, 1, 4, 6))
    return inputs, ops.matmul(a, b)  # [2, 6, 4] by [1, 4, 6]


def reduced(layers, ops):
    inputs = layers.Input((6, 5, 4))
    x = layers.Conv2D(4, 3)(inputs)
    x = x - ops.mean(x, (1, 2), keepdims=True)
    return inputs, ops.concatenate([ops.sum(x, -2), ops.mean(x, 2)], 1)


def functions(layers, ops):
    inputs = layers.Input((6, 4))
    x = layers.Dense(4, activation="sigmoid")(inputs) + 0.5
    y = 2.0 / x + ops.sqrt(x) / (x + 1.0)
    z = (ops.math.log if hasattr(ops.ops, "math") else ops.log)(x) * x**3
    z = ops.where(y > x, z, ops.square(y))
    parts = ops.split(ops.stack([x, z], 1), 2, -1)
    return inputs, ops.concatenate([*(ops.reshape(part, (-1, 6, 4)) for part in parts), ops.pad(y, ((0, 0), (1, 0), (0, 0)))], 1)


def recurrent(layers, ops):
    inputs = layers.Input((6, 4))
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="mul")(inputs)
    return inputs, layers.SimpleRNN(3, go_backwards=True, return_sequences=True)(x)


def steps_in_front(layers, ops):
    """What Keras 2 calls time_major."""
    inputs = layers.Input((6, 4))
    turned, said = (inputs, {}) if ops.keras_3 else (ops.transpose(inputs, (1, 0, 2)), {"time_major": True})
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True, **said))(turned)
    x, h = layers.GRU(6, return_sequences=True, return_state=True, **said)(layers.Dense(4, activation="relu")(x))
    y = layers.SimpleRNN(6, go_backwards=True, return_sequences=True, recurrent_initializer="orthogonal", **said)(layers.Add()([x, layers.Dense(6)(turned)]))
    last, y = (y[:, -1], y) if ops.keras_3 else (y[-1], ops.transpose(y, (1, 0, 2)))
    return inputs, ops.concatenate([h, last, layers.Flatten()(y)], 1)


def gates(layers, ops):
    """Functions in a cell that Kerases mean two things by."""
    inputs = layers.Input((6, 4))
    x = layers.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True)(inputs)
    return inputs, layers.GRU(4, recurrent_activation="hard_sigmoid", activation="softsign")(x)


def wrapped(layers, ops):
    """Layers in layers, of which each Keras says other things."""
    inputs = layers.Input((4, 6, 5, 2))
    x = layers.TimeDistributed(layers.Conv2D(3, 3, padding="same", activation="relu"))(inputs)
    x = layers.TimeDistributed(layers.GlobalMaxPooling2D())(layers.TimeDistributed(layers.BatchNormalization())(x))
    x = layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)], return_sequences=True)(x)
    x = layers.Concatenate()(layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=None)(x))
    y, *states = layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True))(layers.BatchNormalization(axis=1)(x))
    return inputs, layers.Concatenate()([layers.Flatten()(y), *states])


def pairs(layers, ops):
    """Products of rows, and channels in front."""
    inputs = layers.Input((3, 8, 6))
    x = layers.Conv2D(4, 3, padding="same", data_format="channels_first", activation="relu")(inputs)
    x = layers.MaxPooling2D(2, data_format="channels_first")(x)
    x = layers.BatchNormalization(axis=2)(x)
    x = layers.UnitNormalization(axis=1)(layers.UnitNormalization(axis=(1, 3))(layers.CenterCrop(3, 3)(x)))
    a, b = (layers.Dense(4, activation=layers.LeakyReLU())(layers.Flatten()(x)) for _ in range(2))
    return inputs, layers.Concatenate()([layers.Dot(1)([a, b]), layers.Dot(1, normalize=True)([a, b])])


def masked(layers, ops):
    inputs = layers.Input((7, 4))
    return inputs, layers.GlobalAveragePooling1D()(layers.Dense(4)(layers.Masking(0.3)(inputs)))


def heads(layers, ops):
    inputs = layers.Input((3, 4, 8))
    return inputs, layers.MultiHeadAttention(2, 3, value_dim=5, use_bias=False, attention_axes=(1, 2))(inputs, inputs)


def rows(layers, ops):
    """Heads that look along some axes alone."""
    inputs = layers.Input((3, 4, 8))
    x = layers.MultiHeadAttention(2, 3, attention_axes=2)(inputs, inputs)
    y = layers.Conv2D(6, 2)(layers.ZeroPadding2D(((0, 1), (1, 2)))(inputs))  # [3, 6, 6]
    x = layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=5, attention_axes=(2,))(x, y)
    return inputs, layers.MultiHeadAttention(3, 2, attention_axes=(1,))(x, x)


def images(layers, ops):
    inputs = layers.Input((8, 8, 4))
    x = layers.GroupNormalization(-1)(layers.Conv2D(4, 3, padding="same")(inputs))
    x = layers.Resizing(11, 5, interpolation="bicubic")(layers.GroupNormalization(1)(x))
    return inputs, layers.Resizing(6, 7, interpolation="lanczos3", crop_to_aspect_ratio=True)(x)


def transposed(layers, ops):
    inputs = layers.Input((8, 4))
    x = layers.Conv1DTranspose(3, 3, strides=3, output_padding=2, padding="same")(inputs)
    return inputs, layers.Conv1DTranspose(3, 4, strides=2, activation="relu")(x)


def dilated(layers, ops):
    inputs = layers.Input((8, 4))
    x = layers.Conv1DTranspose(3, 3, dilation_rate=3, padding="same", activation="relu")(inputs)
    x = layers.Reshape((6, 4, 1))(layers.Cropping1D(1)(layers.Conv1DTranspose(3, 2, dilation_rate=2, use_bias=False)(x)))
    x = layers.Conv2DTranspose(2, (3, 2), dilation_rate=2, activation="tanh")(x)
    layer = layers.Conv2DTranspose(2, (1, 3), dilation_rate=2, padding="same")
    return inputs, layer(layer(x))


def activations(layers, ops):
    inputs = layers.Input((8, 8, 4))
    x = layers.Activation("gelu", name="erf")(layers.Conv2D(4, 3)(inputs))
    x = layers.ReLU(max_value=1.0, name="to_one")(layers.Conv2D(4, 3)(x))
    if ops.keras_3:
        x = layers.Activation("hard_silu", name="of_3")(layers.Conv2D(4, 3, activation="hard_silu", name="inside")(x))
    return inputs, x


def einsum(layers, ops):
    inputs = layers.Input((8, 4))
    x = layers.EinsumDense("abc,cd->abd", output_shape=(8, 6), bias_axes="d", activation="relu")(inputs)
    return inputs, layers.EinsumDense("abc,cde->abde", output_shape=(8, 2, 3), bias_axes="de")(x)


KINDS = {
    f.__name__: f
    for f in (
        *(slices, repeated, products, functions, reduced, recurrent, steps_in_front, gates, wrapped, pairs, masked, heads, rows, images),
        *(transposed, dilated, activations, einsum),
    )
}


def build(keras, kind):
    """The model, with biases that are not zero and a dense layer at its end."""
    keras.utils.set_random_seed(3)
    inputs, x = KINDS[kind](keras.layers, Operations(keras))
    model = keras.Model(inputs, keras.layers.Dense(3, name="last")(keras.layers.Flatten(name="flat")(x)))
    rng = np.random.default_rng(9)
    weights = [w + rng.uniform(-0.2, 0.2, w.shape) if w.ndim == 1 else w for w in model.get_weights()]
    model.set_weights([w.astype(np.float32) for w in weights])
    return model
