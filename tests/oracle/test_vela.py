"""Arm's NPU compiler takes our integer files whole: nothing is left on the CPU."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

VELA = Path(sys.executable).with_name("vela")


def cpu_operators(path, directory):
    """The number of operators that Vela leaves on the CPU, from its summary."""
    command = [str(VELA), str(path), "--output-dir", str(directory), "--show-cpu-operations", "--accelerator-config", "ethos-u55-256"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    found = re.search(r"CPU operators\s*=\s*(\d+)", text)
    assert found, f"no count of CPU operators in Vela's output:\n{text}"
    return int(found.group(1)), text


@pytest.mark.parametrize("method", ["int8", "uint8", "int16x8_int16"])
def test_nothing_on_the_cpu(ours, tmp_path, method):
    count, text = cpu_operators(ours[method], tmp_path)
    assert count == 0, text
