"""Whatever happens, the API key and a proxy's password are nowhere to be read."""

from __future__ import annotations

import base64
import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from paltabrain_fast import PaltabrainSdk, Request, SendResult, Transport

from ..support.answers import Answer, Fault, always
from ..support.api_server import ApiServer
from ..support.certificates import Authority
from ..support.events import TextContext, TextEvent
from ..support.proxy_server import ProxyServer
from .conftest import MakeTransport

KEY = "pb/k3y+S3CRET=& %41"
PASSWORD = "pr0xy/S3CRET"
SECRETS = [
    spelling
    for secret in (KEY, PASSWORD)
    for spelling in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        secret.encode().hex(),
    )
]


class FailingEvent(TextEvent):
    def serialize_payload(self) -> bytes:
        raise ValueError("no payload")


class RaisingTransport:
    def send(self, request: Request) -> SendResult:
        raise OSError(f"cannot send {request}")

    def close(self) -> None:
        raise OSError("cannot close")


class Witness:
    """Keeps, as text, all that anybody gets to see."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def see(self, *objects: object) -> None:
        for each in objects:
            self.seen += [repr(each), str(each)]
            if isinstance(each, BaseException):
                self._see_exception(each, set())

    def emit(self, record: logging.LogRecord) -> bool:
        self.seen += [repr(vars(record)), logging.Formatter().format(record)]
        if record.exc_info:
            self.see(*record.exc_info)
        return True

    def _see_exception(self, error: BaseException, known: set[int]) -> None:
        """Look at everything that hangs on an exception, the locals of its frames included."""
        if id(error) in known:
            return
        known.add(id(error))
        self.seen += [repr(error.args), repr(vars(error))]
        self.seen += traceback.TracebackException.from_exception(
            error, capture_locals=True
        ).format()
        for each in (error.__cause__, error.__context__, *error.args, *vars(error).values()):
            if isinstance(each, BaseException):
                self._see_exception(each, known)


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture) -> Iterator[Witness]:
    """One who reads every logger at DEBUG."""
    seen = Witness()
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    levels = [logger.level for logger in loggers]
    caplog.handler.addFilter(seen.emit)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield seen
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def use(
    witness: Witness, hostname: str, transport: Transport, *, timeout: float = 30
) -> PaltabrainSdk[Any]:
    """Let an SDK deliver what it can, and look at all that it shows."""
    with (
        contextlib.suppress(OSError),
        PaltabrainSdk[Any](
            hostname,
            KEY,
            TextContext(),
            flush_interval_ms=3_600_000,
            flush_max_retries=2,
            outage_seconds=0,
            request_timeout=timeout,
            transport=transport,
            on_error=witness.see,
        ) as sdk,
    ):
        sdk.track(TextEvent("a"))
        sdk.track(FailingEvent("b"))
        assert sdk.flush(60)
    witness.see(
        sdk,
        vars(sdk),
        *vars(sdk).values(),
        sdk.stats(),
        sdk.context,
        transport,
        vars(transport),
        sdk.last_request_error,
        sdk.last_serialization_error,
    )
    return sdk


def test_secrets_are_nowhere_to_be_read(
    make_transport: MakeTransport,
    witness: Witness,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    authority = Authority(tmp_path)
    bundle = authority.ca_file
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")
    failures = 0

    def fails(hostname: str, transport: Transport, **options: float) -> None:
        nonlocal failures
        assert use(witness, hostname, transport, **options).last_request_error is not None
        failures += 1

    def make() -> Transport:
        return make_transport(ca_bundle=bundle)

    with ApiServer(authority.context()).serving() as api:
        assert use(witness, api.hostname, make()).stats().delivered == 1
        assert api.requests[0].headers["X-API-Key"] == KEY
        for status in (302, 401, 403, 503):
            location = {"Location": f"https://{api.hostname}/elsewhere", "Retry-After": "0"}
            api.answer = always(Answer(status, location, body=KEY.encode()))
            fails(api.hostname, make())
        for fault in (Fault.RESET, Fault.CLOSE, Fault.HALF_HEAD, Fault.ENDLESS_HEAD):
            api.answer = always(Answer(fault=fault))
            fails(api.hostname, make())
        api.answer = always(Answer(fault=Fault.SILENCE))
        fails(api.hostname, make(), timeout=0.1)
        # a server, or somebody between, that throws the request back in the face of its sender
        api.answer = lambda _count, request: Answer(
            400, {"X-Echo": request.headers["X-API-Key"]}, request.headers["X-API-Key"].encode()
        )
        fails(api.hostname, make())
        fails(api.hostname, RaisingTransport())

    for context in (
        authority.context("example.com"),
        authority.context(valid_days=-1),
        stranger.context(),
    ):
        with ApiServer(context).serving() as server:
            fails(server.hostname, make())
    fails(server.hostname, make())  # nobody is there any more
    fails("no-such-host.invalid", make())

    for credentials, status in (("user:other", 200), (f"user:{PASSWORD}", 502)):
        with ProxyServer(credentials=credentials, status=status).serving() as proxy:
            url = f"http://user:{quote(PASSWORD, safe='')}@{proxy.address}"
            monkeypatch.setenv("HTTPS_PROXY", url)
            fails("example.invalid", make())
            assert proxy.asked
    fails("example.invalid", make())  # the proxy is gone
    monkeypatch.setenv("HTTPS_PROXY", f"nonsense://user:{quote(PASSWORD, safe='')}@localhost:1")
    fails("example.invalid", make())
    assert failures == 20

    refused: list[Callable[[], object]] = [
        lambda: PaltabrainSdk[Any]("localhost", KEY + "\n", TextContext()),
        lambda: PaltabrainSdk[Any]("localhost", KEY + "ü", TextContext()),
        lambda: PaltabrainSdk[Any]("local host", KEY, TextContext()),
        lambda: PaltabrainSdk[Any]("localhost", KEY.encode() + b"\xff", TextContext()),  # type: ignore[arg-type]
    ]
    for make_sdk in refused:
        with pytest.raises((ValueError, TypeError)) as caught:
            make_sdk()
        witness.seen += [repr(caught.value), *map(str, caught.value.args)]

    witness.seen += capfd.readouterr()
    text = "\n".join(witness.seen)
    assert len(text) > 100_000
    assert "EXCEPTION" in text
    for secret in SECRETS:
        at = text.find(secret)
        assert at < 0, text[max(0, at - 500) : at + 100]
