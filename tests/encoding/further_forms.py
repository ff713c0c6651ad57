"""Further ways of writing what the contract says; read as those of ``forms``."""

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

FAST: Forms = {
    "serialize_context": {
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
    "serialize_payload": {
        "a default": payload("(self)", "(self, *, deterministic: bool = False)").replace(
            "ToString()", "ToString(deterministic=deterministic)"
        ),
        "conversion": payload(NAME, 'f"event_{self.event_type_id!s}"'),
        "d": payload(NAME, 'f"event_{self.event_type_id:d}"'),
        "format0": payload(NAME, '"event_{0}".format(self.event_type_id)'),
        "format id": payload(NAME, '"event_{id}".format(id=self.event_type_id)'),
        "format self": payload(NAME, '"event_{0.event_type_id}".format(self)'),
        "format fn": payload(NAME, '"event_" + format(self.event_type_id, "d")'),
        "percent dict": payload(NAME, '"event_%(id)s" % {"id": self.event_type_id}'),
        "format_map": payload(NAME, '"event_{id}".format_map({"id": self.event_type_id})'),
        "str.format": payload(NAME, 'str.format("event_{}", self.event_type_id)'),
        "str.join": payload(NAME, 'str.join("_", ["event", str(self.event_type_id)])'),
        "replace": payload(NAME, '"event_N".replace("N", str(self.event_type_id))'),
        "two concat": payload(NAME, '"event" + "_" + f"{self.event_type_id}"'),
        "cls attr message": """
    _message = EventPayloadMessage
"""
        + payload("EventPayloadMessage()", "self._message()"),
        "cls attr message type": """
    _message = EventPayloadMessage
"""
        + payload("EventPayloadMessage()", "type(self)._message()"),
        "cls attr set_proto": """
    _fill = staticmethod(set_proto)
"""
        + payload("set_proto(p", "self._fill(p"),
        "hoisted getattr": """
    _g = getattr
"""
        + payload("getattr(m,", "self._g(m,"),
        "static helper": """
    @staticmethod
    def _fill(m, v):
        m.SetInParent()
        set_proto(m, v)
"""
        + payload(MARK_AND_FILL, "self._fill(p,"),
        "static helper by type": """
    @staticmethod
    def _fill(m, v):
        m.SetInParent()
        set_proto(m, v)
"""
        + payload(MARK_AND_FILL, "type(self)._fill(p,"),
        "static helper by class name": """
    @staticmethod
    def _fill(m, v):
        m.SetInParent()
        set_proto(m, v)
"""
        + payload(MARK_AND_FILL, "Event._fill(p,"),
        "static helper by __class__": """
    @staticmethod
    def _fill(m, v):
        m.SetInParent()
        set_proto(m, v)
"""
        + payload(MARK_AND_FILL, "__class__._fill(p,"),
        "class helper": """
    @classmethod
    def _member(cls):
        return f'event_{cls.event_type_id}'
"""
        + payload(NAME, "self._member()"),
        "class helper by type": """
    @classmethod
    def _member(cls):
        return f'event_{cls.event_type_id}'
"""
        + payload(NAME, "type(self)._member()"),
        "class helper message": """
    @classmethod
    def _new(cls):
        return EventPayloadMessage()
"""
        + payload("EventPayloadMessage()", "self._new()"),
        "property": """
    @property
    def _member(self):
        return f'event_{self.event_type_id}'
"""
        + payload(NAME, "self._member"),
        "property member": """
    @property
    def event_name(self) -> str:
        return 'event_' + str(self.event_type_id)
"""
        + payload(NAME, "self.event_name"),
        "varargs helper": """
    def _fill(self, *args, **kw):
        set_proto(*args, **kw)
"""
        + payload("set_proto(p,", "self._fill(p,"),
        "default helper": """
    def _fill(self, message, values, mark=True):
        if mark:
            message.SetInParent()
        set_proto(message, values)
"""
        + payload(MARK_AND_FILL, "self._fill(p,"),
        "default kw helper": """
    def _serialize(self, message, *, deterministic=False):
        return message.SerializeToString(deterministic=deterministic)
"""
        + payload("m.SerializeToString()", "self._serialize(m)"),
        "len>0": filling("if len(self._payload) > 0: set_proto(p, self._payload)"),
        "len>=1": filling("if len(self._payload) >= 1: set_proto(p, self._payload)"),
        "bool": filling("if bool(self._payload): set_proto(p, self._payload)"),
        "not not": filling("self._payload and set_proto(p, self._payload)"),
        "not None": filling("if self._payload is not None: set_proto(p, self._payload)"),
        "assert not None": filling(
            "assert self._payload is not None\n        set_proto(p, self._payload)"
        ),
        "assert m": filling("assert m\n        set_proto(p, self._payload)"),
        "dict copy": payload("self._payload)", "dict(self._payload))"),
        "copy": payload("self._payload)", "self._payload.copy())"),
        "annotated locals": payload("m = Event", "m: EventPayloadMessage = Event"),
        "bound methods": payload("p.SetInParent()", "mark = p.SetInParent\n        mark()"),
        "bytes()": payload("m.SerializeToString()", "bytes(m.SerializeToString())"),
        "starred": filling("set_proto(*(p, self._payload))"),
        "kwargs": filling("set_proto(**{'message': p, 'properties': self._payload})"),
        "alias in fn": """
    def serialize_payload(self):
        g, s = getattr, set_proto
        m = EventPayloadMessage()
        p = getattr(m, f"event_{self.event_type_id}")
        p.SetInParent()
        s(p, self._payload)
        return m.SerializeToString()
""",
        "import in class": """
    from .config_v2_pb2 import EventPayload as _M
"""
        + payload("EventPayloadMessage()", "self._M()"),
        "pb2 in class": """
    from . import config_v2_pb2 as _pb
"""
        + payload("EventPayloadMessage()", "self._pb.EventPayload()"),
        "final": """
    import typing
    @typing.final
    def serialize_payload(self):
        m = EventPayloadMessage()
        p = getattr(m, f"event_{self.event_type_id}")
        p.SetInParent()
        set_proto(p, self._payload)
        return m.SerializeToString()
""",
        "getattr name": payload("self.event_type_id", "getattr(self, 'event_type_id')"),
        "getattr default": payload("self._payload)", "getattr(self, '_payload', {}))"),
        "SetInParent by getattr": payload("p.SetInParent()", "getattr(p, 'SetInParent')()"),
        "set_proto result": filling("_ = set_proto(p, self._payload)"),
        "for over one": payload(
            "p.SetInParent()\n        set_proto(p, self._payload)",
            "for part in (p,):\n            part.SetInParent()\n"
            "            set_proto(part, self._payload)",
        ),
        "staticmethod fmt loop": """
    def serialize_payload(self):
        for name in ['event_%d' % self.event_type_id]: pass
        m = EventPayloadMessage()
        p = getattr(m, name)
        p.SetInParent()
        set_proto(p, self._payload)
        return m.SerializeToString()
""",
        "int": payload(NAME, '"event_" + str(int(self.event_type_id))'),
    },
    "serialize_header": {
        "list": through("list(self._header.items())"),
        "tuple": through("tuple(self._header.items())"),
        "sorted": through("sorted(self._header.items())"),
        "star list": through("[*self._header.items()]"),
        "iter": through("iter(self._header.items())"),
        "comp": through("[(g, v) for g, v in self._header.items()]"),
        "genexp": through("((g, v) for g, v in self._header.items())"),
        "dict copy": through("dict(self._header).items()"),
        "copy": through("self._header.copy().items()"),
        "or": through("(self._header or {}).items()"),
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
        "getitem": counted(
            "for g in list(self._header): set_proto(getattr(message, g), self._header[g])"
        ),
        "sorted keys": counted(
            "for g in sorted(self._header): set_proto(getattr(message, g), self._header[g])"
        ),
        "get": counted(
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
        "ternary": counted("""
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
        "unpack later": counted("""
for item in self._header.items():
    group, values = item
    part = getattr(message, group)
    set_proto(part, values)"""),
        "star": counted("""
for group, *rest in self._header.items():
    set_proto(getattr(message, group), *rest)"""),
        "continue on empty": counted("""
for group, values in self._header.items():
    if len(values) > 0:
        set_proto(getattr(message, group), values)"""),
        "values not None": counted("""
for group, values in self._header.items():
    if values is not None:
        set_proto(getattr(message, group), values)"""),
        "deterministic": header("""
message = EventHeaderMessage()
for group, values in self._header.items():
    set_proto(getattr(message, group), values)
return message.SerializeToString(deterministic=True)
"""),
        "map": counted(
            "list(map(lambda g: set_proto(getattr(message, g), self._header[g]), self._header))"
        ),
    },
    "__init__": {
        "super cls": init("""
super(__class__, self).__init__()
self._payload = {'page_id': page_id, 'title': title}
"""),
        "ann": """
    def __init__(self, *, page_id: Optional[str] = None, title: Optional[str] = None) -> None:
        super().__init__()
        payload: Dict[str, object] = {'page_id': page_id, 'title': title}
        self._payload = payload
""",
        "loop": init("""
super().__init__()
for name, value in (('page_id', page_id), ('title', title)):
    self._payload[name] = value
"""),
        "pairs": init("""
super().__init__()
self._payload = dict([('page_id', page_id), ('title', title)])
"""),
        "update kw": init("""
super().__init__()
self._payload.update(page_id=page_id, title=title)
"""),
        "ior": init("""
super().__init__()
self._payload |= {'page_id': page_id, 'title': title}
"""),
        "copy": init("""
super().__init__()
payload = {'page_id': page_id, 'title': title}
self._payload = dict(payload)
"""),
        "helper": init(
            """
super().__init__()
self._set(page_id=page_id, title=title)
""",
            """
    def _set(self, **properties):
        self._payload = properties

""",
        ),
        "before super": init("""
payload = {'page_id': page_id, 'title': title}
super().__init__()
self._payload = payload
"""),
        "clear": init("""
super().__init__()
self._payload['page_id'], self._payload['title'] = page_id, title
"""),
    },
    "set_screen": {
        "UNDEFINED.filter": setter("""
self._header['screen'].update(UNDEFINED.filter({'screen_name': screen_name, 'theme': theme}))
return self
"""),
        "kwhelper": setter(
            "return self._update('screen', screen_name=screen_name, theme=theme)",
            """
    def _update(self, name, **properties):
        self._header[name].update(BaseSentinel.filter(properties))
        return self

""",
        ),
        "statichelper": setter(
            """
self._update(self._header['screen'], {'screen_name': screen_name, 'theme': theme})
return self
""",
            """
    @staticmethod
    def _update(group, properties):
        group.update(BaseSentinel.filter(properties))

""",
        ),
        "setdefault": setter(f"""
self._header.setdefault('screen', {{}}).update({FILTERED})
return self
"""),
        "ior": setter(f"""
self._header['screen'] |= {FILTERED}
return self
"""),
        "group const": setter(
            f"""
self._header[self._SCREEN].update({FILTERED})
return self
""",
            """
    _SCREEN = 'screen'
""",
        ),
        "header var": """
    def set_screen(self, *, screen_name: str = UNDEFINED, theme: int = UNDEFINED) -> 'Event':
        header = self._header
        header['screen'].update(BaseSentinel.filter({'screen_name': screen_name, 'theme': theme}))
        return self
""",
        "result": setter(f"""
result = self
result._header['screen'].update({FILTERED})
return result
"""),
    },
}
