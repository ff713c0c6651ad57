"""Fixtures of the command-line tests: the trusted server, a clean environment, the script."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .config_server import DEADLINE, ConfigServer, serve

SCRIPT = Path(sys.executable).with_name("paltabrain-sdk-download-config")


@pytest.fixture
def tls(certificates: tuple[Path, ssl.SSLContext]) -> ssl.SSLContext:
    return certificates[1]


@pytest.fixture(autouse=True)
def environment(ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the tests' authority, and remove the developer's own settings."""
    for name in list(os.environ):
        if name.startswith("PALTABRAIN_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))


@pytest.fixture
def server(tls: ssl.SSLContext) -> Iterator[ConfigServer]:
    with serve(tls) as config_server:
        yield config_server


@pytest.fixture
def script() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed console script to its end."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    return run
