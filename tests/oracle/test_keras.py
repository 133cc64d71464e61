"""Our .h5 in both Kerases, and both Kerases' .h5 here."""

import json
from pathlib import Path

import conftest
import numpy as np
import pytest
import runtimes

SCRIPT = Path(__file__).with_name("keras_h5.py")
GENERATIONS = ("2", "3")


def keras(generation, *args):
    """keras_h5.py in that Keras; Keras 3 must not see the legacy switch."""
    return conftest.python(SCRIPT, generation, *args, TF_USE_LEGACY_KERAS="1" if generation == "2" else "0")


def predict(generation, path, inputs, directory):
    source, sink = directory / "keras_input.npy", directory / "keras_output.npy"
    np.save(source, inputs)
    keras(generation, "predict", path, source, sink)
    return np.load(sink)


def assert_close(got, want):
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= 1e-5 * max(1.0, float(np.abs(want).max()))


@pytest.fixture(scope="session", params=GENERATIONS)
def keras_file(request, tmp_path_factory):
    """A .h5 of `mnist-cnn` in either dialect."""
    path = tmp_path_factory.mktemp("keras") / f"keras{request.param}.h5"
    keras(request.param, "save", path)
    return request.param, path


@pytest.mark.parametrize("generation", GENERATIONS)
def test_our_file_loads_and_predicts(litesmith, ours, images, tmp_path, generation):
    inputs = images[:2000]
    want = predict(generation, ours["keras"], inputs, tmp_path)
    assert_close(litesmith.run(ours["keras"], inputs, tmp_path), want)


def test_their_file_runs(litesmith, keras_file, images, tmp_path):
    generation, path = keras_file
    inputs = images[:2000]
    assert_close(litesmith.run(path, inputs, tmp_path), predict(generation, path, inputs, tmp_path))


def test_their_file_evaluates(litesmith, keras_file, mnist):
    assert litesmith.ok("evaluate", keras_file[1], "--data", f"mnist:{mnist}").strip()


def test_their_file_converts(litesmith, keras_file, mnist, images, tmp_path):
    path = tmp_path / "float.tflite"
    litesmith.ok("convert", keras_file[1], "--method", "fp32", "-o", path)
    want = litesmith.run(keras_file[1], images[:500], tmp_path)
    assert np.abs(runtimes.litert(path, images[:500]) - want).max() <= 1e-4
    path = tmp_path / "int8.tflite"
    litesmith.ok("convert", keras_file[1], "--method", "int8", "--calibration", f"mnist:{mnist}", "-o", path)
    inputs = runtimes.quantize(path, images[:500])
    assert np.array_equal(litesmith.run(path, inputs, tmp_path), runtimes.litert(path, inputs))


def test_trained_file_of_tensorflow(litesmith, tensorflow_files, images, labels, tmp_path):
    got = litesmith.run(tensorflow_files / "keras2.h5", images[:100], tmp_path)
    assert_close(got, np.load(tensorflow_files / "keras2_logits.npy"))
    assert (got.argmax(axis=1) == labels[:100]).mean() > 0.8


@pytest.mark.parametrize("generation", GENERATIONS)
def test_options_of_layers_are_honoured_and_kept(litesmith, tmp_path, generation):
    """What Keras says of a model that was trained and pruned here: the same as before, and only what may move has moved."""

    def read(path):
        keras(generation, "weights", path, tmp_path / "weights.npz")
        arrays = dict(np.load(tmp_path / "weights.npz"))
        return json.loads(str(arrays.pop("options"))), arrays

    start = tmp_path / "start.h5"
    keras(generation, "save-options", start)
    said, before = read(start)
    assert said["frozen"] == {"trainable": False, "use_bias": True}
    data = ("--data", "digits", "--limit", 500, "--epochs", 1)
    trained, pruned = tmp_path / "trained.h5", tmp_path / "pruned.h5"
    litesmith.ok("train", start, *data, "-o", trained)
    done = litesmith.call("optimize", start, "--recipe", "prune_pqat", *data, "-o", pruned)
    assert done.returncode == 0, done.stderr
    assert "'frozen'" in done.stderr
    for path in (trained, pruned):
        said_now, after = read(path)
        assert said_now == said
        assert after.keys() == before.keys()
        for name, values in after.items():
            assert np.array_equal(values, before[name]) == name.startswith("frozen/"), name
