"""Helpers that generated config modules and users import: ``set_proto()``, UUIDs, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._engine.choice import uuid_v7
from .process.clock import monotonic_ns, real_time_ns

if TYPE_CHECKING:
    from .encoding.amplitude import build_amplitude_dict, transform_amplitude_val
    from .encoding.values import set_proto, transform_proto_val

__all__ = [
    "build_amplitude_dict",
    "monotonic_time_ms",
    "set_proto",
    "time_ms",
    "transform_amplitude_val",
    "transform_proto_val",
    "uuid_v7",
]

_MONOTONIC_ANCHOR_NS: Final = real_time_ns() - monotonic_ns()


def time_ms() -> int:
    """Return the Unix time in milliseconds, read from the real-time clock at each call."""
    return real_time_ns() // 1_000_000


def monotonic_time_ms() -> int:
    """Return a Unix time in milliseconds that never goes back.

    It is the Unix time of the import plus what the monotonic clock has counted since. So it drifts
    from the real-time clock, which stamps events and uploads. It is kept for callers of
    ``paltabrain_sdk``.
    """
    return (_MONOTONIC_ANCHOR_NS + monotonic_ns()) // 1_000_000


def __getattr__(name: str) -> Any:
    """Import what converts values when it is first used; ``time_ms()`` needs none of it."""
    if name in __all__:
        from .encoding import amplitude, values

        for module in amplitude, values:
            if name in module.__all__:
                found = globals()[name] = getattr(module, name)
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
