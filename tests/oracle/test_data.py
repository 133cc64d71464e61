"""Data of one's own: pictures, sounds and tables made here, through every verb, and decoded as TensorFlow and pymicro-features do."""

import csv
import json
import os
import wave

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def tensorflow():
    import tensorflow as tf

    return tf


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """No cache of another run."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def stripes(draw, label):
    """28 x 28 x 3 of bars: lying ones for class 0, standing ones for class 1."""
    bars = np.sin(np.arange(28) * draw.uniform(0.6, 1.2) + draw.uniform(0, 6))
    picture = bars[:, None] if label == 0 else bars[None, :]
    picture = 128 + 90 * np.broadcast_to(picture, (28, 28)) + draw.normal(0, 10, (28, 28))
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    tf = tensorflow()
    folder = tmp_path_factory.mktemp("pictures")
    draw = np.random.default_rng(1)
    for label, name in enumerate(("lying", "standing")):
        (folder / name).mkdir()
        for i in range(60):
            picture = stripes(draw, label)
            if i % 2:
                data, ending = tf.io.encode_png(picture), "png"
            else:
                data, ending = tf.io.encode_jpeg(picture, quality=92), "jpg"
            (folder / name / f"{i}.{ending}").write_bytes(data.numpy())
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    draw = np.random.default_rng(2)
    for hertz, name in ((300, "low"), (2500, "high")):
        (folder / name).mkdir()
        for i in range(40):
            t = np.arange(16000) / 16000
            tone = 8000 * np.sin(2 * np.pi * hertz * draw.uniform(0.9, 1.1) * t + draw.uniform(0, 6)) + draw.normal(0, 800, 16000)
            with wave.open(str(folder / name / f"{i}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16000)
                file.writeframes(tone.astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    draw = np.random.default_rng(3)
    for speed, name in ((0.3, "slow"), (1.5, "fast")):
        (folder / name).mkdir()
        for i in range(20):
            steps = np.arange(160)
            rows = np.sin(speed * draw.uniform(0.9, 1.1) * steps[:, None] + np.arange(14)) + draw.normal(0, 0.1, (160, 14))
            text = ",".join(f"c{c}" for c in range(14)) + "\n"
            text += "\n".join(",".join(f"{v:.4f}" for v in row) for row in rows)
            (folder / name / f"{i}.csv").write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["pictures", "sounds", "recordings"])
def test_trains_above_chance(litesmith, request, environment, tmp_path, kind):
    folder = request.getfixturevalue(kind)
    spec = {"pictures": f"images:{folder}", "sounds": f"wav:{folder},window=784,stride=1568",
            "recordings": f"csv:{folder},window=56,stride=28"}[kind]
    model = tmp_path / "m.h5"
    litesmith.ok("train", "mnist-cnn", "--data", spec, "--epochs", 40, "--batch", 16, "-o", model, env=environment)
    result = json.loads(litesmith.ok("evaluate", model, "--data", spec, "--json", env=environment))
    assert result["metric"] == "top1" and result["value"] > 0.75, result
    assert [row["samples"] > 0 for row in result["classes"][:2]] == [True, True]
    uint8 = tmp_path / "m.tflite"
    litesmith.ok("convert", model, "--method", "uint8", "--calibration", spec, "--calibration-seed", 3, "-o", uint8, env=environment)
    again = json.loads(litesmith.ok("evaluate", uint8, "--data", spec, "--json", env=environment))
    assert abs(again["value"] - result["value"]) < 0.1
    names = sorted(path.name for path in folder.iterdir())
    for file in (model, uint8):
        assert ", ".join(names) in litesmith.ok("inspect", file)
    # The file is still what others read.
    from ai_edge_litert.interpreter import Interpreter

    Interpreter(model_path=str(uint8)).allocate_tensors()
    import keras

    keras.models.load_model(str(model), compile=False)


def test_predictions_and_answers(litesmith, pictures, environment, tmp_path):
    model = tmp_path / "m.h5"
    spec = f"images:{pictures}"
    litesmith.ok("train", "mnist-cnn", "--data", spec, "--epochs", 20, "--batch", 16, "-o", model, env=environment)
    out = tmp_path / "p.csv"
    text = litesmith.ok("evaluate", model, "--data", spec, "--predictions", out, "--one-class", "standing", env=environment)
    for word in ("precision", "recall", "lying", "false accepts", "false rejects", "accuracy"):
        assert word in text
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 24
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert f"({right} of 24)" in text
    for row in rows:
        assert row["label_name"] in row["origin"]
        values = [float(row[f"output_{i}"]) for i in range(10)]
        assert int(np.argmax(values)) == int(row["predicted"])
    said = litesmith.ok("run", model, pictures / "standing" / "1.png", pictures / "lying" / "2.jpg")
    best = [said.splitlines()[at + 2].split()[0] for at, line in enumerate(said.splitlines()) if line.endswith((".png", ".jpg"))]
    assert len(best) == 2 and set(best) <= {"standing", "lying"}, said


def identity(shape, path):
    """A model that gives its input."""
    import keras

    size = int(np.prod(shape))
    keras.Sequential([keras.layers.Input(shape), keras.layers.Reshape((size,))]).save(path)


def values_of(litesmith, model, spec, out, env):
    litesmith.ok("evaluate", model, "--data", spec, "--predictions", out, env=env)
    return {row["origin"]: np.array([float(v) for k, v in row.items() if k.startswith("output_")]) for row in csv.DictReader(out.open())}


def test_pixels_are_those_of_libjpeg(litesmith, pictures, environment, tmp_path):
    tf = tensorflow()
    identity((28, 28, 3), tmp_path / "i.h5")
    got = values_of(litesmith, tmp_path / "i.h5", f"images:{pictures},split=1,scale=1,labels=none", tmp_path / "p.csv", environment)
    assert len(got) == 120
    for path, values in got.items():
        data = open(path, "rb").read()
        if path.endswith(".jpg"):
            wanted = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        else:
            wanted = tf.io.decode_png(data, channels=3).numpy()
        assert (values.reshape(28, 28, 3) == wanted).all(), path


def test_micro_features_are_those_of_the_package(litesmith, sounds, environment, tmp_path):
    package = pytest.importorskip("pymicro_features")
    identity((98, 40), tmp_path / "i.h5")
    got = values_of(litesmith, tmp_path / "i.h5", f"wav:{sounds},split=0.5,features=micro,labels=none", tmp_path / "p.csv", environment)
    for path, values in list(got.items())[:10]:
        with wave.open(path) as file:
            data = file.readframes(file.getnframes())
        front_end, rows, at = package.MicroFrontend(), [], 0
        while at + 320 <= len(data):
            out = front_end.process_samples(data[at:at + 320])
            at += 2 * out.samples_read
            rows += [out.features] if out.features else []
        assert (np.round(values / 0.0390625) == np.round(np.ravel(rows) / 0.0390625)).all()


def test_says_what_the_model_was_trained_with(litesmith, tmp_path, environment):
    """A model of 0 to 255 without a layer that says so, on data of 0 to 1."""
    keras = pytest.importorskip("keras")
    draw = np.random.default_rng(4)
    x = np.stack([stripes(draw, i % 2)[..., 0] for i in range(400)])
    y = np.arange(400, dtype=np.int32) % 2
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])
    model = keras.Sequential([keras.layers.Input((28, 28, 1)), keras.layers.Conv2D(8, 5, activation="relu"),
                              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, bias_initializer=keras.initializers.Constant([40.0, 0.0]))])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x[..., None].astype(np.float32), y, epochs=30, batch_size=32, verbose=0)
    model.save(tmp_path / "m.h5")
    good = json.loads(litesmith.ok("evaluate", tmp_path / "m.h5", "--data", f"npz:{tmp_path / 'd.npz'}", "--json", env=environment))
    if good["value"] < 0.9:
        pytest.skip("the model has not learned")
    done = litesmith.call("evaluate", tmp_path / "m.h5", "--data", f"npz:{tmp_path / 'd.npz'},scale=1/255", env=environment)
    assert "the model was trained with those (scale=1)" in done.stderr, done.stderr
    # Test samples are training samples here, which is said before training.
    done = litesmith.call("train", "mnist-cnn", "--data", f"npz:{tmp_path / 'd.npz'}", "--epochs", 1, "-o", tmp_path / "t.h5", env=environment)
    assert "100 of 100 samples of the test half are in the training half" in done.stderr, done.stderr


def test_study_takes_a_table(litesmith, pictures, environment, tmp_path):
    config = tmp_path / "s.toml"
    config.write_text(f'recipes = ["none"]\nmethods = ["keras", "uint8"]\nepochs = 2\n[data]\nsource = "images:{pictures}"\nsplit = 0.5\nflip = "h"\n')
    litesmith.ok("study", "--config", config, "-o", tmp_path / "out", env=environment)
    assert "lying, standing" in litesmith.ok("inspect", tmp_path / "out" / "none" / "uint8.tflite")
    config.write_text(config.read_text().replace("split = 0.5", "splitt = 0.5"))
    done = litesmith.call("study", "--config", config, "-o", tmp_path / "out2", env=environment)
    assert done.returncode == 2 and 'did you mean "split"' in done.stderr, done.stderr
