"""From the first event to the end: flush, shutdown, exit, garbage collection."""

from __future__ import annotations

import gc
import logging
import queue
import signal
import threading
import weakref
from typing import Any

import pytest

from paltabrain_fast import (
    DeliveryResult,
    InMemoryTransport,
    PaltabrainSdk,
    Request,
    SendResult,
)
from paltabrain_fast.sdk_pb2 import Batch
from paltabrain_fast.transport import HttpsTransport, Transport

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent, UnserializableEvent
from .support.interruption import everywhere
from .support.log_lines import LogLines
from .support.probe import (
    after_take,
    exit_of,
    fork_barrier_condition,
    no_threads,
    waiting_for_our_books,
)
from .support.programs import run_program, start_program
from .support.sdk import MakeSdk, Sdk, assert_balanced, texts
from .support.threads import await_end, running, threads_of_sdks


def test_flush_does_not_wait_and_flush_with_timeout_does(api: ApiServer, make_sdk: MakeSdk) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname)
    try:
        sdk.track(TextEvent())
        assert not sdk.flush()
        assert len(sdk.event_buffer) == 0
        api.wait_for(1)
        assert not sdk.flush(timeout=0.05)
    finally:
        release.set()
    assert sdk.flush(timeout=30)


def test_flush_waits_only_for_what_was_tracked_before(api: ApiServer, make_sdk: MakeSdk) -> None:
    first, second = threading.Event(), threading.Event()
    api.answer = lambda count, _request: Answer(release=second if count else first)
    sdk = make_sdk(api.hostname, flush_buffer_size=1)
    flushed: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    sdk.track(TextEvent("before"))
    api.wait_for(1)
    waiter = threading.Thread(target=lambda: flushed.put(sdk.flush(timeout=30)))
    waiter.start()
    try:
        sdk.track(TextEvent("after"))
        api.wait_for(2)
        first.set()
        assert flushed.get(timeout=30)
        assert sdk.stats().batches_in_flight == 1
    finally:
        first.set()
        second.set()
        waiter.join()


def test_event_is_settled_at_no_moment_before_it_is_delivered(make_sdk: MakeSdk) -> None:
    """A signal handler that comes anywhere in ``flush`` is told so, by a ``flush`` of its own."""
    arrived: list[str] = []
    told: list[tuple[bool, bool]] = []

    def answer(request: Request) -> SendResult:
        arrived.extend(e.payload.decode() for e in Batch.FromString(request.body).events)
        return SendResult(200)

    def look() -> None:
        settled = sdk.flush()
        told.append((bool(settled), name in arrived))

    sdk = make_sdk(transport=InMemoryTransport(answer))
    for number, interruption in enumerate(everywhere(look)):
        name = str(number)
        sdk.track(TextEvent(name))
        with interruption:
            assert sdk.flush(timeout=30)
        assert name in arrived
    assert not [place for place, (settled, delivered) in enumerate(told) if settled > delivered]
    assert (False, False) in told


def test_shutdown_delivers_all_and_ends_the_threads(api: ApiServer, make_sdk: MakeSdk) -> None:
    before = threads_of_sdks()
    sdk = make_sdk(api.hostname)
    for number in range(1000):
        sdk.track(TextEvent(str(number)))
    assert not sdk.is_shutdown
    assert sdk.shutdown()
    assert sdk.is_shutdown
    arrived = sorted(int(text) for batch in texts(api) for text in batch)
    assert arrived == list(range(1000))
    assert not threads_of_sdks() - before
    assert sdk.shutdown()
    assert sdk.flush(timeout=1)


def test_shutdown_gives_up_at_its_deadline(
    api: ApiServer, make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    sdk = make_sdk(api.hostname, max_in_flight=1)
    try:
        sdk.track(TextEvent("in flight"))
        sdk.flush()
        api.wait_for(1)
        sdk.track(TextEvent("buffered"))
        sdk.track(TextEvent("buffered"))
        assert not sdk.shutdown(timeout=0.05)
        assert not sdk.shutdown()
    finally:
        release.set()
    stats = sdk.stats()
    assert stats.dropped == {"deadline": 3}
    assert stats.pending_events == 0
    assert_balanced(sdk)
    given_up = [r for r in caplog.records if "not delivered" in r.getMessage()]
    assert [r.getMessage() for r in given_up] == [
        "not delivered before the shutdown timeout: 3 events lost; raise shutdown_timeout"
    ]


def test_shutdown_interrupts_the_wait_for_a_retry(api: ApiServer, make_sdk: MakeSdk) -> None:
    api.answer = lambda _count, _request: Answer(503, headers={"Retry-After": "3000"})
    before = threads_of_sdks()
    sdk = make_sdk(api.hostname)
    sdk.track(TextEvent())
    sdk.flush()
    api.wait_for(1)
    assert not sdk.shutdown(timeout=0.2)
    await_end(threads_of_sdks() - before, deadline=15)  # in 30 s, it would be made
    assert len(api.requests) == 1


def test_after_shutdown_events_are_dropped_with_one_warning(
    make_sdk: MakeSdk,
) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    lines = LogLines(sdk)
    sdk.shutdown()
    for _ in range(5):
        sdk.track(TextEvent())
    assert sdk.stats().dropped == {"already_shutdown": 5}
    assert lines.next() == (
        "tracked after shutdown(): 5 events lost; shut down after the last event, or make a new"
        " PaltabrainSdk"
    )
    assert len(sdk.event_buffer) == 0
    assert transport.requests == []


def test_context_manager_shuts_down_and_hides_no_exception(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext())

    def use() -> None:
        with sdk:
            sdk.track(TextEvent("sent all the same"))
            raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        use()
    assert sdk.is_shutdown
    assert texts(api) == [["sent all the same"]]


def test_forgotten_shutdown_is_made_up_for_at_exit(api: ApiServer) -> None:
    run_program("exit/forgetful", api.hostname, "30")
    assert [text for batch in texts(api) for text in batch] == [str(n) for n in range(10)]


def test_exit_is_bounded_when_nobody_answers(api: ApiServer) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        done = start_program("exit/forgetful", api.hostname, "0.1")
    finally:
        release.set()
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_shutdown_in_a_signal_handler_does_not_hang(call: str) -> None:
    """Nothing can go on before it returns."""
    nested = run_program("signals/shutdown_in_handler", call, loses=True).split()
    assert nested == ["False"] or (call == "flush" and nested == ["True"])


def test_shutdown_in_a_signal_handler_that_interrupts_framing_does_not_hang() -> None:
    run_program("signals/shutdown_in_framing", loses=True)


def test_shutdown_in_a_signal_handler_anywhere_in_another_does_not_hang() -> None:
    run_program("signals/shutdown_in_shutdown", loses=True)


@pytest.mark.parametrize("call", ["flush", "shutdown"])
def test_shutdown_in_a_signal_handler_anywhere_in_a_call_loses_nothing(call: str) -> None:
    run_program("signals/shutdown_everywhere", call, timeout=100, loses=True)


@pytest.mark.parametrize("engine", ["native", "python"])
def test_shutdown_in_a_handler_that_interrupts_track_waits_for_nothing_of_it(engine: str) -> None:
    """Such as the lock of the buffer in pure Python, which the control thread waits for."""
    run_program("signals/shutdown_in_track", loses=True, PALTABRAIN_SDK_ENGINE=engine)


def test_stats_in_a_handler_do_not_wait_for_who_waits_for_what_it_has_interrupted() -> None:
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    sdk.track(TextEvent())
    with waiting_for_our_books(sdk):
        assert sdk.stats().pending_events == 1
        assert_balanced(sdk)
    assert sdk.shutdown(timeout=30)


def test_stats_in_a_handler_that_interrupts_framing_count_what_is_taken() -> None:
    """When it has left the buffer, and is in no batch yet."""
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    seen = list[int]()

    def handler() -> None:
        seen.append(sdk.stats().pending_events)
        assert_balanced(sdk)

    with no_threads(), after_take(sdk, handler):
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
        assert seen[0] == 1
        assert sdk.shutdown(timeout=30)


def test_shutdown_in_a_handler_that_interrupts_the_fork_barrier_is_left_to_the_next() -> None:
    """Each attempt enters the barrier."""
    sdk = PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport())
    sdk.track(TextEvent())
    with fork_barrier_condition():
        assert not sdk.shutdown(timeout=30)
    assert sdk.shutdown(timeout=30)
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize("timeout", [-5, 0, 1e10, float("inf")])
def test_any_number_is_a_timeout(make_sdk: MakeSdk, timeout: float) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    assert sdk.flush(timeout=timeout)
    assert sdk.shutdown(timeout=timeout)


def test_on_error_may_shut_down(make_sdk: MakeSdk) -> None:
    done: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=lambda _error, _info: done.put(sdk.shutdown(timeout=30)),
    )
    sdk.track(TextEvent())
    sdk.flush()
    assert done.get(timeout=30)


@pytest.mark.parametrize("where", ["transport", "on_error"])
def test_exit_in_a_sender_thread_costs_one_batch_at_most(make_sdk: MakeSdk, where: str) -> None:
    answers = iter([400])

    def leave(*_arguments: object) -> SendResult:
        if next(answers, None):
            raise SystemExit(1)
        return SendResult(status=200)

    if where == "transport":
        sdk = make_sdk(transport=InMemoryTransport(leave), max_in_flight=1)
    else:
        statuses = iter([400])
        refuse_once = InMemoryTransport(lambda _request: SendResult(next(statuses, 200)))
        sdk = make_sdk(transport=refuse_once, max_in_flight=1, on_error=leave)
    for text in "first", "second":
        sdk.track(TextEvent(text))
        assert sdk.flush(timeout=30)
    assert sdk.stats().delivered == 1
    assert sdk.stats().dropped_after_acceptance == 1
    assert sdk.shutdown(timeout=30)


class Leaving(logging.Handler):
    """Ends the program with each line of the SDK's own threads; or of any thread."""

    def __init__(self, *, everywhere: bool = False) -> None:
        super().__init__()
        self._everywhere = everywhere

    def emit(self, _record: logging.LogRecord) -> None:
        if self._everywhere or threading.current_thread() in threads_of_sdks():
            raise SystemExit(1)


def test_logging_handler_that_exits_costs_no_thread_and_no_wake_up(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), max_in_flight=1)
    sdk.logger = logging.Logger("leaving", logging.INFO)
    sdk.logger.addHandler(Leaving())
    before = threads_of_sdks()
    for number in range(30):
        sdk.track(TextEvent(), TextContext(str(number)))
        assert number or sdk.flush(timeout=30)
    (sender,) = {thread for thread in threads_of_sdks() - before if "sender" in thread.name}
    assert sdk.flush(timeout=30)
    assert sender.is_alive()


def test_batch_has_an_outcome_whatever_is_raised(make_sdk: MakeSdk) -> None:
    def leave(_request: Request) -> SendResult:
        raise SystemExit(1)

    sdk = make_sdk(transport=InMemoryTransport(leave))
    sdk.logger = logging.Logger("leaving", logging.INFO)
    sdk.logger.addHandler(Leaving(everywhere=True))
    with no_threads():
        sdk.track(TextEvent())
        for _ in range(6):  # it may be a signal handler that raises; but not for ever
            with pytest.raises(SystemExit):
                sdk.flush(timeout=30)
        assert sdk.flush(timeout=0)
    assert sdk.stats().dropped == {"internal_error": 1}
    with pytest.raises(SystemExit):  # as the loss is told
        sdk.shutdown()


def test_exit_gives_up_what_another_thread_is_shutting_down(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon, say, that has more time than the process; no loss is silent."""
    sending, release = threading.Event(), threading.Event()

    def hang(_request: Request) -> SendResult:
        sending.set()
        release.wait(60)
        return SendResult(status=200)

    sdk = make_sdk(transport=InMemoryTransport(hang))
    sdk.track(TextEvent())
    with running(sdk.shutdown):
        assert sending.wait(30)
        exit_of(sdk, started=-3600.0)
        release.set()
    assert sdk.stats().dropped == {"deadline": 1}
    assert "not delivered before the exit timeout: 1 event lost; raise exit_timeout" in caplog.text


def test_track_does_not_raise_at_the_limit_of_recursion(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    event = TextEvent()
    escaped = []

    def probe() -> None:
        """There is room for one more call."""

    def deeper() -> None:
        probe()
        try:
            sdk.track(event)
        except RecursionError as error:
            escaped.append(error)
        deeper()

    with pytest.raises(RecursionError):
        deeper()
    assert not escaped


# Exit


def test_all_sdks_are_flushed_at_exit_with_what_exit_handlers_track(api: ApiServer) -> None:
    run_program("exit/several_sdks", api.hostname, "30", "5")
    assert sorted(text for batch in texts(api) for text in batch) == [*"01234", "at exit"]


def test_exit_of_all_sdks_has_one_time_limit(api: ApiServer) -> None:
    """They give up together: one after the other, they would outlast the program's deadline."""
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)
    try:
        run_program("exit/several_sdks", api.hostname, "2", "20", timeout=25, loses=True)
    finally:
        release.set()


def test_nothing_starts_when_the_interpreter_is_ending(api: ApiServer) -> None:
    """An event that comes when our exit handler has run is dropped, without a thread or a trace."""
    run_program("exit/late_events", api.hostname)
    assert ["in time"] in texts(api)


# Shutdown from everywhere


def test_shutdown_from_many_threads_has_one_outcome(api: ApiServer) -> None:
    sdk = PaltabrainSdk(api.hostname, "key", TextContext(), flush_buffer_size=1)
    for number in range(50):
        sdk.track(TextEvent(str(number)), TextContext(str(number)))
    outcomes: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=lambda: outcomes.put(sdk.shutdown(timeout=30))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert all(outcomes.get(timeout=60) for _ in threads)
    for thread in threads:
        thread.join()
    assert len(api.requests) == 50


def test_on_error_may_shut_down_while_others_do(make_sdk: MakeSdk) -> None:
    """Neither waits for the other."""
    outcomes: queue.SimpleQueue[DeliveryResult] = queue.SimpleQueue()
    called = threading.Event()

    def shut_down(*_told: object) -> None:
        called.set()
        outcomes.put(sdk.shutdown())

    sdk: Sdk = make_sdk(
        transport=InMemoryTransport(lambda _request: SendResult(status=400)),
        on_error=shut_down,
        shutdown_timeout=None,
    )
    sdk.track(UnserializableEvent())
    sdk.track(TextEvent())
    assert called.wait(30)
    assert sdk.shutdown()
    assert outcomes.get(timeout=30)


def test_signal_handler_that_interrupts_a_shutdown_may_shut_down_another_sdk(
    make_sdk: MakeSdk,
) -> None:
    """And need not come back: nothing is left to do for that one."""
    arrived, outcomes = threading.Event(), list[DeliveryResult]()
    main = threading.main_thread().ident
    assert main is not None

    def arrive(_request: Request) -> SendResult:
        arrived.set()
        return SendResult(status=200)

    def interrupt(_request: Request) -> SendResult:
        signal.pthread_kill(main, signal.SIGUSR1)
        return SendResult(status=200 if arrived.wait(30) else 400)

    sdk = make_sdk(transport=InMemoryTransport(interrupt))
    other = make_sdk(transport=InMemoryTransport(arrive))
    sdk.track(TextEvent())
    other.track(TextEvent())
    before = signal.signal(signal.SIGUSR1, lambda *_: outcomes.append(other.shutdown(timeout=30)))
    try:
        assert sdk.shutdown(timeout=60)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [bool(outcome) for outcome in outcomes] == [True]
    assert sdk.stats().delivered == 1


def test_logging_handler_that_shuts_down_does_not_hang(make_sdk: MakeSdk) -> None:
    class ShuttingDown(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            assert sdk.shutdown() is not None

    sdk = make_sdk(transport=InMemoryTransport(lambda _request: SendResult(status=400)))
    handler = ShuttingDown()
    sdk.logger.addHandler(handler)
    level = sdk.logger.level
    sdk.logger.setLevel(logging.INFO)
    try:
        sdk.track(TextEvent())
        assert sdk.flush(timeout=30)
    finally:
        sdk.logger.setLevel(level)
        sdk.logger.removeHandler(handler)
    assert sdk.is_shutdown
    assert sdk.shutdown(timeout=30)


def test_deadlines_hold_inside_a_wait_for_a_retry(make_sdk: MakeSdk) -> None:
    """Flush comes back without an outcome, shutdown without waiting it out."""
    retried = InMemoryTransport(lambda _request: SendResult(status=503, retry_after=10.0))
    sdk = make_sdk(transport=retried)
    sdk.track(TextEvent())
    assert not sdk.flush(timeout=0.1)
    assert not sdk.shutdown(timeout=0.1)
    assert len(retried.requests) == 1  # or it would have been made again meanwhile
    assert sdk.stats().dropped == {"deadline": 1}


# Garbage collection


class Service:
    """Has an SDK that refers to it."""

    def __init__(self, hostname: str, transport: Transport) -> None:
        self.sdk: Sdk = PaltabrainSdk(
            hostname,
            "key",
            TextContext(),
            transport=transport,
            flush_interval_ms=3_600_000,
            on_error=self.on_error,
        )

    def on_error(self, *_told: object) -> None:
        raise AssertionError


def forget_sdk(hostname: str) -> list[weakref.ref[Any]]:
    """Return references to an SDK and to what only its delivery refers to, both forgotten."""
    transport = HttpsTransport()
    sdk = Service(hostname, transport).sdk
    sdk.track(TextEvent("kept"))
    return [weakref.ref(sdk), weakref.ref(transport)]


def test_forgotten_sdk_delivers_what_it_has_and_ends(api: ApiServer) -> None:
    before = threads_of_sdks()
    sdk, transport = forget_sdk(api.hostname)
    gc.collect()
    assert sdk() is None
    api.wait_for(1)
    await_end(threads_of_sdks() - before)
    gc.collect()
    assert transport() is None


def test_sdks_in_a_loop_do_not_pile_up() -> None:
    """Each with its threads and its ring of 16 MiB."""
    assert int(run_program("lifecycle/many_sdks")) < 150
