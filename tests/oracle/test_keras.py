"""Our .h5 and .keras in both Kerases, and both Kerases' files here."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import conftest
import numpy as np
import pytest
import runtimes
from small_models import KINDS

SCRIPT = Path(__file__).with_name("keras_file.py")
GOLDEN = conftest.ROOT / "tests" / "golden" / "keras"
GENERATIONS = ("2", "3")
ENDINGS = (".h5", ".keras")


@functools.cache
def server(generation):
    """keras_file.py in that Keras; Keras 3 must not see the legacy switch. It ends with its standard input."""
    env = {**os.environ, **conftest.TF_ENV, "TF_USE_LEGACY_KERAS": "1" if generation == "2" else "0"}
    command = [sys.executable, str(SCRIPT), generation, "serve"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)


def keras(generation, *args):
    """What the command of keras_file.py prints; fails the test with its error."""
    process = server(generation)
    process.stdin.write(json.dumps([str(arg) for arg in args]) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert answer["error"] is None, answer["error"]
    return answer["printed"]


def tree_and_outputs(generation, path, directory, *inputs):
    """(keras_file.tree of the model, its outputs), of one load: that takes the most."""
    sources = [directory / f"keras_input{i}.npy" for i in range(len(inputs))]
    for source, values in zip(sources, inputs):
        np.save(source, values)
    tree = json.loads(keras(generation, "predict", path, directory / "keras_output.npz", *sources))
    return tree, list(np.load(directory / "keras_output.npz").values())


def predict(generation, path, directory, *inputs):
    """The outputs, as many as the model has."""
    return tree_and_outputs(generation, path, directory, *inputs)[1]


def assert_close(got, want):
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= 1e-5 * max(1.0, float(np.abs(want).max()))


@pytest.fixture(scope="session", params=[(g, e) for g in GENERATIONS for e in ENDINGS], ids="".join)
def keras_file(request, tmp_path_factory):
    """`mnist-cnn` in either dialect and container."""
    generation, ending = request.param
    path = tmp_path_factory.mktemp("keras") / f"keras{generation}{ending}"
    keras(generation, "save", path)
    return generation, path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_our_file_loads_and_predicts(litesmith, ours, images, tmp_path, generation, ending):
    inputs, path = images[:2000], ours["keras"]
    if ending != ".h5":
        path = tmp_path / f"ours{ending}"
        litesmith.ok("convert", ours["keras"], "--method", "keras", "-o", path)
    [want] = predict(generation, path, tmp_path, inputs)
    assert_close(litesmith.run(path, inputs, tmp_path), want)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_training_state_comes_back_from_an_archive(litesmith, images, tmp_path, generation):
    """A quantization-aware model: Keras sees what is left of it, litesmith all of it."""
    paths = [tmp_path / f"qat{ending}" for ending in ENDINGS]
    for path in paths:
        litesmith.ok("optimize", "mnist-cnn", "--recipe", "quant", "--data", "digits", *("--limit", 300, "--epochs", 1), "-o", path)
    outputs = [predict(generation, path, tmp_path, images[:100])[0] for path in paths]
    assert np.array_equal(*outputs)
    written = []
    for path in paths:
        # Needs no calibration: the ranges were learned.
        litesmith.ok("convert", path, "--method", "int8", "-o", path.with_suffix(".tflite"))
        written.append(path.with_suffix(".tflite").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_inputs_and_outputs_keep_their_order(litesmith, tmp_path, generation, ending):
    """Through litesmith and back: the same arrays, and a ReLU of its own is one again."""
    theirs, again = tmp_path / f"theirs{ending}", tmp_path / f"again{ending}"
    keras(generation, "save-two", theirs)
    litesmith.ok("convert", theirs, "--method", "keras", "-o", again)
    rng = np.random.default_rng(5)
    inputs = [rng.normal(0, 3, (50, n)).astype(np.float32) for n in (3, 5)]
    want = predict(generation, theirs, tmp_path, *inputs)
    assert [y.shape for y in want] == [(50, 3), (50, 2)]
    for got, wanted in zip(predict(generation, again, tmp_path, *inputs), want, strict=True):
        assert_close(got, wanted)
    args = []
    for i, x in enumerate(inputs):
        args += ["--input", tmp_path / f"keras_input{i}.npy", "--output", tmp_path / f"y{i}.npy"]
    litesmith.ok("run", theirs, *args)
    for i, wanted in enumerate(want):
        assert_close(np.load(tmp_path / f"y{i}.npy"), wanted)
    assert json.loads(keras(generation, "layers", again))["clip"] == "ReLU"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_activations_stay_where_they_were(litesmith, tmp_path, generation, ending):
    """Softmax and sigmoid of a layer are the layer's again; of themselves, layers of that name."""
    theirs, again = tmp_path / f"theirs{ending}", tmp_path / f"again{ending}"
    keras(generation, "save-gated", theirs)
    litesmith.ok("convert", theirs, "--method", "keras", "-o", again)
    for verb in ("layers", "activations"):
        before, after = (json.loads(keras(generation, verb, path)) for path in (theirs, again))
        assert after == before, verb
    inputs = np.random.default_rng(3).random((20, 28, 28, 1), dtype=np.float32)
    [want] = predict(generation, theirs, tmp_path, inputs)
    assert_close(litesmith.run(theirs, inputs, tmp_path), want)
    assert_close(predict(generation, again, tmp_path, inputs)[0], want)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_depthwise_and_separable_convolutions(litesmith, tmp_path, generation, ending):
    """Their file here, and what we write of it in both."""
    theirs, again = GOLDEN / f"keras{generation}_depthwise{ending}", tmp_path / f"again{ending}"
    litesmith.ok("convert", theirs, "--method", "keras", "-o", again)
    inputs = np.random.default_rng(6).normal(0, 1, (20, 9, 8, 3)).astype(np.float32)
    [want] = predict(generation, theirs, tmp_path, inputs)
    assert_close(litesmith.run(theirs, inputs, tmp_path), want)
    for other in GENERATIONS:
        assert_close(predict(other, again, tmp_path, inputs)[0], want)
    # A model that is a chain is written as a Sequential, of which Keras does not always list the input.
    again, theirs = ({name: kind for name, kind in json.loads(keras(generation, "layers", path)).items() if kind != "InputLayer"} for path in (again, theirs))
    assert again == theirs


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("loss", "activation"),
    [("sparse_categorical_crossentropy", "softmax"), ("categorical_crossentropy", "softmax"), ("binary_crossentropy", "sigmoid"), ("mse", "softmax")],
)
def test_losses_are_theirs(litesmith, tmp_path, generation, loss, activation):
    """Before and after a training; the loss sees the logits of probabilities."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 10, 300)
    images = rng.random((300, 28, 28, 1), dtype=np.float32) + labels[:, None, None, None].astype(np.float32)
    targets = labels if loss.startswith("sparse") else np.eye(10, dtype=np.float32)[labels]
    data, start = tmp_path / "data.npz", tmp_path / "start.h5"
    np.savez(data, x_train=images[:200], y_train=targets[:200], x_test=images[200:], y_test=targets[200:])
    keras(generation, "save-gated", start, activation)
    metric = "top1" if targets.ndim == 1 else "mse"
    losses = []
    for epochs in (0, 4):
        trained = tmp_path / f"{epochs}.h5"
        options = ("--loss", loss, "--metric", metric, "--epochs", epochs, "--learning-rate", 0.01, "--batch", 20)
        said = litesmith.ok("train", start, "--data", f"npz:{data}", *options, "-o", trained)
        losses.append(float(re.search(r"test loss ([\d.]+)", said)[1]))
        assert losses[-1] == pytest.approx(float(keras(generation, "loss", trained, loss, data).split()[-1]), abs=6e-5, rel=1e-5)
    assert losses[1] < losses[0]


def test_their_file_runs(litesmith, keras_file, images, tmp_path):
    generation, path = keras_file
    inputs = images[:2000]
    assert_close(litesmith.run(path, inputs, tmp_path), predict(generation, path, tmp_path, inputs)[0])


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


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_options_of_layers_are_honoured_and_kept(litesmith, tmp_path, generation, ending):
    """What Keras says of a model that was trained and pruned here: the same as before, and only what may move has moved."""

    def read(path):
        keras(generation, "weights", path, tmp_path / "weights.npz")
        arrays = dict(np.load(tmp_path / "weights.npz"))
        return json.loads(str(arrays.pop("options"))), arrays

    start = tmp_path / f"start{ending}"
    keras(generation, "save-options", start)
    said, before = read(start)
    assert said["frozen"] == {"trainable": False, "use_bias": True}
    data = ("--data", "digits", "--limit", 500, "--epochs", 1)
    trained, pruned = tmp_path / f"trained{ending}", tmp_path / f"pruned{ending}"
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


def said_of(generation, path, directory):
    """What that Keras says of the model: its name, its layers' classes and configs, and its weights."""
    said = json.loads(keras(generation, "configs", path))
    classes = json.loads(keras(generation, "layers", path))
    keras(generation, "weights", path, directory / "weights.npz")
    weights = dict(np.load(directory / "weights.npz"))
    del weights["options"]
    return said, classes, weights


@pytest.mark.parametrize("generation", GENERATIONS)
def test_regularizers_act_as_theirs(litesmith, tmp_path, generation):
    """The loss of an epoch that moves nothing, and weights after one step of plain descent."""
    rng = np.random.default_rng(4)
    start, data = tmp_path / "start.h5", tmp_path / "data.npz"
    x, y = rng.random((64, 28, 28), dtype=np.float32), rng.integers(0, 10, 64)
    np.savez(data, x_train=x, y_train=y, x_test=x, y_test=y)
    keras(generation, "save-regularized", start)
    options = ("--data", f"npz:{data}", "--batch", 64, "--epochs", 1, "--validation-split", 0, "--optimizer", "sgd", "--momentum", 0)
    ours, theirs = tmp_path / "ours.h5", tmp_path / "theirs.h5"
    said = json.loads(litesmith.ok("train", start, *options, "--learning-rate", 0.1, "--json", "-o", ours))
    loss = float(keras(generation, "train-step", start, data, 0.1, theirs).split()[-1])
    assert said["train_loss"] == pytest.approx(loss, rel=1e-4)
    (_, _, want), (_, _, got) = (said_of(generation, path, tmp_path) for path in (theirs, ours))
    for name, values in want.items():
        assert np.abs(got[name] - values).max() < 2e-5, name


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("model", ["save", "save-two", "save-options", "save-residual", "save-gated", "save-joined", "save-regularized"])
def test_names_flags_configs_and_weights_come_back(litesmith, tmp_path, generation, model):
    """.h5 to .keras to .h5: what Keras says of the last is what it says of the first."""
    first, archive, last = tmp_path / "first.h5", tmp_path / "between.keras", tmp_path / "last.h5"
    keras(generation, model, first)
    for source, to in ((first, archive), (archive, last)):
        litesmith.ok("convert", source, "--method", "keras", "-o", to)
    want, classes, weights = said_of(generation, first, tmp_path)
    got, classes_now, weights_now = said_of(generation, last, tmp_path)
    assert got["name"] == want["name"]
    # A Sequential becomes Functional in an archive, whose Kerases list the input.
    inputs = {name for name, kind in (classes | classes_now).items() if kind == "InputLayer"}
    assert [n for n in classes_now if n not in inputs] == [n for n in classes if n not in inputs]
    for name, kind in classes.items():
        if name in inputs:
            continue
        assert classes_now[name] == kind
        assert got["layers"][name] == want["layers"][name], name
    assert weights_now.keys() == weights.keys()
    for name, values in weights.items():
        assert np.array_equal(weights_now[name], values), name


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("kind", ["tokens", "steps", "joined", "given", "attention", "added"])
def test_masks_are_theirs(litesmith, tmp_path, generation, kind):
    """As arguments that Keras 3 writes, and as what layers hand on."""
    paths = [tmp_path / f"model{ending}" for ending in ENDINGS]
    keras(generation, "save-masked", paths[0], kind, *paths[1:])
    rng = np.random.default_rng(0)
    if kind in ("steps", "given"):
        x = rng.normal(0, 1, (6, 7, 5)).astype(np.float32)
        x[:, 4:], x[1, 2], x[2, :3], x[3] = 0, 0, 0, 0
        inputs = [x] if kind == "steps" else [x, rng.normal(0, 1, (6, 4)).astype(np.float32)]
    else:
        inputs = [rng.integers(0, 4, (6, 7)).astype(np.int32)]
        inputs[0][0, :2] = 0
    # Keras 3 does not read the operations of its own .h5.
    [want] = predict(generation, paths[-1], tmp_path, *inputs)
    args = ["--output", tmp_path / "y.npy"]
    for i, values in enumerate(inputs):
        np.save(tmp_path / f"x{i}.npy", values)
        args += ["--input", tmp_path / f"x{i}.npy"]
    for path in paths:
        litesmith.ok("run", path, *args)
        assert_close(np.load(tmp_path / "y.npy"), want)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["resnet8", "mobilenet-v2-0.35", "gru-kws"])
def test_built_in_networks(litesmith, tmp_path, name, ending):
    """Branches are layers in an order of Keras's own, by which it finds their weights."""
    path = tmp_path / f"model{ending}"
    litesmith.ok("new", name, "--seed", "3", "-o", path)
    shape = json.loads(litesmith.ok("inspect", path, "--json"))["inputs"][0]["shape"]
    x = np.random.default_rng(1).random([4, *shape[1:]], np.float32)
    np.save(tmp_path / "x.npy", x)
    litesmith.ok("run", path, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    for generation in GENERATIONS:
        (y,) = predict(generation, path, tmp_path, x)
        assert_close(np.load(tmp_path / "y.npy"), y)


# Whose layers are to be of the classes that they were; of others some are operations, which have no form that both Kerases read.
SAME_CLASSES = ("recurrent", "dilated", "images", "transposed", "activations", "einsum")


# Those that both Kerases read.
OF_BOTH = ("wrapped", "pairs")


def small_samples(litesmith, path):
    [end] = json.loads(litesmith.ok("inspect", path, "--json"))["inputs"]
    x = np.random.default_rng(2).uniform(-1, 1, (12, *end["shape"][1:])).astype(np.float32)
    x[:, -2:] = 0.3  # what `masked` leaves out
    return x


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_layers(litesmith, tmp_path, generation, kind):
    """A model each: both containers run here as there, come back, and convert."""
    theirs = [tmp_path / f"theirs{ending}" for ending in ENDINGS]
    keras(generation, "save-small", theirs[0], kind, *theirs[1:])
    x = small_samples(litesmith, theirs[0])
    [want] = predict(generation, theirs[1], tmp_path, x)
    before = theirs[0]
    for step, to in enumerate((".h5", ".keras", ".h5")):
        after = tmp_path / f"ours{step}{to}"
        litesmith.ok("convert", before, "--method", "keras", "-o", after)
        before = after
    for path in (*theirs, before):
        assert_close(litesmith.run(path, x, tmp_path), want)
    # What is another thing in either Keras loads in the one that the container is of, or in that of the layers.
    reads = [(before, "2"), (tmp_path / "ours1.keras", "3")]
    reads += [(before, "3"), (tmp_path / "ours1.keras", "2")] if kind in OF_BOTH else []
    for path, reader in reads:
        assert_close(predict(generation if kind in ("activations", "gates") else reader, path, tmp_path, x)[0], want)
    if kind in SAME_CLASSES:
        assert json.loads(keras(generation, "layers", tmp_path / "ours1.keras")) == json.loads(keras(generation, "layers", theirs[1]))
        assert_close(predict(generation, tmp_path / "ours1.keras", tmp_path, x)[0], want)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=np.zeros(len(x), np.int32))
    for method, io in (("fp32", None), ("int8", "float"), ("int8", "int8")):
        file = tmp_path / f"{method}.tflite"
        options = ("--calibration", f"npz:{tmp_path / 'data.npz'}", "--io", io) if io else ()
        litesmith.ok("convert", theirs[1], "--method", method, *options, "-o", file)
        resolver = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"  # the reference's STRIDED_SLICE is an older version
        given = runtimes.quantize(file, x, resolver) if io == "int8" else x
        [got] = runtimes.litert_outputs(file, given, resolver)
        if io == "int8":
            scale, zero_point = runtimes.details(file, resolver)[1]["quantization"]
            got = (got.astype(np.float32) - zero_point) * scale
        if method == "fp32":
            assert_close(got, want)
        else:
            assert np.sqrt(np.mean((got - want) ** 2)) <= 0.05 * np.abs(want).max()
