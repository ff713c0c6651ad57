"""Reads server-sent events from the pieces of an HTTP body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Message", "messages"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream.

    Attributes:
        event: its name.
        data: its text.
        id: what to resume the stream with: that of this message, or of an earlier one.
    """

    event: str
    data: str
    id: str | None


def messages(pieces: Iterable[bytes]) -> Iterator[Message]:
    """Yield the messages of a stream; comments and messages without data are none.

    Args:
        pieces: the body, cut anywhere. Where it ends, an unfinished message is left out.
    """
    event, data, last_id = "message", list[str](), None
    for line in _lines(pieces):
        if not line:
            if data:
                yield Message(event, "\n".join(data), last_id)
            event, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                event = value
            case "data":
                data.append(value)
            case "id":
                last_id = value


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
