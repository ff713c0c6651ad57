"""Waits for a blocking call without holding up the event loop of asyncio."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..process import lifetime
from ..process.reentrancy import Scope, call_in, may_wait
from ..process.threads import Thread
from .notify import Reporter

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

__all__ = ["await_without_hiding", "call_in_thread", "running_loop"]

T = TypeVar("T")


def running_loop() -> AbstractEventLoop:
    """Return the loop of asyncio that runs in this thread.

    Raises:
        RuntimeError: there is none, as under trio. The error says what to do there.
    """
    import asyncio  # here, as importing it takes as long as the rest of the SDK

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "aflush(), ashutdown() and 'async with' need a running loop of asyncio. Elsewhere, have"
            " a thread call flush() or shutdown(): under trio,"
            " await trio.to_thread.run_sync(sdk.flush, 5)"
        ) from None


async def call_in_thread(call: Callable[[], T], reporter: Reporter) -> T:
    """Make a call that blocks, in a thread of its own, and wait for it in the event loop.

    The thread is a daemon of the SDK's own, none of the loop's executor: that one may be full or
    shut down, and ``asyncio.run()`` waits for its threads. If the task is cancelled, or the loop
    closed, the call goes on.

    Args:
        call: what to do; as the user's code, which may wait.
        reporter: where it is told that no thread can be started. Then the call is made here.
    """
    loop = running_loop()
    # The code around may be what the call would wait for: a transport that runs a loop of its own.
    if not may_wait():
        return call()
    done: Future[Callable[[], T]] = loop.create_future()
    thread = Thread("async", lambda: _hand_over(_outcome(call), done))
    if not _start(thread):
        reporter.warn_sparingly(
            "asyncio", "flush() or shutdown() holds up the event loop: no thread can be started"
        )
        return call()
    return (await done)()


async def await_without_hiding(error: BaseException | None, ending: Awaitable[object]) -> None:
    """Wait for what ends a block; if that is cancelled, an error of the block goes on all the same.

    As the cancellation itself does, if it has left the block.
    """
    import asyncio

    try:
        await ending
    except asyncio.CancelledError:
        if error is None:
            raise


def _start(thread: Thread) -> bool:
    if not lifetime.may_start_threads():
        return False
    try:
        thread.start()
    except RuntimeError:  # the system has no thread to spare
        return False
    return True


def _outcome(call: Callable[[], T]) -> Callable[[], T]:
    """Make the call, and return what returns or raises as it has."""
    try:
        result = call_in(Scope.USER, call)
    except BaseException as error:
        fault = error

        def fail() -> T:
            raise fault

        return fail
    return lambda: result


def _hand_over(outcome: Callable[[], T], done: Future[Callable[[], T]]) -> None:
    """Have the loop go on with it, unless it is closed or nobody waits any more."""

    def finish() -> None:
        if not done.done():
            done.set_result(outcome)

    with contextlib.suppress(RuntimeError):  # the loop is closed
        done.get_loop().call_soon_threadsafe(finish)
