"""Forms of ``serialize_header`` and ``serialize_context``: equivalent ones, and others."""

from __future__ import annotations

from .rewriting import (
    Forms,
    filling_header,
    header,
    iterating,
    unless,
    when,
)

ACCELERATED: Forms = {
    "serialize_header": {
        "turned round": """
    def serialize_header(self):
        if self._header:
            message = EventHeaderMessage()
            for pair in self._header.items():
                set_proto(getattr(message, pair[0]), pair[1])
            return message.SerializeToString()
        return b""
""",
        "without the test": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "by key": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group in self._header:
            set_proto(getattr(message, group), self._header[group])
        return message.SerializeToString()
""",
        "by keys": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group in self._header.keys():
            member = getattr(message, group)
            set_proto(member, self._header[group])
        return message.SerializeToString()
""",
        "empty groups left out": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            if not values:
                continue
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "no length": """
    def serialize_header(self):
        if len(self._header) == 0:
            return b""
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "in one expression": """
    def serialize_header(self):
        message = EventHeaderMessage()
        [set_proto(getattr(message, group), values) for group, values in self._header.items()]
        return message.SerializeToString()
""",
        "one or the other": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString() if self._header else b""
""",
        "a method for header and context": """
    def _filled(self, message, groups):
        for group, values in groups.items():
            set_proto(getattr(message, group), values)
        return message

    def serialize_header(self):
        return self._filled(EventHeaderMessage(), self._header).SerializeToString()
""",
        "list": iterating("list(self._header.items())"),
        "tuple": iterating("tuple(self._header.items())"),
        "sorted": iterating("sorted(self._header.items())"),
        "star list": iterating("[*self._header.items()]"),
        "iter": iterating("iter(self._header.items())"),
        "comp": iterating("[(g, v) for g, v in self._header.items()]"),
        "genexp": iterating("((g, v) for g, v in self._header.items())"),
        "dict copy": iterating("dict(self._header).items()"),
        "copy": iterating("self._header.copy().items()"),
        "or": iterating("(self._header or {}).items()"),
        "len>0": when("len(self._header) > 0"),
        "len<1": unless("len(self._header) < 1"),
        "not len": unless("not len(self._header)"),
        "0<len": when("0 < len(self._header)"),
        "0==len": unless("0 == len(self._header)"),
        "bool is False": unless("bool(self._header) == False"),
        "not bool": unless("not bool(self._header)"),
        "items": unless("not self._header.items()"),
        "keys": unless("not self._header.keys()"),
        "is None or": unless("self._header is None or not self._header"),
        "is None": unless("self._header is None"),
        "empty const": """
    _EMPTY = b""

    def serialize_header(self):
        if not self._header:
            return self._EMPTY
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "bytes()": header("""
if not self._header:
    return bytes()
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
return message.SerializeToString()
"""),
        "getitem": filling_header(
            "for g in list(self._header): set_proto(getattr(message, g), self._header[g])"
        ),
        "sorted keys": filling_header(
            "for g in sorted(self._header): set_proto(getattr(message, g), self._header[g])"
        ),
        "get": filling_header(
            "for group in self._header: set_proto(getattr(message, group), self._header.get(group))"
        ),
        "static fill": header(
            """
return Event._filled(EventHeaderMessage(), self._header).SerializeToString()
""",
            """
    @staticmethod
    def _filled(message, groups):
        for group, values in groups.items():
            set_proto(getattr(message, group), values)
        return message
""",
        ),
        "static fill2": header(
            """
return self._filled(EventHeaderMessage, self._header) if self._header else b""
""",
            """
    @staticmethod
    def _filled(cls, groups, **options):
        message = cls()
        for group, values in groups.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString(**options)
""",
        ),
        "two ifs": unless("not self._header or not len(self._header)"),
        "ternary": filling_header("""
for group, values in self._header.items() if self._header else ():
    set_proto(getattr(message, group), values)"""),
        "nested fn": header("""
def fill(message):
    for group, values in self._header.items():
        set_proto(getattr(message, group), values)
    return message
return fill(EventHeaderMessage()).SerializeToString()
"""),
        "for else": header("""
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
else:
    return message.SerializeToString()
"""),
        "unpack later": filling_header("""
for item in self._header.items():
    group, values = item
    part = getattr(message, group)
    set_proto(part, values)"""),
        "star": filling_header("""
for group, *rest in self._header.items():
    set_proto(getattr(message, group), *rest)"""),
        "continue on empty": filling_header("""
for group, values in self._header.items():
    if len(values) > 0:
        set_proto(getattr(message, group), values)"""),
        "values not None": filling_header("""
for group, values in self._header.items():
    if values is not None:
        set_proto(getattr(message, group), values)"""),
        "deterministic": header("""
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
return message.SerializeToString(deterministic=True)
"""),
        "map": filling_header(
            "list(map(lambda g: set_proto(getattr(message, g), self._header[g]), self._header))"
        ),
    },
    "serialize_context": {
        "annotated": """
    def serialize_context(self) -> bytes:
        message = ContextMessage()
        for group, properties in self._context.items():
            set_proto(getattr(message, group), properties)
        return message.SerializeToString(deterministic=True)
""",
        "with a test": """
    def serialize_context(self):
        if not self._context:
            return b""
        message = ContextMessage()
        for group in self._context:
            set_proto(getattr(message, group), self._context[group])
        return message.SerializeToString(deterministic=True)
""",
        "a default": """
    def serialize_context(self, deterministic=True):
        message = ContextMessage()
        for group in sorted(self._context):
            set_proto(getattr(message, group), self._context[group])
        return message.SerializeToString(deterministic=deterministic)
""",
        "a size, and a list": """
    def serialize_context(self):
        if len(self._context) < 1:
            return bytes()
        message = ContextMessage()
        for group, properties in list(self._context.items()):
            if len(properties) > 0:
                set_proto(getattr(message, group), properties)
        return message.SerializeToString(deterministic=True)
""",
    },
}

FALLBACK: Forms = {
    "serialize_header": {
        "leaves a group out": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            if group != "parent":
                set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "only the first": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
            break
        return message.SerializeToString()
""",
        "only the first, by a flag": """
    def serialize_header(self):
        message = EventHeaderMessage()
        done = False
        for group, values in self._header.items():
            if not done:
                set_proto(getattr(message, group), values)
            done = True
        return message.SerializeToString()
""",
        "not more than one": """
    def serialize_header(self):
        message = EventHeaderMessage()
        count = 0
        for group, values in self._header.items():
            count += 1
            if count > 1:
                break
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "a group too many": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        message.parent.SetInParent()
        return message.SerializeToString()
""",
        "groups mixed up": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(message.screen, {"screen_name": "s"})
        return message.SerializeToString()
""",
        "groups marked": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            getattr(message, group).SetInParent()
            set_proto(getattr(message, group), {})
        return message.SerializeToString()
""",
        "empty groups marked": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
            if not values:
                getattr(message, group).SetInParent()
        return message.SerializeToString()
""",
        "never": """
    def serialize_header(self):
        return b""
""",
        "always": """
    def serialize_header(self):
        if not self._header:
            return b"\\n\\x00"
        message = EventHeaderMessage()
        for group, values in self._header.items():
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "the first hundred": """
    def serialize_header(self):
        message = EventHeaderMessage()
        for group, values in list(self._header.items())[:1]:
            set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "dependent on the payload": """
    def serialize_header(self):
        message = EventHeaderMessage()
        if self._payload:
            for group, values in self._header.items():
                set_proto(getattr(message, group), values)
        return message.SerializeToString()
""",
        "slice comp": iterating("[p for p in self._header.items()][:2]"),
        "slice tuple": iterating("tuple(self._header.items())[:2]"),
        "slice sorted": iterating("sorted(self._header.items())[:2]"),
        "reversed twice": iterating("[*self._header.items(), *self._header.items()]"),
        "items twice": filling_header("""
items = self._header.items()
for g, v in items: set_proto(getattr(message, g), v)
for g, v in items: set_proto(getattr(message, g), v)"""),
        "items truth": header("""
if not self._header.items():
    return b"\\n\\x00"
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
return message.SerializeToString()
"""),
        "keys truth": header("""
if not self._header.keys():
    return b"\\n\\x00"
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
return message.SerializeToString()
"""),
        "exactly two, flag": header("""
message = EventHeaderMessage()
one = two = three = False
for g, v in self._header.items():
    set_proto(getattr(message, g), v)
    one, two, three = True, one, two
return message.SerializeToString() if not two or three else b""
"""),
        "one group only": header("""
message = EventHeaderMessage()
one = two = False
for g, v in self._header.items():
    set_proto(getattr(message, g), v)
    one, two = True, one
return message.SerializeToString() if not one or two else b""
"""),
        "reverse order merge": filling_header("""
for g, v in self._header.items():
    set_proto(getattr(message, g), v)
    last = v
set_proto(message.screen, last)"""),
        "marks": filling_header("""
for g, v in self._header.items():
    getattr(message, g).SetInParent()
    set_proto(getattr(message, g), v)"""),
        "empty marked": filling_header("""
for g, v in self._header.items():
    if v: set_proto(getattr(message, g), v)
    else: getattr(message, g).SetInParent()"""),
        "values mutate": filling_header("""
for g, v in self._header.items():
    v.pop("screen_name", None)
    set_proto(getattr(message, g), v)"""),
        "len gt 1": when("len(self._header) > 1"),
        "len<2": unless("len(self._header) < 2"),
        "len >= 0": unless("len(self._header) <= 1"),
        "len==1": unless("len(self._header) == 1"),
        "len != 1": unless("len(self._header) != 1"),
        "True<len": when("True < len(self._header)"),
        "get default": filling_header(
            'for g in self._header: set_proto(getattr(message, g), self._header.get(g + "x", {}))'
        ),
        "screen in": filling_header(
            'if "screen" in self._header: set_proto(message.screen, self._header["screen"])'
        ),
        "next": filling_header("""
g, v = next(iter(self._header.items()), ("screen", {}))
set_proto(getattr(message, g), v)"""),
        "while pop": filling_header("""
groups = [*self._header.items()]
while groups[1:]:
    g, v = groups.pop()
    set_proto(getattr(message, g), v)"""),
        "setdefault": filling_header("""
self._header.setdefault("screen", {"screen_name": "x"})
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)"""),
        "after": filling_header("""
for g, v in self._header.items(): pass
set_proto(getattr(message, g), v)"""),
    },
    "serialize_context": {
        "one group of its own": """
    def serialize_context(self):
        message = ContextMessage()
        for group, properties in self._context.items():
            set_proto(getattr(message, group), properties)
        set_proto(message.os, {"os_version": "1"})
        return message.SerializeToString(deterministic=True)
""",
        "a group twice": """
    def serialize_context(self):
        message = ContextMessage()
        for group, properties in self._context.items():
            set_proto(getattr(message, group), properties)
            set_proto(getattr(message, group), {"os_version": "2"})
        return message.SerializeToString(deterministic=True)
""",
    },
}
