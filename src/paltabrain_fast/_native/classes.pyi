from typing import Any

def slow_reason(cls: type) -> str | None:
    """Tell why instances of a class are left to their own methods, ``None`` if they are not.

    Raises:
        TypeError: it is no class of events or contexts.
    """

def encoded(instance: Any) -> tuple[bytes, bytes] | bytes | None:
    """Encode an event or a context here, proved or not.

    Returns:
        Header and payload of an event, or a context; ``None`` if it is left to its own methods.
    """
