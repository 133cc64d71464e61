"""The command line's contract: results.json, sizes, help, exit codes."""

import gzip
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int16x8")
VERBS = ("train", "convert", "evaluate", "run", "benchmark", "inspect", "study", "list")
KERAS_BYTES = 96_928  # what TensorFlow writes

# Bytes of weights and biases of mnist-cnn: a kernel of 108 and one of 20,280 elements, 12 + 10 biases.
DATA_BYTES = {
    "fp32": 4 * (108 + 20_280 + 22),
    "fp16": 2 * (108 + 20_280 + 22),
    "dynamic": 4 * 108 + 20_280 + 4 * 22,  # below 1,024 elements weights stay float
    "uint8": 108 + 20_280 + 4 * 22,
    "int8": 108 + 20_280 + 4 * 22,
    "int16x8": 108 + 20_280 + 8 * 22,
    "int16x8_int16": 108 + 20_280 + 8 * 22,
}
OVERHEAD = 2_300

FIELDS = {
    "recipe": str,
    "method": str,
    "metric": str,
    "value": (int, float),
    "accuracy": (int, float),
    "total_ms": (int, float),
    "latency_us_p50": (int, float),
    "file_bytes": int,
    "gzip_bytes": int,
    "train_s": (int, float),
    "convert_s": (int, float),
    "path": str,
    "isa": str,
    "seed": int,
    "invariants": list,
    "coverage": list,
}

INVALID, NOT_FOUND, CORRUPT, UNSUPPORTED, IO, INTERRUPTED = 2, 3, 4, 5, 6, 130


def test_results(study):
    out, rows, _ = study
    assert tuple(rows) == METHODS
    for row in rows.values():
        for field, kind in FIELDS.items():
            assert isinstance(row[field], kind), f"{row['method']}: {field} = {row.get(field)!r}"
        assert row["recipe"] == "none"
        assert 0.8 < row["accuracy"] <= 1
        assert row["metric"] == "top1" and row["value"] == row["accuracy"]
        assert row["total_ms"] > 0
        data = (out / row["path"]).read_bytes()
        assert row["file_bytes"] == len(data)
        assert abs(row["gzip_bytes"] - len(gzip.compress(data, 9))) <= 64  # the header, and the zlib's version
        for invariant in row["invariants"]:
            assert {"name", "tensor", "value", "limit", "ok"} <= set(invariant)
            assert invariant["ok"]


def test_table(study):
    out, rows, text = study
    table = (out / "table.md").read_text()
    assert table.strip() in text
    lines = [line for line in table.splitlines() if line.startswith("|")]
    for column in ("Method", "Model optimize", "Accuracy", "Total time", "File size"):
        assert column in lines[0]
    assert len(lines) == 2 + len(rows)


def test_accuracy_of_methods(study):
    """Every method within half a point of the float model after one short epoch."""
    rows = study[1]
    for row in rows.values():
        assert abs(row["accuracy"] - rows["keras"]["accuracy"]) <= 0.005, row["method"]


@pytest.mark.parametrize("method", DATA_BYTES)
def test_size(ours, method):
    assert DATA_BYTES[method] < ours[method].stat().st_size <= DATA_BYTES[method] + OVERHEAD


def test_size_of_h5(ours):
    assert 4 * 20_410 < ours["keras"].stat().st_size <= KERAS_BYTES


def test_conversion_is_reproducible(litesmith, mnist, ours, tmp_path):
    for method in ("fp32", "fp16", "dynamic", "uint8", "int16x8"):
        again = tmp_path / f"{method}.tflite"
        litesmith.ok("convert", ours["keras"], "--method", method, "--calibration", f"mnist:{mnist}", "-o", again)
        assert again.read_bytes() == ours[method].read_bytes(), method


def test_evaluate_agrees_with_study(litesmith, mnist, study, images):
    out, rows, _ = study
    text = litesmith.ok("evaluate", out / rows["fp32"]["path"], "--data", f"mnist:{mnist}")
    assert any(character.isdigit() for character in text)


def test_benchmark(litesmith, ours):
    result = json.loads(litesmith.ok("benchmark", ours["uint8"], "--threads", 1, "--batch", 1, "--json"))
    assert {"min_us", "p50_us", "p90_us", "p99_us", "runs", "batch", "threads"} <= set(result)
    assert 0 < result["min_us"] <= result["p50_us"] <= result["p90_us"] <= result["p99_us"]
    assert (result["batch"], result["threads"]) == (1, 1)
    assert result["profile"] is None


def test_profile(litesmith, ours):
    """Each kernel with its share of the time and, where it multiplies, of the peak."""
    steps = json.loads(litesmith.ok("benchmark", ours["uint8"], "--seconds", 0.05, "--profile", "--json"))["profile"]
    assert any("CONV_2D" in step["ops"] for step in steps)
    assert abs(sum(step["share"] for step in steps) - 1) < 1e-6
    assert all(step["us"] > 0 and (step["macs"] == 0) == (step["of_peak"] is None) for step in steps)
    text = litesmith.ok("benchmark", ours["uint8"], "--seconds", 0.05, "--profile")
    assert "Share" in text and "CONV_2D" in text


def test_run_quantizes_on_request(litesmith, ours, images, tmp_path):
    """A float array is refused by an int8 input, and taken with --quantize."""
    np.save(tmp_path / "x.npy", images[:10])
    arguments = ("run", ours["int8"], "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert litesmith.call(*arguments).returncode == INVALID
    litesmith.ok(*arguments, "--quantize")
    assert np.load(tmp_path / "y.npy").shape == (10, 10)


@pytest.mark.parametrize("what", ["recipes", "methods", "ops", "models", "datasets", "losses", "optimizers", "schedules", "metrics"])
def test_list(litesmith, what):
    assert litesmith.ok("list", what).strip()


@pytest.mark.parametrize("verb", VERBS)
def test_help(litesmith, verb):
    text = litesmith.ok(verb, "--help")
    assert verb in text
    assert len(text.splitlines()) >= 4


def test_help_alone_and_version(litesmith):
    alone = litesmith.call()
    help_text = litesmith.ok("--help")
    for verb in VERBS:
        assert verb in help_text
        assert verb in alone.stdout + alone.stderr
    assert any(character.isdigit() for character in litesmith.ok("--version"))


class TestExitCodes:
    """2 invalid argument, 3 not found, 4 corrupt, 5 unsupported, 6 io, 130 interrupted; one line that says why."""

    def expect(self, litesmith, code, *args, **kwargs):
        done = litesmith.call(*args, **kwargs)
        assert done.returncode == code, f"{args}: exit {done.returncode}, wanted {code}\n{done.stderr}"
        assert done.stderr.strip(), f"{args}: no message"
        return done.stderr

    @pytest.mark.parametrize(
        "args",
        [
            ("no-such-verb",),
            ("study", "--no-such-option"),
            ("study",),
            ("convert", "FILE", "--method", "float13", "-o", "x.tflite"),
            ("evaluate", "FILE", "--data", "nosuchdata"),
            ("benchmark", "FILE", "--threads", "-1"),
        ],
    )
    def test_invalid_argument(self, litesmith, ours, args, tmp_path):
        self.expect(litesmith, INVALID, *[ours["keras"] if arg == "FILE" else arg for arg in args], cwd=tmp_path)

    def test_not_found(self, litesmith, tmp_path):
        missing = tmp_path / "missing.tflite"
        assert "missing.tflite" in self.expect(litesmith, NOT_FOUND, "inspect", missing)
        self.expect(litesmith, NOT_FOUND, "inspect", tmp_path / "missing.h5")
        self.expect(litesmith, NOT_FOUND, "evaluate", missing, "--data", "digits")

    def test_no_data(self, litesmith, ours, tmp_path):
        self.expect(litesmith, NOT_FOUND, "evaluate", ours["fp32"], "--data", f"mnist:{tmp_path}/nowhere")

    @pytest.mark.parametrize("method", ["fp32", "keras"])
    def test_corrupt(self, litesmith, ours, tmp_path, method):
        data = ours[method].read_bytes()
        path = tmp_path / ours[method].name
        path.write_bytes(data[: len(data) // 2])
        self.expect(litesmith, CORRUPT, "inspect", path)

    def test_unsupported(self, litesmith, ours, tmp_path):
        """A layer that no Litesmith knows."""
        import h5py

        path = tmp_path / "strange.h5"
        path.write_bytes(ours["keras"].read_bytes())
        with h5py.File(path, "r+") as file:
            config = file.attrs["model_config"]
            config = config.decode() if isinstance(config, bytes) else config
            assert "MaxPooling2D" in config
            file.attrs["model_config"] = config.replace('"MaxPooling2D"', '"NobodysLayer"')
        assert "NobodysLayer" in self.expect(litesmith, UNSUPPORTED, "convert", path, "--method", "fp32", "-o", tmp_path / "x.tflite")

    def test_io(self, litesmith, ours, tmp_path):
        """The output's directory is a file."""
        (tmp_path / "file").write_text("x")
        self.expect(litesmith, IO, "convert", ours["keras"], "--method", "fp32", "-o", tmp_path / "file" / "x.tflite")

    def test_interrupted(self, litesmith, mnist, tmp_path):
        command = [str(litesmith.path), "study", "--data", f"mnist:{mnist}", "--recipes", "none", "--epochs", "500"]
        process = subprocess.Popen(
            [*command, "--out", str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            time.sleep(3)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(timeout=60) == INTERRUPTED
        finally:
            process.kill()


class TestFloatsAmongIntegers:
    """A model with ELUs, which have no integer form: `convert` says so, `--strict` refuses, `inspect --why` says it of each tensor."""

    @pytest.fixture
    def model(self, ours, images, tmp_path):
        import h5py

        path = tmp_path / "elu.h5"
        path.write_bytes(ours["keras"].read_bytes())
        with h5py.File(path, "r+") as file:
            config = file.attrs["model_config"]
            config = json.loads(config.decode() if isinstance(config, bytes) else config)
            for layer in config["config"]["layers"]:
                if layer["config"].get("activation") == "relu":
                    layer["config"]["activation"] = "elu"
            file.attrs["model_config"] = json.dumps(config)
            assert '"elu"' in file.attrs["model_config"]
        np.savez(tmp_path / "images.npz", x_train=images[:20], y_train=np.arange(20, dtype=np.int32) % 10)
        return path

    @pytest.mark.parametrize("method", ["int8", "int16x8"])
    def test_said_or_refused(self, litesmith, model, tmp_path, method):
        out = tmp_path / "x.tflite"
        arguments = ("convert", model, "--method", method, "--calibration", f"npz:{tmp_path / 'images.npz'}", "-o", out)
        refused = litesmith.call(*arguments, "--strict")
        assert refused.returncode == UNSUPPORTED, refused.stderr
        assert "ELU" in refused.stderr and not out.exists()
        done = litesmith.call(*arguments)
        assert done.returncode == 0 and out.exists()
        assert "ELU" in done.stderr and "float" in done.stderr

    def test_strict_takes_what_is_all_integers(self, litesmith, ours, model, tmp_path):
        litesmith.ok("convert", ours["keras"], "--method", "int8", "--strict", "--calibration", f"npz:{tmp_path / 'images.npz'}", "-o", tmp_path / "x.tflite")

    def test_why(self, litesmith, model, tmp_path):
        text = litesmith.ok("inspect", model, "--why", "int8", "--calibration", f"npz:{tmp_path / 'images.npz'}")
        lines = [line for line in text.splitlines() if "(ELU)" in line]
        assert lines and all("float32" in line and "no integer form" in line for line in lines)
        assert "calibrated:" in text and "the largest weight is 127 steps" in text and "in steps of the input's scale" in text
