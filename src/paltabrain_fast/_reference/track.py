"""``track()`` in pure Python: the event serializes itself."""

from __future__ import annotations

import contextlib
from typing import Any

from .._protocol import Engine, RecordStatus


class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    _engine: Engine
    _context: Any
    _session_wire_id: int | None

    def _set_up(self, engine: Engine, disabled: bool) -> None:
        self._engine = engine
        self._disabled = disabled

    def track(self, event: Any, context: Any = None) -> None:
        """Buffer an event, as it is now, to be delivered in the background.

        Never raises an ``Exception``, never blocks, never does I/O. An event that cannot be
        serialized is logged and skipped; one that does not fit into the buffer is dropped and
        counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: context to send with this event in place of ``sdk.context``.
        """
        if self._disabled:
            return
        try:
            if self._is_inside():
                self._refused(RecordStatus.REENTRANT)
                return
            self._record_serialized(
                event,
                (self._context if context is None else context).serialize_context(),
                event.serialize_header(),
                event.serialize_payload(),
            )
        except Exception as error:
            with contextlib.suppress(Exception):  # such as a RecursionError
                self._failed(event, error)

    def _record_serialized(
        self, event: Any, context: bytes, header: bytes, payload: bytes
    ) -> RecordStatus:
        raise NotImplementedError

    def _is_inside(self) -> bool:
        raise NotImplementedError

    def _refused(self, status: RecordStatus) -> None:
        raise NotImplementedError

    def _failed(self, event: Any, error: Exception) -> None:
        raise NotImplementedError
