"""What waits is handed what is left of a timeout, never more; on a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.delivery import control as control_module
from paltabrain_fast.delivery import sender, workers
from paltabrain_fast.process import clock as clocks
from paltabrain_fast.process import fork_barrier, lifetime, threads
from paltabrain_fast.transport import Request

from .support.events import TextEvent
from .support.sdk import MakeSdk, Sdk

_START: Final = 1000.0
_TIMEOUT: Final = 2.5  # whose sums with readings of the clock are exact
_DEADLINE: Final = _START + _TIMEOUT
_PATIENCE: Final = 30.0


class Clock:
    """Stands in for the clock by which deadlines are reckoned, and stands still.

    Only what the test's own thread waits for is watched.

    Attributes:
        now: its reading.
        ends: what was waited for, and until which reading.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = _START
        self.ends: set[tuple[str, float]] = set()
        self._monkeypatch = monkeypatch
        self._thread = threading.get_ident()
        for module in control_module, fork_barrier, workers, lifetime, sender, threads:
            monkeypatch.setattr(module, "monotonic", self.monotonic)

    def monotonic(self) -> float:
        return self.now

    def watch(self, name: str, owner: object, method: str, *, in_vain: bool = False) -> None:
        """Note until when this waits, and let it wait for what comes soon.

        Args:
            name: what it waits for.
            owner: of the method.
            method: that waits; its last argument is a timeout.
            in_vain: nothing comes, and the whole timeout passes.
        """
        wait = getattr(owner, method)

        def note(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() != self._thread:
                return wait(*arguments, **named)
            *rest, timeout = *arguments, *named.values()
            self.ends.add((name, self.now + timeout))
            if in_vain:
                self.now += timeout
            real = 0.0 if in_vain else _PATIENCE
            return wait(*rest, **dict.fromkeys(named, real)) if named else wait(*rest, real)

        self._monkeypatch.setattr(owner, method, note)

    def watch_condition(self, name: str, condition: Any, *, in_vain: bool = False) -> None:
        """Do as ``watch`` for a condition, which is waited for until a deadline."""
        wait = condition.wait_for

        def note(predicate: Callable[[], Any], deadline: float | None = None) -> Any:
            if threading.get_ident() != self._thread:
                return wait(predicate, deadline)
            assert deadline is not None
            self.ends.add((name, deadline))
            if in_vain:
                self.now = deadline
            return wait(predicate, clocks.monotonic() + (0.0 if in_vain else _PATIENCE))

        self._monkeypatch.setattr(condition, "wait_for", note)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def retried(_request: Request) -> SendResult:
    return SendResult(status=503, retry_after=30.0)


def shutdown(sdk: Sdk) -> bool:
    return sdk.shutdown(timeout=_TIMEOUT)


def shutdown_untold(sdk: Sdk) -> bool:
    sdk._options.shutdown_timeout = _TIMEOUT
    return sdk.shutdown()


def exit_later(sdk: Sdk) -> bool:
    sdk._options.exit_timeout = _TIMEOUT + 1
    sdk._control.exit(started=_START - 1)
    return bool(sdk._control._outcome)


def test_flush_waits_for_its_timeout(make_sdk: MakeSdk, clock: Clock) -> None:
    sdk = make_sdk(transport=InMemoryTransport(retried), shutdown_timeout=0)
    sdk.track(TextEvent())
    sdk.flush()
    clock.watch_condition("outcomes", sdk._control.ledger._changed, in_vain=True)
    assert not sdk.flush(timeout=_TIMEOUT)
    assert clock.ends == {("outcomes", _DEADLINE)}


@pytest.mark.parametrize("end", [shutdown, shutdown_untold, exit_later])
def test_all_that_shutdown_waits_for_has_one_deadline(
    make_sdk: MakeSdk, clock: Clock, monkeypatch: pytest.MonkeyPatch, end: Callable[[Sdk], bool]
) -> None:
    transport = InMemoryTransport(retried)
    monkeypatch.setattr(control_module, "make_transport", lambda _name: transport)
    sdk = make_sdk()
    control = sdk._control
    working, release = threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        release.wait(_PATIENCE)

    monkeypatch.setattr(control, "_work", work)
    sdk.track(TextEvent())
    sdk.flush()
    assert working.wait(_PATIENCE)
    (sending,), controlling = control._pool._threads, control._thread
    assert controlling is not None
    clock.watch_condition("another shutdown", control._closing)
    clock.watch("another start", control_module, "acquire")
    clock.watch_condition("outcomes", control.ledger._changed, in_vain=True)
    clock.watch("sender thread", sending._native, "join")
    clock.watch("control thread", controlling._native, "join", in_vain=True)
    clock.watch_condition("forks", fork_barrier._guard._changed)
    try:
        assert not end(sdk)
    finally:
        ends = set(clock.ends)
        release.set()
        controlling.join(_PATIENCE)
    assert sdk.stats().dropped == {"deadline": 1}
    end_of_threads = _DEADLINE + control_module._ENDING_SECONDS
    assert ends == {
        ("another shutdown", _DEADLINE),
        ("another start", _DEADLINE),
        ("outcomes", _DEADLINE),
        ("sender thread", end_of_threads),
        ("control thread", end_of_threads),
        ("forks", end_of_threads),
    }


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_thread_that_sends_by_itself_waits_no_longer_for_a_retry(
    make_sdk: MakeSdk, clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(lifetime, "may_start_threads", lambda: False)
    transport = InMemoryTransport(retried)
    sdk = make_sdk(transport=transport, shutdown_timeout=0)
    sdk.track(TextEvent())
    clock.watch("retry", sdk._control._pool._changed, "wait", in_vain=True)
    assert not getattr(sdk, call)(timeout=_TIMEOUT)
    assert len(transport.requests) == 1
    assert clock.ends == {("retry", _DEADLINE)}


@pytest.mark.usefixtures("clock")
def test_attempts_end_with_the_timeout_of_shutdown(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, request_timeout=_PATIENCE)
    sdk.track(TextEvent())
    assert sdk.flush(timeout=_TIMEOUT)
    sdk.track(TextEvent())
    assert sdk.shutdown(timeout=_TIMEOUT)
    assert [request.timeout for request in transport.requests] == [_PATIENCE, _TIMEOUT]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_attempts_of_a_thread_that_sends_by_itself_end_with_its_timeout(
    make_sdk: MakeSdk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(lifetime, "may_start_threads", lambda: False)
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, request_timeout=_PATIENCE)
    sdk.track(TextEvent())
    assert getattr(sdk, call)(timeout=_TIMEOUT)
    assert [request.timeout for request in transport.requests] == [_TIMEOUT]
