"""Keeps in memory what the SDKs of this process would send, as long as a test lasts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

from ..decoding import TrackedEvent, tracked_events
from ..delivery import diversion
from ..sdk_pb2 import Batch
from ..transport import InMemoryTransport, Request, SendResult, Transport
from .events import PaltabrainEvents

__all__ = ["Capture", "capture_events", "settle"]

_SETTLE_TRIES: Final = 25
_SETTLE_SECONDS: Final = 0.2
"""How long an attempt is waited for before those that wait for another one are hurried again."""

_MAX_RETRIES: Final = 3
"""After so many the answer is no, as that of an ``InMemoryTransport`` may be."""

_TOO_LARGE_STATUS: Final = 413

_SKIPPED: Final = "serialization_error"
_MAX_LISTED: Final = 10
_ON_PURPOSE: Final = (
    "In production, that is a loss. If the test tracks this on purpose, have it call clear() on its"
    " PaltabrainEvents afterwards."
)


@contextmanager
def capture_events() -> Iterator[PaltabrainEvents]:
    """Keep in memory what every SDK of this process tracks within the ``with``; nothing is sent.

    That holds for SDKs that exist already, for those that are made meanwhile, and for all threads.
    What was tracked before is not among the events, nor sent any more. An SDK whose transport is an
    ``InMemoryTransport`` goes on to use that as well.

    Yields:
        The events, to look at and to assert.

    Raises:
        AssertionError: at the end, unless the ``with`` is left by another exception, or the test of
            ``unittest`` has failed whose cleanup this is: there were events that cannot be
            serialized, and ``clear()`` was not called since.
    """
    __tracebackhide__ = True
    capture = Capture(diversion.current())
    with diversion.divert(capture):
        try:
            capture.begin()
            yield PaltabrainEvents(capture)
        finally:
            capture.end()
    if (complaint := capture.take_complaint()) is not None and not _is_after_failure():
        raise AssertionError(complaint)


def _is_after_failure() -> bool:
    """Whether this runs in the cleanup of a ``unittest.TestCase`` that has failed; none is told."""
    if (unittest := sys.modules.get("unittest.case")) is None:
        return False
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not unittest.TestCase.doCleanups.__code__:
        frame = frame.f_back
    if frame is None:
        return False
    case = frame.f_locals["self"]
    result = getattr(getattr(case, "_outcome", None), "result", None)
    failures = [*getattr(result, "failures", ()), *getattr(result, "errors", ())]
    return any(getattr(test, "test_case", test) is case for test, _ in failures)


def settle(concerns: Callable[[Transport], bool] = lambda _transport: True) -> None:
    """Have everything sent that is buffered; takes moments unless an answer is no.

    Args:
        concerns: whether an SDK with this transport is meant.
    """
    for pipeline in diversion.pipelines():
        before = pipeline.stats()
        if before.pending_events and concerns(pipeline.transport):
            for _ in range(_SETTLE_TRIES):
                pipeline.retry_now()
                if pipeline.flush(_SETTLE_SECONDS):
                    break
                if pipeline.stats().retries >= before.retries + _MAX_RETRIES:
                    break


class Skipped(NamedTuple):
    """An event that was dropped, since it cannot be serialized."""

    cls: type
    cause: str


class Capture:
    """A diversion that keeps batches and answers that they have arrived.

    It takes no lock, which a forked child might inherit in the hands of another thread.

    Args:
        outer: the diversion around this one. If that is a capture as well, it gets what was tracked
            before this one begins.
    """

    def __init__(self, outer: diversion.Diversion | None) -> None:
        self._outer = outer if isinstance(outer, Capture) else None
        self._batches: dict[str, Batch] = {}
        self._forgotten: set[str] = set()  # ids of batches from before
        self._is_recording = False
        self._numbered: list[diversion.Divertible] = []
        self._dropped: dict[diversion.Flushable, dict[str, int]] = {}
        self._skipped: list[Skipped] = []

    def begin(self) -> None:
        """Forget what was tracked so far, and begin to keep what comes."""
        settle()
        for sdk in diversion.sdks():
            self.sdk_started(sdk)
        for pipeline in diversion.pipelines():
            self._forgotten |= set(pipeline.running())
            self._dropped[pipeline] = dict(pipeline.stats().dropped)
        self._is_recording = True

    def end(self) -> None:
        """Let nothing of this get into what comes next."""
        settle()
        for pipeline in diversion.pipelines():
            pipeline.tell_losses()  # or else at the exit, below the summary of the test run
        for sdk in self._numbered:
            sdk._number_sessions_only()

    def send(self, transport: Transport, request: Request) -> SendResult:
        """Keep the batch of a request; see ``diversion.Diversion``."""
        if not self._is_recording and self._outer is not None:
            return self._outer.send(transport, request)
        is_in_memory = isinstance(transport, InMemoryTransport)
        result = transport.send(request) if is_in_memory else SendResult(status=200)
        if self._is_recording and result.status != _TOO_LARGE_STATUS:  # or else it comes in halves
            batch = Batch.FromString(request.body)
            if batch.common.batch_id not in self._forgotten:
                self._batches[batch.common.batch_id] = batch
        return result

    def sdk_started(self, sdk: diversion.Divertible) -> None:
        """Have the events of a new SDK numbered; see ``diversion.Diversion``."""
        if sdk._number_all():
            self._numbered.append(sdk)

    def event_skipped(self, event: Any, cause: str) -> None:
        """Keep what is said of an event; see ``diversion.Diversion``."""
        if self._is_recording:
            cls = event if isinstance(event, type) else type(event)
            self._skipped.append(Skipped(cls, cause))
        elif self._outer is not None:
            self._outer.event_skipped(event, cause)

    def has_skipped(self, cls: type) -> bool:
        """Whether an event of this class was dropped, since it cannot be serialized."""
        return any(issubclass(each.cls, cls) for each in self._skipped)

    def take_complaint(self) -> str | None:
        """Say which events cannot be serialized, and forget them; ``None`` if there are none."""
        if not self._skipped:
            return None
        complaint = "\n".join([*_skipped(self._skipped), _ON_PURPOSE])
        self._skipped.clear()
        return complaint

    def events(self) -> list[TrackedEvent]:
        """Return what was tracked so far, in that order."""
        settle()
        return tracked_events(list(self._batches.values()))

    def clear(self) -> None:
        """Forget what was tracked so far."""
        settle()
        self._forgotten |= set(self._batches)
        self._batches.clear()
        self._skipped.clear()
        for pipeline in diversion.pipelines():
            self._dropped[pipeline] = dict(pipeline.stats().dropped)

    @property
    def is_blind(self) -> bool:
        """Whether there are SDKs, and all of them drop every event."""
        sdks = diversion.sdks()
        return bool(sdks) and all(sdk._disabled_by_option for sdk in sdks)

    def remarks(self, *, nothing_tracked: bool) -> list[str]:
        """Say what may be the reason that an event is missing, one sentence each.

        Args:
            nothing_tracked: whether all are missing.
        """
        sdks, lost, late = diversion.sdks(), dict[str, int](), 0
        disabled = sum(sdk._disabled_by_option for sdk in sdks)
        for pipeline in diversion.pipelines():
            stats = pipeline.stats()
            late += stats.pending_events
            before = self._dropped.get(pipeline, {})
            for reason, count in stats.dropped.items():
                lost[reason] = lost.get(reason, 0) + count - before.get(reason, 0)
        found = [
            f"{_events(count)} dropped by the SDK: {reason}."
            for reason, count in lost.items()
            if count > 0 and reason != _SKIPPED
        ]
        found += _skipped(self._skipped)
        if late:
            found.append(f"{_events(late)} still on the way: the transport has not taken them yet.")
        if disabled and nothing_tracked:
            count = (
                "All SDKs are" if disabled == len(sdks) else f"Some of the SDKs ({disabled}) are"
            )
            found.append(
                f"{count} disabled, and so track nothing. Do without PALTABRAIN_SDK_DISABLED and"
                " the option disabled here: tests send nothing for real all the same."
            )
        if not sdks:
            found.append("There is no PaltabrainSdk of paltabrain_fast in this process.")
        return found


def _skipped(skipped: list[Skipped]) -> list[str]:
    """Return the lines on events that cannot be serialized; none if there are no such events."""
    if not skipped:
        return []
    causes = Counter(each.cause for each in skipped)
    lines = [
        f"  {cause}" if count == 1 else f"  {count} × {cause}"
        for cause, count in list(causes.items())[:_MAX_LISTED]
    ]
    if len(causes) > _MAX_LISTED:
        lines.append(f"  and {len(causes) - _MAX_LISTED} more")
    return [f"{_events(len(skipped))} dropped by the SDK: {_SKIPPED}.", *lines]


def _events(count: Any) -> str:
    return "1 event was" if count == 1 else f"{count} events were"
