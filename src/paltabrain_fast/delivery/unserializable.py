"""Says why an event was skipped: which property is wrong, who tracked it, where a hook failed."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from types import FrameType, NoneType
from typing import Any, Final, get_args, get_origin

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
        f"correct the value there{_type_in_schema(event, error)}; sdk.last_serialization_error has"
        " the traceback",
    )


def _type_in_schema(event: object, error: Exception) -> str:
    """Return the type of the property that is wrong, where protobuf has another for it; or else "".

    The constructor of a generated class has it.
    """
    hint: Any = None
    with suppress(Exception):  # a class of the user's own may be anything
        found = next(frame for frame, _ in _frames(error) if _sets_properties(frame)).f_locals
        if found["message"].DESCRIPTOR.name.startswith("EventPayload"):
            hints = type(event).__init__.__annotations__
            hint = hints.get(found["name"], hints.get(f"{found['name']}_"))
    many = ""
    while get_args(hint):  # Optional[List[Decimal]]
        many = {list: "list of ", dict: "dict of "}.get(get_origin(hint), many)
        hint = next((each for each in reversed(get_args(hint)) if each is not NoneType), None)
    if not isinstance(hint, type) or not issubclass(hint, Decimal | datetime | IntEnum):
        return ""
    article = "an" if not many and hint.__name__[0] in "AEIOU" else "a"
    return f", which is {article} {many}{hint.__name__} in the schema"


def diagnose_hook(error: Exception) -> Diagnosis:
    """Diagnose why ``before_send`` has failed; without the error's text, which may be a secret.

    Args:
        error: what was raised, with its traceback.
    """
    cause = f"before_send raised {type(error).__name__}"
    for frame, line in _frames(error):
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
    for frame, line in _frames(error):
        if _sets_properties(frame):
            found = frame.f_locals
            return f"{found['message'].DESCRIPTOR.name}.{found.get('name')}"
        place = f"{frame.f_code.co_filename}:{line}"
    return place


def _frames(error: Exception) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)


def _sets_properties(frame: FrameType) -> bool:
    return frame.f_code is set_proto.__code__


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
