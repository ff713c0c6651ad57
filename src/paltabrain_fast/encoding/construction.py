"""Recognises generated constructors and setters by what they do, however they are written."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from .recorders import Function, Recorder, RefusedError, Role, role_of
from .world import Self, World, attribute_of

__all__ = ["recorded_init", "recorded_setter"]


def recorded_init(owner: type, function: object) -> dict[str, str] | None:
    """Recognise an ``__init__`` that only makes its keywords the payload.

    Args:
        owner: the class that it is found in.
        function: what may be such an ``__init__``.

    Returns:
        Key by parameter, in the order of the payload; ``None`` if it does anything else.
    """
    parameters = _parameters(function, lambda default: default is None)
    if parameters is None or not isinstance(function, FunctionType):
        return None
    closure = function.__closure__
    if closure is None or len(closure) != 1 or closure[0].cell_contents is not owner:
        return None
    event = _Event()
    try:
        world = World(owner, {"super": Recorder(Function(lambda *_: Recorder(_Super(event))))})
        result = world.enter(function)(Recorder(event), **parameters)
    except Exception:
        return None
    return None if result is not None else _keys(event.payload, parameters)


def recorded_setter(
    owner: type, attribute: str, function: object, sentinel_class: Any
) -> tuple[str, dict[str, str]] | None:
    """Recognise a ``set_<group>`` that only updates its group with the keywords that were given.

    Args:
        owner: the class that it is found in.
        attribute: where the groups are: ``_header`` or ``_context``.
        function: what may be such a setter.
        sentinel_class: class of the value that stands for "not given".

    Returns:
        The group, and key by parameter, in the order of the update; ``None`` if it does anything
        else.
    """
    parameters = _parameters(function, lambda default: isinstance(default, sentinel_class))
    if parameters is None or not isinstance(function, FunctionType):
        return None
    groups = _Groups()

    def sentinel(found: type) -> Recorder | None:
        is_ours = issubclass(found, sentinel_class)
        own = is_ours and attribute_of(found, "filter") is not vars(sentinel_class)["filter"]
        return Recorder(_Sentinel()) if is_ours and not own else None

    try:
        world = World(owner, shown_class=sentinel)
        instance = Self(world, {attribute: Recorder(groups)})
        result: Any = world.enter(function)(Recorder(instance), **parameters)
        if role_of(result) is not instance or len(groups.updates) != 1:
            return None
    except Exception:
        return None
    ((group, properties),) = groups.updates
    keys = _keys(properties, parameters)
    return None if keys is None else (group, keys)


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


class _Event(Role):
    """The event that an ``__init__`` sets up.

    Attributes:
        payload: its properties; ``None`` before the base class has set it up.
    """

    def __init__(self) -> None:
        self.payload: Any = None

    def begin(self) -> None:
        if self.payload is not None:
            raise RefusedError("it calls the base class twice")
        self.payload = {}

    def attribute(self, name: str) -> Any:
        if name != "_payload" or self.payload is None:
            return super().attribute(name)
        return Recorder(_Payload(self))

    def assign(self, name: str, value: Any) -> None:
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
    """The properties of the event that is set up."""

    def __init__(self, event: _Event) -> None:
        self._event = event

    def attribute(self, name: str) -> Any:
        return Recorder(Function(self._update)) if name == "update" else super().attribute(name)

    def put(self, key: Any, value: Any) -> None:
        self._event.payload[key] = value

    def _update(self, *properties: Any, **keywords: Any) -> None:
        self._event.payload.update(*properties, **keywords)


class _Groups(Role):
    """The dict of groups that a setter changes.

    Attributes:
        updates: each group that was updated, and with what.
    """

    def __init__(self) -> None:
        self.updates: list[tuple[str, object]] = []

    def item(self, key: Any) -> Any:
        return Recorder(_Group(self, key)) if type(key) is str else super().item(key)


class _Group(Role):
    def __init__(self, groups: _Groups, name: str) -> None:
        self._groups = groups
        self._name = name

    def attribute(self, name: str) -> Any:
        return Recorder(Function(self._update)) if name == "update" else super().attribute(name)

    def _update(self, given: Any) -> None:
        role = role_of(given) if type(given) is Recorder else None
        if not isinstance(role, _Given):
            raise RefusedError("it updates a group with what was not filtered")
        self._groups.updates.append((self._name, role.properties))


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
