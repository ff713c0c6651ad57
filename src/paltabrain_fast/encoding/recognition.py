"""Recognises generated ``serialize_*`` methods by what they do, however they are written.

A method is executed symbolically, once for each path (see ``paths``). It counts as generated if on
each path it does to the message what the contract of generated modules says, and nothing else. This
holds for all values, since the code has seen no value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, EnumMeta, IntEnum
from operator import is_
from types import FunctionType
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from google.protobuf.message import Message

from .paths import PathExplorer, RefusedError
from .sandbox import (
    Binding,
    Sandbox,
    SymbolicInstance,
    binding_holds,
    class_attribute,
    has_constant_defaults,
)
from .symbolic import Call, Proxy, SymbolicBytes, SymbolicGroups, SymbolicProperties, value_of

__all__ = [
    "GeneratedEvent",
    "Method",
    "NotGeneratedError",
    "binding_holds",
    "is_generated_module",
    "is_plain_enum",
    "recognise_context",
    "recognise_event",
    "recognise_groups",
]


class NotGeneratedError(Exception):
    """A class does something else than a generated one; the text says what.

    Attributes:
        module: name of the module whose code is the reason, ``None`` if it is not cached.
    """

    def __init__(self, text: str, module: str | None = None) -> None:
        super().__init__(text)
        self.module = module


class Method(NamedTuple):
    """What a recognised ``serialize_*`` method does, and what this depends on.

    Attributes:
        message: the message class that it fills.
        deterministic: whether it serializes maps in the order of their keys.
        functions: the method and the functions that it calls.
        bindings: the names that these look up in modules, and their values.
        names: attributes of the class that these use; an instance must not have its own.
    """

    message: type[Message]
    deterministic: bool
    functions: tuple[FunctionType, ...]
    bindings: tuple[Binding, ...]
    names: frozenset[str]


class GeneratedEvent(NamedTuple):
    """What the methods of a recognised event class do.

    Attributes:
        header: what ``serialize_header`` does.
        payload: what ``serialize_payload`` does.
        member: name of the member of ``EventPayload`` that holds this event, ``event_<id>``.
    """

    header: Method
    payload: Method
    member: str


def recognise_event(event_class: type, base: type) -> GeneratedEvent:
    """Check that an event class does what a generated one does; return what that is.

    Args:
        event_class: the class.
        base: the native base class, whose ``_header`` and ``_payload`` the class must inherit.

    Raises:
        NotGeneratedError: it does something else, or has been changed since it was made.
    """
    _check_attributes(event_class, base, ("_header", "_payload"))
    number = class_attribute(event_class, "event_type_id")
    if type(number) is not int:
        raise NotGeneratedError("event_type_id is no int", event_class.__module__)
    member = f"event_{number}"
    header = recognise_groups(event_class, "serialize_header", "_header")
    payload = _recognised(
        event_class,
        "serialize_payload",
        "_payload",
        SymbolicProperties,
        lambda calls, properties: _fills_member(calls, member, properties),
    )
    if member not in payload.message.DESCRIPTOR.fields_by_name:
        raise NotGeneratedError(f"EventPayload has no {member}", event_class.__module__)
    return GeneratedEvent(header, payload, member)


def recognise_context(context_class: type, base: type) -> Method:
    """Check that a context class does what a generated one does; return what that is.

    See ``recognise_event``.
    """
    _check_attributes(context_class, base, ("_context",))
    groups = recognise_groups(context_class, "serialize_context", "_context")
    if not groups.deterministic:
        module = groups.functions[0].__globals__.get("__name__")
        raise NotGeneratedError("serialize_context() is not deterministic", module)
    return groups


def is_generated_module(name: str | None) -> bool:
    """Tell whether a module of this name is a generated one: it has a submodule of messages."""
    return f"{name}.config_v2_pb2" in sys.modules


def is_plain_enum(enum_class: type) -> bool:
    """Tell whether each member of an ``IntEnum`` is the same integer as its ``value``.

    Then the native engine can read the integer and need not call the property ``value``.
    """
    return (
        type(enum_class) is EnumMeta
        and issubclass(enum_class, IntEnum)
        and class_attribute(enum_class, "value") is Enum.__dict__["value"]
        and all(
            type(member.value) is int and int.__index__(member) == member.value
            for member in enum_class.__members__.values()
        )
    )


def _check_attributes(owner: type, base: type, names: Iterable[str]) -> None:
    if not issubclass(owner, base):
        raise NotGeneratedError("it is not built on paltabrain_fast's base classes")
    if class_attribute(owner, "__getattribute__") is not object.__dict__["__getattribute__"]:
        raise NotGeneratedError("it has a __getattribute__ of its own", owner.__module__)
    for name in names:
        if class_attribute(owner, name) is not base.__dict__[name]:
            raise NotGeneratedError(f"it has a {name} of its own", owner.__module__)


Subject = TypeVar("Subject", bound=SymbolicProperties)
Check = Callable[[Sequence[Call], Subject], bool]


class _CachedMethod:
    """What was recognised of a function; it does not refer to the function or to its module.

    So the cache keeps no generated module alive.
    """

    def __init__(self, function: FunctionType, name: str, method: Method) -> None:
        self._parts = _parts(function)
        self._name = name
        self._message = method.message
        self._deterministic = method.deterministic
        self._values = [(name, value) for _, name, value in method.bindings]

    def method(self, function: FunctionType, name: str) -> Method | None:
        """Return what the function does; ``None`` if it was changed meanwhile."""
        namespace = function.__globals__
        if (
            name != self._name
            or not all(map(is_, _parts(function), self._parts))
            or not all(binding_holds(namespace, name, value) for name, value in self._values)
        ):
            return None
        bindings = tuple([Binding(namespace, name, value) for name, value in self._values])
        return Method(self._message, self._deterministic, (function,), bindings, frozenset())


def _parts(function: FunctionType) -> tuple[object, ...]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


_cache: WeakKeyDictionary[FunctionType, _CachedMethod] = WeakKeyDictionary()


def recognise_groups(owner: type, name: str, attribute: str) -> Method:
    """Recognise ``serialize_header`` or ``serialize_context``, which fill a message with groups.

    The result is cached, since all classes of a module inherit the same method.

    Args:
        owner: the class.
        name: name of the method.
        attribute: the attribute that holds the groups: ``_header`` or ``_context``.

    Raises:
        NotGeneratedError: it does not do what a generated one does.
    """
    function = class_attribute(owner, name)
    cached = _cache.get(function) if type(function) is FunctionType else None
    method = None if cached is None else cached.method(function, name)
    if method is None:
        method = _recognised(owner, name, attribute, SymbolicGroups, _fills_groups)
        in_module = all(found is function.__globals__ for found, _, _ in method.bindings)
        if method.functions == (function,) and in_module and not method.names:
            _cache[function] = _CachedMethod(function, name, method)
    return method


def _recognised(
    owner: type, name: str, attribute: str, make_subject: type[Subject], check: Check[Subject]
) -> Method:
    """Execute a method on all paths; check what each does to the message that it serializes."""
    function = class_attribute(owner, name)
    if type(function) is not FunctionType:
        raise NotGeneratedError(f"{name}() is no plain function", owner.__module__)
    sandbox = Sandbox(owner)
    subject = make_subject(sandbox.explorer)
    found: tuple[type[Message], bool] | None = None
    try:
        if not has_constant_defaults(function):
            raise RefusedError("it has defaults that may change")
        isolated = sandbox.isolate(function)
        instance = Proxy(SymbolicInstance(sandbox, {attribute: Proxy(subject)}))
        for _ in sandbox.explorer.paths():
            serialized = _message_of(isolated(instance), sandbox.explorer)
            calls = () if serialized is None else serialized.calls
            if not check(calls, subject):
                raise RefusedError("it fills the message in another way")
            if serialized is not None:
                one = serialized.message.message_class, serialized.deterministic
                if found not in (None, one):
                    raise RefusedError("it fills messages of different classes")
                found = one
        if found is None:
            raise RefusedError("it serializes nothing")
    except Exception as error:
        raise NotGeneratedError(
            f"{name}() does not do what a generated one does: {_reason(error)}",
            function.__globals__.get("__name__"),
        ) from None
    return Method(
        *found, tuple(sandbox.functions), tuple(sandbox.bindings), frozenset(sandbox.names)
    )


def _message_of(result: object, explorer: PathExplorer) -> SymbolicBytes | None:
    """Return the message that the present path serialized; ``None`` if it returned ``b""``.

    Raises:
        RefusedError: it returned something else, or has filled a message in vain.
    """
    serialized = None
    if type(result) is Proxy and isinstance(value_of(result), SymbolicBytes):
        serialized = value_of(result)
    elif type(result) is not bytes or result:
        raise RefusedError("it returns something else than the serialized message")
    for message in explorer.messages:
        done = len(serialized.calls) if serialized and serialized.message is message else 0
        if len(message.calls) != done:
            raise RefusedError("it fills a message that it does not serialize")
    return serialized


def _fills_groups(calls: Sequence[Call], groups: SymbolicGroups) -> bool:
    """Tell whether each member was filled with the group of its name, and nothing else was done."""
    left: dict[object, SymbolicProperties] = dict(groups.present())
    for call in calls:
        if call.properties is None or left.pop(call.member, None) is not call.properties:
            return False
    return all(group.is_empty() for group in left.values())


def _fills_member(calls: Sequence[Call], member: str, properties: SymbolicProperties) -> bool:
    """Tell whether only this member was touched: marked as present, and filled exactly once."""
    filled = [call.properties for call in calls if call.properties is not None]
    return (
        all(call.member == member for call in calls)
        and len(filled) < len(calls)
        and (filled == [properties] or (not filled and properties.is_empty()))
    )


def _reason(error: Exception) -> str:
    if isinstance(error, NameError) and error.name:
        return f"it uses {error.name}"
    return str(error) if isinstance(error, RefusedError) else f"it raises {type(error).__name__}"
