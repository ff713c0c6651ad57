"""What ``track()`` does when not all is as usual: the event is slow, the buffer full, we forked."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from .._engine.choice import EventBase, Tracker
from .._engine.protocol import RecordStatus, SerializableContext, class_given_error
from ..constant import BATCH_MAX_BYTE_SIZE
from ..encoding.contexts import NO_CONTEXT, checked_context
from ..errors import Diagnosis, DropReason, EventTooLargeError
from ..options import Options
from ..process import forks
from ..process.reentrancy import refuses_events
from . import diversion
from .before_send import BeforeSendHook, is_event
from .diagnosis import too_large
from .notify import Reporter
from .pipeline import Pipeline
from .unserializable import diagnose_event, diagnose_hook

__all__ = ["Tracking"]

_REASONS: Final[dict[RecordStatus, DropReason]] = {
    RecordStatus.FULL: "queue_full",
    RecordStatus.CLOSED: "already_shutdown",
    RecordStatus.REENTRANT: "reentrant",
}

_foreign_classes_reported = False


class Tracking(Tracker):
    """The hooks of ``Tracker``, see ``TrackerHooks``; any thread may be in them.

    Attributes:
        context: that of the SDK, just now.
        _before_send: hook of the user's.
        _options: for the API key, which no error must repeat.
        _pipeline: of this process.
        _reporter: tells the user what becomes of events.
        _known_classes: of events that were recorded by way of Python.
    """

    context: Any
    _before_send: BeforeSendHook | None
    _options: Options
    _pipeline: Pipeline
    _reporter: Reporter
    _known_classes: set[type]
    _number_before: int

    def _reinit_if_forked(self) -> None:
        """Notice a fork that has called no hooks of Python."""
        if self._engine.forked:
            forks.reinit_if_forked()

    def _number_all(self) -> bool:
        """Number events without a session as well: they have session 0, which is as good as none.

        Returns:
            Whether this has changed anything, and is to be undone.
        """
        if self._session_wire_id is not None:
            return False
        self._number_before = self._engine.last_number
        self._session_wire_id = 0
        return True

    def _number_sessions_only(self) -> None:
        """Undo ``_number_all()``, unless the SDK has got a session meanwhile."""
        if self._session_wire_id == 0:
            self._session_wire_id = None
            self._engine.last_number = self._number_before

    def _event_recorded(self) -> None:
        self._pipeline.event_recorded()

    def _divert(self, event: Any, context: Any) -> tuple[Any, Any] | None:
        self._reinit_if_forked()
        context = context or self._context_around()
        shown = None if context is NO_CONTEXT else context
        if (hook := self._before_send) is not None and is_event(event):
            if hook.is_running:  # what the hook has not seen is not sent
                self._drop(RecordStatus.REENTRANT)
                return None
            try:
                changed = hook(event, shown)
            except Exception as error:
                self._pipeline.ledger.refuse("before_send_error", 1, diagnose_hook(error))
                self._reporter.debug.event_dropped(event, "before_send_error", error)
                self._reporter.before_send_failed(event, error)
                return None
            if changed is None:
                self._pipeline.ledger.refuse("before_send")
                self._reporter.debug.event_dropped(event, "before_send")
                return None
            event = changed
        self._reporter.debug.event_tracked(event, shown)
        return event, context

    def _context_around(self) -> SerializableContext:
        """Return the context of an event that is given none; that of a scope comes first.

        A class that overrides ``context`` is asked for it.
        """
        scope = self._current_scope()
        return checked_context(self.context if scope is None else scope.context)

    def _record_serialized(
        self, event: Any, context: bytes, header: bytes, payload: bytes
    ) -> RecordStatus:
        def record() -> RecordStatus:
            return self._engine.record(context, header, payload, self._session_wire_id)

        status = record()
        if status is RecordStatus.FULL and self._engine.drop_if_shedding():
            return status
        status = self._record_with_retry(status, record)
        if status is RecordStatus.TOO_LARGE:
            size, name = len(context) + len(header) + len(payload), type(event).__name__
            error = EventTooLargeError(size, BATCH_MAX_BYTE_SIZE)
            self._pipeline.ledger.refuse("too_large", 1, too_large(error, name))
            self._reporter.too_large(error, 1, name)
            return status
        if status is not RecordStatus.OK:
            self._drop(status)
            return status
        if type(event) not in self._known_classes:
            self._meet(type(event))
        if self._engine.due():
            self._event_recorded()
        return status

    def _record_with_retry(
        self, status: RecordStatus, record: Callable[[], RecordStatus]
    ) -> RecordStatus:
        if status is RecordStatus.FORKED:
            self._reinit_if_forked()
            status = record()
        if status is RecordStatus.FULL:
            for _ in self._pipeline.make_room():
                status = record()
                if status is not RecordStatus.FULL:
                    break
        return status

    def _serialization_failed(self, event: Any, error: Exception) -> None:
        if isinstance(event, type):
            error = class_given_error("event", event)
        diagnosis: Diagnosis | None = None
        with contextlib.suppress(Exception):  # such as that of an error that cannot be printed
            diagnosis = diagnose_event(event, error, self._options.api_key)
        ledger = self._pipeline.ledger
        ledger.refuse("serialization_error", 1, diagnosis)
        self._reporter.debug.event_dropped(event, "serialization_error", error)
        text = self._reporter.serialization_failed(event, error, diagnosis)
        ledger.note_error(text)
        diversion.note_skipped(event, text if diagnosis is None else diagnosis.cause)

    def _is_inside(self) -> bool:
        return refuses_events()

    def _drop(self, status: RecordStatus) -> None:
        self._reporter.debug.event_dropped(None, _REASONS[status])
        if status is RecordStatus.FULL:
            self._pipeline.event_dropped()
        self._pipeline.ledger.refuse(_REASONS[status])

    def _meet(self, event_class: type) -> None:
        """Say once what a config module on other base classes costs."""
        global _foreign_classes_reported
        self._known_classes.add(event_class)
        if not issubclass(event_class, EventBase) and not _foreign_classes_reported:
            _foreign_classes_reported = True
            self._reporter.log(
                logging.WARNING,
                "%s.%s is not built on paltabrain_fast's base classes: its events are sent, but not"
                " accelerated. Import paltabrain_fast before the config module, or call"
                " paltabrain_fast.install_as_paltabrain_sdk() first",
                event_class.__module__,
                event_class.__qualname__,
            )
