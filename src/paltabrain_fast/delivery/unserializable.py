"""Says why an event was skipped: which property is wrong, who tracked it, where a hook failed."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Final

from ..encoding.values import set_proto
from ..errors import Diagnosis
from ..process.masking import error_text

__all__ = ["diagnose_event", "diagnose_hook"]

_PACKAGE: Final = __name__.partition(".")[0]


def diagnose_event(event: object, error: Exception, secret: str) -> Diagnosis:
    """Diagnose why an event could not be serialized; called in the thread that tracks it.

    Args:
        event: the event.
        error: what was raised, with its traceback.
        secret: the API key, which a value may be.
    """
    name = type(event).__name__
    return Diagnosis(
        f"serialization_error {name}.{_place(error)}",
        f"event [{name}] tracked at {_caller()} cannot be serialized ({error_text(error, secret)})",
        "correct the value there; sdk.last_serialization_error has the traceback",
    )


def diagnose_hook(error: Exception) -> Diagnosis:
    """Diagnose why ``before_send`` has failed; without the error's text, which may be a secret.

    Args:
        error: what was raised, with its traceback.
    """
    cause = f"before_send raised {type(error).__name__}"
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not _is_own(frame):
            cause += f" at {frame.f_code.co_filename}:{line}"
            break
    else:
        cause += ", or returned what is no event"
    return Diagnosis(
        f"before_send_error {cause}",
        cause,
        "correct it; sdk.last_serialization_error has the traceback",
    )


def _place(error: Exception) -> str:
    """Return the property that is wrong, or else where the error was raised."""
    place = type(error).__name__
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code is set_proto.__code__:
            found = frame.f_locals
            return f"{found['message'].DESCRIPTOR.name}.{found.get('name')}"
        place = f"{frame.f_code.co_filename}:{line}"
    return place


def _caller() -> str:
    """Return file and line of the first caller outside of this package.

    The native engine has no frames in between.
    """
    frame: Any = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _is_own(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE
