"""Calls ``before_send``, the hook of the user's that may change or drop an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._engine.protocol import class_given_error
from ..process.pristine import local
from ..process.reentrancy import current_flow

__all__ = ["BeforeSend", "BeforeSendHook", "is_event"]

BeforeSend = Callable[[Any, Any], Any]
"""Type of the option: takes an event and its context, returns the event to send, or ``None``."""


class BeforeSendHook:
    """Holds the hook of one SDK. Any thread may call it, several at a time.

    The SDK alone holds it: whoever tracks an event has the SDK. So a hook that refers to the SDK
    does not keep it alive.

    Args:
        function: the hook.
    """

    def __init__(self, function: BeforeSend) -> None:
        self._function = function
        self._running = _Flows()

    @property
    def is_running(self) -> bool:
        """Whether this is a call from within the hook; of a thread, or of a greenlet."""
        flows = self._running.flows
        return bool(flows) and current_flow() in flows

    def __call__(self, event: Any, context: Any) -> Any:
        """Return the event to send; ``None`` if the hook drops it.

        Args:
            event: that was tracked.
            context: that it would carry.

        Raises:
            TypeError: what the hook returned is no event.
            Exception: what the hook itself raises.
        """
        flows, flow = self._running.flows, current_flow()
        try:
            flows.add(flow)
            changed = self._function(event, context)
        finally:
            flows.discard(flow)
        if changed is event or changed is None or is_event(changed):
            return changed
        if isinstance(changed, type):
            raise class_given_error("what before_send returns", changed)
        raise TypeError(f"before_send must return an event or None, not {type(changed).__name__}")


class _Flows(local):
    """Of each thread, so that a forked child does not take its threads for those of the parent."""

    def __init__(self) -> None:
        self.flows: set[object] = set()


def is_event(candidate: Any) -> bool:
    """Tell whether this is an object that ``track()`` can serialize."""
    return (
        not isinstance(candidate, type)
        and hasattr(candidate, "serialize_header")
        and hasattr(candidate, "serialize_payload")
    )
