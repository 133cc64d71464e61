"""Thin wrappers over the real runtimes: one inference a sample, arrays in and out. The judges of every file that Litesmith writes or reads."""

import hashlib

import numpy as np

_CACHE = {}


def _cached(key, inputs, compute):
    """Several tests judge the same file by the same runtime: compute once a session."""
    key = (*map(str, key), hashlib.sha256(np.ascontiguousarray(inputs)).hexdigest())
    if key not in _CACHE:
        _CACHE[key] = compute()
        _CACHE[key].setflags(write=False)
    return _CACHE[key]


def _interpreter(path, resolver):
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(
        model_path=str(path),
        num_threads=1,
        experimental_op_resolver_type=getattr(litert.OpResolverType, resolver),
    )
    interpreter.allocate_tensors()
    return interpreter


def details(path):
    """(input details, output details, all tensor details) of a file, as LiteRT sees them."""
    interpreter = _interpreter(path, "BUILTIN_REF")
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0], interpreter.get_tensor_details()


def litert(path, inputs, resolver="BUILTIN_REF"):
    """The outputs [n, ...] of LiteRT on `inputs` [n, ...], whose dtype is the file's own input type. Read-only."""
    return _cached((path, resolver), inputs, lambda: _litert(path, inputs, resolver))


def _litert(path, inputs, resolver):
    interpreter = _interpreter(path, resolver)
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert inputs.dtype == source["dtype"], f"{path}: input is {source['dtype']}, got {inputs.dtype}"
    outputs = []
    for sample in inputs:
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink["index"])[0].copy())
    return np.stack(outputs)


def tflm(path, inputs):
    """The same by tflite-micro (the reference kernels of the microcontroller runtime)."""
    return _cached((path, "tflm"), inputs, lambda: _tflm(path, inputs))


def _tflm(path, inputs):
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 20)
    outputs = []
    for sample in inputs:
        interpreter.set_input(np.ascontiguousarray(sample[None]), 0)
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_output(0))[0])
    return np.stack(outputs)


def quantize(path, images):
    """Float images as the file's own input type: unchanged for float, else by the input's scale and zero point."""
    source = details(path)[0]
    dtype = np.dtype(source["dtype"])
    if dtype.kind == "f":
        return images.astype(dtype)
    scale, zero_point = source["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.rint(images / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)
