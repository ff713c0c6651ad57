"""``track()`` in pure Python: the event serializes itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from .._engine.protocol import Engine, RecordStatus, class_given_error

FunctionT = TypeVar("FunctionT", bound=Callable[..., None])


class Tracker:
    """Base of ``PaltabrainSdk``; see ``TrackerHooks`` for what that has."""

    _engine: Engine
    _context: Any
    _session_wire_id: int | None

    def _set_up(self, engine: Engine, disabled: bool) -> None:
        self._engine = engine
        self._disabled = disabled

    def _track(self, event: Any, context: Any) -> None:
        """Do what ``track()`` is to do."""
        if self._disabled:
            return
        try:
            if self._is_inside():
                self._drop(RecordStatus.REENTRANT)
                return
            if isinstance(context, type):
                raise class_given_error("context", context)
            self._record_serialized(
                event,
                (context or self._context).serialize_context(),
                event.serialize_header(),
                event.serialize_payload(),
            )
        except Exception as error:
            with contextlib.suppress(Exception):  # such as a RecursionError
                self._serialization_failed(event, error)

    def _record_serialized(
        self, event: Any, context: bytes, header: bytes, payload: bytes
    ) -> RecordStatus:
        raise NotImplementedError

    def _is_inside(self) -> bool:
        raise NotImplementedError

    def _drop(self, status: RecordStatus) -> None:
        raise NotImplementedError

    def _serialization_failed(self, event: Any, error: Exception) -> None:
        raise NotImplementedError


def direct(track: FunctionT) -> FunctionT:
    """Leave the method ``track`` as it is."""
    return track
