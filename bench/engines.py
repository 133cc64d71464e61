#!/usr/bin/env python3
"""Times .tflite files of whole networks, one sample and one thread, in Litesmith, LiteRT (XNNPACK), OpenVINO and ONNX Runtime, in turn in one run.

usage: engines.py --litesmith build/release/litesmith [--rounds N] [--seconds S] [--fifo] [NAME=]FILE.tflite ...

Prints a Markdown row a file: the microseconds of each engine's fastest call of a round (what else runs on a machine only slows), the median over
the rounds, and the best of the others / Litesmith with its smallest and largest round. An engine that cannot run a file has a dash. OpenVINO reads
.tflite itself (16-bit integers it computes as floats: left out); for ONNX Runtime the file goes through tf2onnx (floats alone: its quantized graphs
are another network). What a call from Python costs is measured on a file of one addition in each engine and taken off. Peak memory is that of a
process that loads the file and calls it, in megabytes, Python's and the engine's libraries included. Needs, in an environment of its own:
ai-edge-litert, openvino, onnxruntime, numpy, and tf2onnx with the tensorflow-cpu that it wants.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def least_us(call, seconds):
    """The fastest of as many calls as fit."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        call()
        least = min(least, time.perf_counter() - now)
    return least * 1e6


@contextlib.contextmanager
def first_in_line(wanted):
    """What runs in it, and what it starts, has one processor to itself if `wanted`: for machines where others run, too."""
    if not wanted:
        yield
        return
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, processors)


class LiteRT:
    name = "LiteRT"

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        for detail in self.interpreter.get_input_details():
            self.interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
        self.call = self.interpreter.invoke


class OpenVino:
    name = "OpenVINO"

    def __init__(self, path):
        import openvino

        if any(detail["dtype"] == np.int16 for detail in LiteRT(path).interpreter.get_tensor_details()):
            raise RuntimeError("would compute int16 as floats")
        model = openvino.Core().read_model(str(path))
        model.reshape({each: [max(1, d.get_length()) if d.is_static else 1 for d in each.get_partial_shape()] for each in model.inputs})
        # Where the machine has bfloat16 it would take that for float32.
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(model, "CPU", options)
        request = compiled.create_infer_request()
        for i, each in enumerate(compiled.inputs):
            request.set_input_tensor(i, openvino.Tensor(np.zeros(each.shape, each.element_type.to_dtype())))
        self.call = request.infer


class OnnxRuntime:
    name = "ONNX Runtime"

    def __init__(self, path):
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            onnx = Path(folder) / "model.onnx"
            convert = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(path), "--output", str(onnx)]
            done = subprocess.run(convert, capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
            if done.returncode != 0:
                raise RuntimeError(done.stderr[-300:])
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(onnx.read_bytes(), options, providers=["CPUExecutionProvider"])
        if any(each.type != "tensor(float)" for each in session.get_inputs()):
            raise RuntimeError("not of floats")
        binding = session.io_binding()
        self.held = []
        for each in session.get_inputs():
            values = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros([d if isinstance(d, int) else 1 for d in each.shape], np.float32))
            self.held.append(values)
            binding.bind_ortvalue_input(each.name, values)
        for each in session.get_outputs():
            binding.bind_output(each.name)
        self.call = lambda: session.run_with_iobinding(binding)


ENGINES = (LiteRT, OpenVino, OnnxRuntime)


def load(engine, path):
    try:
        loaded = engine(path)
        loaded.call()
        return loaded
    except Exception as error:  # an engine that cannot is no reason to stop
        print(f"<!-- {engine.name}: {path}: {str(error).splitlines()[0][:150]} -->")
        return None


def ours(litesmith, path, seconds):
    done = subprocess.run([litesmith, "benchmark", path, "--json", "--seconds", str(seconds), "--threads", "1", "--warm-up", str(seconds / 10)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["min_us"]


def high_water_mb(pid="self"):
    """Of the process since it was started; getrusage counts what its parent had, too."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def our_peak_mb(litesmith, path):
    process = subprocess.Popen([litesmith, "benchmark", path, "--seconds", "0.3", "--threads", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, high_water_mb(process.pid))
        except StopIteration:  # it has ended
            break
        time.sleep(0.01)
    return peak if process.wait() == 0 else None


def engine_peak_mb(engine, path):
    """In a process of its own, less what it started to convert the file."""
    done = subprocess.run([sys.executable, __file__, "--load", engine.name, path], capture_output=True, text=True)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def print_peaks(litesmith, files):
    print(f"\nPeak memory, MB\n\n| | Litesmith | {' | '.join(engine.name for engine in ENGINES)} |\n| --- {'| ---: ' * (len(ENGINES) + 1)}|")
    for each in files:
        name, _, path = each.rpartition("=")
        peaks = [our_peak_mb(litesmith, path)]
        peaks += [engine_peak_mb(engine, path) for engine in ENGINES]
        print(f"| {name or Path(path).stem} | {' | '.join('-' if mb is None else f'{mb:.0f}' for mb in peaks)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="[NAME=]FILE.tflite")
    parser.add_argument("--litesmith", default="build/release/litesmith")
    parser.add_argument("--empty", type=Path, help="a .tflite file of one addition (one_op.py writes one): what a call costs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each engine in each round")
    parser.add_argument("--fifo", action="store_true", help="time at real-time priority on one processor (root)")
    parser.add_argument("--load", choices=[engine.name for engine in ENGINES], help="no more than call the files in it once and print the process's peak in MB")
    args = parser.parse_args()
    if args.load:
        held = [engine(path) for engine in ENGINES if engine.name == args.load for path in args.files]
        for each in held:
            each.call()
        print(high_water_mb())
        return
    cost = {}
    for engine in ENGINES:
        empty = load(engine, args.empty) if args.empty else None
        with first_in_line(args.fifo):
            cost[engine] = least_us(empty.call, args.seconds) if empty else 0.0
    print("us a call costs, taken off: " + ", ".join(f"{engine.name} {us:.1f}" for engine, us in cost.items()))
    names = [engine.name for engine in ENGINES]
    print(f"\n| | Litesmith us | {' | '.join(names)} | best / Litesmith | rounds |\n| --- {'| ---: ' * (len(names) + 2)}| --- |")
    for each in args.files:
        name, _, path = each.rpartition("=")
        loaded = {engine: load(engine, path) for engine in ENGINES}
        rounds = []
        for _ in range(args.rounds):
            with first_in_line(args.fifo):
                mine = ours(args.litesmith, path, args.seconds)
                theirs = {engine: least_us(one.call, args.seconds) - cost[engine] for engine, one in loaded.items() if one}
            rounds.append((mine, theirs))
        middle = {engine: statistics.median(theirs[engine] for _, theirs in rounds) for engine in rounds[0][1]}
        ratios = [min(theirs.values()) / mine for mine, theirs in rounds] if middle else [float("nan")]
        cells = [f"{middle[engine]:.1f}" if engine in middle else "-" for engine in ENGINES]
        mine = statistics.median(mine for mine, _ in rounds)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"| {name or Path(path).stem} | {mine:.2f} | {' | '.join(cells)} | {statistics.median(ratios):.2f} | {spread} |", flush=True)
    print_peaks(args.litesmith, args.files)


if __name__ == "__main__":
    main()
