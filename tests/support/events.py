"""Hand-made events and a context, for tests that need no schema."""

from __future__ import annotations

from paltabrain_fast import BaseContext, BaseEvent


class TextContext(BaseContext):
    """A context whose bytes are its text."""

    def __init__(self, text: str = "context") -> None:
        super().__init__()
        self.text = text

    def serialize_context(self) -> bytes:
        return self.text.encode()


class TextEvent(BaseEvent):
    """An event whose payload is its text."""

    event_type_id = 1

    def __init__(self, text: str = "payload") -> None:
        super().__init__()
        self.text = text

    def serialize_header(self) -> bytes:
        return b""

    def serialize_payload(self) -> bytes:
        return self.text.encode()


class UnserializableEvent(TextEvent):
    """An event that cannot be serialized."""

    def serialize_payload(self) -> bytes:
        raise ValueError("no such value")
