"""What is done before, and off, the first event: imports, certificates, recognition of classes."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import InMemoryTransport, PaltabrainSdk, engine
from paltabrain_fast.encoding import recognition

from .schema.packages import imported
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.probe import watching_sleeps
from .support.programs import run_program
from .support.sdk import ROOT, texts
from .support.threads import running

EXAMPLE = ROOT / "examples" / "config"

IMPORTED = {
    "__future__",
    "_contextvars",
    "_heapq",
    "_locale",
    "_string",
    "_weakrefset",
    "atexit",
    "contextlib",
    "contextvars",
    "cython_runtime",
    "heapq",
    "importlib",
    "paltabrain_fast",
    "reprlib",
    "signal",
    "string",
    "textwrap",
    "weakref",
}
"""What an import may load beside ``protobuf``, ``logging`` and ``decimal``: packages."""

NEEDED_LATER = {
    "paltabrain_fast._reference.base",
    "paltabrain_fast._reference.engine",
    "paltabrain_fast.encoding.amplitude",
    "paltabrain_fast.encoding.constructors",
    "paltabrain_fast.encoding.recognition",
    "paltabrain_fast.encoding.sandbox",
    "paltabrain_fast.transport.curl",
    "paltabrain_fast.transport.environment",
    "paltabrain_fast.transport.faults",
    "paltabrain_fast.transport.https",
    "paltabrain_fast.transport.mocks",
    "paltabrain_fast.transport.unpatched",
}


@pytest.fixture
def config() -> Iterator[Any]:
    """The example, as a module whose classes nobody has recognised."""
    with imported(EXAMPLE) as module:
        yield module


def modules(api: ApiServer, name: str) -> list[list[str]]:
    output = run_program("first/modules", api.hostname, PALTABRAIN_SDK_ENGINE=name)
    return [json.loads(line) for line in output.splitlines()]


def test_import_loads_only_what_every_program_needs(api: ApiServer) -> None:
    by_import, by_sdk, by_event, by_warm_up, by_delivery = modules(api, "native")
    packages = {name.partition(".")[0] for name in by_import if not name.startswith("_cython_")}
    assert packages - IMPORTED == set()
    assert not NEEDED_LATER & set(by_import)
    assert by_sdk == []
    assert by_event == []  # or in the control thread, which has imported that for the module
    assert {"urllib3", "ssl", "paltabrain_fast.transport.https"} <= set(by_warm_up)
    assert [name for name in by_delivery if not name.startswith("encodings.")] == []


def test_reference_engine_needs_no_network_either(api: ApiServer) -> None:
    by_import, by_sdk, by_event, _, _ = modules(api, "python")
    loaded = {*by_import, *by_sdk, *by_event}
    assert not loaded & {"requests", "urllib3", "ssl", "paltabrain_fast._native"}


def test_names_that_are_imported_late_are_there() -> None:
    for name in paltabrain_fast.__all__:
        assert name in dir(paltabrain_fast)
        assert getattr(paltabrain_fast, name) is not None
    assert "CurlTransport" in dir(paltabrain_fast.transport)
    with pytest.raises(AttributeError, match="has no attribute 'Https'"):
        paltabrain_fast.Https  # noqa: B018


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_bad_bundle_is_told_by_the_constructor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    error = FileNotFoundError if content is None else ValueError
    with pytest.raises(error, match=r"CA bundle .*bundle\.pem, named by REQUESTS_CA_BUNDLE"):
        PaltabrainSdk("localhost", "key", None)


def test_bundle_is_the_one_that_the_constructor_has_found(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ca_file: Path
) -> None:
    """As a daemon changes its directory, or its environment, before it sends anything."""
    for name in "gevent", "eventlet":
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(ca_file.parent)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file.name)
    with PaltabrainSdk(api.hostname, "key", TextContext()) as sdk:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30), sdk.last_request_error


@pytest.mark.skipif(engine != "native", reason="only the native engine recognises classes")
def test_classes_are_recognised_by_the_control_thread(
    config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognise, threads = recognition.recognise_event, []

    def watched(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        return recognise(*arguments)

    monkeypatch.setattr(recognition, "recognise_event", watched)
    with PaltabrainSdk("localhost", "key", config.Context(), transport=InMemoryTransport()) as sdk:
        for count in range(1, 5):
            sdk.track(config.EventPageOpen(page_id="page"))
            assert sdk.flush(timeout=30)
            assert threads == ["paltabrain-control"], count
    assert paltabrain_fast.explain(config.EventPageOpen).accelerated


@pytest.mark.skipif(engine != "native", reason="only the native engine recognises classes")
def test_plan_of_a_context_does_not_wait_for_a_flush(
    config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognise, recognised = recognition.recognise_context, threading.Event()

    def watched(*arguments: Any) -> Any:
        recognised.set()
        return recognise(*arguments)

    with PaltabrainSdk(
        "localhost",
        "key",
        config.Context(),
        flush_interval_ms=600_000,
        transport=InMemoryTransport(),
    ) as sdk:
        sdk.warm_up()
        sdk.track(config.EventSessionStart())
        assert sdk.flush(timeout=30)
        monkeypatch.setattr(recognition, "recognise_context", watched)
        sdk.track(config.EventSessionStart())
        with imported(EXAMPLE) as other:
            sdk.track(config.EventSessionStart(), other.Context())
            assert recognised.wait(30)


@pytest.mark.skipif(engine != "native", reason="only the native engine recognises classes")
def test_warm_up_recognises_all_classes(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with PaltabrainSdk("localhost", "key", config.Context(), transport=InMemoryTransport()) as sdk:
        sdk.warm_up()
        monkeypatch.setattr(recognition, "recognise_event", None)
        monkeypatch.setattr(recognition, "recognise_context", None)
        for cls in config.EventPageOpen, config.EventSessionStart, config.Context:
            assert paltabrain_fast.explain(cls).accelerated


def test_warm_up_starts_the_thread_and_opens_no_connection(api: ApiServer, config: Any) -> None:
    sleeps: queue.SimpleQueue[object] = queue.SimpleQueue()
    with watching_sleeps(sleeps.put), PaltabrainSdk(api.hostname, "key", config.Context()) as sdk:
        with running(sdk.warm_up, sdk.warm_up) as results:
            pass
        assert [result.result() for result in results] == [None, None]
        sleeps.get(timeout=30)
        assert api.connections == 0
        sdk.track(config.EventPageOpen(page_id="page"))
    sdk.warm_up()  # after the end, it starts nothing
    assert sdk.stats().delivered == 1


def test_warm_up_tells_of_a_bundle_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ca_file: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ca_file.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with PaltabrainSdk[Any]("localhost", "key", None) as sdk:
        bundle.unlink()
        with pytest.raises(FileNotFoundError, match="named by REQUESTS_CA_BUNDLE"):
            sdk.warm_up()


def test_warm_up_of_a_disabled_sdk_does_nothing() -> None:
    before = threading.active_count()
    with PaltabrainSdk[Any](context=None, disabled=True) as sdk:
        sdk.warm_up()
        assert threading.active_count() == before


def test_parent_may_warm_up_before_it_forks(api: ApiServer) -> None:
    run_program("first/warm_in_parent", api.hostname)
    assert sum(map(len, texts(api))) == 4


def test_fork_waits_for_an_import(api: ApiServer) -> None:
    run_program("first/fork_while_importing", api.hostname)
    assert sorted(text for batch in texts(api) for text in batch) == ["child", "parent"]
