"""Recognises generated methods by what they do, however they are written.

A method is run on recorders, once for each outcome of its truth tests. It is as generated if each
run does to the message what the contract of generated modules says, and nothing else. That holds
for all values, since the code has seen none.
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

from .recorders import (
    Bytes,
    Call,
    GroupsRole,
    Properties,
    Recorder,
    RefusedError,
    Run,
    role_of,
)
from .world import Binding, Self, World, attribute_of, has_constant_defaults, still_bound

__all__ = [
    "GeneratedEvent",
    "Method",
    "NotGeneratedError",
    "is_generated_module",
    "is_plain_enum",
    "recognise_context",
    "recognise_event",
    "recognise_groups",
]


class NotGeneratedError(Exception):
    """A class does not do what a generated one does; the text says in what.

    Attributes:
        module: name of the module whose code is the reason, ``None`` if it is not known.
    """

    def __init__(self, text: str, module: str | None = None) -> None:
        super().__init__(text)
        self.module = module


class Method(NamedTuple):
    """What a recognised ``serialize_*`` method does, and what that rests on.

    Attributes:
        message: the message class that it fills.
        deterministic: whether it wants maps sorted.
        functions: the method, and others that it calls.
        bindings: names that it looks up in modules.
        names: attributes that an instance must not have of its own.
    """

    message: type[Message]
    deterministic: bool
    functions: tuple[FunctionType, ...]
    bindings: tuple[Binding, ...]
    names: frozenset[str]


class GeneratedEvent(NamedTuple):
    """What a recognised event class serializes to.

    Attributes:
        header: its ``serialize_header``.
        payload: its ``serialize_payload``.
        member: name of the payload's member for this event.
    """

    header: Method
    payload: Method
    member: str


def recognise_event(event_class: type, base: type) -> GeneratedEvent:
    """Prove an event class generated.

    Args:
        event_class: the class.
        base: the native base, whose ``_header`` and ``_payload`` the class must have.

    Raises:
        NotGeneratedError: it is not, or not any more.
    """
    _check_attributes(event_class, base, ("_header", "_payload"))
    number = attribute_of(event_class, "event_type_id")
    if type(number) is not int:
        raise NotGeneratedError("event_type_id is no int", event_class.__module__)
    member = f"event_{number}"
    header = recognise_groups(event_class, "serialize_header", "_header")
    payload = _recognised(
        event_class,
        "serialize_payload",
        "_payload",
        Properties,
        lambda calls, properties: _fills_member(calls, member, properties),
    )
    if member not in payload.message.DESCRIPTOR.fields_by_name:
        raise NotGeneratedError(f"EventPayload has no {member}", event_class.__module__)
    return GeneratedEvent(header, payload, member)


def recognise_context(context_class: type, base: type) -> Method:
    """Prove a context class generated; return what its ``serialize_context`` does.

    See ``recognise_event``.
    """
    _check_attributes(context_class, base, ("_context",))
    groups = recognise_groups(context_class, "serialize_context", "_context")
    if not groups.deterministic:
        module = groups.functions[0].__globals__.get("__name__")
        raise NotGeneratedError("serialize_context() is not deterministic", module)
    return groups


def is_generated_module(name: str | None) -> bool:
    """Tell whether a module is one that the generator makes: it has messages of its own."""
    return f"{name}.config_v2_pb2" in sys.modules


def is_plain_enum(enum_class: type) -> bool:
    """Tell whether each member of an ``IntEnum`` is, as an integer, its ``value``."""
    return (
        type(enum_class) is EnumMeta
        and issubclass(enum_class, IntEnum)
        and attribute_of(enum_class, "value") is Enum.__dict__["value"]
        and all(
            type(member.value) is int and int.__index__(member) == member.value
            for member in enum_class.__members__.values()
        )
    )


def _check_attributes(owner: type, base: type, names: Iterable[str]) -> None:
    if not issubclass(owner, base):
        raise NotGeneratedError("it is not built on paltabrain_fast's base classes")
    if attribute_of(owner, "__getattribute__") is not object.__dict__["__getattribute__"]:
        raise NotGeneratedError("it has a __getattribute__ of its own", owner.__module__)
    for name in names:
        if attribute_of(owner, name) is not base.__dict__[name]:
            raise NotGeneratedError(f"it has a {name} of its own", owner.__module__)


Subject = TypeVar("Subject", bound=Properties)
Check = Callable[[Sequence[Call], Subject], bool]


class _Known:
    """What was recognised of a function, without a reference to it or its module."""

    def __init__(self, function: FunctionType, name: str, method: Method) -> None:
        self._rests_on = _rests_on(function)
        self._name = name
        self._message = method.message
        self._deterministic = method.deterministic
        self._values = [(name, value) for _, name, value in method.bindings]

    def method(self, function: FunctionType, name: str) -> Method | None:
        """Return what it does, if it is as it was."""
        namespace = function.__globals__
        if (
            name != self._name
            or not all(map(is_, _rests_on(function), self._rests_on))
            or not all(still_bound(namespace, name, value) for name, value in self._values)
        ):
            return None
        bindings = tuple([Binding(namespace, name, value) for name, value in self._values])
        return Method(self._message, self._deterministic, (function,), bindings, frozenset())


def _rests_on(function: FunctionType) -> tuple[object, ...]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


_known: WeakKeyDictionary[FunctionType, _Known] = WeakKeyDictionary()


def recognise_groups(owner: type, name: str, attribute: str) -> Method:
    """Recognise a method that fills groups, once for all classes that have it.

    Args:
        owner: the class.
        name: of the method.
        attribute: where the groups are.

    Raises:
        NotGeneratedError: it does not do what a generated one does.
    """
    function = attribute_of(owner, name)
    known = _known.get(function) if type(function) is FunctionType else None
    method = None if known is None else known.method(function, name)
    if method is None:
        method = _recognised(owner, name, attribute, GroupsRole, _fills_groups)
        in_module = all(found is function.__globals__ for found, _, _ in method.bindings)
        if method.functions == (function,) and in_module and not method.names:
            _known[function] = _Known(function, name, method)
    return method


def _recognised(
    owner: type, name: str, attribute: str, role: type[Subject], check: Check[Subject]
) -> Method:
    """Run a method in all ways, and check what each run does to the message that it returns."""
    function = attribute_of(owner, name)
    if type(function) is not FunctionType:
        raise NotGeneratedError(f"{name}() is no plain function", owner.__module__)
    world = World(owner)
    subject = role(world.run)
    found: tuple[type[Message], bool] | None = None
    try:
        if not has_constant_defaults(function):
            raise RefusedError("it has defaults that may change")
        entered = world.enter(function)
        instance = Recorder(Self(world, {attribute: Recorder(subject)}))
        for _ in world.run.all_outcomes():
            serialized = _message_of(entered(instance), world.run)
            calls = () if serialized is None else serialized.calls
            if not check(calls, subject):
                raise RefusedError("it fills the message in another way")
            if serialized is not None:
                one = serialized.message.message, serialized.deterministic
                if found not in (None, one):
                    raise RefusedError("it fills one message or another")
                found = one
        if found is None:
            raise RefusedError("it serializes nothing")
    except Exception as error:
        raise NotGeneratedError(
            f"{name}() does not do what a generated one does: {_reason(error)}",
            function.__globals__.get("__name__"),
        ) from None
    return Method(*found, tuple(world.functions), tuple(world.bindings), frozenset(world.names))


def _message_of(result: object, run: Run) -> Bytes | None:
    """Return what a run has serialized, all that it has filled; ``None`` for no bytes."""
    serialized = None
    if type(result) is Recorder and isinstance(role_of(result), Bytes):
        serialized = role_of(result)
    elif type(result) is not bytes or result:
        raise RefusedError("it returns something else than the serialized message")
    for message in run.messages:
        done = len(serialized.calls) if serialized and serialized.message is message else 0
        if len(message.calls) != done:
            raise RefusedError("it fills what it does not serialize")
    return serialized


def _fills_groups(calls: Sequence[Call], groups: GroupsRole) -> bool:
    """Tell whether each group was filled with its properties, and nothing else was done."""
    left: dict[object, Properties] = dict(groups.present())
    for call in calls:
        if call.properties is None or left.pop(call.member, None) is not call.properties:
            return False
    return all(group.is_empty() for group in left.values())


def _fills_member(calls: Sequence[Call], member: str, properties: Properties) -> bool:
    """Tell whether the one member was marked, and filled with the properties once."""
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
