"""Models that go by masks (Embedding's mask_zero, Masking), of Keras 2: `run` gives what Keras gave, and so does LiteRT with the file of it."""

import ast
from pathlib import Path

import conftest
import numpy as np
import pytest
import runtimes

SCRIPT = Path(__file__).with_name("make_masked_models.py")
TOLERANCE = 1e-5
# Of models of tokens, whose masks are as exact in integers.
INT8_TOLERANCE = {"lstm": 0.05, "gru": 0.05, "both_ways": 0.05, "mean": 0.05, "dense": 0.05, "heads": 0.1}


def names():
    """What the script yields, without a Keras."""
    yields = [node.value for node in ast.walk(ast.parse(SCRIPT.read_text())) if isinstance(node, ast.Yield)]
    return [value.elts[0].value for value in yields]


@pytest.fixture(scope="module", params=["2"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"masked{request.param}")
    conftest.python(SCRIPT, request.param, folder, TF_USE_LEGACY_KERAS="1" if request.param == "2" else "0", KERAS_BACKEND="tensorflow")
    return folder


def check(ours, theirs, tolerance=TOLERANCE):
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.reshape(b.shape) - b).max() <= tolerance * max(1, np.abs(b).max())


def in_litert(file, xs):
    """The real numbers that LiteRT gives, a sample a call."""
    interpreter = runtimes._interpreter(file, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    calls = []
    for sample in zip(*xs):
        interpreter.reset_all_variables()
        for detail, values in zip(interpreter.get_input_details(), sample):
            interpreter.set_tensor(detail["index"], values[None].astype(detail["dtype"]))
        interpreter.invoke()
        outputs = []
        for detail in interpreter.get_output_details():
            scale, zero_point = detail["quantization"]
            y = interpreter.get_tensor(detail["index"])
            outputs.append(y if y.dtype.kind == "f" else (y.astype(np.float64) - zero_point) * scale)
        calls.append(outputs)
    return [np.concatenate(y) for y in zip(*calls)]


@pytest.mark.parametrize("name", names())
def test_masked(name, folder, litesmith, tmp_path):
    with np.load(folder / f"{name}.npz") as npz:
        io = {key: npz[key] for key in npz.files}
    xs, ys = ([io[key] for key in sorted(io) if key[0] == letter] for letter in "xy")
    for i, x in enumerate(xs):
        np.save(tmp_path / f"x{i}.npy", x)
    for ending in (".h5", ".keras"):
        command = ["run", "--quantize", folder / f"{name}{ending}"]
        for i in range(len(xs)):
            command += ["--input", tmp_path / f"x{i}.npy"]
        for i in range(len(ys)):
            command += ["--output", tmp_path / f"y{i}.npy"]
        litesmith.ok(*command)
        check([np.load(tmp_path / f"y{i}.npy") for i in range(len(ys))], ys)
    data = tmp_path / "data.npz"
    ends = {f"x_train_{i}" if i else "x_train": x for i, x in enumerate(xs)}
    np.savez(data, **ends, y_train=np.zeros(len(xs[0]), np.int32))
    for method, tolerance in (("fp32", TOLERANCE), ("int8", INT8_TOLERANCE.get(name))):
        if tolerance is None:
            continue
        file = tmp_path / f"{method}.tflite"
        calibration = ["--calibration", f"npz:{data}"] if method == "int8" else []
        litesmith.ok("convert", folder / f"{name}.keras", "--method", method, *calibration, "-o", file)
        check(in_litert(file, xs), ys, tolerance)
