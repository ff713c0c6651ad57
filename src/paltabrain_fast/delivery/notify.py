"""What the SDK says of failures: log lines, the last errors, the user's ``on_error``."""

from __future__ import annotations

import contextlib
import inspect
import logging
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from ..constant import BATCH_MAX_BYTE_SIZE
from ..errors import ErrorInfo, EventTooLargeError
from ..options import Options
from ..process.clock import monotonic
from ..process.locks import Lock
from ..process.log import log_line, logger
from ..process.masking import masked
from ..process.reentrancy import is_logging, outside
from .ledger import Ledger

__all__ = ["Callback", "Reporter", "check_callback"]

_MAX_UNTOLD: Final = 1000
_MAX_TEXT: Final = 200
_MAX_FRAMES: Final = 50
_NOTE: Final = "Where the event was skipped:\n"


class Callback:
    """Holds ``on_error`` for the SDK; whoever else needs it holds this weakly.

    So a callback that refers to the SDK does not keep it alive.
    """

    def __init__(self, on_error: Callable[[Exception, ErrorInfo], object]) -> None:
        self.on_error = on_error


def check_callback(on_error: object) -> None:
    """Raise a ``TypeError`` unless this can be called with an exception and an ``ErrorInfo``."""
    if not callable(on_error):
        raise TypeError(f"on_error must be callable, not {on_error!r}")
    try:
        signature = inspect.signature(on_error)
    except ValueError:  # some callables of C have none that can be read
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise TypeError(
            f"on_error must take an exception and an ErrorInfo, not {on_error!r}: {error}"
        ) from None


class Reporter:
    """Keeps the last errors and tells the user of them. Nothing here raises an ``Exception``.

    Args:
        callback: what errors are told to, in a thread of the SDK's own.
        options: for the API key, which must not be in what the server is told.
    """

    def __init__(self, callback: Callback | None, options: Options) -> None:
        self.logger = logger
        self.last_request_error: Exception | None = None
        self.last_serialization_error: Exception | None = None
        self.notify: Callable[[], object] = lambda: None
        """Called when there is something to tell; has ``tell_all`` called in another thread."""
        self._callback = None if callback is None else weakref.ref(callback)
        self._options = options
        self._is_reentrant = False  # an event was refused as such, which is yet to be logged

    def renew(self, ledger: Ledger) -> None:
        """Start, or start anew in a forked child: what is untold is the parent's to tell."""
        self._ledger = ledger
        self._untold: deque[tuple[Exception, ErrorInfo]] = deque()
        self._quiet_until: dict[str, float] = {}
        self._deciding = Lock()
        self._telling = Lock()

    @property
    def is_debugging(self) -> bool:
        """Whether lines of the level ``DEBUG`` are written, which cost something to make."""
        with contextlib.suppress(Exception):
            return self.logger.isEnabledFor(logging.DEBUG)
        return False

    @property
    def has_untold(self) -> bool:
        """Whether ``on_error`` is yet to be called."""
        return bool(self._untold)

    def serialization_failed(self, event: object, error: Exception) -> None:
        """An event was skipped, since it or its context could not be serialized."""
        name = type(event).__name__
        _drop_note(error)  # of the last time, if it is raised again and again
        self.last_serialization_error = error
        self.log(
            logging.WARNING,
            "Event [%s] was skipped due to serialization error",
            name,
            error=error,
        )
        _note_traceback(error)
        _forget_frames(error)
        self._ledger.note_error(_error_text(event, error, self._options.api_key))
        self.tell(error, ErrorInfo("serialization_error", 1, event_class=name))

    def too_large(
        self, events: int, event_class: str | None = None, size: int | None = None
    ) -> None:
        """Events were dropped that no batch can hold: one of a class, or some that are unknown."""
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
        self.tell(error, ErrorInfo("too_large", events, event_class=event_class))

    def batch_failed(self, batch_id: str, error: Exception) -> None:
        """A batch was given up after an exception, or after its last attempt."""
        self.last_request_error = error
        self.log(logging.WARNING, "Batch: %s, Status: EXCEPTION, Reason: %s", batch_id, error)

    def batch_rejected(self, batch_id: str, status: int, error: Exception) -> None:
        """A batch was refused by its status."""
        self.last_request_error = error
        self.log(logging.INFO, "Batch %s, Status: REJECT, Code: %d", batch_id, status)

    def batch_succeeded(self, batch_id: str, seconds: float) -> None:
        """A batch was accepted."""
        self.log(logging.INFO, "Batch %s, Status: SUCCESS, Time: %.3f", batch_id, seconds)

    def warn_sparingly(
        self, topic: str, message: str, *arguments: object, quiet_seconds: float = 20.0
    ) -> None:
        """Log a warning, unless one of the same topic was logged within the last seconds."""
        now = monotonic()
        # never waits: whoever is deciding just now may be a frame of this very thread
        if now < self._quiet_until.get(topic, 0.0) or not self._deciding.acquire(blocking=False):
            return
        try:
            first = now >= self._quiet_until.get(topic, 0.0)
            self._quiet_until[topic] = now + quiet_seconds
        finally:
            self._deciding.release()
        if first:
            self.log(logging.WARNING, message, *arguments)

    def log(
        self, level: int, message: str, *arguments: object, error: Exception | None = None
    ) -> None:
        """Log a line, as ``log_line`` does, and what its handlers have brought about."""
        log_line(level, message, *arguments, error=error, to=self.logger)
        if self._is_reentrant:
            self.reentrant()

    def reentrant(self) -> None:
        """An event was refused, as the SDK itself had called who tracked it.

        That is logged after the log call in which it happened.
        """
        self._is_reentrant = is_logging()
        if not self._is_reentrant:
            self.warn_sparingly(
                "reentrant",
                "Events are dropped: tracked for a log line of the SDK's own, or in one of its"
                " threads. Have the handler leave out what comes from there",
            )

    def tell(self, error: Exception, info: ErrorInfo) -> None:
        """Have ``on_error`` called, soon and elsewhere; beyond many at once, it is not."""
        if self._callback is not None and len(self._untold) < _MAX_UNTOLD:
            self._untold.append((error, info))
            self.notify()

    def tell_all(self) -> None:
        """Call ``on_error`` for all that is to be told, one by one.

        The callback may take its time, and may flush or shut down the SDK.
        """
        # whoever is telling looks again when it is done, so that nobody else has to wait for it
        while self._untold and self._telling.acquire(blocking=False):
            try:
                while self._untold:
                    self._call(*self._untold.popleft())
            finally:
                self._telling.release()

    def _call(self, error: Exception, info: ErrorInfo) -> None:
        callback = None if self._callback is None else self._callback()
        if callback is None:
            return
        try:
            with outside():
                callback.on_error(error, info)
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
