"""What the command line says about what it cannot take: unknown names, numbers, TOML files, options without effect.

Nothing here trains for longer than a moment.
"""

import json

import numpy as np
import pytest

INVALID = 2
SMALL = ("--data", "digits", "--limit", "64")


@pytest.fixture(scope="module")
def model(litesmith, tmp_path_factory):
    """An .h5 of mnist-cnn."""
    path = tmp_path_factory.mktemp("model") / "m.h5"
    litesmith.ok("train", "mnist-cnn", *SMALL, "--epochs", 1, "-o", path)
    return path


def refused(litesmith, *args, code=INVALID, **kwargs):
    """The one line of message of a call that fails."""
    done = litesmith.call(*args, **kwargs)
    assert done.returncode == code, f"{args}: exit {done.returncode}\n{done.stderr}"
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("See `litesmith")]
    assert len(lines) == 1 and lines[0].startswith("litesmith: "), done.stderr
    assert len(lines[0]) < 600, lines[0]
    return lines[0]


def warnings(litesmith, *args, **kwargs):
    done = litesmith.call(*args, **kwargs)
    assert done.returncode == 0, done.stderr
    mark = "litesmith: warning: "
    return [line[len(mark) :] for line in done.stderr.splitlines() if line.startswith(mark)]


class TestUnknown:
    @pytest.mark.parametrize(
        ("args", "near"),
        [
            (("studdy",), 'unknown verb "studdy"; did you mean "study"?'),
            (("trian", "mnist-cnn", "--data", "digits"), 'unknown verb "trian"; did you mean "train"?'),
            (("trian", "--help"), 'unknown verb "trian"; did you mean "train"?'),
            (("help", "trian"), 'unknown verb "trian"; did you mean "train"?'),
            (("--thraeds", "2", "train"), 'unknown option "--thraeds"'),
            (("train", "mnist-cnn", "--epoch", "1"), 'unknown option "--epoch"; did you mean "--epochs"?'),
            (("train", "mnist-cnn", "--lr=1"), 'unknown option "--lr"; did you mean "--learning-rate"?'),
            (("study", "--recipe", "none"), 'unknown option "--recipe"; did you mean "--recipes"?'),
            (("convert", "m.h5", "--methode", "fp32"), 'unknown option "--methode"; did you mean "--method"?'),
            (("convert", "m.h5", "o.tflite", "--method", "fp32"), 'unexpected argument "o.tflite"; did you mean "-o o.tflite"?'),
            (("convert", "m.h5", "--epochs", "3"), 'unknown option "--epochs"; it belongs to '),
            (("list", "recipe"), 'unknown list "recipe"; did you mean "recipes"? Known: recipes, parameters, '),
            (("study", "--recipes", "prune_pqta", "-o", "o"), 'unknown recipe "prune_pqta"; did you mean "prune_pqat"?'),
            (("study", "--methods", "unit8", "-o", "o"), 'unknown method "unit8"; did you mean "uint8"?'),
            (("study", "--data", "digit", "-o", "o"), 'unknown data source "digit"; did you mean "digits"?'),
            (("evaluate", "f.tflite", "--data", "digits", "--numerics", "litrt"), 'did you mean "litert"?'),
            (("convert", "m.h5", "--method", "int8", "--io", "unit8", "-o", "o.tflite"), 'did you mean "uint8"?'),
        ],
    )
    def test_names_what_was_probably_meant(self, litesmith, tmp_path, args, near):
        assert near in refused(litesmith, *args, cwd=tmp_path)

    def test_model(self, litesmith, tmp_path):
        assert 'did you mean "mnist-cnn"?' in refused(litesmith, "inspect", "mnist-cn", code=3, cwd=tmp_path)

    def test_missing(self, litesmith):
        assert "MODEL is missing" in refused(litesmith, "train")
        assert "--data is missing" in refused(litesmith, "train", "mnist-cnn")
        assert "--epochs: a value is wanted" in refused(litesmith, "train", "mnist-cnn", "--epochs")
        assert "FILE goes first" in refused(litesmith, "run", "--input", "a.npy", "m.tflite", "--output", "y.npy")


class TestNumbers:
    @pytest.mark.parametrize(
        ("option", "value", "wanted"),
        [
            ("--limit", "-5", "a whole number of at least 0"),
            ("--limit", "abc", "a whole number of at least 0"),
            ("--limit", "1e3", "a whole number of at least 0"),
            ("--limit", "", "a whole number of at least 0"),
            ("--limit", "0x10", "a whole number of at least 0"),
            ("--limit", "9" * 20, "a whole number from 0 to 9223372036854775807"),
            ("--seed", "-1", "a whole number of at least 0"),
            ("--seed", "9" * 20, "a whole number from 0 to 18446744073709551615"),
            ("--epochs", "3.5", "a whole number from 0 to 1000000"),
            ("--epochs", "1000001", "a whole number from 0 to 1000000"),
            ("--batch", "0", "a whole number from 1 to 65536"),
            ("--threads", "-1", "a whole number of at least 0"),
            ("--learning-rate", "0", "a number above 0"),
            ("--learning-rate", "nan", "a number above 0"),
            ("--validation-split", "1", "a number of at least 0 and below 1"),
        ],
    )
    def test_refused(self, litesmith, option, value, wanted):
        shown = value or '""'
        message = refused(litesmith, "train", "mnist-cnn", *SMALL[:2], "-o", "x.h5", option, value)
        assert message == f"litesmith: invalid argument: {option} {shown}: {wanted} is wanted"

    def test_calibration_samples(self, litesmith):
        assert "--calibration-samples 0: a whole number of at least 1 is wanted" in refused(
            litesmith, "convert", "m.h5", "--calibration-samples", "0"
        )

    def test_zeros_in_front_are_no_octal_number(self, litesmith, tmp_path):
        done = litesmith.call("train", "mnist-cnn", *SMALL, "--epochs", "010", "-o", tmp_path / "x.h5")
        assert "trained 10 epochs" in done.stdout

    def test_words_for_one(self, model, litesmith, tmp_path):
        out = litesmith.ok("train", "mnist-cnn", *SMALL, "--epochs", 1, "-o", tmp_path / "x.h5")
        assert "trained 1 epoch in" in out
        message = refused(litesmith, "train", "mnist-cnn", "--data", "digits", "--limit", 1, "-o", tmp_path / "x.h5")
        assert "1 sample and a validation split of 0.1 leave none to train on" in message


class TestToml:
    def config(self, litesmith, folder, text, code=INVALID):
        (folder / "c.toml").write_text(text)
        return refused(litesmith, "study", "--config", "c.toml", "--out", folder / "o", cwd=folder, code=code)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('epochs = "3"', 'c.toml:1: epochs = "3": a whole number is wanted'),
            ("epochs = 1.0", "c.toml:1: epochs = 1.0: a whole number is wanted"),
            ("limit = 1e3", "c.toml:1: limit = 1000.0: a whole number is wanted"),
            ("epochs = true", "c.toml:1: epochs = true: a whole number is wanted"),
            ("epochs = 2026-01-01", "c.toml:1: epochs = 2026-01-01: a whole number is wanted"),
            ("seed = -1", "c.toml:1: seed = -1: a whole number of at least 0 is wanted"),
            ('\nforce = "yes"', 'c.toml:2: force = "yes": true or false is wanted'),
            ("out = 3", "c.toml:1: out = 3: text in quotes is wanted"),
            ("model = ['a']", 'c.toml:1: model = ["a"]: text in quotes is wanted'),
            ("recipes = [1]", 'c.toml:1: recipes = [1]: a list of names such as ["a", "b"] is wanted'),
            ("epohcs = 1", 'c.toml:1: unknown key "epohcs"; did you mean "epochs"?'),
            ("config = 'a'", 'c.toml:1: unknown key "config"; '),
            ("[study]\nepochs = 1", 'c.toml:1: unknown table "study"; known: data, recipe'),
            ("\n[recipes.thin]", 'c.toml:2: unknown table "recipes"; did you mean "recipe"?'),
            ("[[recipes]]\na = 1", 'unknown table "recipes"; did you mean "recipe"?'),
            ("[recipe.a]\nsteps = [{ type = 'prune', sparsty = 0.5 }]", 'did you mean "sparsity"?'),
            ("[recipe.a]\nsteps = [{ type = 'prune', sparsity = 90 }]", "steps[0].sparsity = 90: a number of at least 0 and below 1 is wanted"),
            ("[recipe.a]\nparent = 'nun'\nsteps = [{ type = 'train' }]", 'c.toml:1: recipe "a": unknown parent "nun"; did you mean "none"?'),
            ("[recipe.a]\nparent = 'a'\nsteps = [{ type = 'train' }]", 'c.toml:1: recipe "a": its parents go in a circle: a, a;'),
        ],
    )
    def test_errors_name_place_value_and_what_would_do(self, litesmith, tmp_path, text, message):
        assert message in self.config(litesmith, tmp_path, text)

    def test_not_toml(self, litesmith, tmp_path):
        assert "c.toml:1:" in self.config(litesmith, tmp_path, "epochs = ", code=4)

    def test_a_good_file_and_the_command_line_over_it(self, litesmith, tmp_path):
        (tmp_path / "c.toml").write_text(
            'recipes = "none"\nmethods = ["fp32", "uint8"]\nlimit = 64\nepochs = 1\nout = "o"\nforce = false\nseed = 3\n'
        )
        litesmith.ok("study", "--config", "c.toml", "--seed", "5", cwd=tmp_path)
        rows = json.loads((tmp_path / "o" / "results.json").read_text())
        assert [(row["recipe"], row["method"], row["seed"]) for row in rows] == [("none", "fp32", 5), ("none", "uint8", 5)]

    def test_optimize_takes_a_studys_file(self, litesmith, model, tmp_path):
        def optimize(text):
            (tmp_path / "r.toml").write_text(text)
            return "optimize", model, "--recipe", "r.toml", *SMALL, "--epochs", 1, "-o", "x.h5"

        thin = "[recipe.thin]\nsteps = [{ type = 'prune', sparsity = 0.5 }]\n"
        said = warnings(litesmith, *optimize("epochs = 3\n" + thin), cwd=tmp_path)
        assert said == ['r.toml:1: "epochs" has no effect here: it is an option of `litesmith study`']
        assert 'unknown key "epohcs"; did you mean "epochs"?' in refused(litesmith, *optimize("epohcs = 3\n" + thin), cwd=tmp_path)
        assert "holds no recipe" in refused(litesmith, *optimize(""), cwd=tmp_path)
        assert "holds 2 recipes: thin, b" in refused(
            litesmith, *optimize(thin + "[recipe.b]\nsteps = [{ type = 'qat' }]\n"), cwd=tmp_path
        )
        blocks = optimize("\n" + thin.replace("sparsity = 0.5", "block = [4, 4]"))
        assert 'r.toml:3: recipe "thin", layer \'conv2d\': block = [4, 4] is for dense layers' in refused(
            litesmith, *blocks, cwd=tmp_path
        )

    def test_recipe_that_cannot_prune_is_named(self, litesmith, tmp_path):
        message = refused(litesmith, "study", *SMALL, "--epochs", 0, "--recipes", "prune", "--methods", "fp32", "--out", tmp_path / "o")
        assert 'recipe "prune", layer \'conv2d\': the first mask would come at step 1, but the training has 0 steps' in message


class TestNoEffect:
    def test_convert(self, litesmith, model, tmp_path):
        out = tmp_path / "x.tflite"
        said = warnings(
            litesmith, "convert", model, "--method", "fp32", "--calibration", "digits", "--dense-per-tensor", "--seed", 3, "-o", out
        )
        assert sorted(line.split(" has no effect")[0] for line in said) == ["--calibration", "--dense-per-tensor", "--seed"]
        said = warnings(
            litesmith, *("convert", model, "--method", "uint8", "--calibration", "digits", "--calibration-samples", 10**8, "-o", out)
        )
        assert said == [f"--calibration-samples {10**8}: digits has 12000 training samples, which are all taken"]
        assert warnings(litesmith, "convert", model, "--method", "int8", "--calibration", "digits", "-o", out) == []

    def test_calibration_is_asked_for_by_its_option(self, litesmith, model, tmp_path):
        message = refused(litesmith, "convert", model, "--method", "uint8", "-o", tmp_path / "x.tflite")
        assert "give --calibration SPEC" in message

    def test_overwritten_source(self, litesmith, model, tmp_path):
        copy = tmp_path / "m.h5"
        copy.write_bytes(model.read_bytes())
        said = warnings(litesmith, "train", "m.h5", *SMALL, "--epochs", 0, "-o", "./m.h5", cwd=tmp_path)
        assert said == ["-o ./m.h5 overwrites its source"]
        said = warnings(litesmith, "convert", "m.h5", "--method", "keras", "-o", copy, cwd=tmp_path)
        assert said == [f"-o {copy} overwrites its source"]

    def test_untrained_and_limit(self, litesmith):
        said = warnings(litesmith, "evaluate", "mnist-cnn", "--data", "digits", "--limit", 5000)
        assert len(said) == 2
        assert said[0].startswith("mnist-cnn is built in and not trained")
        assert said[1] == "--limit 5000 has no effect: there are 2000 test samples"

    def test_runtime(self, litesmith, model, tmp_path):
        np.save(tmp_path / "x.npy", np.zeros((1, 28, 28), np.float32))
        arguments = ("--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--quantize", "--numerics", "tflm")
        said = warnings(litesmith, "run", model, *arguments)
        assert [line.split(" has no effect")[0] for line in said] == ["--numerics tflm", "--quantize"]
        out = tmp_path / "q.tflite"
        litesmith.ok("convert", model, "--method", "uint8", "--calibration", "digits", "-o", out)
        assert warnings(litesmith, "run", out, *arguments) == []

    def test_dense_per_tensor_of_a_model_that_has_one_scale(self, litesmith, model, tmp_path):
        aware, out = tmp_path / "q.h5", tmp_path / "q.tflite"
        litesmith.ok("optimize", model, "--recipe", "quant", *SMALL, "--epochs", 1, "-o", aware)
        said = warnings(litesmith, "convert", aware, "--method", "uint8", "--dense-per-tensor", "-o", out)
        assert len(said) == 1 and said[0].startswith("--dense-per-tensor has no effect: every dense layer")
        calibrated = ("--method", "uint8", "--calibration", "digits", "--dense-per-tensor", "-o", out)
        assert warnings(litesmith, "convert", model, *calibrated) == []

    def test_list_toml(self, litesmith):
        assert len(warnings(litesmith, "list", "ops", "--toml")) == 1


class TestRun:
    def test_says_what_it_wrote_and_takes_several_values(self, litesmith, model, tmp_path):
        np.save(tmp_path / "x.npy", np.zeros((3, 28, 28), np.float32))
        command = ("run", model, "--input", "x.npy", "--output", "y.npy")
        assert litesmith.ok(*command, cwd=tmp_path).startswith("y.npy: float32 [3,10]")
        # Options first, the model last.
        litesmith.ok("run", "--input", "x.npy", "--output", "y.npy", model, cwd=tmp_path)
        for several in (("--input", "x.npy", "x.npy"), ("--input", "x.npy", "--input", "x.npy")):
            message = refused(litesmith, "run", model, *several, "--output", "y.npy", cwd=tmp_path)
            assert "has 1 input and 1 output; --input names 2 files, --output 1 file" in message

    def test_shapes_are_the_models_and_not_the_batchs(self, litesmith, model, tmp_path):
        import gzip

        def idx(name, array):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(int(d).to_bytes(4, "big") for d in array.shape)
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))

        def data(side, labels):
            for half in ("train", "t10k"):
                idx(f"{half}-images-idx3-ubyte", np.zeros((20, side, side)))
                idx(f"{half}-labels-idx1-ubyte", labels)
            return "--data", f"mnist:{tmp_path}"

        labels = np.arange(20) % 10
        message = refused(litesmith, "evaluate", model, *data(5, labels))
        assert "takes samples of shape [28,28]; the data has [5,5]" in message
        labels[17] = 255
        for verb in (("evaluate", model), ("train", model, "-o", tmp_path / "x.h5")):
            message = refused(litesmith, *verb, *data(28, labels))
            half = "t10k" if verb[0] == "evaluate" else "train"
            where = f"sample 17 of {tmp_path / half}-labels-idx1-ubyte.gz has label 255"
            assert f"for labels 0 to 9; the data has 256 classes ({where})" in message
        said = warnings(litesmith, "train", model, *data(28, np.arange(20) % 3), "--epochs", 0, "-o", tmp_path / "x.h5")
        # Both halves are the same here, which is said, too.
        assert len(said) == 2 and any("the data has 3 classes" in line for line in said) and any("training half, too" in line for line in said)


class TestTraining:
    def test_threads_and_batches_beyond_reason(self, litesmith, model):
        result = json.loads(litesmith.ok("benchmark", model, "--threads", 0, "--seconds", 0.05, "--warm-up", 0, "--json"))
        many = json.loads(litesmith.ok("benchmark", model, "--threads", 10**6, "--seconds", 0.05, "--warm-up", 0, "--json"))
        assert result["threads"] == many["threads"] == len(__import__("os").sched_getaffinity(0))

    def test_memory_goes_by_the_samples(self, litesmith, tmp_path):
        import resource

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))

        litesmith.ok(
            *("train", "mnist-cnn", *SMALL, "--epochs", 1, "--batch", 65536, "--threads", 2, "-o", tmp_path / "x.h5"), preexec_fn=limit
        )

    def test_checkpoint(self, litesmith, model, tmp_path):
        def train(epochs, *more, checkpoint="ck"):
            return "train", "mnist-cnn", *SMALL, "--epochs", epochs, "--checkpoint", checkpoint, "-o", "x.h5", *more

        copy = tmp_path / "m.h5"
        copy.write_bytes(model.read_bytes())
        message = refused(litesmith, *train(1, checkpoint="m.h5"), cwd=tmp_path)
        assert "no checkpoint; it stays as it is" in message and "remov" not in message
        assert copy.read_bytes() == model.read_bytes()
        litesmith.ok("train", "mnist-cnn", *SMALL, "--epochs", 4, "-o", "straight.h5", cwd=tmp_path)
        litesmith.ok(*train(2), cwd=tmp_path)
        assert "(seed 1 there, 2 here)" in refused(litesmith, *train(2, "--seed", 2), cwd=tmp_path)
        litesmith.ok(*train(4), cwd=tmp_path)
        assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "straight.h5").read_bytes()
        assert "2 epochs further" in refused(litesmith, *train(2), cwd=tmp_path)

    def test_names_are_trimmed_and_taken_once(self, litesmith, tmp_path):
        text = litesmith.ok(
            *("study", *SMALL, "--epochs", 0, "--recipes", "none, none", "--methods", " fp32,fp32 ,uint8", "--out", tmp_path / "o")
        )
        assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == ["fp32", "uint8"]


def test_version_and_help(litesmith):
    version = litesmith.ok("--version")
    assert version == litesmith.ok("-V") == litesmith.ok("version")
    lines = dict(line.split(None, 1) for line in version.splitlines())
    assert set(lines) == {"litesmith", "commit", "build", "isa", "hdf5", "compiler"}
    assert all(any(character.isdigit() for character in lines[name]) for name in ("litesmith", "build", "hdf5", "compiler"))
    assert litesmith.ok("help", "train") == litesmith.ok("train", "--help")
    assert litesmith.ok("help") == litesmith.ok("--help")
    assert "REQUIRED" in next(line for line in litesmith.ok("study", "--help").splitlines() if "--out" in line)
