"""A run directory from outside: shown, shared, interrupted and gone on with."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

IO, INTERRUPTED, NOT_FOUND = 6, 130, 3
SHORT = ("--data", "digits", "--limit", 300, "--epochs", 1)


def rows(text):
    """The lines of a Markdown table without its head."""
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def listing(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def finished(litesmith, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    litesmith.ok("study", *SHORT, "--recipes", "none,prune", "--methods", "keras,uint8", "--out", out)
    return out


def test_kept_study_says_so(litesmith, finished):
    again = litesmith.call("study", *SHORT, "--recipes", "none,prune", "--methods", "keras,uint8", "--out", finished)
    assert again.returncode == 0
    assert "4 of 4 results are there from before" in again.stderr
    assert len(rows(again.stdout)) == 4


def test_show_reads_alone(litesmith, finished):
    before = listing(finished)
    finished.chmod(0o555)
    try:
        table = litesmith.ok("study", "--show", finished)
    finally:
        finished.chmod(0o755)
    assert table == (finished / "table.md").read_text()
    assert listing(finished) == before
    assert len(rows(litesmith.ok("study", "--show", finished, "--recipes", "none", "--methods", "uint8"))) == 1
    wrong = litesmith.call("study", "--show", finished, "--recipes", "nun")
    assert wrong.returncode == NOT_FOUND and "none, prune" in wrong.stderr
    assert "--limit has no effect" in litesmith.call("study", "--show", finished, "--limit", 3).stderr


def test_show_of_nothing(litesmith, tmp_path):
    assert litesmith.call("study", "--show", tmp_path / "none").returncode == NOT_FOUND
    assert litesmith.call("study", "--show", tmp_path).returncode == NOT_FOUND


def test_training_options_and_their_folders(litesmith, finished):
    """Options of train are study's too, on the command line and in a file; other settings replace nothing."""
    config = finished.parent / "study.toml"
    config.write_text('batch = 64\nlearning-rate = 0.01\nvalidation-split = 0\nmethods = ["uint8"]\nrecipes = ["none"]\n')
    before = {path: path.read_bytes() for path in finished.rglob("*.tflite")}
    result = litesmith.call("study", "--config", config, *SHORT, "--out", finished)
    assert result.returncode == 0, result.stderr
    assert "nan" not in result.stderr  # there is nothing to validate on
    assert all(path.read_bytes() == data for path, data in before.items())
    results = json.loads((finished / "results.json").read_text())
    assert len(results) == 5
    assert results[-1]["path"] == "batch-64-learning-rate-0.01-validation-split-0/none/uint8.tflite"
    assert (results[-1]["batch"], results[-1]["learning_rate"], results[-1]["validation_split"]) == (64, 0.01, 0)


def test_two_at_once_and_an_interruption(litesmith, tmp_path):
    (tmp_path / "long.toml").write_text('[recipe.long]\nparent = "none"\nsteps = [{ type = "train", epochs = 1000000 }]\n')
    out = tmp_path / "run"
    arguments = [str(each) for each in (*SHORT, "--config", tmp_path / "long.toml", "--methods", "keras", "--out", out)]
    first = subprocess.Popen(
        [str(litesmith.path), "study", *arguments, "--recipes", "none,long"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in first.stderr:
            if line.startswith("long: epoch 2 "):
                break
        second = litesmith.call("study", *arguments)
        assert second.returncode == IO
        assert re.search(rf"another study \(pid {first.pid}\) is at work in {out}", second.stderr)
        assert len(rows(litesmith.ok("study", "--show", out))) == 1  # needs no lock
        os.kill(first.pid, signal.SIGINT)
        text, _ = first.communicate(timeout=60)
        assert first.returncode == INTERRUPTED
        assert len(rows(text)) == 1 and "none" in rows(text)[0]
        assert text.strip() == (out / "table.md").read_text().strip()
        assert not (out / "study.lock").exists()
    finally:
        first.kill()
        first.wait()


def test_killed_study_is_gone_on_with(litesmith, tmp_path):
    out = tmp_path / "run"
    command = [str(litesmith.path), "study", *map(str, SHORT), "--recipes", "none", "--methods", "keras", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not out.exists():
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert not (out / "study.lock").exists()
