#!/usr/bin/env python3
"""Checks that the house stands as it is drawn: which room includes which.

  check_layers.py [ROOT]        check the tree at ROOT (default: this one)
  check_layers.py --self-test   show that every rule catches its violation

Rules, each named in the message it gives:
  rank       a file includes its own room and rooms of a lower rank only
  cycle      no include cycles inside a room
  library    a third-party header stays in its rooms
  print      only the command line prints
  length     no file has more than 600 lines
  room       every folder of src is in the table
  op         quantizer, plans, trainer and file formats name no op: what they
             want of one is in its OpDef
  opening    every .cc and .h opens with a comment that says what it is
  type       a type's name stands for one type in its namespace: of two the
             linker would keep one's functions, without a word

The table below is the one of the design. Exit code 0: clean, 1: violations.
"""

import pathlib
import re
import sys
import tempfile

RANKS = {
    "base": 0,
    "graph": 1,
    "kernels": 1,
    "containers": 1,
    "data": 2,
    "ops": 2,
    "runtime": 3,
    "formats": 3,
    "transform": 3,
    "train": 4,
    "quant": 4,
    "models": 5,
    "measure": 6,
    "optimize": 6,
    "study": 7,
    "cli": 8,
}

# Third-party headers (by the start of the include) and the folders of src that
# may include them; "*" is every folder. What is not here and not a standard
# header may not be included at all.
LIBRARIES = {
    "fmt/": ["*"],
    "hwy/": ["kernels"],
    "immintrin.h": ["kernels"],
    "arm_neon.h": ["kernels"],
    "flatbuffers/": ["formats/tflite"],
    "schema_generated.h": ["formats/tflite"],
    "hdf5.h": ["formats/hdf5"],
    "zip.h": ["containers"],
    "zlib.h": ["data", "measure"],
    "png.h": ["data", "measure"],
    "jpeglib.h": ["data"],
    "jerror.h": ["data"],
    "nlohmann/": ["formats", "study", "cli"],
    "toml++/": ["optimize", "study", "cli"],
    "CLI/": ["cli"],
}
TEST_LIBRARIES = ("gtest/", "gmock/")
BENCH_LIBRARIES = ("benchmark/",)

# The C and POSIX headers; C++ ones have no ".h".
SYSTEM = re.compile(
    r"^(sys/\w+|linux/\w+|netinet/\w+|arpa/inet|asm/\w+|assert|cpuid|ctype|dirent|dlfcn|"
    r"errno|fcntl|fenv|fnmatch|float|inttypes|limits|locale|malloc|math|poll|pthread|"
    r"sched|semaphore|setjmp|signal|spawn|stdarg|stdbool|stddef|stdint|stdio|"
    r"stdlib|string|strings|termios|time|unistd|wchar)\.h$|^[a-z_]+$")

# Names of functions that print. snprintf and friends write to memory.
PRINT = re.compile(
    r"(?<![\w:])(?:std::)?(?:printf|vprintf|fprintf|vfprintf|puts|fputs|putchar|putc|"
    r"fputc|perror)\s*\(|\bfmt::(?:v?print|println)\s*\(|\bstd::(?:cout|cerr|clog)\b")
MAY_PRINT = {"src/base/check.cc"}

# Rooms (or folders) that may not name an op, and the ops' names in code.
NO_OPS = ("quant", "formats/tflite", "runtime", "train")
OP_LINE = re.compile(r"^LITESMITH_OP\((\w+)\)", re.MULTILINE)

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
MAX_LINES = 600
TYPE = re.compile(r"(?:struct|class) (\w+)\b(?!::)[^;]*\{")
NAMESPACE = re.compile(r"(?:inline )?namespace ?([\w:]*) \{")


def strip_comments(text):
    """The code without comments and without the insides of literals."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
        r"'(?:\\.|[^'\\\n])+'", re.DOTALL)

    def blank(match):
        return "\n" * match.group(0).count("\n") or '""'

    # Digit separators (1'000) would read as the start of a character.
    return token.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "",
                                   text))


def includes(text):
    """(line number, name, quoted) of every include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2), bool(match.group(1))


def types(text):
    """(line number, name) of every type that other files could name, too."""
    inside = []
    for number, line in enumerate(text.splitlines(), 1):
        opened = NAMESPACE.match(line)
        if opened:
            inside.append(opened.group(1))
        elif line.startswith("}  // namespace") and inside:
            inside.pop()
        else:
            found = TYPE.match(line)
            if found and "" not in inside:
                yield number, "::".join([*inside, found.group(1)])


def is_test(path):
    return (path.name.endswith(("_test.cc", "_test.h")) or
            path.name.startswith("test_"))


def is_bench(path):
    return path.name.endswith("_bench.cc")


def allowed_library(name, folder, path):
    """None if the header may be included there, else why not."""
    if name.startswith(TEST_LIBRARIES):
        return None if is_test(path) else "only tests include it"
    if name.startswith(BENCH_LIBRARIES):
        return None if is_bench(path) else "only benchmarks include it"
    for prefix, rooms in LIBRARIES.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            if "*" in rooms:
                return None
            if any(folder == r or folder.startswith(r + "/") for r in rooms):
                return None
            return "only " + ", ".join("src/" + r for r in rooms) + " may"
    if SYSTEM.match(name):
        return None
    return "it is neither a standard header nor in the table of libraries"


def find_cycle(edges):
    """One cycle of the include graph as a list of files, or None."""
    state = {}
    for start in sorted(edges):
        stack = [(start, iter(sorted(edges.get(start, ()))))]
        if state.get(start):
            continue
        state[start] = 1
        trail = [start]
        while stack:
            node, rest = stack[-1]
            for nxt in rest:
                if state.get(nxt) == 1:
                    return trail[trail.index(nxt):] + [nxt]
                if nxt not in state:
                    state[nxt] = 1
                    trail.append(nxt)
                    stack.append((nxt, iter(sorted(edges.get(nxt, ())))))
                    break
            else:
                state[node] = 2
                trail.pop()
                stack.pop()
    return None


def check(root):
    """Every violation in the tree, as text."""
    root = pathlib.Path(root)
    found = []
    edges = {}
    owners = {}
    ops = root / "src/ops/ops.inc"
    names = OP_LINE.findall(ops.read_text(encoding="utf-8")) if ops.is_file() else []
    op_names = re.compile(rf"\bk({'|'.join(names)})\b") if names else None
    files = sorted(p for p in (root / "src").rglob("*")
                   if p.suffix in (".h", ".cc", ".inc"))
    for path in files:
        where = path.relative_to(root).as_posix()
        folder = path.parent.relative_to(root / "src").as_posix()
        room = folder.split("/")[0]
        if room not in RANKS:
            found.append(f"{where}: room: src/{room} is not in the table")
            continue
        text = path.read_text(encoding="utf-8")
        for line, name in types(text):
            if owners.setdefault(name, where) != where:
                found.append(f"{where}:{line}: type: {name} is another one in {owners[name]}")
        for line, name, quoted in includes(text):
            at = f"{where}:{line}"
            if quoted and name.startswith("src/"):
                other = name.split("/")[1]
                if other not in RANKS:
                    found.append(f"{at}: room: {name} is in no room")
                elif other != room and RANKS[other] >= RANKS[room]:
                    found.append(
                        f"{at}: rank: {room} ({RANKS[room]}) includes {name} "
                        f"of {other} ({RANKS[other]})")
                elif other == room:
                    edges.setdefault(where, set()).add(name)
            elif name.split("/")[0] in ("tests", "bench", "tools", "examples"):
                found.append(f"{at}: rank: src includes {name}")
            else:
                why = allowed_library(name, folder, path)
                if why:
                    found.append(f"{at}: library: {name}: {why}")
        if room != "cli" and where not in MAY_PRINT and not is_test(path):
            for line, code in enumerate(strip_comments(text).splitlines(), 1):
                if PRINT.search(code):
                    found.append(f"{where}:{line}: print: only src/cli prints")
        if not is_test(path):
            if path.suffix != ".inc" and not text.startswith("//"):
                found.append(f"{where}: opening: the first line is no comment")
            if op_names and any(folder == r or folder.startswith(r + "/")
                                for r in NO_OPS):
                for line, code in enumerate(strip_comments(text).splitlines(), 1):
                    name = op_names.search(code)
                    if name:
                        found.append(f"{where}:{line}: op: {name.group(0)}")
    cycle = find_cycle(edges)
    if cycle:
        found.append("cycle: " + " -> ".join(cycle))
    for top in ("src", "tests", "bench", "tools", "examples"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cc", ".inc", ".py"):
                continue
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MAX_LINES:
                found.append(f"{path.relative_to(root).as_posix()}: length: "
                             f"{lines} lines, at most {MAX_LINES} are wanted")
    return found


# Trees that break one rule each: {path: text} and the rule; None: clean.
SELF_TESTS = [
    (None, {"src/cli/main.cc": '#include "src/study/a.h"\n#include <cstdio>\n'
            '#include <CLI/CLI.hpp>\nvoid f() { std::printf("x"); }\n',
            "src/study/a.h": '#include "src/base/b.h"\n#include "src/study/c.h"\n',
            "src/study/c.h": "#include <vector>\n#include <fmt/core.h>\n",
            "src/base/b.h": "#include <sys/stat.h>\n",
            "src/base/b_test.cc": "#include <gtest/gtest.h>\n"}),
    (None, {"src/base/a.cc": '// printf("x")\n/* std::cout */\n'
            'const char* k = "printf(";\nint n = snprintf(b, 1\'000, "");\n'}),
    ("rank", {"src/base/a.h": '#include "src/graph/graph.h"\n'}),
    ("rank", {"src/graph/a.h": '#include "src/kernels/k.h"\n'}),
    ("rank", {"src/train/a_test.cc": '#include "src/quant/convert.h"\n'}),
    ("rank", {"src/data/a.cc": '#  include   "src/runtime/plan.h"\n'}),
    ("rank", {"src/base/a.cc": '#include "tests/helper.h"\n'}),
    ("cycle", {"src/ops/a.h": '#include "src/ops/b.h"\n',
               "src/ops/b.h": '#include "src/ops/c.h"\n',
               "src/ops/c.h": '#include "src/ops/a.h"\n'}),
    ("cycle", {"src/ops/a.h": '#include "src/ops/a.h"\n'}),
    ("library", {"src/ops/a.cc": "#include <hwy/highway.h>\n"}),
    ("library", {"src/kernels/a.cc": "#include <omp.h>\n"}),
    ("library", {"src/formats/json/a.cc": "#include <hdf5.h>\n"}),
    ("library", {"src/formats/hdf5/a.cc":
                 '#include "flatbuffers/flatbuffers.h"\n'}),
    ("library", {"src/quant/a.cc": "#include <nlohmann/json.hpp>\n"}),
    ("library", {"src/study/a.cc": "#include <CLI/CLI.hpp>\n"}),
    ("library", {"src/base/a.cc": "#include <zlib.h>\n"}),
    ("library", {"src/base/a.cc": "#include <boost/optional.hpp>\n"}),
    ("library", {"src/base/a.cc": "#include <gtest/gtest.h>\n"}),
    ("print", {"src/train/a.cc": 'void f() { std::printf("x"); }\n'}),
    ("print", {"src/train/a.cc": "void f() { std::cout << 1; }\n"}),
    ("print", {"src/quant/a.h": 'inline void f() { fmt::print("x"); }\n'}),
    ("print", {"src/base/a.cc": 'void f() { fprintf(stderr, "x"); }\n'}),
    ("length", {"src/base/a.cc": "\n" * 601}),
    ("length", {"tools/a.py": "\n" * 601}),
    ("room", {"src/utils/a.cc": "\n"}),
    ("opening", {"src/base/a.cc": "int x;\n"}),
    ("op", {"src/ops/ops.inc": "LITESMITH_OP(Relu)\n",
            "src/quant/a.cc": "const OpDef& op = kRelu;\n"}),
    ("type", {"src/base/a.h": "namespace l {\nstruct A {\n};\n}  // namespace l\n",
              "src/cli/b.h": "namespace l {\nclass A final : B {\n};\n}  // namespace l\n"}),
    (None, {"src/base/a.h": "namespace l {\nstruct A {};\nclass B;\n}  // namespace l\n",
            "src/cli/b.h": "namespace m {\nclass A {\n};\n}  // namespace m\nclass B {};\n",
            "src/cli/c.cc": "namespace l {\nnamespace {\nstruct A {};\n}  // namespace\n"
            "class B {};\n}  // namespace l\n"}),
    (None, {"src/ops/ops.inc": "LITESMITH_OP(Relu)\n",
            "src/quant/a.cc": "int k = activation::kRelu6;  // kRelu\n",
            "src/transform/a.cc": "const OpDef& op = kRelu;\n"}),
]


def self_test():
    failed = 0
    for number, (rule, files) in enumerate(SELF_TESTS):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if rule != "opening" and path.suffix != ".inc":
                    text = "// x\n" + text
                path.write_text(text, encoding="utf-8")
            found = check(folder)
        if rule is None:
            good = not found
        else:
            good = len(found) == 1 and re.search(rf"(^|: ){rule}: ", found[0])
        if not good:
            failed += 1
            print(f"self-test {number} ({rule or 'clean'}): {found}")
    print(f"{len(SELF_TESTS) - failed} of {len(SELF_TESTS)} self-tests passed")
    return failed


def main(arguments):
    if arguments == ["--self-test"]:
        return 1 if self_test() else 0
    root = arguments[0] if arguments else pathlib.Path(__file__).parents[1]
    found = check(root)
    for violation in found:
        print(violation)
    if not found:
        print("the layers hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
