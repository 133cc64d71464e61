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


def write_with_external_weights(model, folder, **changes):
    """The model with all its constants in a file beside it; `changes` are set on the group or every external buffer."""
    group = schema.ExternalBufferGroupT()
    group.name = changes.pop("name", "weights.bin")
    model.externalBufferGroups, model.externalBuffers, data = [group], [], b""
    for tensor in model.subgraphs[0].tensors:
        values = model.buffers[tensor.buffer].data
        if values is None or len(values) == 0:
            continue
        part = schema.ExternalBufferT()
        part.id, part.group, part.offset, part.length = len(model.externalBuffers) + 1, 0, len(data), len(values)
        for field, value in changes.items():
            setattr(part, field, value)
        data += bytes(values) + b"\0" * 5  # parts need not be aligned
        model.externalBuffers.append(part)
        model.buffers[tensor.buffer].data = None
        tensor.externalBuffer, tensor.buffer = part.id, 0
    assert data
    path = folder / "model.tflite"
    path.write_bytes(pack(model))
    (folder / "weights.bin").write_bytes(data)
    return path


def test_weights_beside_the_file(model_and_inputs, litesmith, tmp_path):
    """External buffers: what the same file gives that holds its weights."""
    model, inputs = model_and_inputs
    whole = tmp_path / "whole.tflite"
    whole.write_bytes(pack(model))
    (wanted,) = run(litesmith, whole, inputs, 1, tmp_path)
    path = write_with_external_weights(model, tmp_path)
    (got,) = run(litesmith, path, inputs, 1, tmp_path)
    assert got.dtype == wanted.dtype and np.array_equal(got, wanted)


@pytest.mark.parametrize(
    "changes, exit_code, says",
    [
        ({"name": "../weights.bin"}, 4, "plain name"),
        ({"name": "/etc/passwd"}, 4, "plain name"),
        ({"name": ".."}, 4, "plain name"),
        ({"name": "absent.bin"}, 3, "absent.bin"),
        ({"group": 7}, 4, "group 7"),
        ({"offset": 1 << 62}, 4, "external file"),
        ({"length": 1 << 62}, 4, "external file"),
        ({"packing": "zip"}, 5, "packed as 'zip'"),
    ],
)
def test_bad_external_buffers(model_and_inputs, litesmith, tmp_path, changes, exit_code, says):
    path = write_with_external_weights(model_and_inputs[0], tmp_path, **changes)
    done = litesmith.call("inspect", path)
    assert done.returncode == exit_code and says in done.stderr, done.stderr


def test_external_buffers_behind_a_link(model_and_inputs, litesmith, tmp_path):
    path = write_with_external_weights(model_and_inputs[0], tmp_path)
    (tmp_path / "weights.bin").rename(tmp_path / "elsewhere.bin")
    (tmp_path / "weights.bin").symlink_to(tmp_path / "elsewhere.bin")
    done = litesmith.call("inspect", path)
    assert done.returncode == 5 and "a link" in done.stderr, done.stderr
