"""Base classes of the generated config module: enums, contexts, events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from ._engine.choice import ContextBase, EventBase, Sentinel, install_native_methods
from .encoding.display import Parts, call_text

if TYPE_CHECKING:

    class _Fitting(Sentinel, Any):  # type: ignore[misc]  # as a default, it fits any parameter
        pass
else:
    _Fitting = Sentinel

__all__ = ["BaseContext", "BaseEnum", "BaseEvent", "BaseSentinel"]


class BaseEnum(IntEnum):
    """Base of the generated enums. On the wire a member is its integer value."""


class BaseSentinel(_Fitting):
    """Default of a setter's parameter: "not given", as opposed to an explicit ``None``."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __reduce__(self) -> tuple[type[BaseSentinel], tuple[()]]:
        return type(self), ()  # which either engine can read


class BaseContext(ContextBase, ABC):
    """Base of the generated ``Context``: properties by group, shared by all events of a batch."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        install_native_methods(cls)

    def __repr__(self) -> str:
        return call_text(self, lambda: Parts(groups=self._context))

    @abstractmethod
    def serialize_context(self) -> bytes:
        """Return the context as a serialized ``Context`` message."""

    def asdict(self) -> dict[str, dict[str, Any]]:
        """Return the properties by group; a property that was unset is ``None``.

        No copy: to change what is returned changes the context.
        """
        return self._context


class BaseEvent(EventBase, ABC):
    """Base of the generated events: header properties by group, and the event's own payload."""

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

        Neither is a copy: to change them changes the event.
        """
        return {"header": self._header, "payload": self._payload}
