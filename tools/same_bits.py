"""Compares two run directories of `litesmith study` and times two builds in turns; tools/same_bits.sh calls it.

usage: same_bits.py STUDY_A STUDY_B BUILD_A BUILD_B --data SPEC [--rounds N]

A is the commit that is compared with, B this checkout. .tflite files are compared byte by byte; of .h5 files everything that Keras sees
(config, names, weights) and not the group /litesmith, whose form is our own. Of results.json every column of A that is not a time.
Exit code 1 if anything differs. Times are medians over the rounds, and the ratio B / A: below 1 this checkout is faster.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

TIMES = {"total_ms", "latency_us_p50", "latency_us_p99", "train_s", "convert_s"}
# Of another commit it is another one.
BUILD = {"build"}
# Of an .h5: what the file as a whole is depends on our own group.
KERAS_SIZES = {"file_bytes", "gzip_bytes"}
METHODS = ("keras", "fp32", "fp16", "dynamic", "uint8", "int16x8")


def keras_view(path):
    """Attributes and arrays of an .h5 by path, but for our own group."""
    seen = {}

    def keep(name, item):
        if name.split("/")[0] == "litesmith":
            return
        for key, value in item.attrs.items():
            seen[f"{name}@{key}"] = np.asarray(value).tolist()
        if isinstance(item, h5py.Dataset):
            array = item[()]
            seen[name] = (array.shape, array.dtype.str, array.tobytes())

    with h5py.File(path, "r") as file:
        for key, value in file.attrs.items():
            seen[f"@{key}"] = np.asarray(value).tolist()
        file.visititems(keep)
    return seen


def compare_files(a, b):
    """One line for each difference, and how many files were compared."""
    wrong, files = [], 0
    names = {p.relative_to(root) for root in (a, b) for p in root.rglob("*") if p.suffix in (".tflite", ".h5")}
    for name in sorted(names):
        one, two = a / name, b / name
        if not one.is_file() or not two.is_file():
            wrong.append(f"{name}: only in {'the other commit' if one.is_file() else 'this checkout'}")
            continue
        files += 1
        if name.suffix == ".tflite":
            if one.read_bytes() != two.read_bytes():
                wrong.append(f"{name}: {one.stat().st_size} and {two.stat().st_size} bytes, not the same")
            continue
        left, right = keras_view(one), keras_view(two)
        wrong += [f"{name}: {key} differs" for key in sorted({*left, *right}) if left.get(key) != right.get(key)]
    return wrong, files


def compare_results(a, b):
    rows = [{(r["recipe"], r["method"]): r for r in json.loads((d / "results.json").read_text())} for d in (a, b)]
    wrong = [f"results.json: {cell} is only in one" for cell in set(rows[0]) ^ set(rows[1])]
    for cell in sorted(set(rows[0]) & set(rows[1])):
        skip = TIMES | BUILD | (KERAS_SIZES if cell[1] == "keras" else set())
        for column, value in rows[0][cell].items():
            if column not in skip and rows[1][cell].get(column) != value:
                wrong.append(f"results.json: {' '.join(cell)}: {column} was {value}, is {rows[1][cell].get(column)}")
    return wrong, len(rows[0])


def output(command):
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def measure(build, study, data, threads):
    """One turn: milliseconds of a step by recipe, microseconds of an inference by method."""
    bench = next(build.rglob("train_step_bench"))
    steps = output([bench, "--json", "--threads", threads, "--data", data, "--steps", 100, "--repeats", 3])
    turn = {f"step {name}": value["ms"] for name, value in steps.items()}
    for method in METHODS:
        file = study / "none" / ("model.h5" if method == "keras" else f"{method}.tflite")
        turn[f"inference {method}"] = output([build / "litesmith", "benchmark", file, "--json", "--seconds", 0.3])["p50_us"]
    return turn


def time_builds(args):
    turns = []
    for _ in range(args.rounds):
        pairs = [measure(b, s, args.data, 1) for b, s in ((args.build_a, args.study_a), (args.build_b, args.study_b))]
        turns.append(pairs)
    print(f"\n| {args.rounds} rounds, one thread | before | here | here / before | rounds |\n| --- | --- | --- | --- | --- |")
    for name in turns[0][0]:
        before, here = ([pair[i][name] for pair in turns] for i in (0, 1))
        ratios = sorted(h / b for h, b in zip(here, before))
        unit = "ms" if name.startswith("step") else "us"
        print(
            f"| {name} | {statistics.median(before):.3f} {unit} | {statistics.median(here):.3f} {unit} "
            f"| {statistics.median(ratios):.3f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("study_a", "study_b", "build_a", "build_b"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rounds", type=int, default=11)
    args = parser.parse_args()
    wrong_files, files = compare_files(args.study_a, args.study_b)
    wrong_rows, rows = compare_results(args.study_a, args.study_b)
    for line in wrong_files + wrong_rows:
        print(line)
    same = not wrong_files and not wrong_rows
    print(f"{files} files and {rows} rows compared: {'all the same' if same else 'NOT the same'}")
    if args.rounds > 0:
        time_builds(args)
    sys.exit(0 if same and files > 0 and rows > 0 else 1)


if __name__ == "__main__":
    main()
