"""What the SDK says of failures: log lines, the last errors, the user's ``on_error``."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from .constant import LOGGER_NAME

__all__ = ["Reporter", "logger"]

logger: Final = logging.getLogger(f"{LOGGER_NAME}.sdk")
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())


class Reporter:
    """Keeps the last errors and tells the user of them. Nothing here raises an ``Exception``."""

    def __init__(self, on_error: Callable[[Exception], object] | None) -> None:
        self.last_request_error: Exception | None = None
        self.last_serialization_error: Exception | None = None
        self._on_error = on_error
        self._quiet_until: dict[str, float] = {}

    def serialization_failed(self, event: object, error: Exception) -> None:
        """An event was skipped, since it or its context could not be serialized."""
        self.last_serialization_error = error
        self.log(
            logging.WARNING,
            "Event [%s] was skipped due to serialization error",
            type(event).__name__,
            error=error,
        )
        self.tell(error)

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
        now = time.monotonic()
        if now >= self._quiet_until.get(topic, 0.0):
            self._quiet_until[topic] = now + quiet_seconds
            self.log(logging.WARNING, message, *arguments)

    def log(
        self, level: int, message: str, *arguments: object, error: Exception | None = None
    ) -> None:
        """Log a line, and the traceback of ``error``.

        An exception of the user's own filters or handlers has nowhere left to be reported.
        """
        with contextlib.suppress(Exception):
            logger.log(level, message, *arguments, exc_info=error)

    def tell(self, error: Exception) -> None:
        """Call ``on_error``. Nobody waits for it: it may flush or shut down the SDK."""
        if self._on_error is None:
            return
        try:
            self._on_error(error)
        except Exception as failure:
            self.log(logging.WARNING, "on_error raised", error=failure)
