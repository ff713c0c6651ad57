"""Rewrites methods of a generated module, with the same behaviour or with another."""

from __future__ import annotations

import re
from collections.abc import Callable

Forms = dict[str, dict[str, str]]
"""For each method, the forms that it may take: the text of a class body, by the form's name."""

PAYLOAD = """
    def serialize_payload(self):
        m = EventPayloadMessage()
        p = getattr(m, f"event_{self.event_type_id}")
        p.SetInParent()
        set_proto(p, self._payload)
        return m.SerializeToString()
"""

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


def rewritten(source: str, owner: str, method: str, text: str) -> str:
    """Return the source of a module with another text for one method of the class ``owner``."""
    pattern = rf"(\nclass {owner}\(.*?)\n    def {method}\(.*?(?=\n    def |\n\n\n|\Z)"
    new, count = re.subn(
        pattern, lambda found: f"{found[1]}\n{text.strip(chr(10))}\n", source, count=1, flags=re.S
    )
    assert count == 1
    return new


def payload(old: str, new: str) -> str:
    """``serialize_payload`` with ``new`` in place of ``old``."""
    assert old in PAYLOAD
    return PAYLOAD.replace(old, new)


def filling_payload(text: str) -> str:
    """``serialize_payload`` with this statement in place of its call of ``set_proto()``."""
    return payload(FILL, text)


def header(text: str, beside: str = "") -> str:
    """``serialize_header`` with this body, after further members of the class."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    return f"{beside}\n    def serialize_header(self):\n{lines}"


def iterating(groups: str) -> str:
    """``serialize_header`` that iterates this expression."""
    return header(LOOP.replace("GROUPS", groups))


def unless(test: str, otherwise: str = 'b""') -> str:
    """``serialize_header`` that returns early if this test is true."""
    loop = LOOP.replace("GROUPS", "self._header.items()")
    return header(f"if {test}:\n    return {otherwise}\n{loop.strip()}")


def when(test: str) -> str:
    """``serialize_header`` that serializes only if this test is true."""
    loop = LOOP.replace("GROUPS", "self._header.items()").strip().replace("\n", "\n    ")
    return header(f'if {test}:\n    {loop}\nreturn b""')


def filling_header(text: str) -> str:
    """``serialize_header`` with these statements between making and serializing the message."""
    return header(f"message = EventHeaderMessage()\n{text}\nreturn message.SerializeToString()")


def init(text: str, beside: str = "") -> str:
    """``__init__`` with this body, after further members of the class."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    return f"{beside}\n    def __init__(self, *, page_id=None, title=None):\n{lines}"


def setter(text: str, beside: str = "") -> str:
    """``set_screen`` with this body, after further members of the class."""
    lines = "".join(f"        {line}\n" for line in text.strip().splitlines())
    start = "    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):"
    return f"{beside}\n{start}\n{lines}"


def random_form(source: str, choose: Callable[[list[str]], str]) -> str:
    """Return the source of a module, each serializer rewritten in a random equivalent form."""
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
