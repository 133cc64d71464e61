"""Makes the same `mnist-cnn` with TensorFlow's own tools; run by conftest.py in a process of its own (TF_USE_LEGACY_KERAS=1).

usage: make_tf_models.py OUT_DIR MNIST_DIR

Writes OUT_DIR/NAME.tflite for float, dynamic, fp16, int8, uint8, int16x8 (float I/O), and of a TFMOT quantization-aware copy
qat_fp32 (quantize/dequantize pairs), qat_dynamic (int8 with float I/O), qat_uint8; and keras2.h5 (the Keras 2 dialect).
Each .tflite also gets its .npy of float reference outputs on the first 100 test images from the Keras model.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import mnist_cnn
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras


def converter_of(model, images):
    """A converter with calibration on the first 100 training images."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.representative_dataset = lambda: ([images[i : i + 1]] for i in range(100))
    return converter


def convert(model, images, method):
    """The bytes that TensorFlow's converter writes for one method."""
    converter = converter_of(model, images)
    ops = tf.lite.OpsSet
    if method == "float":
        converter.representative_dataset = None
        return converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if method == "dynamic":
        converter.representative_dataset = None
    elif method == "fp16":
        converter.representative_dataset = None
        converter.target_spec.supported_types = [tf.float16]
    elif method in ("int8", "uint8"):
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
        io = tf.int8 if method == "int8" else tf.uint8
        converter.inference_input_type = converter.inference_output_type = io
    elif method == "int16x8":
        converter.target_spec.supported_ops = [ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    else:
        raise ValueError(method)
    return converter.convert()


def convert_qat(model, method):
    """The same for a quantization-aware model, which needs no calibration."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if method != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if method == "uint8":
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def main(out, mnist):
    out.mkdir(parents=True, exist_ok=True)
    images, labels = mnist_cnn.load_mnist("train", mnist)
    images, labels = images[:6000], labels[:6000]
    keras.utils.set_random_seed(1)

    model = mnist_cnn.compile_model(keras, mnist_cnn.build(keras))
    model.set_weights(mnist_cnn.to_keras(mnist_cnn.start_weights(1)))
    model.fit(images, labels, batch_size=mnist_cnn.BATCH, epochs=2, verbose=0)
    model.save(out / "keras2.h5", include_optimizer=False)
    for method in ("float", "dynamic", "fp16", "int8", "uint8", "int16x8"):
        (out / f"{method}.tflite").write_bytes(convert(model, images, method))

    qat = mnist_cnn.compile_model(keras, tfmot.quantization.keras.quantize_model(model))
    qat.fit(images, labels, batch_size=mnist_cnn.BATCH, epochs=1, verbose=0)
    for method in ("fp32", "dynamic", "uint8"):
        (out / f"qat_{method}.tflite").write_bytes(convert_qat(qat, method))

    test = mnist_cnn.load_mnist("t10k", mnist)[0][:100]
    np.save(out / "keras2_logits.npy", model.predict(test, verbose=0))
    np.save(out / "qat_logits.npy", qat.predict(test, verbose=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
