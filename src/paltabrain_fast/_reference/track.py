"""``track()`` in pure Python: it calls the ``serialize_*`` methods of event and context."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from .._engine.protocol import Engine, RecordStatus, class_given_error
from .scope import Scope

FunctionT = TypeVar("FunctionT", bound=Callable[..., None])


class Tracker:
    """Base class of ``PaltabrainSdk``, which implements ``TrackerHooks``."""

    _engine: Engine
    _context: Any
    _session_wire_id: int | None
    _scopes: ContextVar[Scope] | None = None

    def _set_up(self, engine: Engine, disabled: bool, has_hooks: bool = False) -> None:
        self._engine = engine
        self._disabled = disabled
        self._has_hooks = has_hooks

    def _scope_variable(self) -> ContextVar[Scope]:
        """Return the variable that holds the scope of each thread and task."""
        if self._scopes is None:
            # by one call, so that all threads get the same one
            self.__dict__.setdefault("_scopes", ContextVar("paltabrain_sdk.scope"))
        assert self._scopes is not None
        return self._scopes

    def _current_scope(self) -> Scope | None:
        """Return the scope that this thread or task is in, if any."""
        scope = None if self._scopes is None else self._scopes.get(None)
        while scope is not None and scope.context is None:
            scope = scope.outer
        return scope

    def _current_context(self) -> Any:
        """Return the context of an event that is given none."""
        scope = self._current_scope()
        context = None if scope is None else scope.context
        return self._context if context is None else context

    def _track(self, event: Any, context: Any) -> None:
        """Serialize and record an event; see ``PaltabrainSdk.track()``."""
        if self._disabled:
            return
        try:
            if self._is_inside():
                self._drop(RecordStatus.REENTRANT)
                return
            if self._has_hooks:
                diverted = self._divert(event, context)
                if diverted is None:
                    return
                event, context = diverted
            else:
                context = context or self._current_context()
            if isinstance(context, type):
                raise class_given_error("context", context)
            self._record_serialized(
                event,
                context.serialize_context(),
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

    def _divert(self, event: Any, context: Any) -> tuple[Any, Any] | None:
        raise NotImplementedError

    def _is_inside(self) -> bool:
        raise NotImplementedError

    def _drop(self, status: RecordStatus) -> None:
        raise NotImplementedError

    def _serialization_failed(self, event: Any, error: Exception) -> None:
        raise NotImplementedError


def direct(track: FunctionT) -> FunctionT:
    """Return ``track`` as it is; the native engine returns a faster descriptor here."""
    return track
