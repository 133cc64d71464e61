"""Where outputs go, what a stop says, and what the system refuses: the command line's side of src/base."""

import io
import os
import resource
import signal
import stat
import subprocess
import threading
import time

import numpy as np
import pytest

IO, OUT_OF_MEMORY, INVALID = 6, 9, 2


@pytest.fixture(scope="module")
def model(litesmith, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.h5"
    litesmith.ok("train", "mnist-cnn", "--data", "digits", "--limit", 100, "--epochs", 1, "-o", path)
    return path


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    path = tmp_path_factory.mktemp("array") / "x.npy"
    np.save(path, np.random.default_rng(1).random((3, 28, 28), np.float32))
    return path


def binary(litesmith, *args, **kwargs):
    """A finished process with bytes on standard output."""
    return subprocess.run([str(litesmith.path), *map(str, args)], capture_output=True, timeout=600, check=False, **kwargs)


@pytest.fixture(scope="module")
def result(litesmith, model, array, tmp_path_factory):
    """What `run` writes to a file."""
    path = tmp_path_factory.mktemp("result") / "y.npy"
    litesmith.ok("run", model, "--input", array, "--output", path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_has_the_file_alone(litesmith, model, array, result, tmp_path, name):
    done = binary(litesmith, "run", model, "--input", array, "--output", name)
    assert (done.returncode, done.stdout) == (0, result), done.stderr
    # Redirected to a file, it goes where the file stands.
    with open(tmp_path / "out", "wb") as out:
        out.write(b"before")
        out.flush()
        command = [litesmith.path, "run", model, "--input", array, "--output", name]
        subprocess.run(list(map(str, command)), stdout=out, check=True)
        out.write(b"after")
    assert (tmp_path / "out").read_bytes() == b"before" + result + b"after"
    assert not (tmp_path / "-").exists()


def test_every_verb_writes_to_standard_output(litesmith, model, tmp_path):
    training = ("--data", "digits", "--limit", 100, "--epochs", 1)
    for name, arguments in {
        "m.h5": ("train", "mnist-cnn", *training),
        "o.h5": ("optimize", model, "--recipe", "prune", *training),
        "c.tflite": ("convert", model, "--method", "fp32"),
        "c.h5": ("convert", model, "--method", "keras"),
    }.items():
        litesmith.ok(*arguments, "-o", tmp_path / name)
        done = binary(litesmith, *arguments, "-o", "-")
        assert (done.returncode, done.stdout) == (0, (tmp_path / name).read_bytes()), (arguments, done.stderr)
        assert done.stderr, "what it has to say goes to standard error"


def test_standard_input_is_an_array(litesmith, model, array, result):
    done = binary(litesmith, "run", model, "--input", "-", "--output", "-", input=array.read_bytes())
    assert (done.returncode, done.stdout) == (0, result), done.stderr
    assert np.load(io.BytesIO(done.stdout)).shape == (3, 10)


def test_devices_fifos_and_links_stay(litesmith, model, array, result, tmp_path):
    null = tmp_path / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        null = "/dev/null"
    litesmith.ok("run", model, "--input", array, "--output", null)
    litesmith.ok("convert", model, "--method", "fp32", "-o", null)
    assert stat.S_ISCHR(os.stat(null).st_mode)

    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    litesmith.ok("run", model, "--input", array, "--output", fifo)
    reader.join(60)
    assert got == [result]

    link, real = tmp_path / "link.npy", tmp_path / "real.npy"
    real.write_bytes(b"old")
    link.symlink_to("real.npy")
    litesmith.ok("run", model, "--input", array, "--output", link)
    assert link.is_symlink() and real.read_bytes() == result
    done = litesmith.call("run", model, "--input", array, "--output", link, "--output", real)
    assert done.returncode != 0


def test_outputs_are_tried_first(litesmith, model, array, tmp_path):
    """Nobody waits for 100,000 epochs to hear that there is no folder."""
    training = ("--data", "digits", "--epochs", 100_000)
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    for arguments, word in (
        (("train", "mnist-cnn", *training, "-o", "nodir/x.h5"), "there is no folder nodir"),
        (("train", "mnist-cnn", *training, "-o", "folder.h5"), "it is a folder"),
        (("train", "mnist-cnn", *training, "-o", "file/x.h5"), "file is a file, not a folder"),
        (("train", "mnist-cnn", *training, "-o", "x.h5", "--checkpoint", "nodir/ck"), "there is no folder nodir"),
        (("optimize", model, "--recipe", "prune", *training, "-o", "nodir/x.h5"), "there is no folder nodir"),
        (("convert", model, "--method", "fp32", "-o", "nodir/x.tflite"), "there is no folder nodir"),
        (("run", model, "--input", array, "--output", "nodir/y.npy"), "there is no folder nodir"),
        (("study", *training, "-o", "file/run"), "file is a file, not a folder"),
        (("study", *training, "-o", "/proc/run"), "/proc"),
    ):
        done = litesmith.call(*arguments, cwd=tmp_path, timeout=60)
        assert done.returncode == IO and word in done.stderr, (arguments, done.stderr)
        assert "litesmith-tmp" not in done.stderr
    done = litesmith.call("train", "mnist-cnn", *training, "-o", "x.h5", "--checkpoint", "-", cwd=tmp_path, timeout=60)
    assert done.returncode == INVALID
    assert sorted(tmp_path.rglob("*")) == before


def test_dead_writers_files_are_swept(litesmith, model, tmp_path):
    dead, mine = tmp_path / ".c.tflite.litesmith-tmp-abcdefgh", tmp_path / "c.tflite.tmp123"
    dead.write_bytes(b"half")
    mine.write_bytes(b"mine")
    litesmith.ok("convert", model, "--method", "fp32", "-o", tmp_path / "c.tflite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.tflite", mine.name]
    # Of a study also where everything is kept.
    arguments = ("study", "--data", "digits", "--limit", 60, "--epochs", 1, "--recipes", "none", "--methods", "fp32", "-o", tmp_path / "run")
    litesmith.ok(*arguments)
    dead = tmp_path / "run" / "none" / ".model.h5.litesmith-tmp-22222222"
    dead.write_bytes(b"half")
    litesmith.ok(*arguments)
    assert not dead.exists()


class TestStop:
    def stop(self, litesmith, number, *arguments, after=b"epoch 1 of"):
        """The exit code and what was said after a signal that follows the first line with `after` in it."""
        process = subprocess.Popen([str(litesmith.path), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            for line in process.stderr:
                if after in line:
                    break
            process.send_signal(number)
            said = process.communicate(timeout=60)[1].decode()
            return process.returncode, said
        finally:
            process.kill()

    def test_says_what_was_kept(self, litesmith, tmp_path):
        train = ("train", "mnist-cnn", "--data", "digits", "--limit", 300, "--epochs", 100_000, "-o", tmp_path / "x.h5")
        code, said = self.stop(litesmith, signal.SIGINT, *train)
        assert code == 130 and "nothing was kept (--checkpoint FILE would" in said and "goes on" not in said
        code, said = self.stop(litesmith, signal.SIGTERM, *train, "--checkpoint", tmp_path / "ck")
        assert code == 143 and f"the same command goes on from {tmp_path / 'ck'}" in said
        optimize = ("optimize", "mnist-cnn", "--recipe", "prune", *train[2:])
        code, said = self.stop(litesmith, signal.SIGHUP, *optimize, "--checkpoint", tmp_path / "ok")
        assert code == 129 and f"goes on from {tmp_path / 'ok'}.prune" in said
        study = ("study", *train[2:8], "-o", tmp_path / "run")
        code, said = self.stop(litesmith, signal.SIGINT, *study)
        assert code == 130 and f"goes on from {tmp_path / 'run'}" in said

    def test_nothing_was_kept(self, litesmith, model):
        process = subprocess.Popen([str(litesmith.path), "benchmark", str(model), "--seconds", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1].decode()
        assert process.returncode == 130 and "stopped; nothing was kept\n" in said

    def test_ignored_signals_stay_ignored(self, litesmith, model):
        def ignore():
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)

        process = subprocess.Popen([str(litesmith.path), "benchmark", str(model), "--seconds", "3"], preexec_fn=ignore, stdout=subprocess.DEVNULL)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            time.sleep(0.5)
            process.send_signal(number)
        assert process.wait(60) == 0


def test_out_of_memory(litesmith, tmp_path):
    """A gigabyte where 500 MB may be taken: its own exit code, and what was asked for."""
    path = tmp_path / "large.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    os.truncate(path, 1 << 30)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))

    done = litesmith.call("inspect", path, preexec_fn=limit)
    assert done.returncode == OUT_OF_MEMORY, done.stderr
    assert done.stderr.startswith("litesmith: out of memory: ") and f"its {1 << 30} bytes" in done.stderr
    assert "9    out of memory" in litesmith.ok("--help")
