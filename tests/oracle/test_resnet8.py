"""MLPerf Tiny's ResNet-8 through recipes and formats on CIFAR-10: promises kept, the files equal LiteRT's reference kernels, and a
quantization-aware graph answers as its integer file does.

Environment: LITESMITH_RESNET8="TRAIN TEST COMPARED" (300 200 20; "5000 1000 1000" for a long look): how many images train, are evaluated, and
are run by LiteRT's reference kernels, at 4 to 60 ms each.
"""

import json
import os
import sys

import numpy as np
import pytest
import runtimes
from conftest import ROOT, python, shared_dir
from test_keras import predict

RECIPES = "none,prune,cluster,prune_cluster,quant,prune_cluster_pcqat"
INTEGERS = ("uint8", "int16x8")
TRAIN, TEST, COMPARED = map(int, os.environ.get("LITESMITH_RESNET8", "300 200 20").split())


def require(path):
    if path.exists():
        return path
    message = f"THERE IS NO {path}: set LITESMITH_SHARED; ResNet-8 was not tested"
    if os.environ.get("CI"):
        pytest.fail(message)
    print(message, file=sys.stderr)
    pytest.skip(message)


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    source = require(shared_dir() / "data" / "cifar10" / "cifar10-jpg.tar.gz")
    path = tmp_path_factory.mktemp("cifar") / "cifar10.npz"
    python(ROOT / "tools" / "make_cifar10_npz.py", path, "--train", TRAIN, "--test", TEST, "--source", source)
    return path


@pytest.fixture(scope="module")
def studied(litesmith, cifar, tmp_path_factory):
    model = require(shared_dir() / "models" / "resnet8.h5")
    out = tmp_path_factory.mktemp("resnet8") / "study"
    options = ("--epochs", 1, "--learning-rate", 1e-4, "--recipes", RECIPES)
    litesmith.ok("study", "--model", model, "--data", f"npz:{cifar}", *options, "--out", out)
    return out


@pytest.fixture(scope="module")
def from_tflite(litesmith, cifar, tmp_path_factory):
    """The same network straight from its converted file, in a short study."""
    model = require(shared_dir() / "models" / "resnet8_fp32.tflite")
    out = tmp_path_factory.mktemp("resnet8") / "tflite"
    options = ("--epochs", 1, "--learning-rate", 1e-4, "--recipes", "quant,prune_cluster_pcqat", "--methods", "fp32,int8,int16x8")
    litesmith.ok("study", "--model", model, "--data", f"npz:{cifar}", *options, "--out", out)
    return out


@pytest.fixture(scope="module")
def images(cifar):
    return np.load(cifar)["x_test"].astype(np.float32)


def test_every_cell_is_there_and_keeps_its_promises(studied):
    table = [line for line in (studied / "table.md").read_text().splitlines() if line.startswith("|")][2:]
    assert len(table) == 6 * 6
    assert not [line for line in table if "BROKEN" in line.upper()]
    assert sum("zeros ok" in line for line in table) == 3 * 6
    assert sum("clusters ok" in line for line in table) == 3 * 6


@pytest.mark.parametrize("recipe", RECIPES.split(","))
@pytest.mark.parametrize("method", ["fp32", "dynamic", *INTEGERS])
def test_litert_gives_the_same(litesmith, studied, images, tmp_path, recipe, method):
    file = studied / recipe / f"{method}.tflite"
    inputs = runtimes.quantize(file, images[:COMPARED])
    for options in ((), ("--reference",)):
        ours, theirs = litesmith.run(file, inputs, tmp_path, *options), runtimes.litert(file, inputs)
        # What a runtime quantizes while it runs is a matter of roundings: a step of an activation here and there.
        if method == "fp32" or (method == "dynamic" and "q" not in recipe):
            np.testing.assert_allclose(ours, theirs, atol=1e-4 if method == "fp32" else 2e-2)
        else:
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("recipe", ["quant", "prune_cluster_pcqat"])
@pytest.mark.parametrize("method", ["fp32", "int8", "int16x8"])
def test_litert_gives_the_same_of_what_was_trained_from_a_tflite_file(litesmith, from_tflite, images, tmp_path, recipe, method):
    (row,) = [row for row in json.loads((from_tflite / "results.json").read_text()) if (row["recipe"], row["method"]) == (recipe, method)]
    kept = {invariant["name"] for invariant in row["invariants"]}
    assert all(invariant["ok"] for invariant in row["invariants"])
    assert recipe == "quant" or {"zeros", "clusters"} <= kept
    file = from_tflite / recipe / f"{method}.tflite"
    inputs = runtimes.quantize(file, images[:COMPARED])
    ours, theirs = litesmith.run(file, inputs, tmp_path, "--reference"), runtimes.litert(file, inputs)
    if method == "fp32":
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    else:
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("recipe", ["quant", "prune_cluster_pcqat"])
def test_the_quantization_aware_graph_answers_as_its_file(litesmith, studied, images, tmp_path, recipe):
    """Of 10,000 images one or two in a thousand go another way, by roundings of floats that each layer multiplies."""
    graph = litesmith.run(studied / recipe / "model.h5", images, tmp_path).argmax(axis=1)
    file = studied / recipe / "uint8.tflite"
    answers = litesmith.run(file, runtimes.quantize(file, images), tmp_path).argmax(axis=1)
    assert np.sum(graph != answers) <= 2 + 0.002 * len(images)


@pytest.mark.parametrize("generation", ["2", "3"])
def test_keras_reads_what_was_trained(litesmith, studied, images, tmp_path, generation):
    file = studied / "none" / "model.h5"
    inputs = images[:COMPARED]
    np.testing.assert_allclose(litesmith.run(file, inputs, tmp_path), predict(generation, file, tmp_path, inputs)[0], atol=1e-4)
