"""Base classes that generated config modules derive from: of enums, contexts and events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from ._engine.choice import ContextBase, EventBase, Sentinel, install_native_methods
from .encoding.display import Parts, call_text

if TYPE_CHECKING:

    class _AnySentinel(Sentinel, Any):  # type: ignore[misc]  # so it may be any parameter's default
        pass
else:
    _AnySentinel = Sentinel

__all__ = ["BaseContext", "BaseEnum", "BaseEvent", "BaseSentinel"]


class BaseEnum(IntEnum):
    """Base of the generated enums. A member is sent as its integer value."""


class BaseSentinel(_AnySentinel):
    """Class of ``UNDEFINED``, the default of a setter's parameters.

    It means that the argument was not given, as opposed to an explicit ``None``.
    """

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __reduce__(self) -> tuple[type[BaseSentinel], tuple[()]]:
        return type(self), ()  # so that a pickle of one engine loads on the other


class BaseContext(ContextBase, ABC):
    """Base of the generated ``Context``: properties by group, which all events of a batch share."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        install_native_methods(cls)

    def __repr__(self) -> str:
        return call_text(self, lambda: Parts(groups=self._context))

    @abstractmethod
    def serialize_context(self) -> bytes:
        """Return the context as a serialized ``Context`` message."""

    def asdict(self) -> dict[str, dict[str, Any]]:
        """Return the properties by group.

        A property that was set to ``None`` is included. The dict is not a copy: to change it
        changes the context.
        """
        return self._context


class BaseEvent(EventBase, ABC):
    """Base of the generated events: properties of the event, and of its header by group."""

    event_type_id: ClassVar[int] = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        install_native_methods(cls)

    def __repr__(self) -> str:
        return call_text(self, lambda: Parts(self._payload, header=self._header))

    @abstractmethod
    def serialize_header(self) -> bytes:
        """Return the header as a serialized ``EventHeader`` message, ``b""`` if it is empty."""

    @abstractmethod
    def serialize_payload(self) -> bytes:
        """Return the properties as a serialized ``EventPayload`` message."""

    def asdict(self) -> dict[str, dict[str, Any]]:
        """Return ``{"header": properties by group, "payload": properties}``.

        Both dicts are not copies: to change them changes the event.
        """
        return {"header": self._header, "payload": self._payload}
