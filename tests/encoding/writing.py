"""Writes methods of a generated module: one text each, but for what is to be written otherwise."""

from __future__ import annotations

from collections.abc import Callable

from .forms import payload, rewritten

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


def random_form(source: str, choose: Callable[[list[str]], str]) -> str:
    """The source of a module in the server's form, its serializers in any form that is as good."""
    fill = choose(
        [
            "set_proto(part, {values})",
            "set_proto(message=part, properties={values})",
            "if {values}: set_proto(part, {values})",
            "if len({values}) != 0:\n            set_proto(part, {values})",
            "if len({values}) > 0:\n            set_proto(part, {values})",
            "if {values} is not None:\n            set_proto(part, {values})",
            "set_proto(part, {values}.copy())",
            "set_proto(part, {values} or {{}})",
        ]
    ).format(values=choose(["self._payload", "values", 'getattr(self, "_payload")']))
    number = choose(["self.event_type_id", "type(self).event_type_id", "number"])
    name = choose(
        [
            'f"event_{%s}"',
            '"event_" + str(%s)',
            '"event_%%d" %% %s',
            '"event_{}".format(%s)',
            '"_".join(["event", str(%s)])',
        ]
    )
    steps = ["part.SetInParent()", fill]
    if choose(["marked", "filled"]) == "filled":
        steps.reverse()
    payload = [
        "    def serialize_payload(self):",
        "whole = EventPayloadMessage()",
        "number, values = self.event_type_id, self._payload",
        f"part = getattr(whole, {name % number})",
        *steps,
        f"return whole.SerializeToString({choose(['', 'deterministic=False'])})",
    ]
    source = rewritten(source, "Event", "serialize_payload", "\n        ".join(payload))
    for owner, method, groups, message, arguments in (
        ("Event", "serialize_header", "self._header", "EventHeaderMessage", ""),
        ("Context", "serialize_context", "self._context", "ContextMessage", "deterministic=True"),
    ):
        test = choose(
            [
                "",
                f"if not {groups}:",
                f"if len({groups}) == 0:",
                f"if len({groups}) < 1:",
                f"if {groups} == {{}}:",
            ]
        )
        loop, key, values = choose(
            [
                f"for key, values in {groups}.items(): key values",
                f"for pair in {groups}.items(): pair[0] pair[1]",
                f"for key in {groups}: key {groups}[key]",
                f"for key in {groups}.keys(): key {groups}[key]",
                f"for key, values in list({groups}.items()): key values",
                f"for key in sorted({groups}): key {groups}.get(key)",
            ]
        ).rsplit(" ", 2)
        skipped = choose(["", f"if not {values}: continue"])
        lines = [
            f"    def {method}(self):",
            f'{test} return b""' if test else "pass",
            f"whole = {message}()",
            loop,
            f"    {skipped or 'pass'}",
            f"    set_proto(getattr(whole, {key}), {values})",
            f"return whole.SerializeToString({arguments})",
        ]
        source = rewritten(source, owner, method, "\n        ".join(lines))
    return source
