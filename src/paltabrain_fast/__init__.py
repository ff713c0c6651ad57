"""PaltaBrain events SDK: drop-in replacement of ``paltabrain_sdk`` with a native engine."""

import os
from typing import TYPE_CHECKING, Any, Final

from ._engine.choice import name as engine
from ._engine.protocol import SerializableContext, SerializableEvent
from .alias import install_as_paltabrain_sdk, install_fallback
from .base import BaseContext, BaseEnum, BaseEvent, BaseSentinel
from .delivery.ledger import Stats
from .delivery.results import DeliveryResult
from .errors import (
    BatchRejectedError,
    DropReason,
    ErrorInfo,
    EventTooLargeError,
    PaltabrainError,
    RetriesExhaustedError,
)
from .explanation import Explanation, explain
from .options import Overflow
from .sdk import PaltabrainSdk
from .transport import InMemoryTransport, Request, SendResult, Transport
from .version import __version__

if TYPE_CHECKING:
    from .transport import HttpsTransport
    from .utils import set_proto

__all__ = [
    "BaseContext",
    "BaseEnum",
    "BaseEvent",
    "BaseSentinel",
    "BatchRejectedError",
    "DeliveryResult",
    "DropReason",
    "ErrorInfo",
    "EventTooLargeError",
    "Explanation",
    "HttpsTransport",
    "InMemoryTransport",
    "Overflow",
    "PaltabrainError",
    "PaltabrainSdk",
    "Request",
    "RetriesExhaustedError",
    "SendResult",
    "SerializableContext",
    "SerializableEvent",
    "Stats",
    "Transport",
    "__version__",
    "engine",
    "explain",
    "install_as_paltabrain_sdk",
    "set_proto",
]

_LATE: Final = {"HttpsTransport": ".transport", "set_proto": ".utils"}
"""Module of each name that is imported when it is first used."""

if os.environ.get("PALTABRAIN_SDK_NO_ALIAS") != "1":
    install_fallback()


def __getattr__(name: str) -> Any:
    """Import what takes long, and what not every program needs, when it is first used."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_LATE[name], __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
