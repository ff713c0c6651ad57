"""Recognises generated constructors and setters by what they do, however they are written."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .recorders import Function, Recorder, RefusedError, Role, role_of
from .world import ClassRole, Self, World, attribute_of, is_constant

__all__ = ["recorded_init", "recorded_setter"]

Used = dict[str, object]
"""Attributes of the class that a function rests on, by name."""


def recorded_init(owner: type, function: object) -> tuple[dict[str, str], Used] | None:
    """Recognise an ``__init__`` that only makes its keywords the payload.

    Args:
        owner: the class that it is found in.
        function: what may be such an ``__init__``.

    Returns:
        Key by parameter, in the order of the payload, and what that rests on; ``None`` if it does
        anything else.
    """
    parameters = _parameters(function, lambda default: default is None)
    if parameters is None or not isinstance(function, FunctionType):
        return None

    def parent(*args: Any) -> Recorder:
        if args:
            cls, instance = map(role_of, args)
            if not isinstance(cls, ClassRole) or cls.cls is not owner or instance is not event:
                raise RefusedError("it calls another base class")
        return Recorder(_Super(event))

    try:
        if function.__closure__ and function.__closure__[0].cell_contents is not owner:
            return None
        world = World(owner, {"super": Recorder(Function(parent))}, never_none=False)
        event = _Event(world)
        result = world.enter(function)(Recorder(event), **parameters)
    except Exception:
        return None
    keys = _keys(event.payload, parameters)
    used = _used(owner, world)
    return None if result is not None or keys is None or used is None else (keys, used)


def recorded_setter(
    owner: type, attribute: str, function: object, sentinel_class: Any
) -> tuple[str, dict[str, str], Used] | None:
    """Recognise a ``set_<group>`` that only updates its group with the keywords that were given.

    Args:
        owner: the class that it is found in.
        attribute: where the groups are: ``_header`` or ``_context``.
        function: what may be such a setter.
        sentinel_class: class of the value that stands for "not given".

    Returns:
        The group, key by parameter, in the order of the update, and what that rests on; ``None`` if
        it does anything else.
    """
    parameters = _parameters(function, lambda default: isinstance(default, sentinel_class))
    if parameters is None or not isinstance(function, FunctionType):
        return None
    groups = _Groups()

    def sentinel(found: object) -> Recorder | None:
        cls = found if isinstance(found, type) else type(found)
        is_ours = issubclass(cls, sentinel_class)
        own = is_ours and attribute_of(cls, "filter") is not vars(sentinel_class)["filter"]
        return Recorder(_Sentinel()) if is_ours and not own else None

    try:
        world = World(owner, shown=sentinel, never_none=False)
        instance = Self(world, {attribute: Recorder(groups)})
        result: Any = world.enter(function)(Recorder(instance), **parameters)
        if role_of(result) is not instance or len(groups.updates) != 1:
            return None
    except Exception:
        return None
    ((group, properties),) = groups.updates
    keys = _keys(properties, parameters)
    used = _used(owner, world, sentinel_class)
    if keys is None or used is None or groups.touched != {group}:
        return None
    return group, keys, used


def _used(owner: type, world: World, constant: type = type) -> Used | None:
    """What is used of the class; ``None`` if something of the module is that may change."""
    if not all(is_constant(binding, constant) for binding in world.bindings):
        return None
    return {name: attribute_of(owner, name) for name in world.names}


class _Parameter(Role):
    def __init__(self, name: str) -> None:
        self.name = name


def _parameters(
    function: object, is_default: Callable[[object], bool]
) -> dict[str, Recorder] | None:
    """Return a recorder for each parameter but the first, if all the others have such defaults."""
    if type(function) is not FunctionType:
        return None
    code = function.__code__
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    if code.co_argcount < 1 or code.co_posonlyargcount > 1 or len(defaults) != len(names):
        return None
    if not all(map(is_default, defaults)):
        return None
    return {name: Recorder(_Parameter(name)) for name in names}


def _keys(properties: object, parameters: dict[str, Recorder]) -> dict[str, str] | None:
    """Key by parameter, if the properties are the parameters, each once."""
    if type(properties) is not dict:
        return None
    keys: dict[str, str] = {}
    for key, value in properties.items():
        if type(key) is not str or type(value) is not Recorder:
            return None
        role = role_of(value)
        if type(role) is not _Parameter or role.name in keys:
            return None
        keys[role.name] = key
    return keys if len(keys) == len(parameters) else None


class _Event(Self):
    """The event that an ``__init__`` sets up.

    Attributes:
        payload: its properties; ``None`` before the base class has set it up.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world, {})
        self.payload: Any = None

    def begin(self) -> None:
        if self.payload is not None:
            raise RefusedError("it calls the base class twice")
        self.payload = {}

    def attribute(self, name: str) -> Any:
        if name != "_payload":
            return super().attribute(name)
        if self.payload is None:
            raise RefusedError("it uses what the base class has not set up")
        return Recorder(_Payload(self.payload))

    def assign(self, name: str, value: Any) -> None:
        if type(value) is Recorder and isinstance(role_of(value), _Payload):
            value = role_of(value).properties
        if name != "_payload" or self.payload is None or type(value) is not dict:
            super().assign(name, value)
        self.payload = value


class _Super(Role):
    def __init__(self, event: _Event) -> None:
        self._event = event

    def attribute(self, name: str) -> Any:
        if name != "__init__":
            return super().attribute(name)
        return Recorder(Function(self._event.begin))


class _Payload(Role):
    """The properties of the event that is set up.

    Attributes:
        properties: as they are in this world.
    """

    def __init__(self, properties: dict[Any, Any]) -> None:
        self.properties = properties

    def attribute(self, name: str) -> Any:
        update = self.properties.update
        return Recorder(Function(update)) if name == "update" else super().attribute(name)

    def put(self, key: Any, value: Any) -> None:
        self.properties[key] = value

    def merge(self, values: Any) -> None:
        self.properties.update(values)


class _Groups(Role):
    """The dict of groups that a setter changes.

    Attributes:
        touched: the groups that are there afterwards.
        updates: each group that was updated, and with what.
    """

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self.updates: list[tuple[str, object]] = []

    def attribute(self, name: str) -> Any:
        if name == "setdefault":
            return Recorder(Function(self._set_default))
        return super().attribute(name)

    def item(self, key: Any) -> Any:
        if type(key) is not str:
            return super().item(key)
        self.touched.add(key)
        return Recorder(_Group(self, key))

    def put(self, key: Any, value: Any) -> None:
        role = role_of(value) if type(value) is Recorder else None
        if not isinstance(role, _Group) or type(key) is not str or role.name != key:
            super().put(key, value)

    def _set_default(self, key: Any, value: Any) -> Any:
        if type(value) is not dict or value:
            raise RefusedError("it begins a group with something")
        return self.item(key)


class _Group(Role):
    def __init__(self, groups: _Groups, name: str) -> None:
        self._groups = groups
        self.name = name

    def attribute(self, name: str) -> Any:
        return Recorder(Function(self.merge)) if name == "update" else super().attribute(name)

    def merge(self, values: Any) -> None:
        role = role_of(values) if type(values) is Recorder else None
        if not isinstance(role, _Given):
            raise RefusedError("it updates a group with what was not filtered")
        self._groups.updates.append((self.name, role.properties))


class _Sentinel(Role):
    def attribute(self, name: str) -> Any:
        return Recorder(Function(_Given.of)) if name == "filter" else super().attribute(name)


class _Given(Role):
    """The properties that were given."""

    def __init__(self, properties: dict[Any, Any]) -> None:
        self.properties = dict(properties)  # as they are now

    @classmethod
    def of(cls, properties: Any) -> Recorder:
        if type(properties) is not dict:
            raise RefusedError("it filters something else than properties")
        return Recorder(cls(properties))
