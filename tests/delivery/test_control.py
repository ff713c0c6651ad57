"""The control thread: when it starts, that it survives what it meets, and who sends without it."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator

import pytest

from paltabrain_fast import InMemoryTransport, SendResult
from paltabrain_fast.transport import Request

from ..support.events import TextEvent
from ..support.probe import await_delivery, framing_fails_once
from ..support.programs import run_program
from ..support.sdk import MakeSdk, texts
from ..support.threads import control_threads
from .control import Sleeps


def test_thread_starts_with_the_first_event(make_sdk: MakeSdk, sleeps: Sleeps) -> None:
    before = len(control_threads())
    sdk = make_sdk(transport=InMemoryTransport())
    sdk.flush_buffer_size = 10
    assert len(control_threads()) == before
    sdk.track(TextEvent())
    sleeps.get(timeout=30)
    assert len(control_threads()) == before + 1
    assert control_threads()[-1].daemon


def test_fault_of_framing_is_survived(make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    with framing_fails_once(MemoryError("no memory")):
        sdk.track(TextEvent())
        await_delivery(sdk, 1)
    assert "framing failed: MemoryError('no memory')" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dead_control_thread_is_replaced(make_sdk: MakeSdk) -> None:
    before = control_threads()
    sdk = make_sdk(transport=InMemoryTransport(), flush_interval_ms=1)
    sdk.track(TextEvent())
    await_delivery(sdk, 1)
    (dead,) = [thread for thread in control_threads() if thread not in before]
    ident = ctypes.c_ulong(dead.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    sdk.flush_interval_ms = 2  # which wakes it
    dead.join(30)
    assert not dead.is_alive()
    sdk.track(TextEvent())
    await_delivery(sdk, 2)
    assert dead not in control_threads()


@contextlib.contextmanager
def no_new_threads() -> Iterator[None]:
    def refuse(*_arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("paltabrain_fast.process.threads.Thread.start", refuse)
        yield


def test_thread_that_cannot_be_started_is_tried_again(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, flush_buffer_size=1)
    with no_new_threads():
        sdk.track(TextEvent("1"))
        sdk.track(TextEvent("2"))
        assert len(sdk.event_buffer) == 2
        assert sdk.flush(timeout=30)  # in this thread, for want of others
        assert texts(transport) == [["1", "2"]]
        sdk.track(TextEvent("3"))
    sdk.track(TextEvent("4"))
    await_delivery(sdk, 4)
    assert "cannot start: can't start new thread" in caplog.text


@pytest.mark.parametrize("call", ["shutdown", "flush"])
def test_signal_handler_does_not_wait_for_what_it_interrupts(make_sdk: MakeSdk, call: str) -> None:
    """Here a thread that sends by itself, for want of others."""
    handled: list[bool] = []

    def interrupted(_request: Request) -> SendResult:
        handled.append(bool(getattr(sdk, call)(timeout=600)))
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(interrupted))
    outcomes: list[bool] = []

    def send() -> None:
        with no_new_threads():
            sdk.track(TextEvent())
            outcomes.append(bool(sdk.flush(timeout=600)))

    flushing = threading.Thread(target=send, daemon=True)
    flushing.start()
    flushing.join(30)
    assert (handled, outcomes) == ([False], [True])
    assert sdk.shutdown()
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "block"])
def test_track_from_signal_handlers_and_finalizers(overflow: str) -> None:
    run_program("delivery/reentrant", overflow, timeout=100, loses=True)
