"""Tells the user of failures: log lines, warnings, the last errors."""

from __future__ import annotations

import contextlib
import logging
import traceback
from typing import Final

from ..encoding.display import count_text
from ..errors import BatchRejectedError, Diagnosis, DropReason, ErrorInfo, EventTooLargeError
from ..options import Options
from ..process.log import Sparing, log_line, logger, warn
from ..process.masking import masked
from .callbacks import Callback, Callbacks
from .debug import DebugLog
from .diagnosis import diagnose

__all__ = ["Reporter"]

_MAX_WRITTEN: Final = 50
_QUIET_SECONDS: Final = 20.0
_MAX_TEXT: Final = 200
_MAX_FRAMES: Final = 50
_NOTE: Final = "Where the event was skipped:\n"


class Reporter:
    """Keeps the last errors and tells the user of them. Nothing here raises an ``Exception``.

    Any thread may call it.

    Args:
        callback: what errors are told to, in a thread of the SDK's own.
        options: for the API key, which must not be in what the server is told.
        predecessor: that of the parent, in a forked child: logger and last errors stay.

    Attributes:
        callbacks: the calls of ``on_error``.
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
        self.callbacks = Callbacks(
            callback, lambda failure: self.log(logging.WARNING, "on_error raised", error=failure)
        )
        self._options = options
        self._sparing = Sparing(_QUIET_SECONDS)
        self._is_outage_told = False
        self._written: set[str] = set()  # kinds of serialization errors that were logged in full

    def serialization_failed(
        self, event: object, error: Exception, diagnosis: Diagnosis | None
    ) -> str:
        """Report that an event was skipped, since it or its context could not be serialized.

        It is logged in full once for each kind, and only counted from then on.

        Args:
            event: the event.
            error: what was raised.
            diagnosis: of the error; ``None`` if there was no making one.

        Returns:
            What the server is told of it.
        """
        kind = "" if diagnosis is None else diagnosis.kind
        self._event_skipped(
            event,
            error,
            "serialization_error",
            kind,
            "Event [%s] was skipped due to serialization error",
        )
        return _error_text(event, error, self._options.api_key)

    def before_send_failed(self, event: object, error: Exception) -> None:
        """Report that an event was dropped, since ``before_send`` raised, or returned no event.

        It is logged in full once for each class of errors, and only counted from then on. The
        server is not told: the error may quote what the hook was to remove.
        """
        self._event_skipped(
            event,
            error,
            "before_send_error",
            f"before_send {type(error).__name__}",
            "Event [%s] was dropped, and nothing of it sent, due to an error of before_send, which"
            " has to return an event or None",
        )

    def _event_skipped(
        self, event: object, error: Exception, reason: DropReason, kind: str, message: str
    ) -> None:
        """Keep the error, have it told, and forget what it keeps alive."""
        name = type(event).__name__
        _drop_note(error)  # the same exception object may be raised for each event
        self.last_serialization_error = error
        if kind not in self._written and len(self._written) < _MAX_WRITTEN:
            self._written.add(kind)
            self.log(logging.WARNING, message, name, error=error)
        _note_traceback(error)
        _forget_frames(error)
        self.callbacks.queue(error, ErrorInfo(reason, 1, event_class=name))

    def too_large(
        self, error: EventTooLargeError, events: int, event_class: str | None = None
    ) -> None:
        """Report events that no batch can hold: one of a class, or some whose class is unknown."""
        self.callbacks.queue(error, ErrorInfo("too_large", events, event_class=event_class))

    def batch_failed(
        self, batch_id: str, events: int, reason: DropReason, error: Exception
    ) -> None:
        """Report a batch that was given up after an exception, or after its last attempt."""
        self.last_request_error = error
        self.log(logging.WARNING, "Batch: %s, Status: EXCEPTION, Reason: %s", batch_id, error)
        self.callbacks.queue(error, ErrorInfo(reason, events, batch_id))

    def batch_rejected(self, batch_id: str, events: int, error: BatchRejectedError) -> None:
        """Report a batch that the server refused."""
        self.last_request_error = error
        self.log(logging.INFO, "Batch %s, Status: REJECT, Code: %d", batch_id, error.status)
        self.callbacks.queue(error, ErrorInfo("rejected", events, batch_id))

    def batch_succeeded(self, batch_id: str, seconds: float) -> None:
        """Report a batch that the server accepted."""
        self.log(logging.INFO, "Batch %s, Status: SUCCESS, Time: %.3f", batch_id, seconds)

    def warn_sparingly(self, topic: str, message: str, *arguments: object) -> None:
        """Log a warning of what is no loss; at most one of a topic every ``_QUIET_SECONDS``."""
        if self._sparing.may_tell(topic):
            self.warn(message % arguments)

    def log_sparingly(self, topic: str, message: str, *arguments: object) -> None:
        """Log such a warning, and write it nowhere else: for ``track()``, which does no I/O."""
        if self._sparing.may_tell(topic):
            self.log(logging.WARNING, message, *arguments)

    def is_logged(self, level: int) -> bool:
        """Tell whether a line of this level is logged."""
        to: object = self.logger
        return not isinstance(to, logging.Logger) or to.isEnabledFor(level)

    def log(
        self, level: int, message: str, *arguments: object, error: Exception | None = None
    ) -> None:
        """Log a line, as ``log_line`` does."""
        log_line(level, message, *arguments, error=error, to=self.logger)

    def warn(self, line: str, level: int = logging.WARNING) -> None:
        """Log a warning; write it to ``sys.stderr`` where nobody has configured logging."""
        warn(line, self.logger, level)

    def outage_begun(self, error: Exception) -> None:
        """Report that the server cannot be reached, and that events are kept.

        Called in a thread of the SDK's.
        """
        fault = diagnose(error, self._options)
        self._is_outage_told = self._sparing.may_tell("outage")
        if self._is_outage_told:
            kept = f"events are kept for up to {self._options.outage_seconds:g} s"
            self.warn(f"{fault.cause}: {kept}; {fault.remedy}")

    def outage_over(self, seconds: float, lost: int) -> None:
        """Report the end of an outage, if its beginning was reported or it has cost something.

        Args:
            seconds: how long it took.
            lost: how many events it has cost.
        """
        if self._is_outage_told or lost:
            self.warn(f"server reached again after {seconds:.3g} s: {count_text(lost)} lost")


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
