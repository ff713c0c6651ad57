"""Forms of ``serialize_payload`` that do what a generated one does: they are accelerated."""

from __future__ import annotations

from .rewriting import (
    MARK_AND_FILL,
    NAME,
    PAYLOAD,
    Forms,
    filling_payload,
    payload,
)

ACCELERATED: Forms = {
    "serialize_payload": {
        "one look-up": PAYLOAD,
        "annotated, with a docstring": payload(
            "def serialize_payload(self):",
            'def serialize_payload(self) -> bytes:\n        """Return the payload."""',
        ),
        "filled before marked": payload(
            "p.SetInParent()\n        set_proto(p, self._payload)",
            "set_proto(p, self._payload)\n        p.SetInParent()",
        ),
        "marked twice": payload("p.SetInParent()", "p.SetInParent(); p.SetInParent()"),
        "percent": payload('f"event_{self.event_type_id}"', '"event_%d" % self.event_type_id'),
        "percent s": payload('f"event_{self.event_type_id}"', '"event_%s" % (self.event_type_id,)'),
        "format": payload('f"event_{self.event_type_id}"', '"event_{}".format(self.event_type_id)'),
        "str": payload('f"event_{self.event_type_id}"', '"event_" + str(self.event_type_id)'),
        "repr": payload('f"event_{self.event_type_id}"', '"event_" + repr(self.event_type_id)'),
        "join": payload(
            'f"event_{self.event_type_id}"', '"_".join(("event", str(self.event_type_id)))'
        ),
        "class of the event": payload("self.event_type_id", "self.__class__.event_type_id"),
        "type of the event": payload("self.event_type_id", "type(self).event_type_id"),
        "attribute by name": payload("self._payload", 'getattr(self, "_payload")'),
        "keywords": payload(
            "set_proto(p, self._payload)", "set_proto(properties=self._payload, message=p)"
        ),
        "member in the text": payload('getattr(m, f"event_{self.event_type_id}")', "m.event_4"),
        "name in the text": payload('f"event_{self.event_type_id}"', '"event_4"'),
        "only if there is something": payload(
            "set_proto(p, self._payload)", "if self._payload: set_proto(p, self._payload)"
        ),
        "only if there is some length": payload(
            "set_proto(p, self._payload)",
            "if len(self._payload) != 0: set_proto(p, self._payload)",
        ),
        "or nothing": payload("self._payload)", "self._payload or {})"),
        "two ways": payload(
            "set_proto(p, self._payload)\n        return m.SerializeToString()",
            "if self._payload == {}:\n            return m.SerializeToString()\n"
            "        set_proto(p, self._payload)\n        return m.SerializeToString()",
        ),
        "sorted maps": payload("ToString()", "ToString(deterministic=True)"),
        "not sorted, said so": payload("ToString()", "ToString(deterministic=False)"),
        "walrus": payload(
            'p = getattr(m, f"event_{self.event_type_id}")\n        p.SetInParent()',
            '(p := getattr(m, f"event_{self.event_type_id}")).SetInParent()',
        ),
        "another name for self": PAYLOAD.replace("self", "this"),
        "a variable each": """
    def serialize_payload(self):
        number = self.event_type_id
        name = f"event_{number}"
        properties = self._payload
        message = EventPayloadMessage()
        member = getattr(message, name)
        member.SetInParent()
        set_proto(member, properties)
        data = message.SerializeToString()
        del message, member
        return data
""",
        "a method beside it": """
    def _member(self, message):
        return getattr(message, f"event_{self.event_type_id}")

    def serialize_payload(self):
        m = EventPayloadMessage()
        self._member(m).SetInParent()
        set_proto(self._member(m), self._payload)
        return m.SerializeToString()
""",
        "a constant of the class": """
    _member = "event_%d"

    def serialize_payload(self):
        m = EventPayloadMessage()
        p = getattr(m, self._member % self.event_type_id)
        p.SetInParent()
        set_proto(p, self._payload)
        return m.SerializeToString()
""",
        "a function within": """
    def serialize_payload(self):
        m = EventPayloadMessage()
        member = lambda: getattr(m, f"event_{self.event_type_id}")
        member().SetInParent()
        set_proto(member(), self._payload)
        return m.SerializeToString()
""",
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
        "len>0": filling_payload("if len(self._payload) > 0: set_proto(p, self._payload)"),
        "len>=1": filling_payload("if len(self._payload) >= 1: set_proto(p, self._payload)"),
        "bool": filling_payload("if bool(self._payload): set_proto(p, self._payload)"),
        "not not": filling_payload("self._payload and set_proto(p, self._payload)"),
        "not None": filling_payload("if self._payload is not None: set_proto(p, self._payload)"),
        "assert not None": filling_payload(
            "assert self._payload is not None\n        set_proto(p, self._payload)"
        ),
        "assert m": filling_payload("assert m\n        set_proto(p, self._payload)"),
        "dict copy": payload("self._payload)", "dict(self._payload))"),
        "copy": payload("self._payload)", "self._payload.copy())"),
        "annotated locals": payload("m = Event", "m: EventPayloadMessage = Event"),
        "bound methods": payload("p.SetInParent()", "mark = p.SetInParent\n        mark()"),
        "bytes()": payload("m.SerializeToString()", "bytes(m.SerializeToString())"),
        "starred": filling_payload("set_proto(*(p, self._payload))"),
        "kwargs": filling_payload("set_proto(**{'message': p, 'properties': self._payload})"),
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
        "set_proto result": filling_payload("_ = set_proto(p, self._payload)"),
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
}
