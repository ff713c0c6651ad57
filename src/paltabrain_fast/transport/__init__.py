"""Transports: one attempt to post a body, a result object back; no retries, no exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .base import Request, SendResult, Transport
from .https import HttpsTransport
from .memory import InMemoryTransport

if TYPE_CHECKING:
    from .curl import CurlTransport as CurlTransport

__all__ = [
    "HttpsTransport",
    "InMemoryTransport",
    "Request",
    "SendResult",
    "Transport",
    "make_transport",
]


def make_transport(name: Literal["curl", "auto"] | None = None) -> Transport:
    """Make a transport.

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
        from .curl import CurlTransport

        return CurlTransport()
    return HttpsTransport()


def __getattr__(name: str) -> Any:
    """Import ``CurlTransport`` when it is first used: it needs an extra."""
    if name != "CurlTransport":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .curl import CurlTransport

    return CurlTransport
