"""Loss and gradient of one batch of each network of shared/zoo against Keras's, recorded by tools/record_zoo_gradients.py: one step of gradient
descent moves the weights by the gradient times the rate. No network has code of its own: variables are found by their shape and values.
"""

import json
import os
import sys

import h5py
import numpy as np
import pytest
from conftest import ROOT, shared_dir
from record_zoo_gradients import ends_in_sigmoid, inputs, quiet, targets

RECORDED = ROOT / "tests" / "oracle" / "recorded" / "zoo_gradients.npz"
TOLERANCE = 1e-3  # of the variable's largest gradient
NOISE = 2e-6  # of the network's largest one: what sums of floats leave of nothing
RATE = 1000.0  # large, so that the weights' own digits do not count
# In CI; LITESMITH_ZOO=all takes every network.
FEW = ("ds_cnn", "mlp_mixer", "unet", "merge_ops")


def names():
    with np.load(RECORDED) as npz:
        found = sorted({name.split("/")[0] for name in npz.files})
    if os.environ.get("CI") and os.environ.get("LITESMITH_ZOO") != "all":
        return [name for name in found if name in FEW]
    return found


def arrays(path):
    """Every array of a Keras file's weights, in the order of their names; of a model that has no Keras form those of Litesmith's own graph."""
    found = {}
    with h5py.File(path, "r") as file:
        group = "model_weights" if "model_weights" in file else "litesmith"
        file[group].visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    if group == "litesmith":  # outputs come first there, and heads are not apart
        found = {name: np.moveaxis(item, 0, -1) if item.ndim > 1 else item for name, item in found.items() if item.dtype == np.float32}
    return found


@pytest.mark.parametrize("name", names())
def test_zoo_gradients(name, litesmith, tmp_path):
    folder = shared_dir() / "zoo" / name
    if not folder.is_dir():
        message = f"NO ZOO AT {folder.parent}: set LITESMITH_SHARED; no gradient of Keras's was compared"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    with np.load(folder / "io.npz") as npz:
        io = {key: npz[key] for key in npz.files}
    with np.load(RECORDED) as npz:
        recorded = {key.split("/")[1]: npz[key] for key in npz.files if key.startswith(f"{name}/")}
    quiet(folder / "model.h5", tmp_path / "model.h5")
    data = {}
    for half in ("train", "test"):
        data.update({f"x_{half}" + (f"_{i}" if i else ""): x for i, x in enumerate(inputs(io))})
        y = targets(io, ends_in_sigmoid(folder / "model.h5"))
        if y is not None:
            data[f"y_{half}"] = y
    np.savez(tmp_path / "data.npz", **data)
    count = len(data["x_train"])
    options = ["--data", f"npz:{tmp_path / 'data.npz'}", "--batch", count, "--validation-split", 0, "--optimizer", "sgd", "--momentum", 0,
               "--learning-rate", RATE, "--metric", "top1" if "y_train" in data and data["y_train"].ndim == 1 else "mse"]  # fmt: skip
    litesmith.ok("train", tmp_path / "model.h5", "-o", tmp_path / "before.h5", "--epochs", 0, *options)
    said = json.loads(litesmith.ok("train", tmp_path / "model.h5", "-o", tmp_path / "after.h5", "--epochs", 1, "--json", *options))
    assert said["steps"] == 1
    assert said["train_loss"] == pytest.approx(float(recorded["loss"]), rel=TOLERANCE), name
    before, after = arrays(tmp_path / "before.h5"), arrays(tmp_path / "after.h5")
    ours = [(before[key].astype(np.float64) - after[key]) / RATE for key in before]
    wanted = [recorded[str(i)].astype(np.float64) for i in range(len(recorded["names"]))]
    noise = NOISE * max(np.abs(g).max() for g in wanted)
    for variable, gradient in sorted(zip(recorded["names"], wanted), key=lambda pair: -np.abs(pair[1]).max()):
        fitting = [i for i, g in enumerate(ours) if g is not None and g.shape == gradient.shape]
        fitting += [i for i, g in enumerate(ours) if not fitting and g is not None and g.size == gradient.size]
        assert fitting, f"{name}: no variable has the shape of {variable}, {gradient.shape}"
        apart = [np.abs(ours[i].reshape(gradient.shape) - gradient).max() for i in fitting]
        best = int(np.argmin(apart))
        bound = TOLERANCE * np.abs(gradient).max() + noise
        assert apart[best] <= bound, f"{name}: {variable} is {apart[best]} apart, of {np.abs(gradient).max()} at most"
        ours[fitting[best]] = None
