#!/usr/bin/env python3
"""TensorFlow's and TFMOT's own study of `mnist-cnn`: the eleven recipes, the 59 cells that they can make. What Litesmith is compared with.

usage: tfmot_study.py MNIST_DIR OUT_DIR [--epochs N] [--recipes a,b] [--evaluate N] [--seed N]

Trains each recipe once (batch 128, Adam, last 10 % held out), writes every method's file, runs the .tflite files one image at a time
on one thread, and prints one JSON object: seconds of the work (imports aside), peak memory, and for each recipe its training seconds
and milliseconds a step, for each cell its accuracy, conversion and total milliseconds, bytes.
"""

import argparse
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import mnist_cnn  # noqa: E402

# name: (parent, step)
RECIPES = {
    "none": (None, "train"),
    "prune": ("none", "prune"),
    "quant": ("none", "qat"),
    "cluster": ("none", "cluster"),
    "cluster_qat": ("cluster", "qat"),
    "cluster_cqat": ("cluster", "cqat"),
    "prune_qat": ("prune", "qat"),
    "prune_pqat": ("prune", "pqat"),
    "prune_cluster": ("prune", "sparse_cluster"),
    "prune_cluster_qat": ("prune_cluster", "qat"),
    "prune_cluster_pcqat": ("prune_cluster", "pcqat"),
}
METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int16x8")
CALIBRATION = 100


class Study:
    """Imports TensorFlow; `clock` starts after that."""

    def __init__(self, mnist, out, epochs, evaluate, seed):
        import tensorflow as tf
        import tensorflow_model_optimization as tfmot
        import tf_keras as keras
        from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster
        from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
            default_8bit_cluster_preserve_quantize_scheme as cluster_scheme,
        )
        from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
            default_8bit_prune_preserve_quantize_scheme as prune_scheme,
        )

        self.tf, self.tfmot, self.keras = tf, tfmot, keras
        self.cluster, self.cluster_scheme, self.prune_scheme = cluster, cluster_scheme, prune_scheme
        self.out, self.epochs = out, epochs
        self.images, self.labels = mnist_cnn.load_mnist("train", mnist)
        test_images, test_labels = mnist_cnn.load_mnist("t10k", mnist)
        self.test = test_images[:evaluate], test_labels[:evaluate]
        self.steps = -(-int(len(self.images) * 0.9) // mnist_cnn.BATCH)
        keras.utils.set_random_seed(seed)
        self.trained = {}

    def compile(self, model):
        model.compile(
            optimizer=self.keras.optimizers.Adam(),
            loss=self.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model

    def wrapped(self, step, model):
        """The model with the step's wrappers, and callbacks."""
        tfmot = self.tfmot
        if step == "train":
            return model, []
        if step == "prune":
            schedule = tfmot.sparsity.keras.PolynomialDecay(0.5, 0.8, 0, self.steps * self.epochs)
            return tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule), [tfmot.sparsity.keras.UpdatePruningStep()]
        if "cluster" in step:
            sparse = step == "sparse_cluster"
            return self.cluster.cluster_weights(
                model,
                number_of_clusters=8,
                cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
                preserve_sparsity=sparse,
                cluster_per_channel=not sparse,
            ), []
        if step == "qat":
            return tfmot.quantization.keras.quantize_model(model), []
        scheme = {
            "pqat": lambda: self.prune_scheme.Default8BitPrunePreserveQuantizeScheme(),
            "cqat": lambda: self.cluster_scheme.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=False),
            "pcqat": lambda: self.cluster_scheme.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=True),
        }[step]()
        annotated = tfmot.quantization.keras.quantize_annotate_model(model)
        return tfmot.quantization.keras.quantize_apply(annotated, scheme), []

    def stripped(self, step, model):
        if step == "prune":
            return self.tfmot.sparsity.keras.strip_pruning(model)
        if "cluster" in step:
            return self.tfmot.clustering.keras.strip_clustering(model)
        return model

    def train(self, recipe):
        """Trains and keeps the recipe's model; (seconds, milliseconds a step once it runs)."""
        parent, step = RECIPES[recipe]
        start = time.perf_counter()
        model = mnist_cnn.build(self.keras) if parent is None else self.keras.models.clone_model(self.trained[parent])
        if parent is not None:
            model.set_weights(self.trained[parent].get_weights())
        model, callbacks = self.wrapped(step, model)
        self.compile(model)
        ends = []

        class Clock(self.keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                ends.append(time.perf_counter())

        model.fit(
            self.images,
            self.labels,
            batch_size=mnist_cnn.BATCH,
            epochs=self.epochs,
            validation_split=0.1,
            verbose=0,
            callbacks=[*callbacks, Clock()],
        )
        gaps = sorted(b - a for a, b in zip(ends, ends[1:], strict=False))
        self.trained[recipe] = self.stripped(step, model)
        return time.perf_counter() - start, 1000 * gaps[len(gaps) // 2]

    def convert(self, recipe, method):
        """The bytes of one method's file, or None where the converter refuses."""
        tf = self.tf
        quantized = "qat" in recipe or recipe == "quant"
        if method == "int16x8" and quantized:
            return None
        converter = tf.lite.TFLiteConverter.from_keras_model(self.trained[recipe])
        if method != "fp32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if method == "fp16":
            converter.target_spec.supported_types = [tf.float16]
        if method in ("uint8", "int16x8"):
            images = self.images
            converter.representative_dataset = lambda: ([images[i : i + 1]] for i in range(CALIBRATION))
        if method == "uint8":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.uint8
        if method == "int16x8":
            wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            converter.target_spec.supported_ops = [wide]
        return converter.convert()

    def run(self, data):
        """(accuracy, milliseconds) of the test set, one image at a time on one thread."""
        interpreter = self.tf.lite.Interpreter(model_content=data, num_threads=1)
        interpreter.allocate_tensors()
        source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        images, labels = self.test
        if source["dtype"].__name__ == "uint8":
            scale, zero = source["quantization"]
            images = (images / scale + zero).round().clip(0, 255).astype("uint8")
        right = 0
        start = time.perf_counter()
        for image, label in zip(images, labels, strict=True):
            interpreter.set_tensor(source["index"], image[None])
            interpreter.invoke()
            right += int(interpreter.get_tensor(sink["index"])[0].argmax()) == label
        return right / len(labels), 1000 * (time.perf_counter() - start)

    def cell(self, recipe, method):
        path = self.out / f"{recipe}.{'h5' if method == 'keras' else method + '.tflite'}"
        start = time.perf_counter()
        if method == "keras":
            self.trained[recipe].save(path, include_optimizer=False)
            converted = time.perf_counter() - start
            start = time.perf_counter()
            accuracy = self.compile(self.trained[recipe]).evaluate(*self.test, verbose=0)[1]
            total_ms = 1000 * (time.perf_counter() - start)
        else:
            data = self.convert(recipe, method)
            if data is None:
                return None
            path.write_bytes(data)
            converted = time.perf_counter() - start
            accuracy, total_ms = self.run(data)
        return {"accuracy": accuracy, "convert_s": converted, "total_ms": total_ms, "file_bytes": path.stat().st_size}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mnist", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--methods", default=",".join(METHODS), help="empty: train only")
    parser.add_argument("--evaluate", type=int, default=10_000, help="test images")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    study = Study(args.mnist, args.out, args.epochs, args.evaluate, args.seed)
    start = time.perf_counter()
    result = {"recipes": {}, "cells": {}}
    for recipe in args.recipes.split(","):
        seconds, step_ms = study.train(recipe)
        result["recipes"][recipe] = {"train_s": seconds, "step_ms": step_ms}
        print(f"{recipe}: {seconds:.1f} s, {step_ms:.2f} ms a step", file=sys.stderr, flush=True)
        for method in filter(None, args.methods.split(",")):
            cell = study.cell(recipe, method)
            if cell:
                result["cells"][f"{recipe} {method}"] = cell
    result["seconds"] = time.perf_counter() - start
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
