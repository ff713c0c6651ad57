"""Fixtures of the command-line tests: the trusted server, a clean environment, the script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from .config_server import DEADLINE, ConfigServer, serve

SCRIPT = Path(sys.executable).with_name("paltabrain-sdk-download-config")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def environment(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust the tests' authority, and let nothing of the developer's environment in."""
    for name in list(os.environ):
        if name.startswith("PALTABRAIN_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    bundle = tmp_path_factory.mktemp("trust") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[ConfigServer]:
    with serve(authority) as config_server:
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
