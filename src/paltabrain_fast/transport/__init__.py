"""Transports: one attempt to post a body, a result object back; no retries, no exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ..process.hosts import may_be_patched
from .base import Request, SendResult, Transport
from .bundle import NamedBundle
from .deferred import DeferredTransport
from .memory import InMemoryTransport

if TYPE_CHECKING:
    from .curl import CurlTransport as CurlTransport
    from .https import HttpsTransport

__all__ = [
    "HttpsTransport",
    "InMemoryTransport",
    "Request",
    "SendResult",
    "Transport",
    "make_transport",
]

_LATE: Final = {"CurlTransport": "curl", "HttpsTransport": "https"}
"""Module of each class that is imported when it is first used, as it takes long."""


def make_transport(name: Literal["curl", "auto"] | None = None) -> Transport:
    """Make a transport; what takes long is left to its first attempt, where threads may import.

    Args:
        name: ``"curl"``; ``None`` for the default one; ``"auto"`` for the faster one of those that
            are installed, which is the default one since it uses ``urllib3`` only to connect:
            see docs/install.md.

    Raises:
        FileNotFoundError: the bundle of certificates that the environment names does not exist.
        ImportError: the extra that the transport needs is not installed.
        ValueError: the bundle is a file without a certificate.
    """
    if name == "curl":
        curl: Transport = __getattr__("CurlTransport")()
        return curl
    transport = DeferredTransport("HttpsTransport", _make_https)
    if may_be_patched():
        transport.transport()  # in this thread, which does not patch meanwhile
    return transport


def _make_https(bundle: NamedBundle) -> Transport:
    transport: Transport = __getattr__("HttpsTransport")(ca_bundle=bundle)
    return transport


def __getattr__(name: str) -> Any:
    """Import a transport of its own when it is first used."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{_LATE[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
