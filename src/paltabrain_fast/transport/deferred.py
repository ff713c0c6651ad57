"""The transport of an SDK that was given none: made by the first attempt, in the thread of that.

What it is made of takes a tenth of a second to import, which nobody is to wait for who makes an SDK
or tracks.
"""

from __future__ import annotations

from collections.abc import Callable

from ..process.fork_barrier import hold_forks_for_import
from .base import Request, SendResult, Transport
from .bundle import BundleError, NamedBundle
from .per_process import PerProcess

__all__ = ["DeferredTransport"]


class DeferredTransport:
    """Posts through a transport that it makes when it is needed; any thread may call any method.

    Args:
        name: of the class that it will be.
        make: makes it with the bundle that the environment has named when this was made; may
            import. If it raises, this is the result of the attempt, and the next one tries again.

    Raises:
        FileNotFoundError: the bundle of certificates that the environment names does not exist.
        ValueError: the bundle is a file without a certificate.
    """

    def __init__(self, name: str, make: Callable[[NamedBundle], Transport]) -> None:
        self._bundle = NamedBundle.find(None)
        self._bundle.check()
        self.name = name
        self._make = make
        self._made: Transport | None = None
        self._one: PerProcess[Transport] = PerProcess(self._import_and_make)

    def send(self, request: Request) -> SendResult:
        """Make one attempt; see ``Transport.send``."""
        try:
            transport = self.transport()
        except BundleError as error:
            from .faults import Peer, failure

            return SendResult(error=failure(error, Peer(request, None)))
        return transport.send(request)

    def warm_up(self) -> None:
        """Make the transport now, and have it read what it needs.

        Raises:
            Exception: whatever that raises.
        """
        warm_up = getattr(self.transport(), "warm_up", None)
        if warm_up is not None:
            warm_up()

    def close(self) -> None:
        """Close the transport, if there is one."""
        if self._made is not None:
            self._made.close()

    def transport(self) -> Transport:
        """Return the transport, which forked children share; make it if there is none.

        Raises:
            Exception: whatever its making raises.
        """
        return self._made or self._one.get()

    def _import_and_make(self) -> Transport:
        with hold_forks_for_import():
            transport = self._made = self._make(self._bundle)
        return transport
