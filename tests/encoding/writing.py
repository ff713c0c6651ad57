"""Writes methods of a generated module: one text each, but for what is to be written otherwise."""

from __future__ import annotations

from .forms import payload

Forms = dict[str, dict[str, str]]

NAME = 'f"event_{self.event_type_id}"'
FILL = "set_proto(p, self._payload)"
MARK_AND_FILL = "p.SetInParent()\n        set_proto(p,"

LOOP = """
message = EventHeaderMessage()
for group, values in GROUPS:
    set_proto(getattr(message, group), values)
return message.SerializeToString()
"""

SCREEN = "{'screen_name': screen_name, 'theme': theme}"
FILTERED = f"BaseSentinel.filter({SCREEN})"


def filling(text: str) -> str:
    """``serialize_payload`` that fills the message in this way."""
    return payload(FILL, text)


def header(text: str, beside: str = "") -> str:
    """``serialize_header`` with this body, and what the class has beside it."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    return f"{beside}\n    def serialize_header(self):\n{lines}"


def through(groups: str) -> str:
    """``serialize_header`` that goes through the groups in this way."""
    return header(LOOP.replace("GROUPS", groups))


def unless(test: str, otherwise: str = 'b""') -> str:
    """``serialize_header`` that leaves early after this test."""
    loop = LOOP.replace("GROUPS", "self._header.items()")
    return header(f"if {test}:\n    return {otherwise}\n{loop.strip()}")


def when(test: str) -> str:
    """``serialize_header`` that goes on after this test."""
    loop = LOOP.replace("GROUPS", "self._header.items()").strip().replace("\n", "\n    ")
    return header(f'if {test}:\n    {loop}\nreturn b""')


def counted(text: str) -> str:
    """``serialize_header`` that fills a message in this way."""
    return header(f"message = EventHeaderMessage()\n{text}\nreturn message.SerializeToString()")


def init(text: str, beside: str = "") -> str:
    """``__init__`` with this body."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    return f"{beside}\n    def __init__(self, *, page_id=None, title=None):\n{lines}"


def setter(text: str, beside: str = "") -> str:
    """``set_screen`` with this body."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    start = "    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):"
    return f"{beside}\n{start}\n{lines}"
