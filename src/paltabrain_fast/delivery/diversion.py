"""Diverts the requests of all SDKs of a process, in place of the network to where a test looks.

The SDKs stay as they are otherwise: they encode, frame, send and count. A diversion is one object
for the process; ``Sender`` passes each request by it. Any thread may call any function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from ..process.hosts import loaded
from ..transport import Request, SendResult, Transport

__all__ = [
    "Diversion",
    "Divertible",
    "Flushable",
    "current",
    "divert",
    "note",
    "note_skipped",
    "pipelines",
    "sdks",
    "send",
]

T = TypeVar("T")


class Flushable(Protocol):
    """What a pipeline is to a diversion."""

    @property
    def transport(self) -> Transport:
        """What makes the requests."""

    def flush(self, timeout: float | None) -> Any:
        """Have what is buffered sent, as ``PaltabrainSdk.flush()`` does."""

    def retry_now(self) -> None:
        """Have the batches try again now that wait for another attempt."""

    def tell_losses(self) -> None:
        """Tell the user of all losses so far, due or not."""

    def stats(self) -> Any:
        """Return the counts."""

    def running(self) -> dict[str, str]:
        """Say what is in flight, by batch id."""


class Divertible(Protocol):
    """What an SDK is to a diversion."""

    _disabled_by_option: bool

    def _number_all(self) -> bool:
        """Number the events of no session, too, so that their order can be told.

        Returns whether that is to be undone.
        """

    def _number_sessions_only(self) -> None:
        """Undo it."""


class Diversion(Protocol):
    """What stands between the SDKs and their transports."""

    def send(self, transport: Transport, request: Request) -> SendResult:
        """Do as ``Transport.send`` in place of that transport, or call it."""

    def sdk_started(self, sdk: Divertible) -> None:
        """Take note of an SDK that was just made, or begins anew in a forked child."""

    def event_skipped(self, event: Any, cause: str) -> None:
        """Take note of an event that was dropped, since it cannot be serialized.

        Args:
            event: what was given to ``track()``; not to be kept alive.
            cause: which one, who tracked it, and why it cannot be.
        """


_entered: Final[list[Diversion]] = []
"""The diversions that have begun, the latest last. They may end in another order."""
_sdks: Final[WeakValueDictionary[int, Divertible]] = WeakValueDictionary()
_pipelines: Final[WeakValueDictionary[int, Flushable]] = WeakValueDictionary()


def send(transport: Transport, request: Request) -> SendResult:
    """Make one attempt, by way of the diversion if there is one."""
    diversion = current() or _of_pytest()
    return transport.send(request) if diversion is None else diversion.send(transport, request)


@contextmanager
def divert(diversion: Diversion) -> Iterator[None]:
    """Divert all requests that begin meanwhile; then they go where they would go without this."""
    _entered.append(diversion)
    try:
        yield
    finally:
        _entered.remove(diversion)


def current() -> Diversion | None:
    """Return what requests are diverted to; ``None`` if they are not, or by pytest's plugin."""
    return next(reversed(_entered), None)  # one step: another thread may end the last


def note(sdk: Divertible, pipeline: Flushable) -> None:
    """Take note of an SDK that has just got this pipeline; neither is kept alive."""
    _sdks[id(sdk)] = sdk
    _pipelines[id(pipeline)] = pipeline
    if (diversion := current()) is not None:
        diversion.sdk_started(sdk)


def note_skipped(event: Any, cause: str) -> None:
    """Tell a diversion of an event that cannot be serialized; see ``Diversion.event_skipped``."""
    if (diversion := current()) is not None:
        diversion.event_skipped(event, cause)


def sdks() -> list[Divertible]:
    """Return the SDKs that somebody still refers to."""
    return _living(_sdks)


def pipelines() -> list[Flushable]:
    """Return the pipelines of this process, those included that outlive their SDK."""
    return _living(_pipelines)


def _living(objects: Mapping[int, T]) -> list[T]:
    """Return what is left; other threads may add some meanwhile."""
    assert isinstance(objects, WeakValueDictionary)
    return [each for ref in objects.valuerefs() if (each := ref()) is not None]


def _of_pytest() -> Diversion | None:
    """Return the diversion of the plugin ``paltabrain_fast_pytest``, if pytest runs with it."""
    plugin = loaded("paltabrain_fast_pytest")
    guard: Diversion | None = None if plugin is None else plugin.guard()
    return guard
