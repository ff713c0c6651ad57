"""Keeps the SDKs of a test run from sending for real, and says which test would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ..decoding import event_class, event_classes, type_number
from ..delivery import diversion
from ..process.hosts import loaded
from ..sdk_pb2 import Batch
from ..transport import InMemoryTransport, Request, SendResult, Transport
from .capture import settle

__all__ = ["Guard"]

_OWN: Final = "paltabrain_fast.transport."

_TITLE: Final = "Tests send nothing for real unless you allow it:"
_IN_A_TEST: Final = (
    "- to look at the events, have the test ask for the fixture paltabrain_events",
    "- to send them, mark the test with @pytest.mark.paltabrain_allow_send",
)
_EVERYWHERE: Final = (
    "- to ignore them in all tests, set usefixtures = paltabrain_events in pytest's configuration",
    "- to send them in all tests, set paltabrain_allow_send = true in pytest's configuration",
)


class Guard:
    """A diversion that answers requests in place of the network, and notes them.

    They are answered as if they had arrived, so that nothing waits for another attempt. A transport
    of the user's is called all the same, and so is ``requests`` while a test mocks it.

    Args:
        allows: whether requests go to the network for now; assignable.
    """

    def __init__(self, *, allows: bool) -> None:
        self.allows = allows
        self._refused: list[Request] = []
        self._allowed: set[str] = set()  # ids of batches, which may still be on their way

    def send(self, transport: Transport, request: Request) -> SendResult:
        """Answer a request, or pass it on; see ``diversion.Diversion``."""
        if self.allows or not _is_real(transport) or _is_mocked():
            return transport.send(request)
        self._refused.append(request)
        return SendResult(status=200)

    def sdk_started(self, sdk: diversion.Divertible) -> None:
        """Do nothing; see ``diversion.Diversion``."""

    def event_skipped(self, event: Any, cause: str) -> None:
        """Do nothing; see ``diversion.Diversion``."""

    def settle(self) -> None:
        """Have everything sent that was tracked so far, so that it is this test that is told."""
        if not self.allows:
            settle(_is_real)
            return
        for pipeline in diversion.pipelines():
            pipeline.flush(None)
            self._allowed |= set(pipeline.running())

    def complaint(self, *, of_a_test: bool) -> str | None:
        """Say what was refused since this was asked last; ``None`` if nothing was.

        Args:
            of_a_test: whether a test can do something about it.
        """
        requests, self._refused = self._refused, []
        batches = {
            batch.common.batch_id: (urlsplit(request.url).netloc, batch)
            for request in requests
            for batch in (Batch.FromString(request.body),)
            if batch.common.batch_id not in self._allowed
        }
        if not batches:
            return None
        classes = list(event_classes())
        names = Counter(
            _name(event.payload, classes) for _, batch in batches.values() for event in batch.events
        )
        hosts = ", ".join(sorted({host for host, _ in batches.values()}))
        total = sum(names.values())
        found = (
            f"{total} {'event' if total == 1 else 'events'} would have been sent to {hosts}:"
            f" {_counted(names)}."
        )
        return "\n".join([found, _TITLE, *(_IN_A_TEST if of_a_test else ()), *_EVERYWHERE])


def _is_real(transport: Transport) -> bool:
    """Whether it is the SDK's own code that sends, over the network."""
    if isinstance(transport, InMemoryTransport):
        return False
    sends = next((cls for cls in type(transport).__mro__ if "send" in vars(cls)), object)
    return f"{sends.__module__}.".startswith(_OWN)


def _is_mocked() -> bool:
    """Whether ``requests`` is mocked, as by ``responses``; see ``transport.mocks``."""
    if loaded("requests") is None:
        return False
    from ..transport.mocks import mocks  # here, as it takes long

    return mocks() is not None


def _name(payload: bytes, classes: list[type]) -> str:
    cls = event_class(payload, classes)
    return f"event {type_number(payload)}" if cls is None else cls.__name__


def _counted(names: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in names.items())
