"""Fixtures of the command-line tests: the trusted server, a clean environment, the script."""

from __future__ import annotations

import os
import shutil
import socket
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


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the events of ``stored.py``, which no collector has open."""
    from .stored import store

    file = tmp_path_factory.mktemp("stored") / "events.duckdb"
    store(file)
    return file


@pytest.fixture
def own_stored(stored: Path, tmp_path: Path) -> Path:
    """A copy of it, for a test that changes it."""
    return Path(shutil.copy(stored, tmp_path / "own.duckdb"))


@pytest.fixture(params=["file", "collector"])
def own_where(request: pytest.FixtureRequest, own_stored: Path) -> Iterator[list[str]]:
    """The options that name the events of ``own_stored``: as a file, or at a collector."""
    from paltabrain_fast.collector.server import running

    from .stored import SCHEMA

    if request.param == "file":
        yield ["--db", str(own_stored)]
        return
    with running(SCHEMA, own_stored) as collector:
        yield ["--url", collector.http_url]


@pytest.fixture(scope="session")
def collector_url(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a collector with the events of ``stored``."""
    from paltabrain_fast.collector.server import running

    from .stored import SCHEMA

    file = shutil.copy(stored, tmp_path_factory.mktemp("collector") / "events.duckdb")
    with running(SCHEMA, Path(file)) as collector:
        yield collector.http_url


@pytest.fixture(params=["file", "collector"])
def where(request: pytest.FixtureRequest, stored: Path) -> list[str]:
    """The options that name the events of ``stored``: as a file, or at a collector."""
    if request.param == "file":
        return ["--db", str(stored)]
    return ["--url", request.getfixturevalue("collector_url")]


@pytest.fixture
def free_url() -> Iterator[str]:
    """A URL at which nobody answers: its port is taken, and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://localhost:{taken.getsockname()[1]}"
