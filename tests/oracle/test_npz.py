"""`npz:FILE` as data: archives that numpy writes in all its ways, and what is said of those that cannot be used."""

import io
import re
import resource
import struct
import zipfile

import numpy as np
import pytest

SAMPLES, TEST = 60, 20


@pytest.fixture(scope="module")
def model(litesmith, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.h5"
    litesmith.ok("train", "mnist-cnn", "--data", "digits", "--limit", 1000, "--epochs", 1, "-o", path)
    return path


def arrays(dtype=np.uint8, labels=np.int64):
    rng = np.random.default_rng(3)
    made = {}
    for half, count in (("train", SAMPLES), ("test", TEST)):
        x = rng.integers(0, 100, (count, 28, 28))
        made[f"x_{half}"] = (x % 2 == 1) if dtype == np.bool_ else x.astype(dtype)
        made[f"y_{half}"] = (np.arange(count) % 10).astype(labels)
    return made


def evaluated(litesmith, model, path, *options):
    return litesmith.ok("evaluate", model, "--data", f"npz:{path}", *options)


def converted(litesmith, model, path, directory):
    out = directory / "o.tflite"
    litesmith.ok("convert", model, "--method", "int8", "--calibration", f"npz:{path}", "-o", out)
    return out.read_bytes()


def right(litesmith, model, x, y, directory):
    """How many of these samples the model has right, by `run`."""
    return int((litesmith.run(model, x.astype(np.float32), directory).argmax(1) == y.reshape(-1)).sum())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("labels", [np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("dtype", "uint8 int8 int16 int32 int64 float16 float32 float64 bool".split())
def test_every_type(litesmith, model, tmp_path, dtype, labels, save):
    """Numbers are what they are: 0 to 255 is not divided."""
    made = arrays(np.dtype(dtype).type, labels)
    save(tmp_path / "d.npz", **made, more=np.array(["other", "arrays"]))
    text = evaluated(litesmith, model, tmp_path / "d.npz")
    wanted = right(litesmith, model, made["x_test"], made["y_test"], tmp_path)
    assert f"({wanted} of {TEST})" in text, text


def test_ways_to_write_the_same(litesmith, model, tmp_path):
    """Stored, deflated, zip64, streamed, other versions of .npy, [n,1] labels: the same file comes of it."""
    made = arrays()
    made["y_train"] = made["y_train"][:, None]
    path = tmp_path / "d.npz"
    np.savez(path, **made)
    wanted, said = converted(litesmith, model, path, tmp_path), evaluated(litesmith, model, path)

    def write(version, compression, zip64, stream):
        raw = io.BytesIO()
        # What cannot seek makes zipfile write sizes behind the data.
        target = Unseekable(raw) if stream else raw
        with zipfile.ZipFile(target, "w", compression) as archive:
            for name, array in made.items():
                with archive.open(f"{name}.npy", "w", force_zip64=zip64) as member:
                    np.lib.format.write_array(member, array, version=version)
        path.write_bytes(raw.getvalue())

    for version in ((1, 0), (2, 0), (3, 0)):
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for zip64, stream in ((False, False), (True, False), (True, True)):
                write(version, compression, zip64, stream)
                assert evaluated(litesmith, model, path) == said
    assert converted(litesmith, model, path, tmp_path) == wanted


class Unseekable(io.RawIOBase):
    def __init__(self, raw):
        self.raw = raw

    def writable(self):
        return True

    def write(self, data):
        return self.raw.write(data)


def test_calibration_needs_x_train_alone(litesmith, model, tmp_path):
    made = arrays()
    path = tmp_path / "d.npz"
    np.savez(path, **made)
    wanted = converted(litesmith, model, path, tmp_path)
    np.savez(path, x_train=made["x_train"])
    assert converted(litesmith, model, path, tmp_path) == wanted
    done = litesmith.call("evaluate", model, "--data", f"npz:{path}")
    assert done.returncode == 3 and "there is no x_test; it holds x_train" in done.stderr, done.stderr


def test_a_study(litesmith, tmp_path):
    """Training, evaluation and conversion by one archive; the results are kept under its samples' digest."""
    np.savez_compressed(tmp_path / "d.npz", **arrays(np.float32))
    arguments = ("study", "--data", f"npz:{tmp_path / 'd.npz'}", "--recipes", "none", "--epochs", 1, "--out", tmp_path / "run")
    text = litesmith.ok(*arguments)
    assert "uint8" in text
    assert litesmith.ok("study", "--show", tmp_path / "run")


def test_values_train_by_mse(litesmith, tmp_path):
    """One-hot labels as floats are values."""
    made = arrays(np.float32)
    one_hot = {name: np.eye(10, dtype=np.float32)[made[name]] for name in ("y_train", "y_test")}
    np.savez(tmp_path / "d.npz", **{**made, **one_hot})
    data = ("--data", f"npz:{tmp_path / 'd.npz'}")
    litesmith.ok("train", "mnist-cnn", *data, "--loss", "mse", "--metric", "mse", "--epochs", 1, "-o", tmp_path / "m.h5")
    # The metric follows from the targets; one of classes has none to compare with.
    assert litesmith.ok("evaluate", tmp_path / "m.h5", *data).startswith("mse ")
    done = litesmith.call("evaluate", tmp_path / "m.h5", *data, "--metric", "top1")
    assert done.returncode == 2 and "class labels" in done.stderr, done.stderr


def patched(path, made, change):
    """The archive with `change` applied to the bytes of x_train.npy, whose sizes stay true."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in made.items():
            raw = io.BytesIO()
            np.lib.format.write_array(raw, array)
            archive.writestr(f"{name}.npy", change(raw.getvalue()) if name == "x_train" else raw.getvalue())


def bomb(path, made):
    """A gigabyte of zeros in a megabyte, behind a header of few."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x_train.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, made["x_train"])
            for _ in range(1 << 6):
                member.write(bytes(1 << 24))


def corrupt_checksum(path, made):
    np.savez(path, **made)
    data = bytearray(path.read_bytes())
    data[data.index(made["x_train"].tobytes()[:64]) + 30] ^= 1
    path.write_bytes(data)


def truncated(path, made):
    np.savez(path, **made)
    path.write_bytes(path.read_bytes()[:-3000])


def without_eoc(path, made):
    np.savez(path, **made)
    path.write_bytes(path.read_bytes()[:-10])


def claims(path, made):
    """Every size of the archive says that x_train.npy has four gigabytes."""
    np.savez(path, **made)
    data = path.read_bytes()
    size = struct.pack("<I", len(made["x_train"].tobytes()) + 128)
    path.write_bytes(data.replace(size, b"\xf0\xff\xff\xff"))


def save(**changed):
    return lambda path, made: np.savez(path, **{**made, **{k: v(made) for k, v in changed.items()}})


def header(new, old=b"(60, 28, 28), }"):
    """`old` in x_train's header is `new`, which takes some of the spaces behind it."""

    def change(raw):
        spaces = b" " * (len(new) - len(old))
        assert old + spaces in raw and len(new) >= len(old)
        return raw.replace(old + spaces, new)

    return lambda path, made: patched(path, made, change)


BAD = {
    "counts": (save(y_train=lambda m: m["y_train"][:-1]), 4, r"y_train has 59 samples, but x_train has 60"),
    "fortran": (save(x_train=lambda m: np.asfortranarray(m["x_train"])), 5, r"x_train: Fortran order"),
    "big endian": (save(x_train=lambda m: m["x_train"].astype(">f4")), 5, r"x_train: big-endian"),
    "objects": (save(x_train=lambda m: m["x_train"].astype(object)), 5, r"x_train: elements of type '\|O'"),
    "strings": (save(x_train=lambda m: m["x_train"].astype(str)), 5, r"x_train: elements of type"),
    "uint16": (save(x_train=lambda m: m["x_train"].astype(np.uint16)), 5, r"x_train: elements of type '<u2'"),
    "complex": (save(x_train=lambda m: m["x_train"].astype(complex)), 5, r"x_train: elements of type '<c16'"),
    "scalar": (save(x_train=lambda m: np.float32(1)), 5, r"x_train: a single number"),
    "other form": (save(x_test=lambda m: m["x_test"][:, 1:]), 4, r"x_test has samples of uint8 \[27,28\]"),
    "other type": (save(x_test=lambda m: m["x_test"] / np.float32(255)), 4, r"x_test has samples of float32"),
    "gap": (save(x_train_2=lambda m: m["x_train"]), 4, r"there is x_train_2, but no x_train_1"),
    "10^12": (header(b"(1000000000000,), }"), 4, r"x_train: the header has a dimension above"),
    "10^12 of two": (header(b"(1000000, 1000000), }"), 4, r"x_train: shape \[1000000,1000000\] of uint8 is 1000000000000 bytes; there are 47040"),
    "2^93": (header(b"(2147483647, 2147483647, 2147483647), }"), 4, r"x_train: shape .* there are 47040"),
    "more": (header(b"(60, 28, 29), }"), 4, r"x_train: shape \[60,28,29\] of uint8 is 48720 bytes; there are 47040"),
    "no header": (header(b"\x93NUMPI", b"\x93NUMPY"), 4, r"x_train: not a \.npy file"),
    "bomb": (bomb, 4, r"x_train: shape \[60,28,28\] of uint8 is 47040 bytes; there are 1073788864"),
    "checksum": (corrupt_checksum, 4, r"'x_train\.npy' is damaged: CRC error"),
    "truncated": (truncated, 4, r"no whole zip archive"),
    "end": (without_eoc, 4, r"no whole zip archive"),
    "claims": (claims, 4, r"x_train|no whole zip archive"),
    "empty": (lambda path, made: path.write_bytes(b""), 4, r"is empty"),
    "a .npy": (lambda path, made: path.write_bytes(b"\x93NUMPY\1\0"), 4, r"no whole zip archive"),
    "other names": (lambda path, made: np.savez(path, images=made["x_train"]), 3, r"neither x_train nor x_test, but images"),
    "missing": (lambda path, made: None, 3, r"d\.npz"),
    "a folder": (lambda path, made: path.mkdir(), 6, r"d\.npz"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used(litesmith, model, tmp_path, what):
    """One message that names file and array, at once and in little memory."""
    make, code, words = BAD[what]
    path = tmp_path / "d.npz"
    make(path, arrays())
    limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))  # noqa: E731
    out = tmp_path / "o.tflite"
    samples = ("--calibration-samples", SAMPLES)
    done = litesmith.call(
        *("convert", model, "--method", "int8", "--calibration", f"npz:{path}", *samples, "-o", out), preexec_fn=limit
    )
    assert done.returncode == code, done.stderr
    assert re.search(words, done.stderr) and str(path) in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not out.exists()
