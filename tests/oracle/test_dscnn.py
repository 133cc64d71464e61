"""MLPerf Tiny's DS-CNN, straight from its .tflite: trained, pruned, clustered, trained quantization-aware; the files equal LiteRT's
reference kernels, and Keras reads the depthwise network that a converter had fused.

The samples are made up, one noisy pattern a class: what is tested is the way, not how well words are told apart.
"""

import numpy as np
import pytest
import runtimes
from conftest import shared_dir
from test_keras import assert_close, predict
from test_resnet8 import require

RECIPES = "none,quant,prune_cluster_pcqat"
COMPARED = 10


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    rng = np.random.default_rng(0)
    patterns = rng.normal(0, 20, (12, 49, 10, 1))

    def half(count):
        labels = rng.integers(0, 12, count)
        return (patterns[labels] + rng.normal(0, 25, (count, 49, 10, 1))).astype(np.float32), labels.astype(np.int32)

    path = tmp_path_factory.mktemp("words") / "words.npz"
    (x_train, y_train), (x_test, y_test) = half(400), half(100)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="module")
def studied(litesmith, words, tmp_path_factory):
    model = require(shared_dir() / "models" / "dscnn_float.tflite")
    out = tmp_path_factory.mktemp("dscnn") / "study"
    done = litesmith.call("study", "--model", model, "--data", f"npz:{words}", "--epochs", 1, "--recipes", RECIPES, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done.stderr


def test_every_cell_is_there_and_depthwise_layers_are_named_where_they_are_left(studied):
    out, said = studied
    table = [line for line in (out / "table.md").read_text().splitlines() if line.startswith("|")][2:]
    assert len(table) == 3 * 6
    assert not [line for line in table if "BROKEN" in line.upper()]
    for technique in ("prune", "cluster"):
        assert f'"{technique}" leaves the depthwise layers' in said


@pytest.mark.parametrize("recipe", RECIPES.split(","))
@pytest.mark.parametrize("method", ["fp32", "uint8", "int16x8"])
def test_litert_gives_the_same(litesmith, words, studied, tmp_path, recipe, method):
    file = studied[0] / recipe / f"{method}.tflite"
    inputs = runtimes.quantize(file, np.load(words)["x_test"][:COMPARED])
    for options in ((), ("--reference",)):
        ours, theirs = litesmith.run(file, inputs, tmp_path, *options), runtimes.litert(file, inputs)
        if ours.dtype.kind == "f" and method == "fp32":
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
        else:
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("generation", ["2", "3"])
def test_keras_reads_what_was_trained(litesmith, words, studied, tmp_path, generation):
    file = studied[0] / "none" / "model.h5"
    inputs = np.load(words)["x_test"][:COMPARED]
    assert_close(litesmith.run(file, inputs, tmp_path), predict(generation, file, tmp_path, inputs)[0])


def test_integers_in_a_file_that_is_called_fp32_are_named_and_taken_when_asked(litesmith, words, tmp_path):
    """MLPerf's own file of that name holds int8 weights."""
    model = require(shared_dir() / "models" / "dscnn_kws_fp32.tflite")
    options = ("--recipe", "prune_cluster_pcqat", "--data", f"npz:{words}", "--epochs", 1, "-o", tmp_path / "trained.h5")
    refused = litesmith.call("optimize", model, *options)
    assert refused.returncode == 2 and "int8 weights" in refused.stderr and "--dequantize" in refused.stderr
    litesmith.ok("optimize", model, "--dequantize", *options)  # it checks what it promises
    for method in ("fp32", "int8", "int16x8"):
        file = tmp_path / f"{method}.tflite"
        litesmith.ok("convert", tmp_path / "trained.h5", "--method", method, "--calibration", f"npz:{words}", "-o", file)
        inputs = runtimes.quantize(file, np.load(words)["x_test"][:COMPARED])
        ours, theirs = litesmith.run(file, inputs, tmp_path, "--reference"), runtimes.litert(file, inputs)
        if method == "fp32":
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
        else:
            assert np.array_equal(ours, theirs)
