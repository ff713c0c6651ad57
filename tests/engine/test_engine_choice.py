"""Which engine is loaded, and what is said if it is not the one that was wanted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..support.programs import run_program


def run(line: str, engine: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", line],
        env={**os.environ, "PALTABRAIN_SDK_ENGINE": engine},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("wanted", "loaded"), [("", "native"), ("native", "native"), ("python", "python")]
)
def test_environment_chooses(wanted: str, loaded: str) -> None:
    done = run("import paltabrain_fast; print(paltabrain_fast.engine)", wanted)
    assert (done.stdout.strip(), done.stderr) == (loaded, "")


def test_unknown_choice_is_refused_by_name() -> None:
    done = run("import paltabrain_fast", "rust")
    assert "PALTABRAIN_SDK_ENGINE must be 'native' or 'python', not 'rust'" in done.stderr


def test_without_the_extension_the_reference_engine_runs_with_one_warning() -> None:
    assert run_program("engine/without_extension", PALTABRAIN_SDK_ENGINE="") == "python\n"
