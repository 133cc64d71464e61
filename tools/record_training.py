"""Records the golden of ten Keras training steps of `mnist-cnn` into tests/golden/training/.

  build/venv/bin/python tools/record_training.py            records
  build/venv/bin/python tools/record_training.py --compare  measures only: oneDNN on and off, and float64, against the recording

Files: batches.npy [10, 128] int32 (indices into MNIST's training images, pixels / 255), losses.npy [10] float32,
start/NAME.npy and end/NAME.npy in Litesmith's layouts (conv OHWI, dense [out, in]), accuracy of the comparison in info.json.
Recorded by tf_keras with oneDNN off (TensorFlow's plain Eigen kernels). MNIST is found as tools/mnist_cnn.py says.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mnist_cnn
import numpy as np

STEPS = 10
START_SEED = 1
BATCH_SEED = 2
OUT = mnist_cnn.GOLDEN / "training"


def worker(out, dtype):
    """Trains in this process and writes batches, losses, start and end weights under `out`."""
    import tf_keras as keras

    keras.backend.set_floatx(dtype)
    images, labels = mnist_cnn.load_mnist("train")
    images = images.astype(dtype)
    start = mnist_cnn.start_weights(START_SEED)
    indices = mnist_cnn.batches(STEPS, BATCH_SEED)
    model = mnist_cnn.compile_model(keras, mnist_cnn.build(keras))
    model.set_weights(mnist_cnn.to_keras(start))
    losses = [float(model.train_on_batch(images[batch], labels[batch])) for batch in indices]
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "batches.npy", indices)
    np.save(out / "losses.npy", np.asarray(losses, dtype))
    mnist_cnn.save_weights(out / "start", start)
    mnist_cnn.save_weights(out / "end", mnist_cnn.from_keras(model.get_weights()))


def run(out, onednn, dtype="float32"):
    """Runs `worker` in a process of its own: the switch of oneDNN is read at import."""
    env = dict(os.environ, TF_ENABLE_ONEDNN_OPTS=str(onednn), TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="2")
    subprocess.run([sys.executable, __file__, "--worker", str(out), dtype], env=env, check=True)


def difference(a, b):
    """Largest relative difference of the losses, and for each weight the largest difference over the largest |weight|."""
    losses_a, losses_b = np.load(a / "losses.npy"), np.load(b / "losses.npy")
    result = {"losses": float(np.max(np.abs(losses_a / losses_b - 1)))}
    for name in mnist_cnn.NAMES:
        x, y = np.load(a / "end" / f"{name}.npy"), np.load(b / "end" / f"{name}.npy")
        result[name] = float(np.max(np.abs(x.astype(float) - y)) / np.max(np.abs(y)))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="measure only; write nothing")
    parser.add_argument("--worker", nargs=2, metavar=("DIR", "DTYPE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(Path(args.worker[0]), args.worker[1])
        return
    if not args.compare:
        run(OUT, onednn=0)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        run(directory / "plain", onednn=0)
        run(directory / "onednn", onednn=1)
        run(directory / "float64", onednn=0, dtype="float64")
        report = {
            "plain again vs golden": difference(directory / "plain", OUT),
            "onednn vs golden": difference(directory / "onednn", OUT),
            "float64 vs golden": difference(directory / "float64", OUT),
            "float64 vs onednn": difference(directory / "float64", directory / "onednn"),
        }
    print(json.dumps(report, indent=2))
    if not args.compare:
        info = {
            "model": "mnist-cnn",
            "optimizer": "Adam(learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7)",
            "loss": "SparseCategoricalCrossentropy(from_logits=True)",
            "batch": mnist_cnn.BATCH,
            "difference": report,
        }
        (OUT / "info.json").write_text(json.dumps(info, indent=2) + "\n")


if __name__ == "__main__":
    main()
