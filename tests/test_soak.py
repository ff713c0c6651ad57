"""A short soak, so that the long one stays in order."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .support.sdk import ROOT


@pytest.mark.parametrize(("engine", "seed"), [("native", 2), ("python", 3)])
def test_short_soak(engine: str, seed: int) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.soak"),
            *("--minutes", "0.12", "--seed", str(seed), "--engine", engine),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
