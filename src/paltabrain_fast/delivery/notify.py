"""Tells the user of failures: log lines, the last errors, ``on_error``."""

from __future__ import annotations

import contextlib
import inspect
import logging
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from ..constant import BATCH_MAX_BYTE_SIZE
from ..errors import BatchRejectedError, DropReason, ErrorInfo, EventTooLargeError
from ..options import Options
from ..process.clock import monotonic
from ..process.log import log_line, logger
from ..process.masking import masked
from ..process.pristine import Lock
from ..process.reentrancy import Scope, call_in, is_logging
from .debug import DebugLog

__all__ = ["Callback", "Reporter", "check_callback"]

_MAX_CALLBACKS: Final = 1000
_MAX_TEXT: Final = 200
_MAX_FRAMES: Final = 50
_NOTE: Final = "Where the event was skipped:\n"


class Callback:
    """Holds ``on_error`` for the SDK; whoever else needs it holds this weakly.

    So a callback that refers to the SDK does not keep it alive.
    """

    def __init__(self, on_error: Callable[[Exception, ErrorInfo], object]) -> None:
        self.on_error = on_error


def check_callback(name: str, callback: object, arguments: str) -> None:
    """Raise a ``TypeError`` unless an option is a function that can be called with two arguments.

    Args:
        name: of the option.
        callback: its value.
        arguments: what the two are, in words.
    """
    if not callable(callback):
        raise TypeError(f"{name} must be callable, not {callback!r}")
    if inspect.iscoroutinefunction(callback):
        raise TypeError(f"{name} must be a plain function, as nobody awaits it, not {callback!r}")
    try:
        signature = inspect.signature(callback)
    except ValueError:  # some callables of C have none that can be read
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise TypeError(f"{name} must take {arguments}, not {callback!r}: {error}") from None


class Reporter:
    """Keeps the last errors and tells the user of them. Nothing here raises an ``Exception``.

    Any thread may call it, except for ``run_callbacks``, which is for the sender threads.

    Args:
        callback: what errors are told to, in a thread of the SDK's own.
        options: for the API key, which must not be in what the server is told.
        predecessor: that of the parent, in a forked child: logger and last errors stay.
    """

    def __init__(
        self, callback: Callback | None, options: Options, predecessor: Reporter | None = None
    ) -> None:
        self.logger: logging.Logger = logger if predecessor is None else predecessor.logger
        self.last_request_error: Exception | None = None
        self.last_serialization_error: Exception | None = None
        if predecessor is not None:
            self.last_request_error = predecessor.last_request_error
            self.last_serialization_error = predecessor.last_serialization_error
        self.debug = DebugLog(options, lambda: self.logger, is_forked=predecessor is not None)
        self.on_queued: Callable[[], object] = lambda: None
        """Called after an error was queued; set by the pipeline, whose threads run callbacks."""
        self._callback = None if callback is None else weakref.ref(callback)
        self._options = options
        self._queue: deque[tuple[Exception, ErrorInfo]] = deque()
        self._running = Lock()  # held by the one thread that makes callbacks
        self._quiet_until: dict[str, float] = {}  # by topic, a reading of monotonic()
        self._deciding = Lock()  # held by the one thread that changes _quiet_until
        self._has_refused = False  # an event was refused as reentrant, and the line has yet to come

    @property
    def has_callbacks(self) -> bool:
        """Whether ``on_error`` is yet to be called."""
        return bool(self._queue)

    def serialization_failed(self, event: object, error: Exception) -> str:
        """Report that an event was skipped, since it or its context could not be serialized.

        Returns:
            What the server is told of it.
        """
        report = partial(
            self.log, logging.WARNING, "Event [%s] was skipped due to serialization error"
        )
        self._event_skipped(event, error, "serialization_error", report)
        return _error_text(event, error, self._options.api_key)

    def before_send_failed(self, event: object, error: Exception) -> None:
        """Report that an event was dropped, since ``before_send`` raised, or returned no event.

        The server is not told: the error may quote what the hook was to remove.
        """
        report = partial(
            self.warn_sparingly,
            f"before_send {type(error).__name__}",
            "Event [%s] was dropped, and nothing of it sent, due to an error of before_send, which"
            " has to return an event or None",
        )
        self._event_skipped(event, error, "before_send_error", report)

    def _event_skipped(
        self, event: object, error: Exception, reason: DropReason, report: Callable[..., None]
    ) -> None:
        """Keep the error, have it told, and forget what it keeps alive."""
        name = type(event).__name__
        _drop_note(error)  # the same exception object may be raised for each event
        self.last_serialization_error = error
        report(name, error=error)
        _note_traceback(error)
        _forget_frames(error)
        self.queue_callback(error, ErrorInfo(reason, 1, event_class=name))

    def too_large(
        self, events: int, event_class: str | None = None, size: int | None = None
    ) -> None:
        """Report events that no batch can hold: one of a class, or some whose class is unknown."""
        error = EventTooLargeError(size, BATCH_MAX_BYTE_SIZE)
        if event_class is not None:
            self.warn_sparingly("too_large", "Event [%s] was dropped: %s", event_class, error)
        else:
            self.warn_sparingly(
                "too_large",
                "%d events were dropped: each is, with its context, too large for a batch of %d"
                " bytes",
                events,
                BATCH_MAX_BYTE_SIZE,
            )
        self.queue_callback(error, ErrorInfo("too_large", events, event_class=event_class))

    def batch_failed(
        self, batch_id: str, events: int, reason: DropReason, error: Exception
    ) -> None:
        """Report a batch that was given up after an exception, or after its last attempt."""
        self.last_request_error = error
        if reason != "internal_error":  # which is logged where it is caught
            self.log(logging.WARNING, "Batch: %s, Status: EXCEPTION, Reason: %s", batch_id, error)
        self.queue_callback(error, ErrorInfo(reason, events, batch_id))

    def batch_rejected(self, batch_id: str, events: int, error: BatchRejectedError) -> None:
        """Report a batch that the server refused."""
        self.last_request_error = error
        self.log(logging.INFO, "Batch %s, Status: REJECT, Code: %d", batch_id, error.status)
        self.queue_callback(error, ErrorInfo("rejected", events, batch_id))

    def batch_succeeded(self, batch_id: str, seconds: float) -> None:
        """Report a batch that the server accepted."""
        self.log(logging.INFO, "Batch %s, Status: SUCCESS, Time: %.3f", batch_id, seconds)

    def outage_begun(self, fault: Exception) -> None:
        """Report that the server cannot be reached, for more than a moment."""
        self.log(
            logging.WARNING,
            "The server cannot be reached, and events are kept until it is: %s",
            fault,
        )

    def outage_over(self, seconds: float, lost: int) -> None:
        """Report that the server is reached again, and how many events were lost meanwhile."""
        self.log(
            logging.WARNING,
            "The server is reached again after %.1f s; %d events were lost meanwhile",
            seconds,
            lost,
        )

    def warn_sparingly(
        self,
        topic: str,
        message: str,
        *arguments: object,
        quiet_seconds: float = 20.0,
        error: Exception | None = None,
    ) -> None:
        """Log a warning, unless one of the same topic was logged within the last seconds."""
        now = monotonic()
        # not blocking: this may be a signal handler that has interrupted the holder of the lock
        if now < self._quiet_until.get(topic, 0.0) or not self._deciding.acquire(blocking=False):
            return
        try:
            first = now >= self._quiet_until.get(topic, 0.0)
            self._quiet_until[topic] = now + quiet_seconds
        finally:
            self._deciding.release()
        if first:
            self.log(logging.WARNING, message, *arguments, error=error)

    def log(
        self, level: int, message: str, *arguments: object, error: Exception | None = None
    ) -> None:
        """Log a line, as ``log_line`` does; then report events that its handlers tracked."""
        log_line(level, message, *arguments, error=error, to=self.logger)
        if self._has_refused:
            self.report_reentrant()

    def report_reentrant(self) -> None:
        """Report that an event was refused, as the SDK itself had called who tracked it.

        That is logged after the log call in which it happened.
        """
        self._has_refused = is_logging()
        if not self._has_refused:
            self.warn_sparingly(
                "reentrant",
                "Events are dropped: tracked for a log line of the SDK's own, in one of its threads"
                " or in before_send. Have the handler leave out what comes from there",
            )

    def queue_callback(self, error: Exception, info: ErrorInfo) -> None:
        """Have a sender thread call ``on_error``; while ``_MAX_CALLBACKS`` wait, drop the error."""
        if self._callback is not None and len(self._queue) < _MAX_CALLBACKS:
            self._queue.append((error, info))
            self.on_queued()

    def run_callbacks(self) -> None:
        """Make the callbacks that are queued, one by one; in a thread of the SDK's own.

        The callback may take its time, and may flush or shut down the SDK.
        """
        # Only one thread makes callbacks, and others leave theirs to it. It looks again when it has
        # released the lock, so none is left behind.
        while self._queue and self._running.acquire(blocking=False):
            try:
                while self._queue:
                    self._call(*self._queue.popleft())
            finally:
                self._running.release()

    def _call(self, error: Exception, info: ErrorInfo) -> None:
        callback = None if self._callback is None else self._callback()
        if callback is None:
            return
        try:
            call_in(Scope.USER, partial(callback.on_error, error, info))
        except Exception as failure:
            self.log(logging.WARNING, "on_error raised", error=failure)


def _note_traceback(error: Exception) -> None:
    """Keep the traceback, the newest frames of it, as the text of a note."""
    with contextlib.suppress(Exception):  # some take none
        lines = traceback.format_exception(error, limit=-_MAX_FRAMES)
        error.add_note(_NOTE + "".join(lines).rstrip())


def _drop_note(error: Exception) -> None:
    with contextlib.suppress(Exception):
        if notes := getattr(error, "__notes__", None):
            error.__notes__ = [note for note in notes if not note.startswith(_NOTE)]


def _forget_frames(error: Exception) -> None:
    """Drop the tracebacks of an error that is kept: they hold the frames of all callers.

    Whoever tracks an event has the SDK among its variables, which would never be collected then.
    """
    with contextlib.suppress(Exception):  # some refuse to be changed
        error.__traceback__ = error.__cause__ = error.__context__ = None


def _error_text(event: object, error: Exception, secret: str) -> str:
    """Say in few words what was wrong with an event, for the server; never a secret."""
    try:
        detail = masked(str(error), secret).encode(errors="replace").decode()
        text = f"{type(event).__name__}: {type(error).__name__}: {detail}"
    except Exception:  # an error that cannot even be printed
        text = f"{type(event).__name__}: {type(error).__name__}"
    return text[:_MAX_TEXT]
