"""Small networks from Keras through recipes and formats: what Litesmith writes gives the same numbers in LiteRT, and Keras reads it.

One is residual and ends in logits, one has gates and ends in a softmax, one joins branches of other ranges side by side.
"""

import numpy as np
import pytest
import runtimes
from test_keras import assert_close, keras, predict

RECIPES = "none,quant,prune_cluster_pcqat"
METHODS = "keras,fp32,fp16,dynamic,uint8,int16x8"


@pytest.fixture(scope="module", params=["residual", "gated", "joined"])
def studied(request, litesmith, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = folder / "model.keras"
    keras("3", f"save-{request.param}", model)
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
    ours, (theirs,) = litesmith.run(file, inputs, tmp_path, "--reference"), runtimes.litert_outputs(file, inputs)
    if ours.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    else:
        assert np.array_equal(ours, theirs)


def test_keras_reads_what_was_trained(litesmith, studied, tmp_path):
    (file,) = studied.rglob("none/model.h5")
    images = np.random.default_rng(8).random((8, 28, 28, 1), dtype=np.float32)
    assert_close(litesmith.run(file, images, tmp_path), predict("3", file, tmp_path, images)[0])


@pytest.mark.parametrize("studied", ["gated"], indirect=True)
def test_shares_have_the_scale_that_others_expect(studied):
    """And training has made something of the network, by the loss of its logits."""
    for method, wanted in {"uint8": (1 / 256, 0), "int16x8": (0, 0)}.items():
        for recipe in RECIPES.split(","):
            (file,) = studied.rglob(f"{recipe}/{method}.tflite")
            assert runtimes.details(file)[1]["quantization"] == wanted
    by_name = {detail["name"]: detail["quantization"] for detail in runtimes.details(next(studied.rglob("quant/int16x8.tflite")))[2]}
    assert by_name["gate/sigmoid"] == (1 / 32768, 0)
