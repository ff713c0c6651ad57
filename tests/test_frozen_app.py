"""An application that PyInstaller has frozen: all is there, the native engine, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .support.api_server import ApiServer
from .support.programs import PROGRAMS
from .support.scarce import needs
from .support.sdk import ROOT, texts


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application, frozen as a user would."""
    directory = tmp_path_factory.mktemp("frozen")
    shutil.copy(PROGRAMS / "frozen" / "app.py", directory)
    shutil.copytree(ROOT / "examples" / "config", directory / "config")
    config = directory / "config" / "__init__.py"  # as it is served: it goes by the alias
    config.write_text(config.read_text().replace("paltabrain_fast", "paltabrain_sdk"))
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["app.py"]
    done = subprocess.run(
        command, cwd=directory, timeout=300, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return directory / "dist" / "app" / "app"


@needs("PyInstaller")
@pytest.mark.timeout(400)
def test_frozen_application_has_no_tools(frozen: Path) -> None:
    """They would bring DuckDB along, which is larger than all the rest."""
    modules = (frozen.parents[2] / "build" / "app" / "PYZ-00.toc").read_text()
    assert "'paltabrain_fast.delivery.sender'" in modules
    for extra in "cli", "collector", "schema":
        assert f"'paltabrain_fast.{extra}" not in modules


@needs("PyInstaller")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("transport", ["", pytest.param("curl", marks=needs("pycurl"))])
def test_frozen_application_delivers(api: ApiServer, frozen: Path, transport: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [frozen, api.hostname, transport],
        env=environment,
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("native 3 None\n", "")
    assert sum(map(len, texts(api))) == 3
