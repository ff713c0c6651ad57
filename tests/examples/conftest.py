"""A copy of the examples, as a user makes one, and the environment that they read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ..support.api_server import ApiServer
from ..support.examples import EXAMPLES


@pytest.fixture
def folder(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the examples are started; they send to ``api``."""
    monkeypatch.setenv("PALTABRAIN_SDK_HOSTNAME", api.hostname)
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", "key")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
