"""Models of several outputs, each judged by a metric of its own, with texts as labels; models that are trained already."""

import json
import zipfile

import numpy as np
import pytest
from conftest import ROOT

MODEL = ROOT / "tests" / "golden" / "keras" / "keras3_branches.h5"  # outputs second [3], third [2], first [2]
NAMES = ["Zebra", "cat", "\u00e4ffchen"]  # in the order of their bytes


@pytest.fixture(scope="module")
def work(litesmith, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    rng, arrays = np.random.default_rng(3), {}
    for half, count in (("train", 300), ("test", 90)):
        kind = rng.integers(0, 3, count)
        arrays["x_" + half] = (rng.normal(0, 0.3, (count, 3)) + np.eye(3)[kind]).astype(np.float32)
        arrays[f"x_{half}_1"] = rng.random((count, 4), np.float32)
        arrays["y_" + half] = np.array(NAMES)[kind]
        arrays[f"y_{half}_1"] = arrays[f"x_{half}_1"][:, :2] * 2
        arrays[f"y_{half}_2"] = np.array([b"no", b"yes"])[(arrays[f"x_{half}_1"][:, 2] > 0.5).astype(int)]
    np.savez(folder / "data.npz", **arrays)
    litesmith.ok("train", MODEL, "--data", "npz:data.npz", "--epochs", 3, "-o", "trained.h5", cwd=folder)
    study = ("study", "--model", "trained.h5", "--data", "npz:data.npz", "--epochs", 1, "--recipes", "none,prune", "--methods", "keras,int8")
    litesmith.ok(*study, "--trained", "--out", "run", cwd=folder)
    return folder


def rows(folder):
    return json.loads((folder / "results.json").read_text())


def test_each_output_of_a_study_is_what_evaluate_says(litesmith, work):
    for row in rows(work / "run"):
        alone = json.loads(litesmith.ok("evaluate", f"run/{row['path']}", "--data", "npz:data.npz", "--json", cwd=work))
        assert (row["metric"], row["further_metrics"]) == ("top1", "mse,top1")
        assert row["value"] == alone["value"]
        assert [(each["name"], each["metric"], each["value"]) for each in row["outputs"]] == [("third", "mse", alone["outputs"][0]["value"]), ("first", "top1", alone["outputs"][1]["value"])]
        assert [each["name"] for each in alone["classes"]] == NAMES
        assert [each["name"] for each in alone["outputs"][1]["classes"]] == ["no", "yes"]


def test_tables_have_a_column_of_each(litesmith, work):
    assert "third mse" in (work / "run" / "table.md").read_text()
    head = (work / "run" / "results.csv").read_text().splitlines()[0]
    assert head.endswith("output_1,metric_1,value_1,output_2,metric_2,value_2")
    done = litesmith.call("train", MODEL, "--data", "npz:data.npz", "--epochs", 1, "-o", "t.h5", "--json", cwd=work)
    assert [each["name"] for each in json.loads(done.stdout)["outputs"]] == ["third", "first"]


def test_compare_judges_each(litesmith, work):
    both = json.loads(litesmith.ok("compare", "run/none/model.h5", "run/none/int8.tflite", "--data", "npz:data.npz", "--json", "--report", "page.html", cwd=work))
    (keras, int8) = (row for row in rows(work / "run") if row["recipe"] == "none")
    assert (both["a"]["value"], both["b"]["value"]) == (keras["value"], int8["value"])
    for o, each in enumerate(both["outputs"]):
        assert (each["name"], each["a"], each["b"]) == (keras["outputs"][o]["name"], keras["outputs"][o]["value"], int8["outputs"][o]["value"])
    assert both["outputs"][0]["mcnemar"] is None and both["outputs"][1]["agreement"] > 0.8
    assert "third mse" in (work / "page.html").read_text()


def test_predictions_have_all_outputs(litesmith, work):
    litesmith.ok("evaluate", "run/none/int8.tflite", "--data", "npz:data.npz", "--predictions", "p.csv", cwd=work)
    head, *lines = (work / "p.csv").read_text().splitlines()
    assert len(lines) == 90 and "label_name,predicted,predicted_name" in head
    prefixes = {name.split(".")[0] for name in head.split(",") if "." in name}
    assert len(prefixes) == 2


def test_texts_are_the_names_of_the_file(litesmith, work):
    with zipfile.ZipFile(work / "run" / "none" / "int8.tflite") as archive:
        assert archive.read("labels.txt").decode().splitlines() == NAMES
    assert rows(work / "run")[0]["class_names"] == NAMES


def test_a_trained_model_is_evaluated_as_it_is(litesmith, work):
    given = json.loads(litesmith.ok("evaluate", "trained.h5", "--data", "npz:data.npz", "--json", cwd=work))
    none = rows(work / "run")[0]
    assert none["trained"] is True and none["train_s"] == 0
    assert none["value"] == given["value"]
    assert [each["value"] for each in none["outputs"]] == [each["value"] for each in given["outputs"]]
    # Also as a key of a TOML file; without it, the model is trained on.
    (work / "s.toml").write_text('model = "trained.h5"\ndata = "npz:data.npz"\nepochs = 1\nrecipes = ["none"]\nmethods = ["keras"]\ntrained = true\nout = "other"\n')
    plan = json.loads(litesmith.ok("study", "--config", "s.toml", "--plan", "--json", cwd=work))
    assert plan["recipes"][0]["state"] == "given"
    litesmith.ok("study", "--config", "s.toml", cwd=work)
    assert rows(work / "other")[0]["value"] == given["value"]
    litesmith.ok("study", "--model", "trained.h5", "--data", "npz:data.npz", "--epochs", 1, "--recipes", "none", "--methods", "keras", "--out", "anew", cwd=work)
    assert rows(work / "anew")[0]["train_s"] > 0
    done = litesmith.call("study", "--model", "mnist-cnn", "--trained", "--out", "no", cwd=work)
    assert done.returncode == 2 and "litesmith train mnist-cnn" in done.stderr


def test_commands_of_the_adviser_run_as_they_are(litesmith, work):
    done = litesmith.call("advise", "run", "--target", "mcu", "--max-drop", "0", "--json", cwd=work)
    commands = [step["command"] for step in json.loads(done.stdout)["next"] if step["command"]]
    assert commands and all("--out run" in command and "--trained" in command for command in commands)
    for command in commands:
        words = command.split()
        assert words[0] == "litesmith" and "'" not in command
        litesmith.ok(*words[1:], cwd=work)
