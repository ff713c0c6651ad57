"""Symbolic values: what generated code is executed on, in place of real values.

The code sees only ``Proxy`` objects. A proxy passes each operation on to its ``SymbolicValue``,
which allows what generated code may do with such a value and records what was done. It refuses
everything else, so that code cannot tell a proxy from a real value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message

from .paths import DISTINCT_GROUPS, PathExplorer, RefusedError

__all__ = [
    "Call",
    "Proxy",
    "SymbolicBytes",
    "SymbolicFunction",
    "SymbolicGroupName",
    "SymbolicGroups",
    "SymbolicLength",
    "SymbolicMember",
    "SymbolicMessage",
    "SymbolicMessageClass",
    "SymbolicProperties",
    "SymbolicValue",
    "value_of",
]


class SymbolicValue:
    """Base of symbolic values: refuses every operation, unless a subclass allows it.

    Each method stands for one operation of Python on the value.
    """

    def attribute(self, name: str) -> Any:
        raise RefusedError(f"it reads {name}")

    def assign(self, name: str, _value: Any) -> None:
        raise RefusedError(f"it assigns {name}")

    def call(self, _args: tuple[Any, ...], _keywords: dict[str, Any]) -> Any:
        raise RefusedError("it calls something that generated code does not call")

    def item(self, _key: Any) -> Any:
        raise RefusedError("it looks up an item")

    def put(self, _key: Any, _value: Any) -> None:
        raise RefusedError("it assigns an item")

    def merge(self, _values: Any) -> None:
        raise RefusedError("it uses an operator on a value")

    def iterate(self) -> Iterator[Any]:
        raise RefusedError("it iterates")

    def is_true(self) -> bool:
        raise RefusedError("it tests a value")

    def equals(self, _other: object) -> bool:
        raise RefusedError("it compares")

    def exceeds(self, _limit: object) -> bool:
        raise RefusedError("it compares")


class Proxy:
    """What the code sees of a symbolic value: it passes each operation on to that value."""

    __slots__ = ("value",)

    def __init__(self, value: SymbolicValue) -> None:
        _set_value(self, value)

    def __getattribute__(self, name: str) -> Any:
        if _is_outside():
            return object.__getattribute__(self, name)
        return value_of(self).attribute(name)

    def __setattr__(self, name: str, value: Any) -> None:
        value_of(self).assign(name, value)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return value_of(self).call(args, keywords)

    def __getitem__(self, key: Any) -> Any:
        return value_of(self).item(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        value_of(self).put(key, value)

    def __ior__(self, values: Any) -> Proxy:
        value_of(self).merge(values)
        return self

    def __iter__(self) -> Iterator[Any]:
        symbolic: SymbolicValue = value_of(self)
        return symbolic.iterate()

    def __bool__(self) -> bool:
        symbolic: SymbolicValue = value_of(self)
        return symbolic.is_true()

    def __eq__(self, other: object) -> bool:
        symbolic: SymbolicValue = value_of(self)
        return symbolic.equals(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __gt__(self, limit: object) -> bool:
        symbolic: SymbolicValue = value_of(self)
        return symbolic.exceeds(limit)

    def __le__(self, limit: object) -> bool:
        return not self > limit

    def __ge__(self, limit: object) -> bool:
        return self > (limit - 1 if type(limit) is int else limit)

    def __lt__(self, limit: object) -> bool:
        return not self >= limit

    def _refuse(self, *_operands: Any) -> Any:
        raise RefusedError("it looks at a value")

    def __repr__(self) -> str:
        if _is_outside():
            return "<symbolic value>"
        raise RefusedError("it looks at a value")

    # ``object`` would answer these without asking the symbolic value; ``in`` would iterate
    __hash__ = __str__ = __format__ = __delattr__ = __contains__ = _refuse


def _is_outside() -> bool:
    """Tell whether a debugger or another tool looks at the proxy, not the code in the sandbox.

    Code in the sandbox is known by its empty builtins.
    """
    return bool(sys._getframe(2).f_builtins)


# The slot itself, since ``proxy.value`` would ask the symbolic value for an attribute "value".
value_of: Callable[[Proxy], Any] = Proxy.__dict__["value"].__get__
_set_value: Callable[[Proxy, SymbolicValue], None] = Proxy.__dict__["value"].__set__


class SymbolicFunction(SymbolicValue):
    """A function that the sandbox provides: calling it calls ``function``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return self._function(*args, **keywords)


class SymbolicProperties(SymbolicValue):
    """The dict of properties of an event or of one group; code may only ask whether it is empty.

    Args:
        explorer: decides whether it is empty.
        subject: the subject of its truth tests; by default one of its own.
    """

    def __init__(self, explorer: PathExplorer, subject: object = None) -> None:
        self._explorer = explorer
        self._subject = object() if subject is None else subject

    def is_true(self) -> bool:
        return self._explorer.is_true(self._subject)

    def is_empty(self) -> bool:
        """Tell whether the present path has tested it and found it empty."""
        return self._explorer.is_false(self._subject)

    def attribute(self, name: str) -> Any:
        # code cannot change the copy, so the original can take its place
        return Proxy(SymbolicFunction(self._copy)) if name == "copy" else super().attribute(name)

    def _copy(self) -> Proxy:
        return Proxy(self)

    def equals(self, other: object) -> bool:
        if type(other) is dict and not other:
            return not self.is_true()
        return super().equals(other)


class SymbolicLength(SymbolicValue):
    """The ``len()`` of a dict of properties: code may only tell it from 0."""

    def __init__(self, properties: SymbolicProperties) -> None:
        self._properties = properties

    def is_true(self) -> bool:
        return self._properties.is_true()

    def equals(self, other: object) -> bool:
        if type(other) is int and other == 0:
            return not self.is_true()
        return super().equals(other)

    def exceeds(self, limit: object) -> bool:
        if type(limit) is int and limit == 0:
            return self.is_true()
        return super().exceeds(limit)


class SymbolicGroupName(SymbolicValue):
    """The name of a group."""


class SymbolicGroups(SymbolicProperties):
    """The dict of groups of a header or a context.

    The paths have no group, one, two, or as many as the message has members. Code that treats all
    groups alike on these paths does so for every number of groups. There cannot be more groups than
    members, since a group without a member is an error.
    """

    def __init__(self, explorer: PathExplorer) -> None:
        self._key = object()  # not self: the explorer keeps its subjects, which would be a cycle
        super().__init__(explorer, self._existence(0))
        self._made: list[tuple[SymbolicGroupName, SymbolicProperties]] = []
        self._proxies: list[tuple[Proxy, Proxy]] = []

    def present(self) -> list[tuple[SymbolicGroupName, SymbolicProperties]]:
        """Return name and properties of each group that exists on the present path.

        A group exists unless the code has asked for it and was told that there is none.
        """
        count = 0
        while count < self._explorer.max_fields and not self._explorer.is_false(
            self._existence(count)
        ):
            self._make(count)
            count += 1
        return self._made[:count]

    def attribute(self, name: str) -> Any:
        if name in ("items", "keys", "values"):
            return Proxy(SymbolicFunction(lambda: Proxy(_GroupsView(self, name))))
        if name == "get":
            return Proxy(SymbolicFunction(lambda key, _default=None: self.item(key)))
        return super().attribute(name)

    def iterate(self) -> Iterator[Any]:
        return (name for name, _ in self.each())

    def item(self, key: Any) -> Any:
        for name, group in self._proxies:
            if key is name:
                return group
        return super().item(key)

    def each(self) -> Iterator[tuple[Proxy, Proxy]]:
        """Yield name and properties of one existing group after another, as proxies."""
        number = 0
        while number < self._explorer.max_fields and self._explorer.is_true(
            self._existence(number)
        ):
            self._make(number)
            yield self._proxies[number]
            number += 1

    def _existence(self, number: int) -> tuple[object, int]:
        return self._key, min(number, DISTINCT_GROUPS)

    def _make(self, number: int) -> None:
        if number == len(self._made):
            name = SymbolicGroupName()
            group = SymbolicProperties(self._explorer, ("full", *self._existence(number)))
            self._made.append((name, group))
            self._proxies.append((Proxy(name), Proxy(group)))


class _GroupsView(SymbolicValue):
    """What ``items()``, ``keys()`` or ``values()`` returns: code may iterate it repeatedly."""

    def __init__(self, groups: SymbolicGroups, name: str) -> None:
        self._groups = groups
        self._name = name

    def is_true(self) -> bool:
        return self._groups.is_true()

    def iterate(self) -> Iterator[Any]:
        pairs = self._groups.each()
        if self._name == "items":
            return pairs
        return (name if self._name == "keys" else group for name, group in pairs)


class Call:
    """One thing that the code did to a member of a message.

    Attributes:
        member: name of the member, or the name of the group that it belongs to.
        properties: what ``set_proto()`` filled the member with; ``None`` for ``SetInParent()``.
    """

    __slots__ = ("member", "properties")

    def __init__(
        self, member: str | SymbolicGroupName, properties: SymbolicProperties | None
    ) -> None:
        self.member = member
        self.properties = properties


class SymbolicMessage(SymbolicValue):
    """A message that the code has made.

    Attributes:
        message_class: its class.
        calls: what the code did to its members, in order.
    """

    def __init__(self, message_class: type[Message]) -> None:
        self.message_class = message_class
        self.calls: list[Call] = []

    def is_true(self) -> bool:
        return True

    def attribute(self, name: str) -> Any:
        if name == "SerializeToString":
            return Proxy(SymbolicFunction(self._serialize))
        if name in self.message_class.DESCRIPTOR.fields_by_name:
            return self.member(name)
        return super().attribute(name)

    def member(self, name: str | SymbolicGroupName) -> Proxy:
        """Return a proxy of the member with this name."""
        return Proxy(SymbolicMember(self, name))

    def _serialize(self, *, deterministic: object = False) -> Proxy:
        if type(deterministic) is not bool:
            raise RefusedError("it gives SerializeToString() an argument that is no bool")
        return Proxy(SymbolicBytes(self, deterministic))


class SymbolicMember(SymbolicValue):
    """A member of a message: itself a message."""

    def __init__(self, outer: SymbolicMessage, name: str | SymbolicGroupName) -> None:
        self._outer = outer
        self._name = name

    def is_true(self) -> bool:
        return True

    def attribute(self, name: str) -> Any:
        return (
            Proxy(SymbolicFunction(self._mark))
            if name == "SetInParent"
            else super().attribute(name)
        )

    def _mark(self) -> None:
        self._outer.calls.append(Call(self._name, None))

    def fill(self, properties: SymbolicProperties) -> None:
        self._outer.calls.append(Call(self._name, properties))


class SymbolicMessageClass(SymbolicValue):
    """A message class, which code may call without arguments to make a message."""

    def __init__(self, explorer: PathExplorer, message_class: type[Message]) -> None:
        self._explorer = explorer
        self._message_class = message_class
        explorer.max_fields = max(explorer.max_fields, len(message_class.DESCRIPTOR.fields))

    def call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if args or keywords:
            return super().call(args, keywords)
        message = SymbolicMessage(self._message_class)
        self._explorer.messages.append(message)
        return Proxy(message)


class SymbolicBytes(SymbolicValue):
    """What ``SerializeToString()`` returned.

    Attributes:
        message: the message that was serialized.
        deterministic: value of the argument ``deterministic``, which sorts maps.
        calls: what the code had done to the message until then.
    """

    def __init__(self, message: SymbolicMessage, deterministic: bool) -> None:
        self.message = message
        self.deterministic = deterministic
        self.calls = tuple(message.calls)
