"""Log lines of the SDK as they come, for tests that wait for one."""

from __future__ import annotations

import logging
import queue
from typing import Any


class LogLines(logging.Handler):
    """Keeps the warnings of one SDK that is told to log here.

    Args:
        sdk: gets a logger of its own.
    """

    def __init__(self, sdk: Any) -> None:
        super().__init__(logging.WARNING)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        sdk.logger = logging.Logger("of one SDK", logging.WARNING)
        sdk.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.getMessage().startswith(("Batch", "Event [")):  # lines of single losses
            self._lines.put(record.getMessage())

    def next(self, deadline: float = 30.0) -> str:
        """Wait for the next line that tells of losses."""
        return self._lines.get(timeout=deadline)

    @property
    def are_read(self) -> bool:
        """Whether each was asked for."""
        return self._lines.empty()
