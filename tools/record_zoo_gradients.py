"""Records Keras's loss and gradient of one batch for each network of ../shared/zoo into tests/oracle/recorded/zoo_gradients.npz.

    build/venv/bin/python tools/record_zoo_gradients.py [NAME ...]

Arrays: NAME/loss [], NAME/i the gradient of trainable variable i, in Keras's layout; NAME/names their names. The batch is all of io.npz's x_train;
batch normalizations are in training mode, rates of dropout and noise 0 (`quiet`). What the first output is compared with is in `targets`; other
outputs have no loss. Keras computes in float64: in float32 its own gradients are up to 3e-3 of the largest away from these, where a ReLU's input is
nearly zero. tests/oracle/test_zoo_gradients.py compares them with a step of `litesmith train`.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ZOO = Path(os.environ.get("LITESMITH_SHARED", ROOT.parent / "shared")) / "zoo"
OUT = ROOT / "tests" / "oracle" / "recorded" / "zoo_gradients.npz"


RATES = {"rate", "stddev", "dropout", "recurrent_dropout"}


def without_noise(layer):
    """A layer's JSON, and that of the layers in it, with rates of dropout and noise 0."""
    if isinstance(layer, list):
        return [without_noise(each) for each in layer]
    if not isinstance(layer, dict):
        return layer
    # The start values of weights have a deviation, too: those are no layers.
    noise = "name" in layer and layer.get("class_name") is None
    return {key: 0.0 if noise and key in RATES and isinstance(value, float) else without_noise(value) for key, value in layer.items()}


def config_of(file):
    text = file.attrs["model_config"]
    return json.loads(text if isinstance(text, str) else text.decode())


def quiet(source, target, dtype="float32"):
    """Copies a Keras .h5 file, its dropouts and noises without effect; layers compute in `dtype`."""
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["model_config"] = json.dumps(without_noise(config_of(file))).replace('"float32"', f'"{dtype}"')


def ends_in_sigmoid(path):
    """Whether the first output is made by a sigmoid."""
    with h5py.File(path, "r") as file:
        config = config_of(file)["config"]
    layers = {layer["config"]["name"]: layer["config"] for layer in config["layers"]}
    last = config["layers"][-1]["config"]
    if config.get("output_layers"):
        last = layers[config["output_layers"][0][0]]
    return last.get("activation") == "sigmoid"


def inputs(io):
    """The batch's inputs, in the model's order."""
    names = ["x_train"] + [f"x_train_{i}" for i in range(1, 9)]
    return [io[name] for name in names if name in io]


def targets(io, each):
    """What the first output is compared with, values or labels; None: with the input. `each`: it is made by a sigmoid."""
    x, out, labels = inputs(io)[0], io["keras_train_y0"], io["y_train"]
    if out.shape == x.shape and out[0].size > 1:
        return None
    if out.ndim > 2:
        return (1 - out).astype(np.float32)
    if out.shape[-1] == 1:
        return labels.reshape(-1, 1).astype(np.float32)
    return np.eye(out.shape[1], dtype=np.float32)[labels] if each else labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")
    import tensorflow as tf
    import tf_keras as keras

    keras.backend.set_floatx("float64")
    arrays = dict(np.load(OUT)) if OUT.is_file() and args.names else {}
    for folder in sorted(path for path in ZOO.iterdir() if path.is_dir()):
        if args.names and folder.name not in args.names:
            continue
        with np.load(folder / "io.npz") as npz:
            io = {name: npz[name] for name in npz.files}
        each = ends_in_sigmoid(folder / "model.h5")
        y = targets(io, each)
        with tempfile.TemporaryDirectory() as directory:
            quiet(folder / "model.h5", Path(directory) / "model.h5", "float64")
            model = keras.models.load_model(Path(directory) / "model.h5", compile=False)
        x = [each.astype(np.float64) if each.dtype == np.float32 else each for each in inputs(io)]
        if y is not None and y.ndim == 1:
            softmax = np.abs(io["keras_train_y0"].sum(axis=1) - 1).max() < 1e-3
            loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
        else:
            loss_of = keras.losses.BinaryCrossentropy() if each else keras.losses.MeanSquaredError()
        y = x[0] if y is None else y
        with tf.GradientTape() as tape:
            output = model(x if len(x) > 1 else x[0], training=True)
            output = output[0] if isinstance(output, (list, tuple)) else output
            loss = loss_of(y, output)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        arrays[f"{folder.name}/loss"] = np.float64(loss)
        arrays[f"{folder.name}/names"] = np.array([v.name for v in variables])
        for i, (v, g) in enumerate(zip(variables, gradients)):
            g = np.zeros(v.shape, np.float32) if g is None else tf.convert_to_tensor(g).numpy()
            arrays[f"{folder.name}/{i}"] = g.astype(np.float32)
        print(folder.name, float(loss), len(variables), file=sys.stderr)
    np.savez_compressed(OUT, **arrays)


if __name__ == "__main__":
    main()
