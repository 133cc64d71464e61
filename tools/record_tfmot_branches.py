"""Records TFMOT 0.8.0 on a network with batch normalizations, a depthwise convolution, an addition and a concatenation into tests/golden/branches/.

  build/venv/bin/python tools/record_tfmot_branches.py

Ten steps on one batch, by Adam at its defaults: fake-quant ranges after every step, masks of pruning, centroids of clustering. `info.json` lists what
each row of an array holds, by the names that Litesmith's tensors have, in its layouts (convolutions OHWI, depthwise 1HWC, dense [out, in]).

A depthwise kernel has one range for the whole tensor in TFMOT (a defect, specs/tfmot.md), which tests ask ours for, too.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "tests" / "golden" / "branches"
STEPS = 10
BATCH = 64
CLUSTERS = 4


def network(keras):
    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = layers.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = stem = layers.ReLU(name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depth")(x)
    x = layers.BatchNormalization(name="depth_norm")(x)
    x = layers.ReLU(name="depth_relu")(x)
    x = layers.Conv2D(8, 1, use_bias=False, name="point")(x)
    x = layers.BatchNormalization(name="point_norm")(x)
    x = layers.Add(name="add")([x, stem])
    x = layers.ReLU(name="add_relu")(x)
    left = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="left")(x)
    right = layers.Conv2D(6, 1, strides=2, activation="relu", name="right")(x)
    x = layers.Concatenate(name="joined")([left, right])
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(5, name="dense")(x)
    return keras.Model(image, x)


def samples():
    """Noise around a picture a class, in quarters of 1 to be exact anywhere."""
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 5, BATCH).astype(np.uint8)
    pictures = rng.integers(0, 200, (5, 12, 12, 3))
    return (pictures[labels] + rng.integers(0, 56, (BATCH, 12, 12, 3))).astype(np.uint8), labels


def ours(kernel, depthwise=False):
    """A kernel in Litesmith's layout."""
    kernel = np.asarray(kernel, np.float32)
    if kernel.ndim == 4:
        return kernel.transpose(3, 0, 1, 2) if not depthwise else kernel.transpose(3, 0, 1, 2)
    return kernel.T


class Rows:
    """One array made of named parts, a row a step."""

    def __init__(self):
        self.names, self.rows = None, []

    def add(self, parts):
        names = [[name, list(np.shape(part))] for name, part in parts]
        assert self.names in (None, names)
        self.names = names
        self.rows.append(np.concatenate([np.ravel(part).astype(np.float32) for _, part in parts]))


def train(keras, model, images, labels, before=lambda step: None, after=lambda step: None):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(), loss=loss)
    losses = []
    for step in range(1, STEPS + 1):
        before(step)
        losses.append(model.train_on_batch(images, labels))
        after(step)
    return np.array(losses, np.float32)


def range_name(variable):
    """Litesmith's name of a variable of ranges; None for others."""
    name = variable.name.split(":")[0]
    if not name.endswith(("_min", "_max")):
        return None
    end = name[-3:]
    layer = name.split("/")[0]
    if layer.startswith("quantize_layer"):
        return f"image/fake_quant/{end}"
    layer = layer.removeprefix("quant_")
    if "kernel_" in name.split("/")[-1]:
        return f"{layer}/{'depthwise_kernel' if 'depthwise' in name else 'kernel'}/fake_quant/{end}"
    return f"{layer}/fake_quant/{end}"


def main():
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

    OUT.mkdir(parents=True, exist_ok=True)
    bytes_, labels = samples()
    np.save(OUT / "images.npy", bytes_)
    np.save(OUT / "labels.npy", labels)
    images = bytes_.astype(np.float32) / 255
    network(keras).save(OUT / "model.h5", include_optimizer=False)
    info = {"steps": STEPS, "batch": BATCH, "clusters": CLUSTERS}

    def fresh():
        return keras.models.load_model(OUT / "model.h5", compile=False)

    model = tfmot.quantization.keras.quantize_model(fresh())
    ranges = Rows()

    def note_ranges(_):
        found = {}
        for variable in model.variables:
            name = range_name(variable)
            if name is not None:
                found[name] = variable.numpy()
        ranges.add(sorted(found.items()))

    losses = {"qat": train(keras, model, images, labels, after=note_ranges)}
    info["ranges"] = ranges.names
    np.save(OUT / "ranges.npy", np.stack(ranges.rows))
    moments = [[v.name.split(":")[0].replace("quant_", ""), v.numpy()] for v in model.variables if "moving" in v.name]
    info["moments"] = [[name, list(value.shape)] for name, value in moments]
    np.save(OUT / "moments.npy", np.concatenate([value for _, value in moments]))

    sparsity = tfmot.sparsity.keras
    schedule = sparsity.PolynomialDecay(initial_sparsity=0.5, final_sparsity=0.8, begin_step=0, end_step=10, frequency=2)
    model = sparsity.prune_low_magnitude(fresh(), pruning_schedule=schedule)
    update = sparsity.UpdatePruningStep()
    update.set_model(model)
    update.on_train_begin()
    losses["prune"] = train(keras, model, images, labels, before=lambda step: update.on_train_batch_begin(step - 1))
    masks = [[f"{layer.layer.name}/kernel", ours(layer.pruning_vars[0][1].numpy())] for layer in model.layers if getattr(layer, "pruning_vars", None)]
    info["masks"] = [[name, list(mask.shape)] for name, mask in masks]
    np.save(OUT / "masks.npy", np.concatenate([mask.ravel() for _, mask in masks]).astype(np.uint8))

    clustering = tfmot.clustering.keras
    model = clustering.cluster_weights(fresh(), number_of_clusters=CLUSTERS, cluster_centroids_init=clustering.CentroidInitialization.LINEAR)
    losses["cluster"] = train(keras, model, images, labels)
    centroids = [
        [f"{layer.layer.name}/kernel/centroids", layer.cluster_centroids["kernel"].numpy()]
        for layer in model.layers
        if getattr(layer, "cluster_centroids", None)
    ]
    info["centroids"] = [[name, list(value.shape)] for name, value in centroids]
    np.save(OUT / "centroids.npy", np.concatenate([value for _, value in centroids]))

    for name, values in losses.items():
        np.save(OUT / f"losses_{name}.npy", values)
    (OUT / "info.json").write_text(json.dumps(info, indent=1) + "\n")


if __name__ == "__main__":
    main()
