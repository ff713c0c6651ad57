"""Recognises generated constructors and setters by what they do, however they are written.

Each is executed in a sandbox, with a symbolic value for each keyword. One execution is enough: code
that tests a keyword is refused, so there is only one path.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .paths import RefusedError
from .sandbox import Sandbox, SymbolicClass, SymbolicInstance, class_attribute, is_constant
from .symbolic import Proxy, SymbolicFunction, SymbolicValue, value_of

__all__ = ["recognise_init", "recognise_setter"]

Dependencies = dict[str, object]
"""Attributes of the class that a recognised function uses, by name; it holds while they stay."""


def recognise_init(owner: type, function: object) -> tuple[dict[str, str], Dependencies] | None:
    """Recognise an ``__init__`` that does nothing but put its keywords into the payload.

    Args:
        owner: the class that defines it.
        function: the candidate; it may be anything.

    Returns:
        The payload's key of each parameter, in the order of the payload, and the dependencies;
        ``None`` if the candidate does anything else.
    """
    parameters = _parameters(function, lambda default: default is None)
    if parameters is None or not isinstance(function, FunctionType):
        return None

    def symbolic_super(*args: Any) -> Proxy:
        if args:
            cls, instance = map(value_of, args)
            if not isinstance(cls, SymbolicClass) or cls.cls is not owner or instance is not event:
                raise RefusedError("it calls another base class")
        return Proxy(_SymbolicSuper(event))

    try:
        if function.__closure__ and function.__closure__[0].cell_contents is not owner:
            return None
        sandbox = Sandbox(
            owner, {"super": Proxy(SymbolicFunction(symbolic_super))}, never_none=False
        )
        event = _SymbolicEvent(sandbox)
        result = sandbox.isolate(function)(Proxy(event), **parameters)
    except Exception:
        return None
    keys = _keys(event.payload, parameters)
    dependencies = _dependencies(owner, sandbox)
    return (
        None if result is not None or keys is None or dependencies is None else (keys, dependencies)
    )


def recognise_setter(
    owner: type, attribute: str, function: object, sentinel_class: Any
) -> tuple[str, dict[str, str], Dependencies] | None:
    """Recognise a ``set_<group>`` that does nothing but update its group with the given keywords.

    Args:
        owner: the class that defines it.
        attribute: the attribute that holds the groups: ``_header`` or ``_context``.
        function: the candidate; it may be anything.
        sentinel_class: class of the default that means "not given".

    Returns:
        Name of the group, the group's key of each parameter in the order of the update, and the
        dependencies; ``None`` if the candidate does anything else.
    """
    parameters = _parameters(function, lambda default: isinstance(default, sentinel_class))
    if parameters is None or not isinstance(function, FunctionType):
        return None
    groups = _MutableGroups()

    def sentinel(found: object) -> Proxy | None:
        cls = found if isinstance(found, type) else type(found)
        if not issubclass(cls, sentinel_class):
            return None
        is_overridden = class_attribute(cls, "filter") is not vars(sentinel_class)["filter"]
        return None if is_overridden else Proxy(_SymbolicSentinel())

    try:
        sandbox = Sandbox(owner, represent=sentinel, never_none=False)  # a keyword may be None
        instance = SymbolicInstance(sandbox, {attribute: Proxy(groups)})
        result: Any = sandbox.isolate(function)(Proxy(instance), **parameters)
        if value_of(result) is not instance or len(groups.updates) != 1:
            return None
    except Exception:
        return None
    ((group, properties),) = groups.updates
    keys = _keys(properties, parameters)
    dependencies = _dependencies(owner, sandbox, sentinel_class)
    if keys is None or dependencies is None or groups.touched != {group}:
        return None
    return group, keys, dependencies


def _dependencies(owner: type, sandbox: Sandbox, constant: type = type) -> Dependencies | None:
    """Return what the function uses of the class; ``None`` if it uses a global that may change."""
    if not all(is_constant(binding, constant) for binding in sandbox.bindings):
        return None
    return {name: class_attribute(owner, name) for name in sandbox.names}


class _SymbolicParameter(SymbolicValue):
    def __init__(self, name: str) -> None:
        self.name = name


def _parameters(function: object, is_default: Callable[[object], bool]) -> dict[str, Proxy] | None:
    """Return a symbolic argument for each parameter but ``self``; ``None`` if a default differs."""
    if type(function) is not FunctionType:
        return None
    code = function.__code__
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    if code.co_argcount < 1 or code.co_posonlyargcount > 1 or len(defaults) != len(names):
        return None
    if not all(map(is_default, defaults)):
        return None
    return {name: Proxy(_SymbolicParameter(name)) for name in names}


def _keys(properties: object, parameters: dict[str, Proxy]) -> dict[str, str] | None:
    """Return the key of each parameter; ``None`` unless each is the value of exactly one key."""
    if type(properties) is not dict:
        return None
    keys: dict[str, str] = {}
    for key, value in properties.items():
        if type(key) is not str or type(value) is not Proxy:
            return None
        symbolic = value_of(value)
        if type(symbolic) is not _SymbolicParameter or symbolic.name in keys:
            return None
        keys[symbolic.name] = key
    return keys if len(keys) == len(parameters) else None


class _SymbolicEvent(SymbolicInstance):
    """The event that an ``__init__`` initializes.

    Attributes:
        payload: its properties; ``None`` before the ``__init__`` of the base class was called.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox, {})
        self.payload: Any = None

    def init_base(self) -> None:
        if self.payload is not None:
            raise RefusedError("it calls the base class twice")
        self.payload = {}

    def attribute(self, name: str) -> Any:
        if name != "_payload":
            return super().attribute(name)
        if self.payload is None:
            raise RefusedError("it uses what the base class has not set up")
        return Proxy(_SymbolicPayload(self.payload))

    def assign(self, name: str, value: Any) -> None:
        if type(value) is Proxy and isinstance(value_of(value), _SymbolicPayload):
            value = value_of(value).properties
        if name != "_payload" or self.payload is None or type(value) is not dict:
            super().assign(name, value)
        self.payload = value


class _SymbolicSuper(SymbolicValue):
    def __init__(self, event: _SymbolicEvent) -> None:
        self._event = event

    def attribute(self, name: str) -> Any:
        if name != "__init__":
            return super().attribute(name)
        return Proxy(SymbolicFunction(self._event.init_base))


class _SymbolicPayload(SymbolicValue):
    """The payload of the event: code may add properties to it.

    Attributes:
        properties: a real dict, with symbolic values.
    """

    def __init__(self, properties: dict[Any, Any]) -> None:
        self.properties = properties

    def attribute(self, name: str) -> Any:
        update = self.properties.update
        return Proxy(SymbolicFunction(update)) if name == "update" else super().attribute(name)

    def put(self, key: Any, value: Any) -> None:
        self.properties[key] = value

    def merge(self, values: Any) -> None:
        self.properties.update(values)


class _MutableGroups(SymbolicValue):
    """The dict of groups that a setter changes.

    Attributes:
        touched: names of the groups that exist afterwards: to look one up creates it.
        updates: name of each group that was updated, and the properties that it was updated with.
    """

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self.updates: list[tuple[str, object]] = []

    def attribute(self, name: str) -> Any:
        if name == "setdefault":
            return Proxy(SymbolicFunction(self._set_default))
        return super().attribute(name)

    def item(self, key: Any) -> Any:
        if type(key) is not str:
            return super().item(key)
        self.touched.add(key)
        return Proxy(_MutableGroup(self, key))

    def put(self, key: Any, value: Any) -> None:
        group = value_of(value) if type(value) is Proxy else None
        if not isinstance(group, _MutableGroup) or type(key) is not str or group.name != key:
            super().put(key, value)

    def _set_default(self, key: Any, value: Any) -> Any:
        if type(value) is not dict or value:
            raise RefusedError("it begins a group with something")
        return self.item(key)


class _MutableGroup(SymbolicValue):
    def __init__(self, groups: _MutableGroups, name: str) -> None:
        self._groups = groups
        self.name = name

    def attribute(self, name: str) -> Any:
        return Proxy(SymbolicFunction(self.merge)) if name == "update" else super().attribute(name)

    def merge(self, values: Any) -> None:
        filtered = value_of(values) if type(values) is Proxy else None
        if not isinstance(filtered, _Filtered):
            raise RefusedError("it updates a group with what was not filtered")
        self._groups.updates.append((self.name, filtered.properties))


class _SymbolicSentinel(SymbolicValue):
    def attribute(self, name: str) -> Any:
        return (
            Proxy(SymbolicFunction(_Filtered.of)) if name == "filter" else super().attribute(name)
        )


class _Filtered(SymbolicValue):
    """What ``filter()`` of the sentinel returned: the properties that were given."""

    def __init__(self, properties: dict[Any, Any]) -> None:
        self.properties = dict(properties)  # code may change them later

    @classmethod
    def of(cls, properties: Any) -> Proxy:
        if type(properties) is not dict:
            raise RefusedError("it filters something else than properties")
        return Proxy(cls(properties))
