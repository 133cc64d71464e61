"""A small residual network from Keras through recipes and formats: what Litesmith writes gives the same numbers in LiteRT, and Keras reads it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import runtimes

MODEL = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from keras import layers as L
keras.utils.set_random_seed(1)
x = image = keras.Input((28, 28, 1), name="image")
x = L.ReLU(name="stem_relu")(L.Conv2D(6, 3, strides=2, padding="same", name="stem")(x))
y = L.Conv2D(6, 3, padding="same", activation="relu", name="first")(x)
x = L.ReLU(max_value=6, name="joined_relu")(L.Add(name="joined")([x, L.Conv2D(6, 3, padding="same", name="second")(y)]))
x = L.AveragePooling2D(2, name="average")(x)
keras.Model(image, L.Dense(10, name="logits")(L.Flatten(name="flat")(x))).save(sys.argv[1])
"""
PREDICT = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
np.save(sys.argv[3], keras.models.load_model(sys.argv[1]).predict(np.load(sys.argv[2]), verbose=0))
"""
RECIPES = "none,quant,prune_cluster_pcqat"
METHODS = "keras,fp32,fp16,dynamic,uint8,int16x8"


def python(code, *arguments):
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, timeout=300, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})


@pytest.fixture(scope="module")
def studied(litesmith, tmp_path_factory):
    folder = tmp_path_factory.mktemp("residual")
    model = folder / "model.keras"
    python(MODEL, model)
    out = folder / "study"
    litesmith.ok(
        "study", "--model", model, "--data", "digits", "--limit", 400, "--epochs", 1, "--recipes", RECIPES, "--methods", METHODS, "--out", out
    )
    return out


def test_every_cell_is_there_and_keeps_its_promises(studied):
    table = [line for line in (studied / "table.md").read_text().splitlines() if line.startswith("|")][2:]
    assert len(table) == 3 * 6
    assert not [line for line in table if "BROKEN" in line.upper()]


@pytest.mark.parametrize("recipe", RECIPES.split(","))
@pytest.mark.parametrize("method", ["fp32", "uint8", "int16x8"])
def test_litert_gives_the_same(litesmith, studied, tmp_path, recipe, method):
    (file,) = studied.rglob(f"{recipe}/{method}.tflite")
    images = np.random.default_rng(7).random((8, 28, 28, 1), dtype=np.float32)
    inputs = runtimes.quantize(file, images)
    np.save(tmp_path / "x.npy", inputs)
    litesmith.ok("run", file, "--reference", "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    ours, (theirs,) = np.load(tmp_path / "y.npy"), runtimes.litert_outputs(file, inputs)
    if ours.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    else:
        assert np.array_equal(ours, theirs)


def test_keras_reads_what_was_trained(litesmith, studied, tmp_path):
    (file,) = studied.rglob("none/model.h5")
    images = np.random.default_rng(8).random((8, 28, 28, 1), dtype=np.float32)
    np.save(tmp_path / "x.npy", images)
    python(PREDICT, file, tmp_path / "x.npy", tmp_path / "keras.npy")
    litesmith.ok("run", file, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.load(tmp_path / "keras.npy"), atol=1e-4)
