"""Compiles and runs the C tests, plain and under sanitizers.

Each ``test_*.c`` names the parts of the core that it is linked with in a line ``Links: ...`` of its
first comment.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = sorted(Path(__file__).parent.glob("test_*.c"))
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
BUILDS = {
    "plain": ["-O2"],
    "asan-ubsan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_c(program: Path, build: str, tmp_path: Path) -> None:
    links = re.search(r"Links:(.*)", program.read_text())
    assert links is not None, f"{program} does not say what it links"
    binary = tmp_path / program.stem
    compiler = os.environ.get("CC", "cc")
    command = [compiler, *WARNINGS, *BUILDS[build], "-pthread", "-I", "csrc", str(program)]
    sources = [f"csrc/{part}.c" for part in links[1].split()]
    subprocess.run([*command, *sources, "-o", str(binary)], check=True, cwd=ROOT)
    # without randomized addresses, which ThreadSanitizer's shadow memory cannot always cope with
    launcher = ["setarch", "--addr-no-randomize"] if build == "tsan" else []
    done = subprocess.run(
        [*launcher, str(binary)], timeout=100, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
