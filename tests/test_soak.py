"""Short ones of the soak and of the stress, so that the long ones stay in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from .support.sdk import ROOT


def soak(*command: str, **environment: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | environment,
    ) as program:
        try:
            said, _ = program.communicate(timeout=110)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)  # its worker and children, if it hangs
    assert program.returncode == 0, said
    assert said.endswith("all is well\n")


@pytest.mark.parametrize(("engine", "seed"), [("native", 2), ("python", 3)])
def test_short_soak(engine: str, seed: int) -> None:
    soak("tests.soak", "--minutes", "0.12", "--seed", str(seed), "--engine", engine)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_short_stress(engine: str) -> None:
    soak("tests.soak.stress", "--minutes", "0.02", "--seed", "1", PALTABRAIN_SDK_ENGINE=engine)
