"""In asyncio: ``async with``, ``aflush()`` and ``ashutdown()``, and a loop that goes on."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

import pytest

from paltabrain_fast import DeliveryResult, InMemoryTransport, PaltabrainSdk, Request, SendResult
from paltabrain_fast.process.threads import Thread

from .support.answers import Answer
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.probe import no_threads
from .support.programs import run_program
from .support.scarce import needs
from .support.sdk import MakeSdk, Sdk, texts
from .support.threads import await_end, threads_of_sdks

DEADLINE = 30
CALLS = pytest.mark.parametrize("call", ["aflush", "ashutdown"])


class Hanging(InMemoryTransport):
    """Answers no request before it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.sending = threading.Event()

    def send(self, request: Request) -> SendResult:
        self.sending.set()
        assert self.release.wait(60)
        return super().send(request)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.001)


def tracked(transport: InMemoryTransport, **options: Any) -> Sdk:
    sdk = PaltabrainSdk[Any]("localhost", "key", TextContext(), transport=transport, **options)
    sdk.track(TextEvent())
    return sdk


# What they do


def test_results_are_those_of_flush_and_shutdown(api: ApiServer) -> None:
    async def main() -> None:
        async with PaltabrainSdk(api.hostname, "key", TextContext()) as sdk:
            sdk.track(TextEvent("a"))
            await sdk.aflush()
            assert len(sdk.event_buffer) == 0
            assert await sdk.aflush(timeout=DEADLINE)
            sdk.track(TextEvent("b"))
            assert await sdk.aflush(DEADLINE) == DeliveryResult(True, delivered=1)
            sdk.track(TextEvent("c"))
        assert sdk.is_shutdown
        assert await sdk.ashutdown() == DeliveryResult(True, delivered=1) == sdk.shutdown()

    asyncio.run(main())
    assert texts(api) == [["a"], ["b"], ["c"]]


def test_overrides_of_a_subclass_are_obeyed() -> None:
    class Telling(PaltabrainSdk[Any]):
        def shutdown(self, timeout: float | None = None) -> DeliveryResult:
            told.append(timeout)
            return super().shutdown(timeout)

    async def main() -> None:
        async with Telling("localhost", "key", TextContext(), transport=InMemoryTransport()) as sdk:
            await sdk.ashutdown(timeout=5)

    told: list[float | None] = []
    asyncio.run(main())
    assert told == [5, None]


def test_what_an_override_raises_is_raised() -> None:
    class Failing(PaltabrainSdk[Any]):
        def flush(self, timeout: float | None = None) -> DeliveryResult:
            raise StopIteration(timeout)  # which no future takes

    with (
        Failing("localhost", "key", TextContext(), transport=InMemoryTransport()) as sdk,
        pytest.raises(RuntimeError, match="StopIteration"),
    ):
        asyncio.run(sdk.aflush())


# The loop goes on


async def count_turns(ended: Callable[[], bool], turns: int = 100) -> int:
    """Count how often the loop comes round, up to ``turns``, before something ends."""
    count = 0
    while not ended() and count < turns:
        await asyncio.sleep(0)
        count += 1
    return count


@CALLS
def test_loop_goes_on_while_a_server_does_not_answer(api: ApiServer, call: str) -> None:
    release = threading.Event()
    api.answer = lambda _count, _request: Answer(release=release)

    async def main() -> None:
        sdk = PaltabrainSdk(api.hostname, "key", TextContext())
        sdk.track(TextEvent())
        waiting = asyncio.create_task(getattr(sdk, call)(timeout=10))
        await until(lambda: api.received)
        assert await count_turns(waiting.done) == 100
        release.set()
        assert await waiting
        await sdk.ashutdown()

    asyncio.run(main())


@CALLS
def test_on_error_may_wait_for_the_loop(call: str) -> None:
    """As it does to hand the error over to a coroutine."""
    told: list[str] = []

    async def note(error: Exception) -> None:
        told.append(str(error))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        sdk = tracked(
            InMemoryTransport(lambda _request: SendResult(400)),
            on_error=lambda error, _info: asyncio.run_coroutine_threadsafe(
                note(error), loop
            ).result(DEADLINE),
        )
        assert await getattr(sdk, call)(timeout=10)
        await sdk.ashutdown()

    asyncio.run(main())
    assert told == ["the API refused the batch with HTTP status 400"]


def test_log_handler_may_wait_for_the_loop() -> None:
    """The control thread, for which a ``flush()`` without a timeout waits, logs as well."""

    class Handing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asyncio.run_coroutine_threadsafe(note(record.getMessage()), loops[0]).result(DEADLINE)

    loops: list[asyncio.AbstractEventLoop] = []
    lines: list[str] = []

    async def note(line: str) -> None:
        lines.append(line)

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        sdk = PaltabrainSdk[Any]("localhost", "key", TextContext(), transport=InMemoryTransport())
        sdk.logger = logging.Logger("handing", logging.INFO)
        sdk.logger.addHandler(Handing())
        sdk.track(TextEvent())
        assert await sdk.ashutdown(timeout=10) == DeliveryResult(True, delivered=1)

    asyncio.run(main())
    assert len(lines) == 1


def test_hundred_tasks_may_wait_at_once() -> None:
    transport = Hanging()

    async def main() -> None:
        sdk = tracked(transport)
        waiting = [asyncio.create_task(sdk.aflush(DEADLINE)) for _ in range(100)]
        await until(transport.sending.is_set)
        transport.release.set()
        assert all(await asyncio.gather(*waiting))
        assert await asyncio.gather(*[sdk.ashutdown() for _ in range(100)])

    asyncio.run(main())


@pytest.mark.parametrize("state", ["full", "shut down"])
def test_executor_of_the_loop_is_not_needed(state: str) -> None:
    async def main() -> None:
        loop, release = asyncio.get_running_loop(), threading.Event()
        if state == "full":
            for _ in range(100):
                loop.run_in_executor(None, release.wait)
        else:
            await loop.shutdown_default_executor()
        sdk = tracked(InMemoryTransport())
        assert await asyncio.wait_for(sdk.aflush(DEADLINE), DEADLINE)
        await asyncio.wait_for(sdk.ashutdown(), DEADLINE)
        release.set()

    asyncio.run(main())


def test_debug_mode_finds_no_slow_callback(caplog: pytest.LogCaptureFixture) -> None:
    transport = Hanging()

    async def main() -> None:
        asyncio.get_running_loop().slow_callback_duration = 0.5
        sdk = tracked(transport)
        assert not await sdk.aflush(timeout=0.7)
        transport.release.set()
        await sdk.ashutdown()

    asyncio.run(main(), debug=True)
    assert not [record for record in caplog.records if "took" in record.getMessage()]


@needs("uvloop")
def test_under_uvloop() -> None:
    import uvloop

    transport = Hanging()

    async def main() -> None:
        async with tracked(transport) as sdk:
            waiting = asyncio.create_task(sdk.aflush(10))
            await until(transport.sending.is_set)
            assert await count_turns(waiting.done) == 100
            transport.release.set()
            assert await waiting == DeliveryResult(True, delivered=1)

    uvloop.run(main())


# Cancellation, errors, and loops that end


@CALLS
def test_cancelled_call_returns_at_once_and_goes_on_by_itself(call: str) -> None:
    transport, before = Hanging(), threads_of_sdks()
    sdk = tracked(transport, shutdown_timeout=60)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(getattr(sdk, call)(60), 0.1)
        assert sdk.is_shutdown == (call == "ashutdown")
        asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
        transport.release.set()
        await until(lambda: sdk.stats().delivered)
        if call == "ashutdown":
            await until(lambda: not threads_of_sdks() - before)  # without a word more
        await until(lambda: not [t for t in threads_of_sdks() - before if "async" in t.name])

    faults: list[dict[str, Any]] = []
    asyncio.run(main())
    assert not faults
    assert sdk.shutdown()
    assert sdk.stats().delivered == 1


@pytest.mark.parametrize("timeout", ["0", "0.2"])
def test_program_ends_though_a_cancelled_shutdown_has_no_limit(timeout: str) -> None:
    expected = "cancelled, and " + ("open" if timeout == "0" else "shut down")
    output = run_program("event_loop/cancelled_shutdown", timeout, timeout=30, loses=True)
    assert output.strip() == expected


@CALLS
def test_loop_may_be_closed_meanwhile(call: str) -> None:
    transport, before = Hanging(), threads_of_sdks()
    sdk = tracked(transport)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(getattr(sdk, call)(60))
    loop.run_until_complete(until(transport.sending.is_set))
    waiting.get_coro().close()  # as the collector will
    loop.close()
    transport.release.set()
    assert sdk.shutdown()
    await_end(threads_of_sdks() - before)


def test_async_with_hides_no_error(api: ApiServer) -> None:
    async def main() -> None:
        async with sdk:
            sdk.track(TextEvent("sent all the same"))
            raise LookupError("the user's own")

    sdk = PaltabrainSdk(api.hostname, "key", TextContext())
    with pytest.raises(LookupError, match="the user's own"):
        asyncio.run(main())
    assert texts(api) == [["sent all the same"]]


def test_async_with_shuts_down_when_the_task_is_cancelled() -> None:
    async def use() -> None:
        async with sdk:
            begun.set()
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(use())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    begun = asyncio.Event()
    sdk = tracked(InMemoryTransport())
    asyncio.run(main())
    assert sdk.shutdown() == DeliveryResult(True, delivered=1)


@pytest.mark.parametrize("error", [None, LookupError("the user's own")])
def test_cancellation_while_async_with_ends(error: Exception | None) -> None:
    """It ends the wait, and hides no error."""
    transport = Hanging()

    async def use() -> None:
        async with sdk:
            if error is not None:
                raise error

    async def main() -> None:
        task = asyncio.create_task(use())
        await until(transport.sending.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError if error is None else LookupError):
            await task

    sdk = tracked(transport)
    asyncio.run(main())
    transport.release.set()
    assert sdk.shutdown() == DeliveryResult(True, delivered=1)


@needs("anyio")
def test_scope_of_anyio_cancels_the_wait() -> None:
    import anyio

    transport = Hanging()

    async def main() -> None:
        with anyio.move_on_after(0.1) as scope:
            async with sdk:
                await sdk.aflush(60)
        assert scope.cancelled_caught
        assert not transport.release.is_set()

    sdk = tracked(transport)
    anyio.run(main)
    transport.release.set()
    assert sdk.shutdown()


# Where the loop cannot be left alone


@pytest.mark.parametrize("lack", ["by rule", "by the system"])
def test_without_threads_the_loop_waits_and_that_is_told(
    caplog: pytest.LogCaptureFixture, lack: str
) -> None:
    start = Thread.start

    def start_or_fail(thread: Thread) -> None:
        if "async" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    async def main() -> None:
        sdk = tracked(InMemoryTransport())
        assert await sdk.aflush(DEADLINE) == DeliveryResult(True, delivered=1)
        await sdk.ashutdown()

    with no_threads() if lack == "by rule" else patch.object(Thread, "start", start_or_fail):
        asyncio.run(main())
    lines = [record.getMessage() for record in caplog.records if "loop" in record.getMessage()]
    assert lines == ["flush() or shutdown() holds up the event loop: no thread can be started"]


def test_loop_within_a_transport_gets_a_result_at_once() -> None:
    """What it would wait for goes on only when it returns."""

    async def flush() -> None:
        results.append(await sdk.aflush())
        results.append(await sdk.ashutdown())

    def answer(_request: Request) -> SendResult:
        asyncio.run(flush())
        return SendResult(200)

    results: list[DeliveryResult] = []
    sdk = tracked(InMemoryTransport(answer))
    assert sdk.flush(timeout=DEADLINE)
    assert results == [DeliveryResult(False, pending=1)] * 2
    assert sdk.shutdown()


def drive(coroutine: Coroutine[Any, Any, object]) -> None:
    """Take a step of it, as a loop that is not asyncio's."""
    coroutine.send(None)


@pytest.mark.parametrize("method", ["aflush", "ashutdown", "__aenter__"])
def test_without_a_loop_of_asyncio_the_error_says_what_to_do(
    make_sdk: MakeSdk, method: str
) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    with pytest.raises(RuntimeError, match=r"trio\.to_thread\.run_sync\(sdk\.flush, 5\)"):
        drive(getattr(sdk, method)())


def test_nothing_of_the_context_is_kept() -> None:
    """Such as the request that a task serves when it tracks the first event."""

    class Request:
        pass

    variable = contextvars.ContextVar[Request]("variable")

    async def serve() -> weakref.ref[Request]:
        request = Request()
        variable.set(request)
        sdk.track(TextEvent())
        assert await sdk.aflush(DEADLINE)
        return weakref.ref(request)

    async def main() -> None:
        tasks = asyncio.all_tasks()
        kept = await asyncio.create_task(serve())
        await asyncio.sleep(0)  # until asyncio itself has forgotten the task
        gc.collect()
        assert kept() is None
        assert asyncio.all_tasks() == tasks

    with PaltabrainSdk("localhost", "key", TextContext(), transport=InMemoryTransport()) as sdk:
        asyncio.run(main())
