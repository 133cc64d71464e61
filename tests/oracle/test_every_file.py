"""Every method's file through every verb and to every method: the right result, or one refusal that says what the file is.

Files of ours from a plain and from a quantization-aware recipe, and TensorFlow's own.
"""

import shutil

import numpy as np
import pytest
import runtimes

METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int8", "int16x8")
RECIPES = ("none", "quant")
TENSORFLOW = ("float", "fp16", "dynamic", "uint8", "int8", "int16x8", "qat_fp32", "qat_dynamic", "qat_uint8")
FLOAT = {("none", "keras"), ("none", "fp32"), ("none", "fp16"), ("quant", "keras"), ("tf", "float"), ("tf", "fp16")}
IMAGES = 40
INVALID = 2

# What a refusal calls the file.
KINDS = {
    ("none", "dynamic"): "dynamic-range",
    ("quant", "fp32"): "QUANTIZE-DEQUANTIZE pairs",
    ("tf", "dynamic"): "dynamic-range",
    ("tf", "qat_fp32"): "QUANTIZE-DEQUANTIZE pairs",
}
# The element type of a dense layer's weights.
WEIGHTS = {"fp32": np.float32, "fp16": np.float16}
ALL = [(recipe, method) for recipe in RECIPES for method in METHODS] + [("tf", method) for method in TENSORFLOW]
IDS = ["-".join(source) for source in ALL]


@pytest.fixture(scope="session")
def written(litesmith, mnist, tmp_path_factory):
    """The folder of one short study of both recipes in every method."""
    out = tmp_path_factory.mktemp("every_file")
    options = ("--recipes", ",".join(RECIPES), "--methods", ",".join(METHODS), "--epochs", 1, "--limit", 2000)
    litesmith.ok("study", "--data", f"mnist:{mnist}", *options, "--out", out)
    return out


@pytest.fixture
def source(request, written, litesmith, images, tmp_path):
    """(recipe, method), its file, and the float model's outputs."""
    recipe, method = request.param
    if recipe == "tf":
        folder = request.getfixturevalue("tensorflow_files")
        path, parent = folder / f"{method}.tflite", folder / ("qat_fp32.tflite" if "qat" in method else "float.tflite")
    else:
        path = written / recipe / ("model.h5" if method == "keras" else f"{method}.tflite")
        parent = written / recipe / "model.h5"
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    return request.param, copy, litesmith.run(parent, images[:IMAGES], tmp_path)


def is_refused(done, source, out):
    """One line that says what the file is and names the option; nothing written."""
    kind = KINDS.get(source, "full-integer")
    assert done.returncode == INVALID, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert kind in done.stderr and "--dequantize" in done.stderr, done.stderr
    assert not out.exists()


@pytest.mark.parametrize("source", ALL, indirect=True, ids=IDS)
@pytest.mark.parametrize("method", METHODS)
def test_to_every_method(litesmith, mnist, images, source, method, tmp_path):
    origin, path, wanted = source
    out = tmp_path / ("o.h5" if method == "keras" else "o.tflite")
    io = ("--io", "float") if method in ("uint8", "int8", "int16x8") else ()
    args = ("convert", path, "--method", method, *io, "--calibration", f"mnist:{mnist}", "-o", out)
    if origin not in FLOAT:
        is_refused(litesmith.call(*args), origin, out)
        args = (*args, "--dequantize")
    litesmith.ok(*args)
    got = litesmith.run(out, images[:IMAGES], tmp_path)
    # Images beyond calibrated ranges may saturate, as outputs beyond those that TensorFlow's quantization-aware files learned do.
    off = np.abs(np.clip(got, wanted.min(), wanted.max()) - wanted) / np.ptp(wanted)
    assert off.mean() < 0.02 and off.max() < 0.15, f"off by {off.mean()} of the span, at most {off.max()}"
    assert np.mean(got.argmax(1) == wanted.argmax(1)) >= 0.9
    if method != "keras":
        kernel = next(t for t in runtimes.details(out)[2] if tuple(t["shape"]) == (10, 2028))
        aware = origin == ("quant", "keras") and method != "fp32"
        assert kernel["dtype"] == (np.int8 if aware else WEIGHTS.get(method, np.int8))


@pytest.mark.parametrize("source", ALL, indirect=True, ids=IDS)
def test_through_every_verb(litesmith, mnist, images, source, tmp_path):
    origin, path, _ = source
    data = ("--data", f"mnist:{mnist}")
    litesmith.ok("inspect", path)
    litesmith.ok("evaluate", path, *data, "--limit", 100)
    litesmith.ok("benchmark", path, "--seconds", 0.01, "--warm-up", 0)
    litesmith.run(path, images[:3], tmp_path, "--quantize")
    training = (*data, "--limit", 200, "--epochs", 1)
    verbs = {
        "train": ("train", path, *training, "-o", tmp_path / "train.h5"),
        "optimize": ("optimize", path, "--recipe", "prune", *training, "-o", tmp_path / "optimize.h5"),
        "study": ("study", "--model", path, "--recipes", "none", "--methods", "fp32", *training, "-o", tmp_path / "study"),
    }
    for verb, args in verbs.items():
        out = args[-1]
        done = litesmith.call(*args)
        if origin in FLOAT:
            assert done.returncode == 0, done.stderr
        else:
            is_refused(done, origin, out)
            litesmith.ok(*args, "--dequantize")
        assert out.exists(), verb


def test_an_option_without_effect_is_said(litesmith, written, tmp_path):
    args = ("convert", written / "none" / "fp32.tflite", "--method", "fp32", "--dequantize", "-o", tmp_path / "o.tflite")
    done = litesmith.call(*args)
    assert done.returncode == 0
    assert "warning" in done.stderr and "--dequantize" in done.stderr
