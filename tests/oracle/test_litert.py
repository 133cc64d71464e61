"""Every .tflite file computes here what it computes in LiteRT 2.3.0 (BUILTIN_REF) and tflite-micro: our files and TensorFlow's own."""

import numpy as np
import pytest
import runtimes

INTEGER = ("uint8", "int8", "int16x8")
FLOAT_TOLERANCE = 1e-4

# Files of TensorFlow's converter by what is asked of them.
TF_INTEGER = ("int8", "uint8", "int16x8", "qat_uint8")
TF_FLOAT = ("float", "fp16")
# The converter keeps float I/O around an int8 model: QUANTIZE -> int8 ops -> DEQUANTIZE, bit for bit as well.
TF_INTEGER_FLOAT_IO = ("qat_dynamic",)


def assert_same_bytes(got, want):
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    different = int((got.view(np.uint8) != want.view(np.uint8)).any(axis=tuple(range(1, got.ndim))).sum())
    assert different == 0, f"{different} of {len(got)} images differ; first: {np.argwhere(got != want)[:1]}"


def check_integer(litesmith, path, images, tmp_path, numerics):
    inputs = runtimes.quantize(path, images)
    want = runtimes.litert(path, inputs) if numerics == "litert" else runtimes.tflm(path, inputs)
    assert_same_bytes(litesmith.run(path, inputs, tmp_path, "--numerics", numerics), want)


def check_dynamic(litesmith, path, images, tmp_path):
    want = runtimes.litert(path, images)
    assert_same_bytes(litesmith.run(path, images, tmp_path, "--reference"), want)
    # The fast kernels sum in another order, which may move an activation over a rounding step of its row's quantization.
    error = np.abs(litesmith.run(path, images, tmp_path) - want).max(axis=1)
    assert (error <= 1e-5 * np.abs(want).max()).mean() >= 0.99
    assert error.max() <= 0.02


def check_float(litesmith, path, images, tmp_path):
    want = runtimes.litert(path, images)
    for options in ((), ("--reference",)):
        assert np.abs(litesmith.run(path, images, tmp_path, *options) - want).max() <= FLOAT_TOLERANCE


@pytest.mark.parametrize("numerics", ["litert", "tflm"])
@pytest.mark.parametrize("method", INTEGER)
def test_ours_integer(litesmith, ours, images, tmp_path, method, numerics):
    check_integer(litesmith, ours[method], images, tmp_path, numerics)


@pytest.mark.parametrize("method", INTEGER)
def test_ours_integer_reference_kernels(litesmith, ours, images, tmp_path, method):
    inputs = runtimes.quantize(ours[method], images)
    fast = litesmith.run(ours[method], inputs, tmp_path)
    assert_same_bytes(litesmith.run(ours[method], inputs, tmp_path, "--reference"), fast)


@pytest.mark.parametrize(
    ("method", "source", "sink"),
    [
        ("uint8", np.uint8, np.uint8),
        ("int8", np.int8, np.int8),
        ("int16x8", np.float32, np.float32),
        ("int16x8_int16", np.int16, np.int16),
        ("dynamic", np.float32, np.float32),
        ("fp16", np.float32, np.float32),
        ("fp32", np.float32, np.float32),
    ],
)
def test_ours_io_types(ours, method, source, sink):
    first, last, _ = runtimes.details(ours[method])
    assert (first["dtype"], last["dtype"]) == (source, sink)
    assert list(first["shape_signature"]) == [-1, 28, 28]
    assert list(last["shape_signature"]) == [-1, 10]


def test_ours_dynamic(litesmith, ours, images, tmp_path):
    check_dynamic(litesmith, ours["dynamic"], images, tmp_path)


@pytest.mark.parametrize("method", ["fp32", "fp16"])
def test_ours_float(litesmith, ours, images, tmp_path, method):
    check_float(litesmith, ours[method], images, tmp_path)


@pytest.mark.parametrize("method", ["fp32", "fp16", "dynamic", "uint8", "int8", "int16x8"])
def test_ours_load_in_the_default_interpreter(ours, images, method):
    """With XNNPACK: loads, runs, and gives the same class on nearly every image."""
    inputs = runtimes.quantize(ours[method], images[:500])
    reference = runtimes.litert(ours[method], inputs).argmax(axis=1)
    assert (runtimes.litert(ours[method], inputs, "AUTO").argmax(axis=1) == reference).mean() >= 0.99


def test_ours_float_in_tflm(ours, images):
    inputs = images[:200]
    assert np.abs(runtimes.tflm(ours["fp32"], inputs) - runtimes.litert(ours["fp32"], inputs)).max() <= FLOAT_TOLERANCE


@pytest.mark.parametrize("name", TF_INTEGER + TF_INTEGER_FLOAT_IO)
def test_tensorflow_integer(litesmith, tensorflow_files, images, tmp_path, name):
    check_integer(litesmith, tensorflow_files / f"{name}.tflite", images, tmp_path, "litert")


@pytest.mark.parametrize("name", TF_INTEGER + TF_INTEGER_FLOAT_IO)
def test_tensorflow_integer_tflm(litesmith, tensorflow_files, images, tmp_path, name):
    check_integer(litesmith, tensorflow_files / f"{name}.tflite", images, tmp_path, "tflm")


def test_tensorflow_dynamic(litesmith, tensorflow_files, images, tmp_path):
    check_dynamic(litesmith, tensorflow_files / "dynamic.tflite", images, tmp_path)


@pytest.mark.parametrize("name", TF_FLOAT)
def test_tensorflow_float(litesmith, tensorflow_files, images, tmp_path, name):
    check_float(litesmith, tensorflow_files / f"{name}.tflite", images, tmp_path)


def test_tensorflow_qat_fp32(litesmith, tensorflow_files, images, tmp_path):
    """Quantize/dequantize pairs between float kernels: an accumulation error may move a value by one step."""
    path = tensorflow_files / "qat_fp32.tflite"
    steps = [t["quantization"][0] for t in runtimes.details(path)[2] if t["dtype"] in (np.int8, np.uint8) and tuple(t["shape"]) == (1, 10)]
    assert len(steps) == 1, "the file should hold one quantized tensor of logits"
    error = np.abs(litesmith.run(path, images, tmp_path) - runtimes.litert(path, images)).max(axis=1)
    assert (error <= FLOAT_TOLERANCE).mean() >= 0.999
    assert error.max() <= steps[0] * 1.001


def test_tensorflow_shape_arithmetic_is_read(litesmith, tensorflow_files):
    """TensorFlow puts SHAPE -> STRIDED_SLICE -> PACK in front of RESHAPE; inspect names what the file holds."""
    text = litesmith.ok("inspect", tensorflow_files / "float.tflite")
    for op in ("CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED", "RESHAPE"):
        assert op in text
