"""Forms of constructors and setters: equivalent ones, and others."""

from __future__ import annotations

from .rewriting import (
    FILTERED,
    Forms,
    init,
    setter,
)

ACCELERATED: Forms = {
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

FALLBACK: Forms = {
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
