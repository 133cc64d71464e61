"""The files that users bring (shared/cases): every check of every case.json, one test each; shared/cases/README.md says how one is read.

Where the data are: --shared DIR or LITESMITH_SHARED, ../shared beside the checkout otherwise (conftest.py).
"""

import json
import os
import re
import sys

import h5py
import numpy as np
import pytest

import runtimes
from conftest import TF_ENV, shared_dir

SECONDS = 60  # more is wrong for any check
SAMPLES = 24  # of an input, where one inference a call is slow

# What a check waits for: a layer, an op or a form of data that is not there yet. Strict: one that passes must leave the list.
WAITING = {}
WAITS = {(folder, index): what for (folder, indices), what in WAITING.items() for index in indices}


def checks():
    """(folder, index, check) of every check; nothing without the data."""
    for path in sorted((shared_dir() / "cases").glob("*/case.json")):
        for index, check in enumerate(json.loads(path.read_text())["checks"]):
            yield path.parent, index, check


def pytest_generate_tests(metafunc):
    if "check" not in metafunc.fixturenames:
        return
    cases = []
    for folder, index, check in checks():
        what = WAITS.get((folder.name, index))
        marks = [pytest.mark.xfail(strict=True, reason=f"waits for {what}")] if what else []
        name = f"{folder.name}-{index}-{check['do']}"
        cases.append(pytest.param((folder, check), id=name, marks=marks))
    metafunc.parametrize("check", cases or [None])


def test_case(litesmith, check, tmp_path):
    if check is None:
        message = f"NO CASES AT {shared_dir() / 'cases'}: set LITESMITH_SHARED; no file of a user's was tested"
        if os.environ.get("CI"):
            pytest.fail(message)
        print(message, file=sys.stderr)
        pytest.skip(message)
    folder, check = check
    Case(litesmith, folder, check, tmp_path).run()


def test_waiting_list_names_checks():
    """An entry for a check that is not there would hide nothing, but mislead."""
    known = {(folder.name, index) for folder, index, _ in checks()}
    assert not known or WAITS.keys() <= known


class Case:
    def __init__(self, litesmith, folder, check, tmp):
        self.litesmith, self.folder, self.check, self.tmp = litesmith, folder, check, tmp

    def run(self):
        getattr(self, "do_" + self.check["do"])()

    def call(self, *args):
        """The finished process; no crash, no internal error, no time-out."""
        done = self.litesmith.call(*args, timeout=SECONDS, cwd=self.folder)
        assert done.returncode >= 0 and done.returncode not in (1, 134, 139), f"{args}: exit {done.returncode}\n{done.stderr}"
        return done

    def accepted(self, *args):
        """The process if it succeeded; None if it was refused as the check allows."""
        done = self.call(*args)
        said = done.stdout + done.stderr
        if done.returncode == 0:
            if "or_says" in self.check:
                assert re.search(self.check["or_says"], said), said
            return done
        assert "or_fail" in self.check and done.returncode in (2, 3, 4, 5, 7), f"{args}: exit {done.returncode}\n{done.stderr}"
        assert re.search(self.check["or_fail"], done.stderr), f"{args}: refused for another reason\n{done.stderr}"
        return None

    def arrays(self, names):
        with np.load(self.folder / "io.npz") as io:
            return [io[name] for name in names]

    def outputs_of(self, file, inputs, count, *options):
        """What `run` gives, or None if it refuses as the check allows."""
        args = []
        for i, array in enumerate(inputs):
            np.save(self.tmp / f"x{i}.npy", np.ascontiguousarray(array))
            args += ["--input", self.tmp / f"x{i}.npy"]
        for i in range(count):
            args += ["--output", self.tmp / f"y{i}.npy"]
        if self.accepted("run", file, *args, *options) is None:
            return None
        return [np.load(self.tmp / f"y{i}.npy") for i in range(count)]

    def do_run(self):
        inputs, wanted = self.arrays(self.check["inputs"]), self.arrays(self.check["outputs"])
        got = self.outputs_of(self.check["file"], inputs, len(wanted))
        for g, w in zip(got or [], wanted):
            assert g.shape == w.shape
            if self.check.get("exact"):
                assert g.dtype == w.dtype and g.tobytes() == w.tobytes()
            elif "close" in self.check:
                within_span(g, w, self.check["close"], "run")
            else:
                atol = self.check.get("atol", 1e-4 * np.abs(w).max())
                np.testing.assert_allclose(g, w, rtol=self.check.get("rtol", 1e-3), atol=atol)

    def do_convert(self):
        check, file = self.check, self.tmp / "o.tflite"
        args = ["convert", check["file"], "--method", check["method"], "-o", file]
        for option in ("calibration", "io"):
            if check.get(option):
                args += ["--" + option, check[option]]
        if self.accepted(*args, *check.get("args", [])) is None:
            assert not file.exists()
            return
        reals, wanted = self.arrays(check["inputs"]), self.arrays(check["outputs"])
        reals, wanted = [x[:SAMPLES] for x in reals], [y[:SAMPLES] for y in wanted]
        model = Lite(file)
        self.inspect_file(model)
        inputs = [to_tensor(x, detail) for x, detail in zip(reals, model.inputs)]
        outputs = model.run(inputs)
        for g, w, detail in zip(outputs, wanted, model.outputs):
            within_span(to_real(g, detail), w, check["close"], "LiteRT")
        reference = ["--reference"] if check["method"] == "dynamic" else []
        ours = self.outputs_of(file, inputs, len(wanted), *reference)
        for g, w in zip(ours, outputs):
            if w.dtype.kind == "f":
                within_span(g, w, 1e-4, "our run beside LiteRT's")
            else:
                assert g.dtype == w.dtype and np.array_equal(g, w)
        if check.get("tflm"):
            micro = runtimes.tflm_outputs(file, inputs[0], len(wanted))
            for g, w, detail in zip(micro, wanted, model.outputs):
                within_span(to_real(g.reshape(w.shape), detail), w, check["close"], "tflite-micro")

    def inspect_file(self, model):
        check = self.check
        for detail in model.tensors:
            scales = detail["quantization_parameters"]["scales"]
            assert np.all(np.isfinite(scales)) and np.all(scales > 0), detail["name"]
        assert not model.ops & set(check.get("ops_not", []))
        for key, details in (("quant_in", model.inputs), ("quant_out", model.outputs)):
            if key in check:
                scale, zero_point = details[0]["quantization"]
                assert (scale, zero_point) == (pytest.approx(check[key][0], rel=1e-6), check[key][1])
        if "fc_scales" in check:
            assert model.dense_scales() == {check["fc_scales"]}

    def do_optimize(self):
        check, out = self.check, self.tmp / "o.h5"
        verb = check.get("verb", "optimize")
        args = [verb, check["file"], "--data", check["data"], "-o", out, *check.get("args", [])]
        if "recipe" in check:
            args += ["--recipe", check["recipe"]]
        done = self.accepted(*args)
        if done is None:
            assert not out.exists()
            return
        said = done.stdout + done.stderr
        weights = h5_weights(out)
        assert weights and all(np.all(np.isfinite(w)) for arrays in weights.values() for w in arrays)
        kernels = {layer: kernel_of(arrays) for layer, arrays in weights.items() if kernel_of(arrays) is not None}
        sparsity = {layer: float(np.mean(kernel == 0)) for layer, kernel in kernels.items()}
        unique = {layer: len(np.unique(kernel)) for layer, kernel in kernels.items()}
        for layer, least in check.get("sparsity", {}).items():
            assert sparsity[layer] >= least, (layer, sparsity)
        for layer, most in check.get("unique", {}).items():
            assert unique[layer] <= most, (layer, unique)
        for layer, least in check.get("sparsity_or_named", {}).items():
            assert sparsity[layer] >= least or layer in said, (layer, sparsity)
        for layer, most in check.get("unique_or_named", {}).items():
            assert unique[layer] <= most or layer in said, (layer, unique)
        if "sparsity_any" in check:
            zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels.values())
            assert zeros >= check["sparsity_any"] * sum(kernel.size for kernel in kernels.values())
        before = h5_weights(self.folder / check["file"]) if check.keys() & {"frozen", "moved"} else {}
        for layer in check.get("frozen", []):
            assert np.array_equal(kernel_of(before[layer]), kernels[layer]), layer
        for layer in check.get("moved", []):
            assert not np.array_equal(kernel_of(before[layer]), kernels[layer]), layer
        if "accuracy" in check:
            percent = float(re.search(r"accuracy ([\d.]+) %", said).group(1))
            assert percent >= 100 * check["accuracy"], said

    def do_fail(self):
        args = [arg.replace("{tmp}", str(self.tmp)) for arg in self.check["args"]]
        done = self.call(*args)
        said = done.stdout + done.stderr
        if done.returncode == 0:
            assert "or_warn" in self.check and re.search(self.check["or_warn"], said), said
            return
        assert done.returncode in self.check["exit"], said
        assert re.search(self.check["stderr"], done.stderr), done.stderr
        if "absent" in self.check:
            assert not os.path.exists(self.check["absent"].replace("{tmp}", str(self.tmp)))


def within_span(got, wanted, share, who):
    """No output further off than that share of the wanted ones' span."""
    assert got.shape == wanted.shape, f"{who}: {got.shape}, wanted {wanted.shape}"
    wanted = wanted.astype(np.float64)
    span = float(np.ptp(wanted)) or float(np.abs(wanted).max()) or 1.0
    worst = float(np.abs(got.astype(np.float64) - wanted).max()) / span
    assert worst <= share, f"{who}: off by {worst:.4g} of the span, at most {share} is wanted"


def to_tensor(values, detail):
    """Reals as the file's input type: unchanged for floats, else by scale and zero point, halves away from zero."""
    dtype = np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    scale, zero_point = detail["quantization"]
    steps = values.astype(np.float32) / np.float32(scale)
    limits = np.iinfo(dtype)
    return np.clip(np.trunc(steps + np.copysign(0.5, steps)) + zero_point, limits.min, limits.max).astype(dtype)


def to_real(values, detail):
    if values.dtype.kind == "f":
        return values
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale


class Lite:
    """A file in LiteRT's reference kernels; inputs and outputs in the file's order."""

    def __init__(self, path):
        os.environ.update(TF_ENV)
        self.interpreter = runtimes._interpreter(path, "BUILTIN_REF")
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()
        self.tensors = self.interpreter.get_tensor_details()
        self.operators = self.interpreter._get_ops_details()
        self.ops = {op["op_name"] for op in self.operators}

    def run(self, inputs):
        calls = []
        for sample in zip(*inputs):
            for detail, values in zip(self.inputs, sample):
                self.interpreter.set_tensor(detail["index"], values[None])
            self.interpreter.invoke()
            calls.append([self.interpreter.get_tensor(detail["index"]) for detail in self.outputs])
        return [np.concatenate(outputs) for outputs in zip(*calls)]

    def dense_scales(self):
        by_index = {detail["index"]: detail for detail in self.tensors}
        return {
            len(by_index[op["inputs"][1]]["quantization_parameters"]["scales"])
            for op in self.operators
            if op["op_name"] == "FULLY_CONNECTED"
        }


def kernel_of(arrays):
    """A layer's kernel: of its weights the first of rank two or more, or None."""
    return next((array for array in arrays if array.ndim >= 2), None)


def h5_weights(path):
    """{layer name: its weights in order} of a Keras file, of layers of a model in it, too; names may hold slashes."""
    result = {}
    with h5py.File(path, "r") as file:
        group = file["model_weights"]
        text = lambda value: value.decode() if isinstance(value, bytes) else value  # noqa: E731
        for layer in map(text, group.attrs["layer_names"]):
            names = list(map(text, group[layer].attrs["weight_names"]))
            for name in names:
                inner = layer if name.startswith(layer) else name.rsplit("/", 1)[0]
                result.setdefault(inner, []).append(np.asarray(group[layer][name]))
    return {layer: arrays for layer, arrays in result.items() if arrays}
