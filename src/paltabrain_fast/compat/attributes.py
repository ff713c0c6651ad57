"""What ``paltabrain_sdk`` has as attributes: properties here, so that each one is checked."""

from __future__ import annotations

import logging
from collections.abc import Sized
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Self, TypeVar, overload

from ..constant import BATCH_STATUS_EXCEPTION, BATCH_STATUS_REJECT, BATCH_STATUS_SUCCESS
from ..delivery.tracking import Tracking
from ..options import Options, session_wire_id
from ..process.log import check_logger
from . import ignored

__all__ = ["Attributes"]

T = TypeVar("T")

_MAX_NUMBER: Final = 2**62
"""Half of what the wire carries, so that the numbers never come to the end of it."""


class _Option(Generic[T]):
    """A property that reads and assigns the option of the same name."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, sdk: None, owner: type) -> Self: ...
    @overload
    def __get__(self, sdk: Attributes, owner: type) -> T: ...
    def __get__(self, sdk: Attributes | None, owner: type) -> Self | T:
        if sdk is None:
            return self
        value: T = getattr(sdk._options, self._name)
        return value

    def __set__(self, sdk: Attributes, value: T) -> None:
        setattr(sdk._options, self._name, value)
        sdk._pipeline.wake()  # so that a new interval does not wait for the end of the old one


class Attributes(Tracking):
    """The attributes of ``PaltabrainSdk``, but for its context; any thread may use them."""

    BATCH_STATUS_SUCCESS: ClassVar = BATCH_STATUS_SUCCESS
    BATCH_STATUS_REJECT: ClassVar = BATCH_STATUS_REJECT
    BATCH_STATUS_EXCEPTION: ClassVar = BATCH_STATUS_EXCEPTION

    hostname = _Option[str]("Host, or host and port, of the API; assignable.")
    api_key = _Option[str]("Key for authentication; assignable.")
    instance_id = _Option[str]("Instance id, given or generated; assignable.")
    flush_buffer_size = _Option[float]("Number of buffered events that starts a flush; assignable.")
    flush_interval_ms = _Option[float]("Milliseconds between flushes; assignable.")
    flush_max_retries = _Option[float]("Total number of attempts for a batch; assignable.")
    flush_pace_ms = _Option[float](
        "Milliseconds from a flush to the next by number of events; assignable."
    )

    _options: Options
    _session_is_generated: bool

    if not TYPE_CHECKING:  # to a type checker, it would allow any attribute at all

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            ignored.warn_of_assignment(type(self), name)

    @property
    def session_id(self) -> int | str | None:
        """Session id, given or generated; assignable, for events tracked from then on."""
        return self._options.session_id

    @session_id.setter
    def session_id(self, session_id: int | str | None) -> None:
        self._options.session_id = session_id
        self._session_is_generated = False
        self._session_wire_id = session_wire_id(session_id)

    @property
    def session_event_seq_num(self) -> int:
        """Number of the last accepted event that has a session, 0 if there was none; assignable.

        Events that are tracked while a session is set are numbered 1, 2, 3, … over all threads, in
        the order in which they were accepted; a change of ``session_id`` changes nothing in that.
        To assign 0, after a new ``session_id``, lets the next event be number 1. Events accepted
        before keep their numbers, sent or not. A forked child begins with 1.

        Raises:
            TypeError: what is assigned is no ``int``.
            ValueError: it is negative, or above 2**62.
        """
        self._reinit_if_forked()
        return self._engine.last_number

    @session_event_seq_num.setter
    def session_event_seq_num(self, number: int) -> None:
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"session_event_seq_num must be an int, not {number!r}")
        if not 0 <= number <= _MAX_NUMBER:
            raise ValueError(f"session_event_seq_num must be from 0 to 2**62, not {number!r}")
        self._reinit_if_forked()
        self._engine.last_number = number

    @property
    def batch_counters(self) -> dict[str, int]:
        """Number of batches by outcome: ``SUCCESS``, ``REJECT``, ``EXCEPTION``; a dict of its own.

        See ``stats()`` for more.
        """
        return dict(self._pipeline.ledger.batch_counters)

    @property
    def running_requests(self) -> dict[str, str]:
        """What is in flight, as text by batch id, retries included; empty when nothing is.

        What a ``flush()`` has left in the buffer until there is room for more is in it as well.
        """
        self._reinit_if_forked()
        return self._pipeline.running()

    @property
    def last_request_error(self) -> Exception | None:
        """Exception of the last batch that failed or was refused; assignable, to forget it."""
        return self._reporter.last_request_error

    @last_request_error.setter
    def last_request_error(self, error: Exception | None) -> None:
        self._reporter.last_request_error = error

    @property
    def last_serialization_error(self) -> Exception | None:
        """Exception of the last event that was skipped; assignable, to forget it.

        Its traceback is in a note, as text: its frames would keep alive what the caller had.
        """
        return self._reporter.last_serialization_error

    @last_serialization_error.setter
    def last_serialization_error(self, error: Exception | None) -> None:
        self._reporter.last_serialization_error = error

    @property
    def is_shutdown(self) -> bool:
        """Whether ``shutdown()`` was called."""
        return self._pipeline.is_shutdown

    @property
    def logger(self) -> logging.Logger:
        """What this SDK logs to: ``paltabrain_sdk.sdk`` unless another is assigned."""
        return self._reporter.logger

    @logger.setter
    def logger(self, logger: logging.Logger) -> None:
        check_logger(logger)
        self._reporter.logger = logger

    @property
    def event_buffer(self) -> Sized:
        """What is buffered; ``len()`` of it is the number of events."""
        return self._engine
