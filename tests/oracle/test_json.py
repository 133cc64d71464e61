"""`--json`: standard output is the one object, with the fields of docs/json.md and no others."""

import json
import re
import struct
import zlib

import numpy as np
import pytest

from conftest import ROOT


def documented():
    """{verb: [set of fields of each of its tables]}."""
    tables = {}
    verbs = []
    for line in (ROOT / "docs" / "json.md").read_text().splitlines():
        if line.startswith("## "):
            verbs = [verb.strip() for verb in line[3:].split(",")]
        elif line == "| field | meaning |":
            for verb in verbs:
                tables.setdefault(verb, []).append(set())
        elif line.startswith("| ") and not line.startswith("| ---"):
            for verb in verbs:
                tables[verb][-1] |= {name.strip() for name in line.split("|")[1].split(",")}
    return tables


DOCUMENTED = documented()


def write_png(path, gray):
    """A gray picture of bytes [h, w]."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = gray.shape
    lines = b"".join(b"\0" + line.tobytes() for line in gray)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def work(litesmith, tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    litesmith.ok("train", "mnist-cnn", "--data", "digits", "--limit", 500, "--epochs", 1, "-o", folder / "m.h5")
    litesmith.ok("convert", folder / "m.h5", "--method", "int8", "--calibration", "digits", "-o", folder / "m.tflite")
    litesmith.ok("study", "--data", "digits", "--limit", 200, "--epochs", 1, "--recipes", "none", "--methods", "fp32,int8", "--out", folder / "run")
    np.save(folder / "x.npy", np.zeros((3, 28, 28), np.float32))
    write_png(folder / "photo.png", np.arange(28 * 28, dtype=np.uint8).reshape(28, 28))
    return folder


DATA = ("--data", "digits", "--limit", "200")
STUDY = ("study", *DATA, "--epochs", "1", "--recipes", "none", "--methods", "fp32,int8", "--out", "run")

# Command, which table of its verb.
CALLS = {
    "advise": (("advise", "run", "--target", "mcu"), 0),
    "advise-tree": (("advise", "--target", "npu"), 0),
    "advise-nothing": (("advise", "run", "--flash", "10"), 0),
    "benchmark": (("benchmark", "m.tflite", "--seconds", "0.05", "--warm-up", "0"), 0),
    "compare": (("compare", "m.h5", "m.tflite", *DATA), 0),
    "train": (("train", "mnist-cnn", *DATA, "--epochs", "1", "-o", "t.h5"), 0),
    "optimize": (("optimize", "m.h5", *DATA, "--recipe", "quant", "--epochs", "1", "-o", "o.h5"), 0),
    "convert": (("convert", "m.h5", "--method", "fp16", "-o", "h.tflite"), 0),
    "run": (("run", "m.h5", "--input", "x.npy", "--output", "y.npy"), 0),
    "run-photo": (("run", "m.h5", "photo.png"), 1),
    "evaluate": (("evaluate", "m.tflite", *DATA, "--time"), 0),
    "inspect": (("inspect", "m.tflite"), 0),
    "inspect-why": (("inspect", "m.h5", "--why", "fp16"), 1),
    "list": (("list", "recipes"), 0),
    "completion": (("completion", "bash"), 0),
    "man": (("man",), 0),
    "new": (("new", "resnet8", "--classes", "3", "-o", "n.h5"), 0),
    "version": (("version",), 0),
    "report": (("report", "run"), 0),
    "study": (STUDY, 0),
    "study-show": (("study", "--show", "run"), 0),
    "study-plan": ((*STUDY, "--plan"), 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_object_is_alone_and_has_its_fields(name, litesmith, work):
    command, table = CALLS[name]
    done = litesmith.call(*command, "--json", cwd=work)
    assert done.returncode == (8 if name == "advise-nothing" else 0), done.stderr
    assert done.stdout.count("\n") == 1, "one line"
    fields = json.loads(done.stdout)
    assert set(fields) == DOCUMENTED[command[0]][table], name


def test_every_listing_has_names_and_summaries(litesmith):
    known = re.split("[Kk]nown:", litesmith.call("list", "nothing").stderr)[1]
    for each in (name.strip() for name in known.split("See")[0].split(",")):
        listing = json.loads(litesmith.ok("list", each, "--json"))
        assert listing["what"] == each and listing["rows"]
        assert all(row["name"] and row["summary"] for row in listing["rows"])


class TestAdvise:
    def test_the_nearest_miss_is_named_and_printed(self, litesmith, work):
        done = litesmith.call("advise", "run", "--flash", "10", "--json", cwd=work)
        assert done.returncode == 8 and "the nearest is" in done.stderr
        answer = json.loads(done.stdout)
        assert answer["fits"] is False and answer["best"] is None
        (miss,) = answer["nearest"]["misses"]
        rows = json.loads((work / "run" / "results.json").read_text())
        assert miss["value"] == min(row["file_bytes"] for row in rows) and miss["limit"] == 10
        assert answer["next"]

    def test_suffixes(self, litesmith, work):
        answer = json.loads(litesmith.ok("advise", "run", "--flash", "64K", "--ram", "1M", "--json", cwd=work))
        assert (answer["flash"], answer["ram"]) == (65536, 1048576)
        done = litesmith.call("advise", "run", "--flash", "64Q", cwd=work)
        assert done.returncode == 2 and "64K (65536)" in done.stderr

    def test_targets_have_near_names(self, litesmith, work):
        done = litesmith.call("advise", "run", "--target", "edge-tpu", cwd=work)
        assert done.returncode == 2 and 'did you mean "edgetpu"' in done.stderr


class TestCompare:
    def test_numbers_are_those_of_evaluate(self, litesmith, work):
        both = json.loads(litesmith.ok("compare", "m.h5", "m.tflite", *DATA, "--json", cwd=work))
        for side, file in (("a", "m.h5"), ("b", "m.tflite")):
            alone = json.loads(litesmith.ok("evaluate", file, *DATA, "--json", cwd=work))
            assert both[side]["correct"] == alone["correct"]
            assert both[side]["file_bytes"] == (work / file).stat().st_size
        assert both["matched_ops"] == both["ops"] == 3
        assert both["starts_at"] in [tensor["name"] for tensor in both["tensors"]]
        # Biases take back what rounding the weights takes from the mean.
        tensors = [tensor for tensor in both["tensors"] if not tensor["name"].endswith("/bias")]
        assert all(tensor["sqnr_db"] > 15 for tensor in tensors if tensor["sqnr_db"] is not None)

    def test_the_page_asks_nothing_of_the_web(self, litesmith, work):
        litesmith.ok("compare", "m.h5", "m.tflite", *DATA, "--report", "page.html", cwd=work)
        page = (work / "page.html").read_text()
        assert not re.search(r"https?:|<script|<link|@import|\bsrc=", page)
        assert "dense/kernel" in page and "signal to" in page

    def test_a_file_that_does_not_fit_is_named(self, litesmith, work):
        done = litesmith.call("compare", "m.h5", "nothing.tflite", *DATA, cwd=work)
        assert done.returncode == 3 and "nothing.tflite" in done.stderr


class TestGlobs:
    def test_patterns_are_names(self, litesmith, work):
        rows = json.loads(litesmith.ok("study", "--show", "run", "--methods", "*8", "--json", cwd=work))["rows"]
        assert [row["method"] for row in rows] == ["int8"]
        done = litesmith.call("study", *DATA, "--recipes", "prun?_x*", "--out", "other", cwd=work)
        assert done.returncode == 2 and 'no recipe matches "prun?_x*"' in done.stderr and "prune_pqat" in done.stderr

    def test_the_best_comes_first(self, litesmith, work):
        rows = json.loads(litesmith.ok("study", "--show", "run", "--sort", "size", "--json", cwd=work))["rows"]
        assert [row["file_bytes"] for row in rows] == sorted(row["file_bytes"] for row in rows)
        assert litesmith.call("study", "--show", "run", "--sort", "siz", cwd=work).returncode == 2


class TestInspect:
    def test_the_summary_is_ten_lines(self, litesmith, work):
        lines = litesmith.ok("inspect", "m.tflite", cwd=work).splitlines()
        assert lines[10] == "" and all(lines[:10])
        assert lines[0].startswith("model") and "full-integer" in lines[0]
        assert any(line.startswith("runs on") and "mcu" in line for line in lines[:10])

    def test_attributes_have_names(self, litesmith, work):
        text = litesmith.ok("inspect", "m.tflite", "--ops", cwd=work)
        assert "padding=VALID" in text and "fused_activation_function=RELU" in text
        assert "Tensors" not in text and "Tensors" in litesmith.ok("inspect", "m.tflite", "--tensors", cwd=work)

    def test_weights_of_keras_files_are_in_keras_order(self, litesmith, work):
        layers = {layer["name"]: layer for layer in json.loads(litesmith.ok("inspect", "m.h5", "--json", cwd=work))["layers"]}
        assert layers["conv2d"]["keras_shape"] == [3, 3, 1, 12] and layers["conv2d"]["shape"] == [12, 3, 3, 1]
        assert layers["dense"]["keras_shape"] == [2028, 10]

    def test_a_histogram_counts_every_value(self, litesmith, work):
        text = litesmith.ok("inspect", "m.h5", "--weights", "dense", cwd=work)
        counts = [int(row[1]) for row in re.finditer(r" to \S+\s+(\d+)\s+[\d.]+ %", text)]
        assert len(counts) == 20 and sum(counts) == 20280
        done = litesmith.call("inspect", "m.h5", "--weights", "dens", cwd=work)
        assert done.returncode == 2 and 'did you mean "dense"' in done.stderr
        assert litesmith.ok("inspect", "m.h5", "--weights", "*", cwd=work).count("deviation") == 2
