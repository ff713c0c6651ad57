"""Chooses the engine, native or reference, once at import; the rest of the package asks here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ._protocol import Engine
from ._reference.engine import ReferenceEngine

__all__ = [
    "ContextBase",
    "EventBase",
    "Sentinel",
    "Tracker",
    "adopt",
    "make_engine",
    "name",
    "slow_reason",
    "uuid_v7",
]

_VARIABLE: Final = "PALTABRAIN_SDK_ENGINE"


def _wanted() -> str:
    choice = os.environ.get(_VARIABLE) or "native"
    if choice not in ("native", "python"):
        raise ValueError(f"{_VARIABLE} must be 'native' or 'python', not {choice!r}")
    return choice


make_engine: Callable[[int], Engine]
"""Makes an engine from ``buffer_bytes``."""

name = _wanted()
if TYPE_CHECKING:  # what the two have in common
    from ._reference.base import ContextBase, EventBase, Sentinel, adopt, slow_reason
    from ._reference.track import Tracker
    from ._reference.uuid7 import uuid_v7
if not TYPE_CHECKING and name == "native":
    try:
        from ._native.base import ContextBase, EventBase, Sentinel, adopt
        from ._native.classes import slow_reason
        from ._native.engine import NativeEngine
        from ._native.track import Tracker
        from ._native.uuid7 import uuid_v7
    except ImportError as error:
        warnings.warn(
            f"the native engine cannot be loaded ({error}); paltabrain_fast runs on the pure-Python"
            " engine, which is slower. Reinstall with a C compiler present, or choose it on"
            f" purpose with {_VARIABLE}=python",
            RuntimeWarning,
            stacklevel=2,
        )
        name = "python"
    else:
        make_engine = NativeEngine
if not TYPE_CHECKING and name == "python":
    from ._reference.base import ContextBase, EventBase, Sentinel, adopt, slow_reason
    from ._reference.track import Tracker
    from ._reference.uuid7 import uuid_v7

    make_engine = ReferenceEngine
