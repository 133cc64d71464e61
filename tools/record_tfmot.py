"""Records goldens from TensorFlow's Model Optimization Toolkit 0.8.0 into tests/golden/tfmot/: pruning, clustering, QAT and combinations.

  build/venv/bin/python tools/record_tfmot.py             records everything (one to two minutes)
  build/venv/bin/python tools/record_tfmot.py --compare   writes nothing; prints the noise (below) anew

All training is on `mnist-cnn` with the batches of tests/golden/training/ (run tools/record_training.py first), a fresh Adam at its
defaults, ten steps. Every directory holds an info.json that says what its arrays are. Layouts are Litesmith's: convolutions OHWI,
dense [out, in], centroids [k] or [channels, k]; masks and assignments are uint8; a block (rows, columns) is TFMOT's, over the Keras
layout [in, out], so a mask here has the block transposed. No golden depends on a random generator of TensorFlow: initial centroids,
those of k-means++ too, are recorded.

A case's "start" names its weights: "training" is ../training/start, "trained" is ../training/end; "pruned", "clustered" and
"pruned_clustered" are the kernels in starts/ (made from "trained") with the biases of ../training/end.

Each info.json has "noise": how far the same recording with oneDNN's kernels is from this one, relative to the array's largest element
(or the share of elements that differ, for integers). That is TensorFlow against itself, so no test can ask for less; arrays not named
there were equal.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mnist_cnn
import numpy as np

OUT = mnist_cnn.GOLDEN / "tfmot"
STEPS = 10
PROBE = 16  # test images whose outputs are recorded


class Recorder:
    """Writes the arrays of one case, and at the end its info.json."""

    def __init__(self, root, case, **info):
        self.directory = root / case
        self.info = info
        self.files = {}

    def save(self, name, array, meaning):
        array = np.ascontiguousarray(array)
        if array.dtype in (np.int32, np.int64):  # assignments: at most a few dozen clusters
            assert array.min() >= 0 and array.max() < 256
            array = array.astype(np.uint8)
        self.directory.mkdir(parents=True, exist_ok=True)
        np.save(self.directory / f"{name}.npy", array)
        self.files[name] = f"{array.dtype} {list(array.shape)}: {meaning}"

    def weights(self, prefix, weights, meaning):
        for name, value in weights.items():
            self.save(f"{prefix}_{name}", value, meaning)

    def close(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self.info, "files": self.files}, indent=2)
        (self.directory / "info.json").write_text(text + "\n")


def training_golden():
    """(weights before the ten steps, weights after them, batches) that all cases share."""
    directory = mnist_cnn.GOLDEN / "training"
    return mnist_cnn.load_weights(directory / "start"), mnist_cnn.load_weights(directory / "end"), np.load(directory / "batches.npy")


def keep_largest(kernel, sparsity):
    """The kernel with its smallest weights set to zero: a pruned start for the sparsity-preserving cases."""
    keep = max(round(kernel.size * (1 - sparsity)), 1)
    order = np.argsort(-np.abs(kernel).ravel(), kind="stable")
    result = np.zeros_like(kernel).ravel()
    result[order[:keep]] = kernel.ravel()[order[:keep]]
    return result.reshape(kernel.shape)


def pruned(weights, sparsity=0.8):
    return {name: keep_largest(value, sparsity) if "kernel" in name else value for name, value in weights.items()}


def clustered(weights, k=8):
    """Kernels snapped to k evenly spaced values per tensor, an exact zero kept: a clustered start for CQAT and PCQAT.

    Without zeros the values are linspace(min, max, k); with zeros half of the other k - 1 values lie on either side of zero.
    """
    result = dict(weights)
    for name in ("conv2d_kernel", "dense_kernel"):
        kernel = weights[name]
        if (kernel == 0).any():
            low = np.linspace(kernel.min(), kernel[kernel < 0].max(), (k - 1) // 2)
            high = np.linspace(kernel[kernel > 0].min(), kernel.max(), k - 1 - len(low))
            values = np.concatenate([low, [0], high])
        else:
            values = np.linspace(kernel.min(), kernel.max(), k)
        values = values.astype(np.float32)
        nearest = np.abs(kernel[..., None] - values).argmin(axis=-1)
        snapped = values[nearest]
        result[name] = np.where(kernel == 0, np.float32(0), snapped)
    return result


class Tfmot:
    """TFMOT, the shared data and the training loop. Made in the worker process only: it imports TensorFlow."""

    def __init__(self, root):
        import tensorflow as tf
        import tensorflow_model_optimization as tfmot
        import tf_keras as keras

        self.tf, self.tfmot, self.keras, self.root = tf, tfmot, keras, root
        self.images, self.labels = mnist_cnn.load_mnist("train")
        self.probe = mnist_cnn.load_mnist("t10k")[0][:PROBE]
        self.start, trained, self.batches = training_golden()
        self.starts = {
            "training": self.start,
            "trained": trained,
            "pruned": pruned(trained),
            "clustered": clustered(trained),
            "pruned_clustered": clustered(pruned(trained)),
        }

    def save_starts(self):
        """The kernels of the starts that are not the training golden's own."""
        recorder = Recorder(self.root, "starts", note="biases are those of ../../training/end")
        for start, weights in self.starts.items():
            if not start.startswith("train"):
                recorder.weights(start, {n: v for n, v in weights.items() if "kernel" in n}, f"{start} start")
        recorder.close()

    def model(self, weights):
        model = mnist_cnn.build(self.keras)
        model.set_weights(mnist_cnn.to_keras(weights))
        return model

    def train(self, model, before=None, after=None):
        """Ten steps; `before(step)` and `after(step)` see every step, 1 to 10. Returns the losses."""
        mnist_cnn.compile_model(self.keras, model)
        losses = []
        for step, batch in enumerate(self.batches, 1):
            if before:
                before(step)
            losses.append(model.train_on_batch(self.images[batch], self.labels[batch]))
            if after:
                after(step)
        return np.asarray(losses, np.float32)

    # --- pruning ---------------------------------------------------------------------------------------------------------

    def schedules(self):
        """Which steps update the mask, and the sparsity at each, as TFMOT's schedules compute them."""
        sparsity = self.tfmot.sparsity.keras
        cases = [
            ("ConstantSparsity", dict(target_sparsity=0.5, begin_step=0, end_step=-1, frequency=100)),
            ("ConstantSparsity", dict(target_sparsity=0.75, begin_step=3, end_step=11, frequency=4)),
            ("PolynomialDecay", dict(initial_sparsity=0.5, final_sparsity=0.8, begin_step=0, end_step=30, frequency=5)),
            ("PolynomialDecay", dict(initial_sparsity=0.5, final_sparsity=0.8, begin_step=0, end_step=2110, frequency=100)),
            ("PolynomialDecay", dict(initial_sparsity=0.0, final_sparsity=0.9, begin_step=7, end_step=25, power=1, frequency=3)),
        ]
        result = []
        for kind, params in cases:
            schedule = getattr(sparsity, kind)(**params)
            last = params["end_step"] if params["end_step"] > 0 else 400
            updates = []
            for step in range(1, last + 2 * params["frequency"]):
                due, value = schedule(self.tf.constant(step, self.tf.int64))
                if bool(due):
                    updates.append([step, float(value)])
            result.append({"schedule": kind, **params, "last_step_tried": last + 2 * params["frequency"] - 1, "updates": updates})
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "schedules.json").write_text(json.dumps(result, indent=1) + "\n")

    def prune_training(self, case, schedule, params):
        """Masks at every update and the weights after ten steps."""
        sparsity = self.tfmot.sparsity.keras
        recorder = Recorder(self.root, case, schedule=schedule, params=params, start="training", steps=STEPS)
        schedule_object = getattr(sparsity, schedule)(**params)
        model = sparsity.prune_low_magnitude(self.model(self.start), pruning_schedule=schedule_object)
        wrappers = [layer for layer in model.layers if hasattr(layer, "pruning_vars") and layer.pruning_vars]
        update = sparsity.UpdatePruningStep()
        update.set_model(model)
        masks = {}

        def after(step):
            if bool(schedule_object(self.tf.constant(step, self.tf.int64))[0]):
                for layer in wrappers:
                    name = layer.layer.name + "_kernel"
                    mask = mnist_cnn.kernel_from_keras(layer.pruning_vars[0][1].numpy()).astype(np.uint8)
                    masks.setdefault(name, []).append((step, mask))

        mnist_cnn.compile_model(self.keras, model)
        update.on_train_begin()
        losses = self.train(model, before=lambda step: update.on_train_batch_begin(step - 1), after=after)
        recorder.save("losses", losses, "loss of each step")
        for name, updates in masks.items():
            recorder.info["update_steps"] = [step for step, _ in updates]
            recorder.save(f"masks_{name}", np.stack([mask for _, mask in updates]), "the mask after each update step, 1 = kept")
        variables = {}
        for layer in wrappers:
            variables[layer.layer.name + "_kernel"] = mnist_cnn.kernel_from_keras(layer.layer.kernel.numpy())
            variables[layer.layer.name + "_bias"] = layer.layer.bias.numpy()
        recorder.weights("end", variables, "after the last optimizer step, not yet masked again")
        recorder.close()

    def prune_patterns(self):
        """Block and m:n masks of given weights, straight from TFMOT's mask functions."""
        from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

        rng = np.random.default_rng(11)
        dense = rng.normal(size=(30, 10)).astype(np.float32)  # [in, out]
        wide = rng.normal(size=(64, 16)).astype(np.float32)
        conv = rng.normal(size=(3, 3, 8, 6)).astype(np.float32)  # HWIO
        odd = rng.normal(size=(2, 3, 6, 5)).astype(np.float32)
        recorder = Recorder(self.root, "prune_patterns", sparsity=0.6, cases=[])
        for name, kernel in {"dense": dense, "wide": wide, "conv": conv, "odd_conv": odd}.items():
            recorder.save(f"{name}_kernel", mnist_cnn.kernel_from_keras(kernel), "weights")

        def mask_of(kernel, block, pooling, m_by_n):
            variable = self.tf.Variable(kernel)
            pruning = pruning_impl.Pruning(
                training_step_fn=lambda: self.tf.constant(1, self.tf.int64),
                pruning_vars=[(variable, None, None)],
                pruning_schedule=self.tfmot.sparsity.keras.ConstantSparsity(0.6, 0),
                block_size=block,
                block_pooling_type=pooling,
                sparsity_m_by_n=m_by_n,
            )
            _, mask = pruning._maybe_update_block_mask(variable)
            return mnist_cnn.kernel_from_keras(np.asarray(mask)).astype(np.uint8)

        for name, kernel in {"dense": dense, "wide": wide}.items():
            for block in ((1, 1), (4, 1), (1, 4), (4, 4), (16, 1), (3, 2)):
                for pooling in ("AVG", "MAX"):
                    key = f"mask_{name}_block{block[0]}x{block[1]}_{pooling.lower()}"
                    recorder.save(key, mask_of(kernel, block, pooling, None), "block over Keras' [in, out]")
                    recorder.info["cases"].append({"kernel": name, "block": block, "pooling": pooling, "mask": key})
        for name, kernel in {"dense": dense, "wide": wide, "conv": conv, "odd_conv": odd}.items():
            for m_by_n in ((2, 4), (1, 2)):
                key = f"mask_{name}_{m_by_n[0]}of{m_by_n[1]}"
                recorder.save(key, mask_of(kernel, (1, 1), "AVG", m_by_n), f"{m_by_n[0]} zeros in {m_by_n[1]}")
                recorder.info["cases"].append({"kernel": name, "m_by_n": m_by_n, "mask": key})
        for name in ("conv2d_kernel", "dense_kernel"):
            kernel = mnist_cnn.to_keras(self.start)[0 if name == "conv2d_kernel" else 2]
            recorder.save(f"mask_start_{name}_2of4", mask_of(kernel, (1, 1), "AVG", (2, 4)), "2:4 of ../training/start")
        recorder.close()

    # --- clustering ------------------------------------------------------------------------------------------------------

    def cluster_model(self, start, init, preserve_sparsity, aggregation="SUM", k=8, per_channel=False):
        """A clustered model and its wrappers."""
        from tensorflow_model_optimization.python.core.clustering.keras import cluster, cluster_config

        # The private entry: the public one has no per-channel and sparsity-preserving arguments.
        model = cluster._cluster_weights(
            self.model(start),
            number_of_clusters=k,
            cluster_centroids_init=cluster_config.CentroidInitialization[init],
            preserve_sparsity=preserve_sparsity,
            cluster_per_channel=per_channel,
            cluster_gradient_aggregation=cluster_config.GradientAggregation[aggregation],
        )
        wrappers = [layer for layer in model.layers if getattr(layer, "cluster_centroids", None)]
        return model, wrappers

    def cluster_state(self, recorder, wrappers, when):
        for layer in wrappers:
            name = layer.layer.name + "_kernel"
            recorder.save(f"{when}_centroids_{name}", layer.cluster_centroids["kernel"].numpy(), f"centroids, {when}")
            indices = mnist_cnn.kernel_from_keras(layer.pulling_indices["kernel"].numpy()).astype(np.uint8)
            recorder.save(f"{when}_indices_{name}", indices, f"assignments, {when}")

    def cluster_inits(self):
        """Initial centroids only: linear and density-based are exact, k-means++ is for its properties."""
        recorder = Recorder(self.root, "cluster_init", k=8, cases=[])
        # Per channel a kernel has nine weights: pruned less, so that every channel has weights left to spread centroids over.
        sparse_convolution = dict(self.start, conv2d_kernel=keep_largest(self.start["conv2d_kernel"], 0.3))
        recorder.save("start_conv2d_kernel_sparse", sparse_convolution["conv2d_kernel"], "start of the sparse per-channel cases")
        for init in ("LINEAR", "DENSITY_BASED", "KMEANS_PLUS_PLUS"):
            for preserve in (False, True):
                for per_channel in (False, True):
                    case = f"{init.lower()}{'_sparse' if preserve else ''}{'_per_channel' if per_channel else ''}"
                    start = "training" if not preserve else "start_conv2d_kernel_sparse" if per_channel else "pruned"
                    weights = self.starts.get(start, sparse_convolution)
                    try:
                        _, wrappers = self.cluster_model(weights, init, preserve, per_channel=per_channel)
                    except Exception as error:  # noqa: BLE001 - TFMOT's refusal is a fact worth recording
                        recorder.info.setdefault("refused_by_tfmot", {})[case] = f"{type(error).__name__}: {str(error)[:200]}"
                        continue
                    recorder.info["cases"].append(
                        {"case": case, "init": init, "preserve_sparsity": preserve, "per_channel": per_channel, "start": start}
                    )
                    for layer in wrappers:
                        name = layer.layer.name + "_kernel"
                        if not (per_channel and name == "dense_kernel"):
                            recorder.save(f"{case}_{name}", layer.cluster_centroids["kernel"].numpy(), "initial centroids")
        recorder.close()

    def cluster_training(self, case, init, k=8, start="training", **options):
        """Ten steps from recorded initial centroids."""
        model, wrappers = self.cluster_model(self.starts[start], init, k=k, **options)
        recorder = Recorder(self.root, case, init=init, k=k, steps=STEPS, start=start, **options)
        self.cluster_state(recorder, wrappers, "start")
        recorder.save("losses", self.train(model), "loss of each step")
        for layer in wrappers:
            name = layer.layer.name
            original = layer.original_clusterable_weights["kernel"].numpy()
            recorder.save(f"end_original_{name}_kernel", mnist_cnn.kernel_from_keras(original), "the trained original weights")
            recorder.save(f"end_{name}_bias", layer.layer.bias.numpy(), "bias")
            layer.update_clustered_weights_associations()  # as strip_clustering does
        self.cluster_state(recorder, wrappers, "end")
        recorder.close()

    # --- quantization-aware training -------------------------------------------------------------------------------------

    def qat_training(self, case, start="training", scheme=None):
        """Ten steps; ranges after every step, the trained variables, and outputs on test images."""
        quantization = self.tfmot.quantization.keras
        model = self.model(self.starts[start])
        if scheme is None:
            model = quantization.quantize_model(model)
        else:
            model = quantization.quantize_apply(quantization.quantize_annotate_model(model), scheme)
        recorder = Recorder(self.root, case, steps=STEPS, start=start)
        variables = {}  # by our name: input_min, conv2d_kernel_max, conv2d_output_min, conv2d_centroids, dense_original ...
        for variable in model.variables:
            name = re.sub(r"^quantize_layer(_\d+)?/quantize_layer(_\d+)?_", "input_", variable.name.split(":")[0])
            name = name.replace("quant_", "").replace("/", "_").replace("post_activation", "output")
            name = name.replace("cluster_centroids_tf", "centroids").replace("ori_weights_vars_tf", "original")
            variables[name.replace("pulling_indices_tf", "indices")] = variable
        # TFMOT lists a model's unused variables too; the wrapped kernel of a cluster-preserving layer is centroids[indices].
        variables = {n: v for n, v in variables.items() if "optimizer_step" not in n}
        ranges = {n: v for n, v in variables.items() if n.endswith(("_min", "_max"))}
        history = {name: [] for name in ranges}

        def state(name, variable):
            value = variable.numpy()
            return value if "centroids" in name else mnist_cnn.kernel_from_keras(value)

        for name, variable in variables.items():
            if "centroids" in name:
                recorder.save(f"start_{name}", state(name, variable), "centroids as TFMOT finds them, in its order")

        def after(_):
            for name, variable in ranges.items():
                history[name].append(variable.numpy())

        recorder.save("losses", self.train(model, after=after), "loss of each step")
        for name, values in history.items():
            recorder.save(f"range_{name}", np.stack(values).astype(np.float32), "after each step")
        preserves_clusters = any("centroids" in name for name in variables)
        for name, variable in variables.items():
            if name not in ranges and not (preserves_clusters and name.endswith("_kernel")):
                recorder.save(f"end_{name}", state(name, variable), "after the last optimizer step")
        recorder.save("logits", model(self.probe, training=False).numpy(), f"first {PROBE} test images, fake quant in, after the ten steps")
        convolution = next(layer for layer in model.layers if layer.name == "quant_conv2d")
        hidden = self.keras.Model(model.inputs, convolution.output)
        recorder.save("conv2d_output", hidden(self.probe[:1], training=False).numpy(), "fake-quantized, first test image")
        recorder.close()

    def everything(self):
        from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
            default_8bit_cluster_preserve_quantize_scheme as cluster_scheme,
        )
        from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
            default_8bit_prune_preserve_quantize_scheme as prune_scheme,
        )

        self.save_starts()
        self.schedules()
        self.prune_patterns()
        self.prune_training(
            "prune_polynomial", "PolynomialDecay", dict(initial_sparsity=0.5, final_sparsity=0.8, begin_step=0, end_step=10, frequency=2)
        )
        self.prune_training("prune_constant", "ConstantSparsity", dict(target_sparsity=0.5, begin_step=2, end_step=-1, frequency=3))
        self.cluster_inits()
        base = dict(preserve_sparsity=False, aggregation="SUM", per_channel=False)
        self.cluster_training("cluster_linear", "LINEAR", k=16, **base)
        self.cluster_training("cluster_kmeans_per_channel", "KMEANS_PLUS_PLUS", **{**base, "per_channel": True})
        self.cluster_training("cluster_density_average", "DENSITY_BASED", start="trained", **{**base, "aggregation": "AVG"})
        self.cluster_training("cluster_sparse", "KMEANS_PLUS_PLUS", start="pruned", **{**base, "preserve_sparsity": True})
        self.qat_training("qat")
        self.qat_training("pqat", "pruned", prune_scheme.Default8BitPrunePreserveQuantizeScheme())
        self.qat_training("cqat", "clustered", cluster_scheme.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=False))
        self.qat_training(
            "pcqat", "pruned_clustered", cluster_scheme.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=True)
        )


def run(root, onednn):
    """Records into `root` in a process of its own: the switches are read when TensorFlow is imported."""
    env = dict(os.environ, TF_ENABLE_ONEDNN_OPTS=str(onednn), TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    subprocess.run([sys.executable, __file__, "--worker", str(root)], env=env, check=True)


def noise(golden, other):
    """How far another recording is from the golden, by case and array; arrays that are equal are left out."""
    result = {}
    for path in sorted(golden.rglob("*.npy")):
        a, b = np.load(path), np.load(other / path.relative_to(golden))
        if a.dtype.kind == "f":
            error = float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))
        else:
            error = float((a != b).mean())
        if error:
            result.setdefault(path.parent.name, {})[path.stem] = float(f"{error:.2e}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="write nothing into the golden; compare with oneDNN on")
    parser.add_argument("--worker", metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        Tfmot(Path(args.worker)).everything()
        return
    if not args.compare:
        shutil.rmtree(OUT, ignore_errors=True)
        run(OUT, onednn=0)
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), onednn=1)
        report = noise(OUT, Path(name))
    print(json.dumps(report, indent=2))
    if not args.compare:
        for path in sorted(OUT.glob("*/info.json")):
            info = json.loads(path.read_text())
            info["noise"] = report.get(path.parent.name, {})
            path.write_text(json.dumps(info, indent=2) + "\n")


if __name__ == "__main__":
    main()
