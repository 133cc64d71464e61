"""Networks of tools/random_keras_models.py, as TensorFlow's converter wrote them, with what LiteRT's reference kernels computed: bytes in
integers, 1e-4 of the largest in floats. Failures found on the way go here, too."""

from pathlib import Path

import numpy as np
import pytest

from test_zoo import check, run

FOLDER = Path(__file__).parent / "recorded"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.tflite")))
def test_recorded(name, litesmith, tmp_path):
    with np.load(FOLDER / f"{name}.npz") as npz:
        arrays = {key: npz[key] for key in npz.files}
    inputs = [arrays[f"x{i}"] for i in range(sum(key.startswith("x") for key in arrays))]
    outputs = [arrays[f"y{i}"] for i in range(sum(key.startswith("y") for key in arrays))]
    for i, ours in enumerate(run(litesmith, FOLDER / f"{name}.tflite", inputs, len(outputs), tmp_path)):
        check(f"{name}, output {i}", ours, outputs[i], True)


def test_there_are_ten():
    assert len(list(FOLDER.glob("*.tflite"))) >= 10
