"""Further methods that only look as the contract says; read as those of ``forms``."""

from __future__ import annotations

from .forms import payload
from .writing import (
    FILTERED,
    MARK_AND_FILL,
    NAME,
    Forms,
    counted,
    filling,
    header,
    init,
    setter,
    through,
    unless,
    when,
)

OBEYED: Forms = {
    "serialize_payload": {
        "__class__ const": payload("self.event_type_id", "__class__.event_type_id"),
        "class name id": payload("self.event_type_id", "Event.event_type_id"),
        "class attr flag": filling("if self._payload.__class__ == dict: set_proto(p, {})"),
        "len > 5": filling("len(self._payload) > 1000 or set_proto(p, self._payload)"),
        "len lt": filling("if len(self._payload) < 1000: set_proto(p, self._payload)"),
        "format(self)": payload(NAME, "'event_4{0._payload}'.format(self)[:7]"),
        "percent payload": filling("'%s' % self._payload == '{}' or set_proto(p, self._payload)"),
        "percent d": filling("'%s' % (self._payload,) == '{}' or set_proto(p, self._payload)"),
        "repr in list": filling("str([self._payload]) == '[{}]' or set_proto(p, self._payload)"),
        "in tuple": filling("self._payload in ({'title': 'x'},) or set_proto(p, self._payload)"),
        "eq tuple": filling("(self._payload,) == ({'title': 'x'},) or set_proto(p, self._payload)"),
        "dict key": filling(
            "{1: self._payload} == {1: {'title': 'x'}} or set_proto(p, self._payload)"
        ),
        "title in": filling("'title' in self._payload and set_proto(p, self._payload)"),
        "class match": filling(
            "match self._payload:\n            case {'title': _}: pass\n"
            "            case _: set_proto(p, self._payload)"
        ),
        "star keys": filling("[*self._payload] or set_proto(p, self._payload)"),
        "finally": filling(
            "try:\n            set_proto(p, self._payload)\n"
            "        finally:\n            p.title = 'x'"
        ),
        "raise": filling(
            "set_proto(p, self._payload)\n        if not self._payload: raise ValueError('x')"
        ),
        "assert": filling("set_proto(p, self._payload)\n        assert self._payload"),
        "while": filling(
            "while self._payload: self._payload.popitem()\n        set_proto(p, self._payload)"
        ),
        "unset flag": filling("if not getattr(self, '_muted', False): set_proto(p, self._payload)"),
        "hasattr": filling("if not hasattr(self, '_muted'): set_proto(p, self._payload)"),
        "hasattr m": filling(
            "hasattr(m, 'event_5') and set_proto(p, {})\n        set_proto(p, self._payload)"
        ),
        "event 5 too": filling("m.event_5.SetInParent(); set_proto(p, self._payload)"),
        "property payload": """
    @property
    def _values(self):
        return {}
"""
        + payload("self._payload", "self._values"),
        "getattr default wrong": payload("self._payload)", "getattr(self, '_values', {}))"),
        "default mark": """
    def _fill(self, message, values, mark=False):
        if mark:
            message.SetInParent()
        set_proto(message, values)
"""
        + payload(MARK_AND_FILL, "self._fill(p,"),
        "classattr list": """
    seen = []
"""
        + payload("set_proto(p,", "self.seen.append(1)\n        set_proto(p,"),
        "truncated": payload("ToString()", "ToString()[:100]"),
        "dict of payload": payload("self._payload)", "dict(self._payload, title='x'))"),
        "copy cleared": filling("v = self._payload.copy(); v.clear(); set_proto(p, v)"),
        "dict mutated": filling("v = dict(self._payload); v['title'] = 'x'; set_proto(p, v)"),
        "clearfield": payload("return m", "p.ClearField('title')\n        return m"),
        "deterministic of value": payload(
            "ToString()", "ToString(deterministic=bool(self._payload))"
        ),
        "sorted list": payload("self._payload)", "dict(sorted(self._payload.items())[:1]))"),
        "or x": payload("self._payload)", "self._payload or {'title': 'x'})"),
        "and": payload("self._payload)", "self._payload and {})"),
        "nested default": filling("(lambda v={}: set_proto(p, v))()"),
        "walrus none": filling(
            "(x := self._payload.get('title')) is None and set_proto(p, self._payload)"
        ),
        "sum": filling("sum(1 for _ in self._payload) > 3 or set_proto(p, self._payload)"),
        "__class__ override": """
    @property
    def __class__(self):
        return EventPageClose if False else type(self)
"""
        + payload("set_proto(p, self._payload)", "set_proto(p, {})"),
        "none payload": filling("self._payload is None or set_proto(p, {})"),
        "int(payload len)": filling("int(len(self._payload)) > 5 or set_proto(p, self._payload)"),
        "repr f": filling("f'{self._payload!r}' == '{}' or set_proto(p, self._payload)"),
        "repr %": filling("'%r' % self._payload == '{}' or set_proto(p, self._payload)"),
        "repr": filling("repr(self._payload) == '{}' or set_proto(p, self._payload)"),
        "repr lambda": filling(
            "(lambda: repr([self._payload]))() == '[{}]' or set_proto(p, self._payload)"
        ),
        "str.format": filling(
            "'{!r}'.format(self._payload) == '{}' or set_proto(p, self._payload)"
        ),
        "map repr": filling("[*map(repr, [self._payload])] == '{}' or set_proto(p, self._payload)"),
    },
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
        "slice comp": through("[p for p in self._header.items()][:2]"),
        "slice tuple": through("tuple(self._header.items())[:2]"),
        "slice sorted": through("sorted(self._header.items())[:2]"),
        "reversed twice": through("[*self._header.items(), *self._header.items()]"),
        "items twice": counted("""
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
        "reverse order merge": counted("""
for g, v in self._header.items():
    set_proto(getattr(message, g), v)
    last = v
set_proto(message.screen, last)"""),
        "marks": counted("""
for g, v in self._header.items():
    getattr(message, g).SetInParent()
    set_proto(getattr(message, g), v)"""),
        "empty marked": counted("""
for g, v in self._header.items():
    if v: set_proto(getattr(message, g), v)
    else: getattr(message, g).SetInParent()"""),
        "values mutate": counted("""
for g, v in self._header.items():
    v.pop("screen_name", None)
    set_proto(getattr(message, g), v)"""),
        "len gt 1": when("len(self._header) > 1"),
        "len<2": unless("len(self._header) < 2"),
        "len >= 0": unless("len(self._header) <= 1"),
        "len==1": unless("len(self._header) == 1"),
        "len != 1": unless("len(self._header) != 1"),
        "True<len": when("True < len(self._header)"),
        "get default": counted(
            'for g in self._header: set_proto(getattr(message, g), self._header.get(g + "x", {}))'
        ),
        "screen in": counted(
            'if "screen" in self._header: set_proto(message.screen, self._header["screen"])'
        ),
        "next": counted("""
g, v = next(iter(self._header.items()), ("screen", {}))
set_proto(getattr(message, g), v)"""),
        "while pop": counted("""
groups = [*self._header.items()]
while groups[1:]:
    g, v = groups.pop()
    set_proto(getattr(message, g), v)"""),
        "setdefault": counted("""
self._header.setdefault("screen", {"screen_name": "x"})
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)"""),
        "after": counted("""
for g, v in self._header.items(): pass
set_proto(getattr(message, g), v)"""),
    },
    "__init__": {
        "event super": init("""
super().__init__()
self._payload = {'page_id': page_id, 'title': title}
self._payload.update(self._payload)
self._payload.pop('title')
"""),
        "lists": """
    def __init__(self, *, page_id=None, title=None, made=[]):
        super().__init__()
        made.append(1)
        self._payload = {'page_id': page_id, 'title': title}
""",
        "super of other": init("""
super(BaseEvent, self).__init__()
self._payload = {'page_id': page_id, 'title': title}
"""),
        "not None": init("""
super().__init__()
self._payload = {'page_id': page_id, 'title': title}
if title is None: self._payload = {'page_id': page_id}
"""),
        "swap": init("""
super().__init__()
self._payload = {'page_id': page_id, 'title': title}
return self._payload and None
"""),
        "aliases": init("""
super().__init__()
p = {'page_id': page_id, 'title': title}
self._payload = p
p['title'] = 5
"""),
        "reassign": init("""
super().__init__()
before = self._payload
self._payload = {'page_id': page_id}
before['title'] = title
"""),
        "dict sub": init("""
super().__init__()
self._payload = {'page_id': page_id, 'title': title, 'x': None}
"""),
        "shared": init(
            """
super().__init__()
self._payload = self._default
self._payload['page_id'] = page_id
self._payload['title'] = title
""",
            """
    _default = {}
""",
        ),
    },
    "set_screen": {
        "two updates same": setter("""
self._header['screen'].update(BaseSentinel.filter({'screen_name': screen_name}))
return type(self)()
"""),
        "touch other": setter(f"""
self._header['parent']
self._header['screen'].update({FILTERED})
return self
"""),
        "filter twice mutated": setter(f"""
f = {FILTERED}
if f: self._header['screen'].update(f)
return self
"""),
        "clears": setter(f"""
self._header['screen'].clear()
self._header['screen'].update({FILTERED})
return self
"""),
        "own filter": setter("""
self._header['screen'].update({k: v for k, v in {'screen_name': screen_name}.items() if v})
return self
"""),
        "new object": setter(f"""
self._header['screen'].update({FILTERED})
return self.set_screen
"""),
    },
}
