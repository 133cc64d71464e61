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


def details(path, resolver="BUILTIN_REF"):
    """(input details, output details, all tensor details) of a file, as LiteRT sees them."""
    interpreter = _interpreter(path, resolver)
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0], interpreter.get_tensor_details()


def litert(path, inputs, resolver="BUILTIN_REF"):
    """The outputs [n, ...] of LiteRT on `inputs` [n, ...], whose dtype is the file's own input type. Read-only."""
    return _cached((path, resolver), inputs, lambda: litert_outputs(path, inputs, resolver)[0])


def litert_outputs(path, inputs, resolver="BUILTIN_REF", batch=1):
    """Every output of a file, `batch` samples a call (the file's own batch is one). Inputs: an array, or a list of one for each of the file's."""
    interpreter = _interpreter(path, resolver)
    inputs = _listed(inputs)
    sources = interpreter.get_input_details()
    assert len(inputs) == len(sources), f"{path}: {len(sources)} inputs, got {len(inputs)}"
    for source, array in zip(sources, inputs):
        assert array.dtype == source["dtype"], f"{path}: input is {source['dtype']}, got {array.dtype}"
        if batch > 1:
            interpreter.resize_tensor_input(source["index"], (batch, *array.shape[1:]))
    if batch > 1:
        interpreter.allocate_tensors()
    calls = []
    for first in range(0, len(inputs[0]), batch):
        interpreter.reset_all_variables()
        for source, array in zip(sources, inputs):
            interpreter.set_tensor(source["index"], array[first : first + batch])
        interpreter.invoke()
        calls.append([interpreter.get_tensor(sink["index"]) for sink in interpreter.get_output_details()])
    return [np.concatenate(outputs) for outputs in zip(*calls)]


def litert_whole(path, inputs, resolver="BUILTIN_REF", runs=1):
    """Every output of the last of `runs` calls on arrays of the file's own shapes."""
    interpreter = _interpreter(path, resolver)
    for _ in range(runs):
        for source, array in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(source["index"], array)
        interpreter.invoke()
    return [interpreter.get_tensor(sink["index"]) for sink in interpreter.get_output_details()]


def tflm_whole(path, inputs, count=1, runs=1):
    """The same by tflite-micro, its first `count` outputs."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 20)
    for _ in range(runs):
        for i, array in enumerate(inputs):
            interpreter.set_input(np.require(array, requirements="C"), i)  # ascontiguousarray makes vectors of scalars
        interpreter.invoke()
    return [interpreter.get_output(i) for i in range(count)]


def _listed(inputs):
    return inputs if isinstance(inputs, list) else [inputs]


def tflm(path, inputs):
    """The same by tflite-micro (the reference kernels of the microcontroller runtime)."""
    return _cached((path, "tflm"), inputs, lambda: tflm_outputs(path, inputs)[0])


def tflm_outputs(path, inputs, count=1):
    """The first `count` outputs, one sample a call."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 20)
    calls = []
    for samples in zip(*_listed(inputs)):
        for i, sample in enumerate(samples):
            interpreter.set_input(np.ascontiguousarray(sample[None]), i)
        interpreter.invoke()
        calls.append([np.array(interpreter.get_output(i)) for i in range(count)])
    return [np.concatenate(outputs) for outputs in zip(*calls)]


def quantize(path, images, resolver="BUILTIN_REF"):
    """Float images as the file's own input type: unchanged for float, else by the input's scale and zero point."""
    source = details(path, resolver)[0]
    dtype = np.dtype(source["dtype"])
    if dtype.kind == "f":
        return images.astype(dtype)
    scale, zero_point = source["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.rint(images / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)
