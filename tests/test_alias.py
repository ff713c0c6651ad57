"""``paltabrain_sdk`` as another name of the package, with and without another one installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .support.programs import run_program


def run(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", line],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def other_package(tmp_path: Path) -> Path:
    package = tmp_path / "paltabrain_sdk"
    package.mkdir()
    for name in "__init__", "sdk":
        (package / f"{name}.py").write_text("WHO = 'the other one'\n")
    return tmp_path


def test_alias_is_the_package_itself() -> None:
    run_program("alias/same", PYTHONWARNINGS="error")


def test_installed_package_wins(other_package: Path) -> None:
    run_program("alias/other", PYTHONPATH=str(other_package), PYTHONWARNINGS="error")


def test_install_as_wins_over_an_installed_package(other_package: Path) -> None:
    run_program("alias/same", "install", PYTHONPATH=str(other_package), PYTHONWARNINGS="error")


def test_empty_directory_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "paltabrain_sdk").mkdir()
    run_program("alias/same", PYTHONPATH=str(tmp_path), PYTHONWARNINGS="error")


def test_alias_can_be_turned_off() -> None:
    done = run("import paltabrain_fast, paltabrain_sdk", PALTABRAIN_SDK_NO_ALIAS="1")
    assert "No module named 'paltabrain_sdk'" in done.stderr


def test_no_alias_without_the_package() -> None:
    assert "No module named 'paltabrain_sdk'" in run("import paltabrain_sdk").stderr


def test_missing_submodule_is_missing() -> None:
    done = run("import paltabrain_fast, paltabrain_sdk.no_such")
    assert "No module named 'paltabrain_sdk.no_such'" in done.stderr


def test_other_package_of_the_same_messages_can_live_beside_ours() -> None:
    run_program("alias/messages_of_another", PYTHONWARNINGS="error")
