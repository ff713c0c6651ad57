"""Every interleaving of small configurations, on the shipped source of ring and contexts.

The explorer puts its own atomics in place of C's and tracks what each order makes visible, so that
an order that is too weak shows as a data race. To prove that, each one is weakened in turn.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
STRONG = re.compile(r"\b(acquire|release|acq_rel|seq_cst)\)")


def orders() -> list[int]:
    """Where the ring's source names an order stronger than relaxed.

    Not in ``pbf_ring_used``: what it returns is a figure for people, clamped to what can be true,
    so that a weaker order there blurs it and breaks nothing.
    """
    source = (ROOT / "csrc/pbf_ring.c").read_text()
    start = source.index("uint64_t pbf_ring_used(")
    figure = range(start, source.index("\n}", start))
    return [found.start(1) for found in STRONG.finditer(source) if found.start(1) not in figure]


def explore(directory: Path, **mutated: str) -> subprocess.CompletedProcess[str]:
    parts = [ROOT / "tests/csrc/explore_ring.c", ROOT / "tests/csrc/explore.c"]
    for part in "pbf_ring", "pbf_context":
        source = directory / f"{part}.c"
        source.write_text(mutated.get(part) or (ROOT / "csrc" / source.name).read_text())
        parts.append(source)
    binary = directory / "explore"
    command = [os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-I", "csrc", "-I", "tests/csrc"]
    shim = '-DPBF_ATOMIC_SHIM="explore_shim.h"'
    subprocess.run([*command, shim, *parts, "-o", str(binary)], check=True, cwd=ROOT)
    return subprocess.run([binary], timeout=100, capture_output=True, text=True, check=False)


def test_every_interleaving_is_right(tmp_path: Path) -> None:
    done = explore(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("position", orders())
def test_no_order_of_the_ring_can_be_relaxed(tmp_path: Path, position: int) -> None:
    source = (ROOT / "csrc/pbf_ring.c").read_text()
    weaker = source[:position] + STRONG.sub("relaxed)", source[position:], count=1)
    done = explore(tmp_path, pbf_ring=weaker)
    assert done.returncode != 0, source[position - 60 : position + 10]
