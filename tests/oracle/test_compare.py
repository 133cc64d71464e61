"""`compare` on networks of every kind: the Keras model against the files that TensorFlow's own converter made of it, whose tensors have other
names. The program finds which are the same by structure, and what it says of outputs is what the oracle's own numbers say."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
ZOO = Path(os.environ.get("LITESMITH_SHARED", ROOT.parent / "shared")) / "zoo"
# Networks of plain layers: all of their operators have a counterpart.
WHOLE = ("ae_dense", "ds_cnn", "inception", "mobilenet_v2", "resnet_small", "sine", "squeezenet", "vgg_tiny", "xception")

if not ZOO.is_dir():
    if os.environ.get("CI"):
        pytest.fail(f"{ZOO} is missing", pytrace=False)
    pytest.skip(f"{ZOO} is missing", allow_module_level=True)


def compare(litesmith, name, method, *options):
    folder = ZOO / name
    return json.loads(litesmith.ok("compare", folder / "model.h5", folder / f"{method}.tflite", "--data", f"npz:{folder / 'io.npz'}", "--json", *options))


def sqnr(wanted, got):
    noise = np.sum((wanted - got) ** 2)
    return np.inf if noise == 0 else 10 * np.log10(np.sum(wanted**2) / noise)


@pytest.mark.parametrize("name", WHOLE)
def test_every_operator_has_a_counterpart(name, litesmith):
    result = compare(litesmith, name, "int8")
    assert result["matched_ops"] == result["ops"] > 0
    for tensor in result["tensors"]:
        # A wrong pair would be nothing but noise.
        assert tensor["sqnr_db"] is None or tensor["sqnr_db"] > 10, tensor
    weights = [tensor for tensor in result["tensors"] if tensor["constant"] and tensor["dtype"] == "int8"]
    assert weights and all(tensor["same"] or tensor["sqnr_db"] > 30 for tensor in weights)


def test_what_a_converter_folds_away_leaves_the_rest_matched(litesmith):
    """TensorFlow puts MobileNet's zero padding into the convolution."""
    result = compare(litesmith, "mobilenet_v1", "int8")
    assert 0 < result["matched_ops"] < result["ops"]
    convolutions = [tensor for tensor in result["tensors"] if tensor["op"] in ("CONV_2D", "DEPTHWISE_CONV_2D") and not tensor["constant"]]
    assert len(convolutions) >= 8
    assert all(tensor["sqnr_db"] > 15 for tensor in convolutions)


@pytest.mark.parametrize("name", ("inception", "resnet_small", "xception"))
def test_the_last_tensor_is_the_oracles_output(name, litesmith):
    """Keras's own output against LiteRT's of the int8 file, on the same samples."""
    arrays = np.load(ZOO / name / "io.npz")
    scale, zero_point = arrays["int8_scale"][0] if np.ndim(arrays["int8_scale"]) > 1 else arrays["int8_scale"]
    theirs = (arrays["int8_y0"].astype(np.float64) - zero_point) * scale
    wanted = sqnr(arrays["keras_y0"].astype(np.float64).ravel(), theirs.ravel())
    ours = compare(litesmith, name, "int8")["tensors"]
    last = [tensor for tensor in ours if not tensor["constant"]][-1]
    assert last["values"] == arrays["keras_y0"].size
    assert abs(last["sqnr_db"] - wanted) < 0.5, (last["sqnr_db"], wanted)


def test_a_file_and_itself(litesmith):
    folder = ZOO / "ds_cnn"
    result = json.loads(litesmith.ok("compare", folder / "int8.tflite", folder / "int8.tflite", "--data", f"npz:{folder / 'io.npz'}", "--json"))
    assert result["agreement"] == 1 and result["starts_at"] is None
    assert result["mcnemar"]["exact_p"] == 1
    assert all(tensor["same"] for tensor in result["tensors"])
