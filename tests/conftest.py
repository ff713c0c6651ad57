"""Fixtures for the whole suite: a real HTTPS server on loopback, and SDKs that talk to it."""

from __future__ import annotations

import signal
import ssl
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from paltabrain_fast import PaltabrainSdk

from .support.api_server import ApiServer
from .support.certificates import make_certificates
from .support.events import TextContext
from .support.scarce import NOT_RUN

Sdk = PaltabrainSdk[Any]

# A shell has what it runs in the background ignore Ctrl-C, and nohup has what it runs ignore the
# end of the terminal: so would the programs of the tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

collect_ignore = ["programs", *NOT_RUN]

# protobuf may be the pure-Python one, which takes its time
settings.register_profile("patient", deadline=None)
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    settings.load_profile("patient")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for path, packages in NOT_RUN.items():
        missing = " and no ".join(packages)
        terminalreporter.write_line(f"NOT RUN tests/{path}: there is no {missing}")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def ca_file(certificates: tuple[Path, ssl.SSLContext]) -> Path:
    return certificates[0]


@pytest.fixture
def api(
    certificates: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ApiServer]:
    """An API server whose certificate the environment trusts."""
    ca_file, context = certificates
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    with ApiServer(context).serving() as server:
        yield server


@pytest.fixture
def make_sdk() -> Iterator[Callable[..., Sdk]]:
    """Make SDKs that flush only when told to, and shut them down in the end."""
    with ExitStack() as stack:

        def make(hostname: str = "localhost", **options: Any) -> Sdk:
            merged: dict[str, Any] = {
                "api_key": "key",
                "context": TextContext(),
                "flush_interval_ms": 3_600_000,
                "shutdown_timeout": 30,
            } | options
            return stack.enter_context(PaltabrainSdk[Any](hostname, **merged))

        yield make
