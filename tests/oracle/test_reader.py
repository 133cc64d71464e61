"""Kinds of .tflite files that converters seldom write: each is made from a file of a conformance case by TensorFlow's schema, and what `litesmith run`
makes of it is what LiteRT makes of it."""

import flatbuffers
import numpy as np
import pytest
import runtimes
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from test_ops import dump
from test_zoo import run

COMPOSITE = schema.BuiltinOperator.STABLEHLO_COMPOSITE


def case_named(name):
    directory, cases = dump()
    case = next(case for case in cases if case["name"] == name)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs((directory / f"{name}.tflite").read_bytes(), 0))
    inputs = [np.load(directory / f"{name}.{i}.in.npy") for i in range(case["inputs"])]
    return model, inputs


def pack(model):
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def compare(litesmith, path, inputs, tmp_path, *arguments):
    theirs = runtimes.litert_outputs(path, inputs)
    ours = run(litesmith, path, inputs, len(theirs), tmp_path, *arguments)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert np.array_equal(a, b)


@pytest.fixture(name="model_and_inputs")
def model_and_inputs_fixture():
    """An integer layer: weights, a bias, attributes."""
    names = [case["name"] for case in dump()[1] if case["op"] == "conv_2d" and "s8" in case["name"] and case["inputs"] == 1 and not case["fixed_batch"]]
    return case_named(names[0])


def test_composite_is_its_decomposition(model_and_inputs, litesmith, tmp_path):
    model, inputs = model_and_inputs
    inner = model.subgraphs[0]
    outer = schema.SubGraphT()
    outer.name = b"outer"
    outer.tensors = []
    for index in [*inner.inputs, *inner.outputs]:
        tensor = schema.TensorT()
        source = inner.tensors[index]
        tensor.shape, tensor.type, tensor.name, tensor.quantization = source.shape, source.type, source.name, source.quantization
        tensor.shapeSignature = source.shapeSignature
        outer.tensors.append(tensor)
    outer.inputs = list(range(len(inner.inputs)))
    outer.outputs = [len(inner.inputs) + i for i in range(len(inner.outputs))]
    code = schema.OperatorCodeT()
    code.deprecatedBuiltinCode, code.builtinCode, code.version = 127, COMPOSITE, 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = outer.inputs, outer.outputs
    options = schema.StableHLOCompositeOptionsT()
    options.name, options.decompositionSubgraphIndex = b"test.layer", 1
    options.compositeAttributes = list(flexbuffers.Dumps({}))
    operator.builtinOptions2Type = schema.BuiltinOptions2.StableHLOCompositeOptions
    operator.builtinOptions2 = options
    outer.operators = [operator]
    model.subgraphs = [outer, inner]
    model.signatureDefs = []
    path = tmp_path / "composite.tflite"
    path.write_bytes(pack(model))
    compare(litesmith, path, inputs, tmp_path)


def test_signature_chooses_the_subgraph(model_and_inputs, litesmith, tmp_path):
    model, inputs = model_and_inputs
    second = schema.SubGraphT.InitFromObj(schema.Model.GetRootAs(pack(model), 0).Subgraphs(0))
    model.subgraphs.append(second)
    for key, index in ((b"first", 0), (b"second", 1)):
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key, index
        signature.inputs, signature.outputs = [], []
        for what, ids in ((signature.inputs, model.subgraphs[index].inputs), (signature.outputs, model.subgraphs[index].outputs)):
            for i, tensor in enumerate(ids):
                entry = schema.TensorMapT()
                entry.name, entry.tensorIndex = f"{key.decode()}{i}".encode(), int(tensor)
                what.append(entry)
        model.signatureDefs = [s for s in model.signatureDefs or [] if s.signatureKey != b"serving_default"] + [signature]
    path = tmp_path / "two.tflite"
    path.write_bytes(pack(model))
    compare(litesmith, path, inputs, tmp_path)
    compare(litesmith, path, inputs, tmp_path, "--signature", "second")
    with pytest.raises(AssertionError, match="no signature 'third', but 'first', 'second'"):
        run(litesmith, path, inputs, 1, tmp_path, "--signature", "third")


def test_names_may_be_empty_or_there_twice(model_and_inputs, litesmith, tmp_path):
    model, inputs = model_and_inputs
    for i, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.name = b"same" if i % 2 else b""
    model.signatureDefs = []
    path = tmp_path / "names.tflite"
    path.write_bytes(pack(model))
    compare(litesmith, path, inputs, tmp_path)


def test_data_may_lie_behind_the_tables(model_and_inputs, litesmith, tmp_path):
    model, inputs = model_and_inputs
    data = [bytes(buffer.data) if buffer.data is not None else b"" for buffer in model.buffers]
    end = 2
    for _ in range(2):  # the offsets do not change the tables' size
        at = end
        for buffer, values in zip(model.buffers, data):
            if not values:
                continue
            buffer.data, buffer.offset, buffer.size = None, at, len(values)
            at += (len(values) + 63) // 64 * 64
        tables = pack(model)
        end = (len(tables) + 63) // 64 * 64
    content = tables + bytes(end - len(tables)) + b"".join(values + bytes(-len(values) % 64) for values in data if values)
    path = tmp_path / "behind.tflite"
    path.write_bytes(content)
    compare(litesmith, path, inputs, tmp_path)


def test_inspect_shows_what_is_not_supported(model_and_inputs, litesmith, tmp_path):
    model, _ = model_and_inputs
    code = schema.OperatorCodeT()
    code.deprecatedBuiltinCode, code.builtinCode, code.customCode, code.version = 32, 32, b"MyOwnOp", 1
    model.operatorCodes.append(code)
    for operator in model.subgraphs[0].operators[-1:]:
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.builtinOptionsType, operator.builtinOptions = 0, None
    path = tmp_path / "custom.tflite"
    path.write_bytes(pack(model))
    done = litesmith.call("inspect", path)
    assert done.returncode == 0, done.stderr
    assert "MyOwnOp" in done.stdout
    assert "the custom operator 'MyOwnOp', once" in done.stderr
