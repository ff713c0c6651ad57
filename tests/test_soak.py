"""A short soak, so that the long one stays in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from .support.sdk import ROOT


@pytest.mark.parametrize(("engine", "seed"), [("native", 2), ("python", 3)])
def test_short_soak(engine: str, seed: int) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.soak"),
            *("--minutes", "0.12", "--seed", str(seed), "--engine", engine),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as soak:
        try:
            said, _ = soak.communicate(timeout=110)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(soak.pid, signal.SIGKILL)  # its worker and children, if it hangs
    assert soak.returncode == 0, said
    assert said.endswith("all is well\n")
