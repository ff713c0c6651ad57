"""Chooses the engine, native or reference, once at import; the rest of the package asks here."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..process import forks, reentrancy
from .protocol import Engine

__all__ = [
    "ContextBase",
    "EventBase",
    "Scope",
    "Sentinel",
    "Tracker",
    "direct",
    "install_native_methods",
    "make_engine",
    "name",
    "plan_classes",
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
if name == "native" and not TYPE_CHECKING:  # to a type checker, both are the same
    try:
        from .._native import base, classes, engine, fork, generated, scope, track, uuid7
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
        ContextBase, EventBase, Sentinel = base.ContextBase, base.EventBase, base.Sentinel
        install_native_methods = generated.install_native_methods
        Scope, Tracker, uuid_v7 = scope.Scope, track.Tracker, uuid7.uuid_v7
        reentrancy.note_inside = fork.note_inside
        forks.count_forks, forks.finish_fork = fork.count_forks, fork.finish_fork
        forks.free_object_locks = fork.free_object_locks
        direct = track.DirectMethod
        make_engine, slow_reason = engine.NativeEngine, classes.slow_reason
        plan_classes = classes.plan_classes

if name == "python" or TYPE_CHECKING:
    from .._reference.base import (
        ContextBase,
        EventBase,
        Sentinel,
        install_native_methods,
        plan_classes,
        slow_reason,
    )
    from .._reference.engine import ReferenceEngine
    from .._reference.scope import Scope
    from .._reference.track import Tracker, direct
    from .._reference.uuid7 import uuid_v7

    make_engine = ReferenceEngine
