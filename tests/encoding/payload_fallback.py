"""Forms of ``serialize_payload`` that do something else: the SDK falls back to calling them."""

from __future__ import annotations

from .rewriting import (
    MARK_AND_FILL,
    NAME,
    Forms,
    filling_payload,
    payload,
)

FALLBACK: Forms = {
    "serialize_payload": {
        "not marked": payload("p.SetInParent()", "pass"),
        "not filled": payload("set_proto(p, self._payload)", "pass"),
        "filled twice": payload(
            "set_proto(p, self._payload)",
            "set_proto(p, self._payload); set_proto(p, self._payload)",
        ),
        "another event": payload('f"event_{self.event_type_id}"', '"event_5"'),
        "another property": payload("self._payload", "self.properties"),
        "the header": payload("self._payload", 'self._header["screen"]'),
        "a property added": payload("self._payload)", "{**self._payload, 'title': 't'})"),
        "a property left out": payload(
            "self._payload)", "{k: v for k, v in self._payload.items() if k != 'title'})"
        ),
        "cuts long text": payload(
            "self._payload)", "{k: v and v[:3] for k, v in self._payload.items()})"
        ),
        "a fixed property": payload("self._payload)", "{'page_id': 'x'})"),
        "only without a title": payload(
            "set_proto(p, self._payload)",
            "if not self._payload.get('title'): set_proto(p, self._payload)",
        ),
        "only if it is empty": payload(
            "set_proto(p, self._payload)", "if not self._payload: set_proto(p, self._payload)"
        ),
        "looks at the type": payload(
            "set_proto(p, self._payload)", "if type(self._payload) is dict: set_proto(p, {})"
        ),
        "looks at the class": payload(
            "set_proto(p, self._payload)",
            "if isinstance(self._payload, dict): p.title = 'dict'",
        ),
        "looks at identity": payload(
            "set_proto(p, self._payload)", "self._payload is self._payload or set_proto(p, {})"
        ),
        "a switch in the module": payload(
            "set_proto(p, self._payload)",
            "globals().get('MUTED', True) or set_proto(p, self._payload)",
        ),
        "a name that does not exist": payload(
            "set_proto(p, self._payload)",
            "try:\n            MUTED\n        except NameError:\n            p.title = 'none'",
        ),
        "errors made harmless": payload(
            "set_proto(p, self._payload)",
            "try:\n            p.title = 1\n        except TypeError:\n            p.title = 'e'",
        ),
        "an import": payload(
            "m = EventPay", "import sys\n        sys.modules\n        m = EventPay"
        ),
        "counts its calls": "    calls = 0\n"
        + payload("m = Event", "type(self).calls += 1; m = Event"),
        "a default that changes": payload("(self)", "(self, seen=[])"),
        "bytes added": payload("ToString()", "ToString() + b'\\xfa\\x3f\\x01x'"),
        "no bytes": payload("return m.SerializeToString()", "m.SerializeToString(); return b''"),
        "before it was filled": payload(
            "set_proto(p, self._payload)\n        return m.SerializeToString()",
            "data = m.SerializeToString(); set_proto(p, self._payload); return data",
        ),
        "another message filled": payload(
            "return m", "set_proto(EventPayloadMessage().event_4, self._payload)\n        return m"
        ).replace("self._payload)\n        set", "{'page_id': 'x'})\n        set"),
        "the message copied": payload("return m", "m.MergeFrom(m)\n        return m"),
        "partial": payload("SerializeToString", "SerializePartialToString"),
        "its own set_proto": payload(
            "m = Event", "set_proto = lambda p, _: None\n        m = Event"
        ),
        "a member of its own": payload("set_proto(p, self._payload)", "p.title = 'x'"),
        "cleared": payload("return m", "m.Clear()\n        return m"),
        "random": payload("set_proto(p, self._payload)", "p.title = str(id(self) and 5)"),
        "an attribute of the event": payload(
            "set_proto(p, self._payload)", "if self.muted: set_proto(p, self._payload)"
        ).replace("def serial", "muted = ()\n\n    def serial"),
        "a property of the class": """
    @property
    def _values(self):
        return {"page_id": "from the property"}
"""
        + payload("self._payload", "self._values"),
        "a static method": "    @staticmethod"
        + payload("(self)", "(self=None)")
        .replace("{self.event_type_id}", "4")
        .replace("self._payload", "{'title': 'static'}"),
        "__class__ const": payload("self.event_type_id", "__class__.event_type_id"),
        "class name id": payload("self.event_type_id", "Event.event_type_id"),
        "class attr flag": filling_payload("if self._payload.__class__ == dict: set_proto(p, {})"),
        "len > 5": filling_payload("len(self._payload) > 1000 or set_proto(p, self._payload)"),
        "len lt": filling_payload("if len(self._payload) < 1000: set_proto(p, self._payload)"),
        "format(self)": payload(NAME, "'event_4{0._payload}'.format(self)[:7]"),
        "percent payload": filling_payload(
            "'%s' % self._payload == '{}' or set_proto(p, self._payload)"
        ),
        "percent d": filling_payload(
            "'%s' % (self._payload,) == '{}' or set_proto(p, self._payload)"
        ),
        "repr in list": filling_payload(
            "str([self._payload]) == '[{}]' or set_proto(p, self._payload)"
        ),
        "in tuple": filling_payload(
            "self._payload in ({'title': 'x'},) or set_proto(p, self._payload)"
        ),
        "eq tuple": filling_payload(
            "(self._payload,) == ({'title': 'x'},) or set_proto(p, self._payload)"
        ),
        "dict key": filling_payload(
            "{1: self._payload} == {1: {'title': 'x'}} or set_proto(p, self._payload)"
        ),
        "title in": filling_payload("'title' in self._payload and set_proto(p, self._payload)"),
        "class match": filling_payload(
            "match self._payload:\n            case {'title': _}: pass\n"
            "            case _: set_proto(p, self._payload)"
        ),
        "star keys": filling_payload("[*self._payload] or set_proto(p, self._payload)"),
        "finally": filling_payload(
            "try:\n            set_proto(p, self._payload)\n"
            "        finally:\n            p.title = 'x'"
        ),
        "raise": filling_payload(
            "set_proto(p, self._payload)\n        if not self._payload: raise ValueError('x')"
        ),
        "assert": filling_payload("set_proto(p, self._payload)\n        assert self._payload"),
        "while": filling_payload(
            "while self._payload: self._payload.popitem()\n        set_proto(p, self._payload)"
        ),
        "unset flag": filling_payload(
            "if not getattr(self, '_muted', False): set_proto(p, self._payload)"
        ),
        "hasattr": filling_payload("if not hasattr(self, '_muted'): set_proto(p, self._payload)"),
        "hasattr m": filling_payload(
            "hasattr(m, 'event_5') and set_proto(p, {})\n        set_proto(p, self._payload)"
        ),
        "event 5 too": filling_payload("m.event_5.SetInParent(); set_proto(p, self._payload)"),
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
        "copy cleared": filling_payload("v = self._payload.copy(); v.clear(); set_proto(p, v)"),
        "dict mutated": filling_payload(
            "v = dict(self._payload); v['title'] = 'x'; set_proto(p, v)"
        ),
        "clearfield": payload("return m", "p.ClearField('title')\n        return m"),
        "deterministic of value": payload(
            "ToString()", "ToString(deterministic=bool(self._payload))"
        ),
        "sorted list": payload("self._payload)", "dict(sorted(self._payload.items())[:1]))"),
        "or x": payload("self._payload)", "self._payload or {'title': 'x'})"),
        "and": payload("self._payload)", "self._payload and {})"),
        "nested default": filling_payload("(lambda v={}: set_proto(p, v))()"),
        "walrus none": filling_payload(
            "(x := self._payload.get('title')) is None and set_proto(p, self._payload)"
        ),
        "sum": filling_payload("sum(1 for _ in self._payload) > 3 or set_proto(p, self._payload)"),
        "__class__ override": """
    @property
    def __class__(self):
        return EventPageClose if False else type(self)
"""
        + payload("set_proto(p, self._payload)", "set_proto(p, {})"),
        "none payload": filling_payload("self._payload is None or set_proto(p, {})"),
        "int(payload len)": filling_payload(
            "int(len(self._payload)) > 5 or set_proto(p, self._payload)"
        ),
        "repr f": filling_payload("f'{self._payload!r}' == '{}' or set_proto(p, self._payload)"),
        "repr %": filling_payload("'%r' % self._payload == '{}' or set_proto(p, self._payload)"),
        "repr": filling_payload("repr(self._payload) == '{}' or set_proto(p, self._payload)"),
        "repr lambda": filling_payload(
            "(lambda: repr([self._payload]))() == '[{}]' or set_proto(p, self._payload)"
        ),
        "str.format": filling_payload(
            "'{!r}'.format(self._payload) == '{}' or set_proto(p, self._payload)"
        ),
        "map repr": filling_payload(
            "[*map(repr, [self._payload])] == '{}' or set_proto(p, self._payload)"
        ),
    },
}
