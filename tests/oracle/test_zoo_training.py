"""Every network of shared/zoo, as Keras file and as TensorFlow's fp32 .tflite, through two recipes for a few steps and then to every numeric format:
nothing aborts, and what the recipe promises of the weights holds (`optimize` checks it).
"""

import json
import os
import sys

import numpy as np
import pytest
from conftest import shared_dir
from record_zoo_gradients import ends_in_sigmoid, inputs, targets

RECIPES = ("prune_cluster_pcqat", "quant")
METHODS = ("fp32", "fp16", "dynamic", "int8", "int16x8")
FILES = ("model.h5", "fp32.tflite")
# In CI; LITESMITH_ZOO=all takes every network.
FEW = ("ds_cnn", "two_input")


def networks():
    zoo = shared_dir() / "zoo"
    names = sorted(path.name for path in zoo.iterdir() if path.is_dir()) if zoo.is_dir() else []
    few = os.environ.get("CI") and os.environ.get("LITESMITH_ZOO") != "all"
    return [name for name in names if not few or name in FEW] or [None]


def data_of(folder, file, path):
    """An .npz of the network's samples, with targets for the file's own first output."""
    with np.load(folder / "io.npz") as npz:
        io = {key: npz[key] for key in npz.files}
    if file.endswith(".tflite") and (first := int(np.ravel(io["fp32_out"])[0])) != 0:
        io["keras_train_y0"] = io[f"keras_train_y{first}"]
        io["y_train"] = io["keras_train_y0"].argmax(axis=-1)
    x = inputs(io)
    y = targets(io, ends_in_sigmoid(folder / "model.h5"))
    arrays = {}
    for half in ("train", "test"):
        arrays.update({f"x_{half}" + (f"_{i}" if i else ""): each for i, each in enumerate(x)})
        if y is not None:
            arrays[f"y_{half}"] = y
    np.savez(path, **arrays)
    return x, "top1" if y is not None and y.ndim == 1 else "mse"


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", networks())
def test_zoo_training(name, file, recipe, litesmith, tmp_path):
    if name is None:
        message = f"NO ZOO AT {shared_dir() / 'zoo'}: set LITESMITH_SHARED; no network was trained"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    folder = shared_dir() / "zoo" / name
    if not (folder / file).is_file():
        pytest.skip("TensorFlow's converter refuses it")
    x, metric = data_of(folder, file, tmp_path / "data.npz")
    spec = f"npz:{tmp_path / 'data.npz'}"
    trained = tmp_path / "trained.h5"
    options = ["--data", spec, "--epochs", 1, "--batch", 8, "--validation-split", 0, "--metric", metric, "--learning-rate", 1e-4, "--json"]
    said = json.loads(litesmith.ok("optimize", folder / file, "--recipe", recipe, *options, "-o", trained))
    assert said["steps"] > 0 and np.isfinite(said["loss"])
    for method in METHODS:
        out = tmp_path / f"{method}.tflite"
        litesmith.ok("convert", trained, "--method", method, "--calibration", spec, "-o", out)
        assert out.stat().st_size > 0
