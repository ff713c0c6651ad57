"""Ways in which a generator may write the methods of a module, and ways that only look the same.

Each entry is the text of a class body that takes the place of one method of a module in the
server's form. ``FAST`` ones mean what the contract says; ``OBEYED`` ones mean something else.
"""

from __future__ import annotations

import re

PAYLOAD = """
    def serialize_payload(self):
        m = EventPayloadMessage()
        p = getattr(m, f"event_{self.event_type_id}")
        p.SetInParent()
        set_proto(p, self._payload)
        return m.SerializeToString()
"""


def rewritten(source: str, owner: str, method: str, text: str) -> str:
    """The source of a module, a method of the class ``owner`` written in another way."""
    pattern = rf"(\nclass {owner}\(.*?)\n    def {method}\(.*?(?=\n    def |\n\n\n|\Z)"
    new, count = re.subn(
        pattern, lambda found: f"{found[1]}\n{text.strip(chr(10))}\n", source, count=1, flags=re.S
    )
    assert count == 1
    return new


def payload(old: str, new: str) -> str:
    assert old in PAYLOAD
    return PAYLOAD.replace(old, new)


FAST: dict[str, dict[str, str]] = {
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
    },
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
    },
    "__init__": {
        "dict()": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = dict(page_id=page_id, title=title)
""",
        "item by item": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload["page_id"] = page_id
        self._payload["title"] = title
""",
        "update": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload.update({"page_id": page_id}, title=title)
""",
        "a variable": """
    def __init__(self, page_id=None, title=None):
        properties = {}
        super().__init__()
        properties["page_id"] = page_id
        self._payload = properties
        properties["title"] = title
""",
        "other names": """
    def __init__(this, *, a=None, b=None):
        super().__init__()
        this._payload = {"title": b, "page_id": a}
""",
    },
    "set_screen": {
        "in steps": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        properties = {"screen_name": screen_name}
        properties["theme"] = theme
        given = BaseSentinel.filter(properties)
        group = self._header["screen"]
        group.update(given)
        return self
""",
        "dict()": """
    def set_screen(self, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"].update(
            BaseSentinel.filter(dict(screen_name=screen_name, theme=theme))
        )
        return self
""",
        "a method for all": """
    def _update(self, name, properties):
        self._header[name].update(BaseSentinel.filter(properties))
        return self

    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        return self._update("screen", {"screen_name": screen_name, "theme": theme})
""",
    },
}

OBEYED: dict[str, dict[str, str]] = {
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
    "__init__": {
        "mixed up": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = {"page_id": title, "title": page_id}
        self._payload["page_id"] = page_id
""",
        "a default": """
    def __init__(self, *, page_id=None, title="t"):
        super().__init__()
        self._payload = {"page_id": page_id, "title": title}
""",
        "a value for none": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = {"page_id": page_id, "title": title or "none"}
""",
        "only what is given": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        if page_id is not None:
            self._payload["page_id"] = page_id
""",
        "an attribute of its own": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = {"page_id": page_id, "title": title}
        self.given = title
""",
        "a header": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = {"page_id": page_id, "title": title}
        self._header["screen"]["screen_name"] = "s"
""",
        "set up in the end": """
    def __init__(self, *, page_id=None, title=None):
        self._payload = {"page_id": page_id, "title": title}
        super().__init__()
""",
        "text of it": """
    def __init__(self, *, page_id=None, title=None):
        super().__init__()
        self._payload = {"page_id": page_id, "title": f"{title}"}
""",
        "any number": """
    def __init__(self, **properties):
        super().__init__()
        self._payload = {**properties, "title": "t"}
""",
    },
    "set_screen": {
        "not filtered": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"].update({"screen_name": screen_name})
        return self
""",
        "another group": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"].update(BaseSentinel.filter({"screen_name": screen_name}))
        self._header["parent"].update({"parent_elements": ["p"]})
        return self
""",
        "a value of its own": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"].update(
            BaseSentinel.filter({"screen_name": screen_name, "theme": 5})
        )
        return self
""",
        "nothing returned": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"].update(
            BaseSentinel.filter({"screen_name": screen_name, "theme": theme})
        )
""",
        "replaced": """
    def set_screen(self, *, screen_name=UNDEFINED, theme=UNDEFINED):
        self._header["screen"] = BaseSentinel.filter(
            {"screen_name": screen_name, "theme": theme}
        )
        return self
""",
        "a default of its own": """
    def set_screen(self, *, screen_name="s", theme=UNDEFINED):
        self._header["screen"].update(
            BaseSentinel.filter({"screen_name": screen_name, "theme": theme})
        )
        return self
""",
    },
}
