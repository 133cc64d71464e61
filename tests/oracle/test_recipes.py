"""All recipes: every file of the 66 cells in the real runtimes, reloaded models, the study's promises, and a study killed at random."""

import json
import os
import random
import signal
import subprocess
import time

import numpy as np
import pytest
import runtimes
from test_keras import GENERATIONS, assert_close, predict
from test_litert import FLOAT_TOLERANCE, assert_same_bytes, check_float, check_integer

RECIPES = {
    "none": (),
    "prune": ("zeros",),
    "quant": (),
    "cluster": ("clusters",),
    "cluster_qat": (),
    "cluster_cqat": ("clusters",),
    "prune_qat": (),
    "prune_pqat": ("zeros",),
    "prune_cluster": ("zeros", "clusters"),
    "prune_cluster_qat": (),
    "prune_cluster_pcqat": ("zeros", "clusters"),
}
QAT = tuple(name for name in RECIPES if name.endswith(("qat", "quant")))
METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int16x8")
IMAGES = int(os.environ.get("LITESMITH_RECIPE_IMAGES", "2000"))

# Weights and biases, and how much more a file may have: pairs of quantize and dequantize take room.
KERNELS, BIASES = 108 + 20_280, 12 + 10
DATA_BYTES = {
    "fp32": 4 * (KERNELS + BIASES),
    "fp16": 2 * (KERNELS + BIASES),
    "dynamic": 4 * 108 + 20_280 + 4 * BIASES,
    "uint8": KERNELS + 4 * BIASES,
    "int16x8": KERNELS + 8 * BIASES,
}


@pytest.fixture(scope="session")
def cells(litesmith, mnist, tmp_path_factory):
    """(run directory, rows by recipe and method) of one short study of everything."""
    out = tmp_path_factory.mktemp("recipes")
    litesmith.ok("study", "--data", f"mnist:{mnist}", "--epochs", 2, "--limit", 6000, "--out", out)
    rows = json.loads((out / "results.json").read_text())
    assert len(rows) == len(RECIPES) * len(METHODS)
    return out, {(row["recipe"], row["method"]): row for row in rows}


@pytest.fixture(scope="session")
def some(images):
    return images[:IMAGES]


def path_of(cells, recipe, method):
    out, rows = cells
    return out / rows[recipe, method]["path"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_promises_are_kept(cells, recipe):
    """Zeros and clusters of every tensor in every method; that a breach is seen is study_test's and invariants_test's."""
    for method in METHODS:
        row = cells[1][recipe, method]
        for name in RECIPES[recipe]:
            found = [i for i in row["invariants"] if i["name"] == name]
            assert {i["tensor"] for i in found} == {"conv2d/kernel", "dense/kernel"}, f"{method}: {name}"
        assert all(i["ok"] for i in row["invariants"]), method


@pytest.mark.parametrize("recipe", [r for r, promised in RECIPES.items() if promised])
def test_promises_hold_in_litert(cells, recipe):
    """The same counted on the tensors that LiteRT sees, not by us."""
    _, _, tensors = runtimes.details(path_of(cells, recipe, "uint8"))
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(model_path=str(path_of(cells, recipe, "uint8")))
    weights = {t["name"]: t for t in tensors if t["dtype"] == np.int8 and t["name"].endswith("/kernel")}
    assert set(weights) == {"conv2d/kernel", "dense/kernel"}
    for name, tensor in weights.items():
        values = interpreter.get_tensor(tensor["index"])
        assert values.min() >= -127
        if "zeros" in RECIPES[recipe]:
            kept = max(round(values.size * 0.2), 1)
            assert (values == 0).sum() >= values.size - kept, name
        if "clusters" in RECIPES[recipe]:
            per_channel = len(tensor["quantization_parameters"]["scales"]) > 1
            slices = values.reshape(len(values), -1) if per_channel else values.reshape(1, -1)
            assert max(len(np.unique(s)) for s in slices) <= 8, name


@pytest.mark.parametrize("method", ["uint8", "int16x8"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_integers_in_litert(litesmith, cells, some, tmp_path, recipe, method):
    check_integer(litesmith, path_of(cells, recipe, method), some, tmp_path, "litert")


@pytest.mark.parametrize("recipe", ["prune", "cluster_cqat", "prune_cluster_pcqat"])
def test_integers_in_tflm(litesmith, cells, some, tmp_path, recipe):
    for method in ("uint8", "int16x8"):
        check_integer(litesmith, path_of(cells, recipe, method), some[:500], tmp_path, "tflm")


@pytest.mark.parametrize("method", ["fp16", "dynamic"])
@pytest.mark.parametrize("recipe", QAT)
def test_integers_with_float_io(litesmith, cells, some, tmp_path, recipe, method):
    """Of a quantization-aware model these are the int8 model behind float input and output: bit for bit too."""
    check_integer(litesmith, path_of(cells, recipe, method), some, tmp_path, "litert")


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r not in QAT])
def test_floats(litesmith, cells, some, tmp_path, recipe):
    for method in ("fp32", "fp16"):
        check_float(litesmith, path_of(cells, recipe, method), some, tmp_path)
    path = path_of(cells, recipe, "dynamic")
    assert_same_bytes(litesmith.run(path, some, tmp_path, "--reference"), runtimes.litert(path, some))


@pytest.mark.parametrize("recipe", QAT)
def test_quantize_dequantize_pairs(litesmith, cells, some, tmp_path, recipe):
    """Float kernels between quantize and dequantize: an accumulation error may move a value by one step."""
    path = path_of(cells, recipe, "fp32")
    steps = [t["quantization"][0] for t in runtimes.details(path)[2] if t["dtype"] == np.int8 and tuple(t["shape"]) == (1, 10)]
    assert len(steps) == 1
    error = np.abs(litesmith.run(path, some, tmp_path) - runtimes.litert(path, some)).max(axis=1)
    assert (error <= FLOAT_TOLERANCE).mean() >= 0.999
    assert error.max() <= steps[0] * 1.001


@pytest.mark.parametrize("recipe", QAT)
def test_integer_file_computes_the_fake_quant_graph(litesmith, cells, images, tmp_path, recipe):
    """At most 2 of 10,000 images get another class from the integers than from the graph that was trained."""
    graph = litesmith.run(path_of(cells, recipe, "keras"), images, tmp_path).argmax(axis=1)
    path = path_of(cells, recipe, "uint8")
    integers = litesmith.run(path, runtimes.quantize(path, images), tmp_path).argmax(axis=1)
    assert (graph != integers).sum() <= 2


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("recipe", ["prune_pqat", "cluster_cqat", "prune_cluster_pcqat"])
def test_keras_loads_it_as_a_plain_model(litesmith, cells, some, tmp_path, recipe, generation):
    """Any Keras predicts as our graph with the fake quants stripped."""
    path = path_of(cells, recipe, "keras")
    plain = tmp_path / "plain.h5"
    litesmith.ok("convert", path, "--method", "keras", "-o", plain)
    want = litesmith.run(plain, some[:500], tmp_path)
    assert_close(predict(generation, path, tmp_path, some[:500])[0], want)


@pytest.mark.parametrize("method", DATA_BYTES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_size(cells, recipe, method):
    pairs = recipe in QAT and method == "fp32"
    integers = recipe in QAT and method in ("fp16", "dynamic")
    data = DATA_BYTES["uint8" if integers else method]
    assert path_of(cells, recipe, method).stat().st_size <= data + (3_500 if pairs else 2_300)


def test_optimize_and_convert_are_the_studys_steps(litesmith, mnist, cells, tmp_path):
    """One step at a time gives the files of the study."""
    data = ("--data", f"mnist:{mnist}", "--limit", 6000, "--epochs", 2)
    model, small, file = tmp_path / "model.h5", tmp_path / "small.h5", tmp_path / "small.tflite"
    litesmith.ok("train", "mnist-cnn", *data, "-o", model)
    assert model.read_bytes() == path_of(cells, "none", "keras").read_bytes()
    litesmith.ok("optimize", model, "--recipe", "prune_cluster_pcqat", *data, "-o", small)
    assert small.read_bytes() == path_of(cells, "prune_cluster_pcqat", "keras").read_bytes()
    litesmith.ok("convert", small, "--method", "uint8", "-o", file)
    assert file.read_bytes() == path_of(cells, "prune_cluster_pcqat", "uint8").read_bytes()


def test_own_recipe(litesmith, cells, tmp_path):
    """A user's recipe from a file, by `optimize` and by a study's configuration."""
    (tmp_path / "mine.toml").write_text(
        '[recipe.mine]\nparent = "none"\nsteps = [\n'
        '  { type = "prune", sparsity = 0.5, epochs = 1, layers = [{ match = "conv*", sparsity = 0.25 }] },\n'
        '  { type = "qat", preserve_sparsity = true, calibrate = true, learning_rate = 0.0005 },\n]\n'
    )
    out = tmp_path / "mine.h5"
    data = ("--data", "digits", "--limit", 2000, "--epochs", 1)
    litesmith.ok("optimize", path_of(cells, "none", "keras"), "--recipe", tmp_path / "mine.toml", *data, "-o", out)
    with (tmp_path / "mine.toml").open("a") as file:
        file.write("")
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "study.toml").write_text('data = "digits"\nlimit = 2000\nepochs = 1\nrecipes = ["mine"]\nmethods = ["uint8"]\n' + text)
    litesmith.ok("study", "--config", tmp_path / "study.toml", "--out", tmp_path / "run")
    (row,) = json.loads((tmp_path / "run" / "results.json").read_text())
    limits = {i["tensor"]: i["limit"] for i in row["invariants"] if i["name"] == "zeros"}
    assert limits == {"conv2d/kernel": 27, "dense/kernel": 10140}


COLUMNS_THAT_ARE_TIMES = ("total_ms", "latency_us_p50", "latency_us_p99", "train_s", "convert_s")


def without_times(out):
    rows = json.loads((out / "results.json").read_text())
    return [{key: value for key, value in row.items() if key not in COLUMNS_THAT_ARE_TIMES} for row in rows]


def test_killed_at_any_moment(litesmith, tmp_path):
    """SIGKILL at random points: the study goes on from there, and ends with the files and numbers of an undisturbed one."""
    arguments = ["study", "--data", "digits", "--limit", "3000", "--epochs", "3", "--recipes", "prune,prune_cluster_pcqat,cluster_cqat"]
    arguments += ["--methods", "keras,uint8,int16x8", "--out"]
    start = time.monotonic()
    litesmith.ok(*arguments, tmp_path / "whole")
    whole = time.monotonic() - start
    seed = int(os.environ.get("LITESMITH_SEED", random.randrange(1 << 30)))
    print(f"LITESMITH_SEED={seed}")
    chance = random.Random(seed)
    kills = 0
    for _ in range(40):
        process = subprocess.Popen(
            [str(litesmith.path), *arguments, str(tmp_path / "killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=chance.uniform(0.02, max(0.1, whole / 3)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    litesmith.ok(*arguments, tmp_path / "killed")
    assert kills >= 2, "the study was never killed"
    assert without_times(tmp_path / "killed") == without_times(tmp_path / "whole")
    models = [p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.suffix in (".h5", ".tflite")]
    assert len(models) == 6 + 2 * 3  # parents are trained too
    for name in models:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    left = [p.name for p in (tmp_path / "killed").rglob("*") if "checkpoint" in p.name]
    assert not left, "checkpoints are left behind"


def test_interrupted_with_ctrl_c(litesmith, tmp_path):
    """Ctrl-C stops cleanly with exit code 130 and a word about going on."""
    process = subprocess.Popen(
        [str(litesmith.path), "study", "--data", "digits", "--out", str(tmp_path / "out"), "--epochs", "50"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "epoch 1 of" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"goes on from {tmp_path / 'out'}" in errors


