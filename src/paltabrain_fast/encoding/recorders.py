"""Recorders: what generated code is run on in place of values, to see what it does to them.

The code sees a ``Recorder`` only; each operation on it is passed to the recorder's role. A role
allows what generated code may do with the value that it stands for. It refuses all else, and so
everything by which code could tell a recorder from a value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf.message import Message

__all__ = [
    "Bytes",
    "Call",
    "Function",
    "GroupsRole",
    "MemberRole",
    "MessageClassRole",
    "MessageRole",
    "Name",
    "Properties",
    "Recorder",
    "RefusedError",
    "Role",
    "Run",
    "Size",
    "role_of",
]

_MAX_RUNS: Final = 64
_MAX_TESTS: Final = 10_000

_TOLD_APART: Final = 2
"""So many groups are there or not, empty or not, each for itself; all others are as the next."""


class RefusedError(Exception):
    """The code does what generated code has no need to do; the text says what."""


class Run:
    """A run of the code: the outcomes of its truth tests, and the messages that it makes.

    Attributes:
        messages: those that this run has made.
        most_fields: how many fields any message has that the code may use.
    """

    def __init__(self) -> None:
        self.most_fields = _TOLD_APART + 1
        self._begin([])

    def _begin(self, outcomes: list[bool]) -> None:
        self._outcomes = outcomes  # of the first tests; every later one is true
        self._answers: dict[object, bool] = {}  # in the order in which they were asked for
        self._tests = 0
        self.messages: list[MessageRole] = []

    def all_outcomes(self) -> Iterator[None]:
        """Begin one run after the other, until every outcome of every test has been tried.

        Raises:
            RefusedError: there are too many of them.
        """
        for _ in range(_MAX_RUNS):
            yield
            outcomes = list(self._answers.values())
            while outcomes and not outcomes[-1]:
                outcomes.pop()
            if not outcomes:
                return
            self._begin([*outcomes[:-1], False])
        raise RefusedError("it tests too much")

    def is_true(self, subject: object) -> bool:
        """Tell how the test of a value comes out: always the same way within a run."""
        self._tests += 1
        if self._tests > _MAX_TESTS:  # of a loop, perhaps
            raise RefusedError("it tests too much")
        if subject not in self._answers:
            number = len(self._answers)
            self._answers[subject] = number >= len(self._outcomes) or self._outcomes[number]
        return self._answers[subject]

    def is_false(self, subject: object) -> bool:
        """Tell whether the value was tested in this run, and was false."""
        return not self._answers.get(subject, True)


class Role:
    """What a recorder stands for. Every operation is refused, but for those that a role allows."""

    def attribute(self, name: str) -> Any:
        raise RefusedError(f"it reads {name}")

    def assign(self, name: str, _value: Any) -> None:
        raise RefusedError(f"it assigns {name}")

    def call(self, _args: tuple[Any, ...], _keywords: dict[str, Any]) -> Any:
        raise RefusedError("it calls what it should not")

    def item(self, _key: Any) -> Any:
        raise RefusedError("it looks up an item")

    def put(self, _key: Any, _value: Any) -> None:
        raise RefusedError("it assigns an item")

    def merge(self, _values: Any) -> None:
        raise RefusedError("it calculates")

    def iterate(self) -> Iterator[Any]:
        raise RefusedError("it iterates")

    def is_true(self) -> bool:
        raise RefusedError("it tests a value")

    def equals(self, _other: object) -> bool:
        raise RefusedError("it compares")

    def exceeds(self, _limit: object) -> bool:
        raise RefusedError("it compares")


class Recorder:
    """What the code gets to see: passes each operation on to its role."""

    __slots__ = ("role",)

    def __init__(self, role: Role) -> None:
        _set_role(self, role)

    def __getattribute__(self, name: str) -> Any:
        if _is_outside():
            return object.__getattribute__(self, name)
        return role_of(self).attribute(name)

    def __setattr__(self, name: str, value: Any) -> None:
        role_of(self).assign(name, value)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return role_of(self).call(args, keywords)

    def __getitem__(self, key: Any) -> Any:
        return role_of(self).item(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        role_of(self).put(key, value)

    def __ior__(self, values: Any) -> Recorder:
        role_of(self).merge(values)
        return self

    def __iter__(self) -> Iterator[Any]:
        role: Role = role_of(self)
        return role.iterate()

    def __bool__(self) -> bool:
        role: Role = role_of(self)
        return role.is_true()

    def __eq__(self, other: object) -> bool:
        role: Role = role_of(self)
        return role.equals(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __gt__(self, limit: object) -> bool:
        role: Role = role_of(self)
        return role.exceeds(limit)

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
            return "<recorder>"
        raise RefusedError("it looks at a value")

    # what ``object`` would answer by itself, and ``in``, for which it would iterate
    __hash__ = __str__ = __format__ = __delattr__ = __contains__ = _refuse


def _is_outside() -> bool:
    """Tell whether a recorder is looked at by a debugger or the like, and not by recorded code.

    Recorded code has no builtins of its own.
    """
    return bool(sys._getframe(2).f_builtins)


role_of: Callable[[Recorder], Any] = Recorder.__dict__["role"].__get__
_set_role: Callable[[Recorder, Role], None] = Recorder.__dict__["role"].__set__


class Function(Role):
    """A function of ours."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return self._function(*args, **keywords)


class Properties(Role):
    """A dict of properties: those of an event, or of one group. All that counts is emptiness.

    Args:
        run: the run in which it may be tested.
        subject: what is tested in its place; by default something of its own.
    """

    def __init__(self, run: Run, subject: object = None) -> None:
        self._run = run
        self._subject = object() if subject is None else subject

    def is_true(self) -> bool:
        return self._run.is_true(self._subject)

    def is_empty(self) -> bool:
        """Tell whether a test has shown that it is empty."""
        return self._run.is_false(self._subject)

    def attribute(self, name: str) -> Any:
        # nothing can be changed in the copy, so that it is as good as the original
        return Recorder(Function(self._copy)) if name == "copy" else super().attribute(name)

    def _copy(self) -> Recorder:
        return Recorder(self)

    def equals(self, other: object) -> bool:
        if type(other) is dict and not other:
            return not self.is_true()
        return super().equals(other)


class Size(Role):
    """What ``len()`` says of a dict: it may be told from 0."""

    def __init__(self, properties: Properties) -> None:
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


class Name(Role):
    """The name of a group."""


class GroupsRole(Properties):
    """The dict of groups of a header or a context.

    There are none, one, two, or as many as the message has members: who does the same with each
    then, does so with any number. More there cannot be, as a group without a member is an error.
    """

    def __init__(self, run: Run) -> None:
        self._key = object()  # not the groups themselves: who is asked often, leaves no cycles
        super().__init__(run, self._existence(0))
        self._made: list[tuple[Name, Properties]] = []
        self._shown: list[tuple[Recorder, Recorder]] = []

    def present(self) -> list[tuple[Name, Properties]]:
        """Return the groups, name and properties, that are there for all that the code asked."""
        count = 0
        while count < self._run.most_fields and not self._run.is_false(self._existence(count)):
            self._make(count)
            count += 1
        return self._made[:count]

    def attribute(self, name: str) -> Any:
        if name in ("items", "keys", "values"):
            return Recorder(Function(lambda: Recorder(_View(self, name))))
        if name == "get":
            return Recorder(Function(lambda key, _default=None: self.item(key)))
        return super().attribute(name)

    def iterate(self) -> Iterator[Any]:
        return (name for name, _ in self.each())

    def item(self, key: Any) -> Any:
        for name, group in self._shown:
            if key is name:
                return group
        return super().item(key)

    def each(self) -> Iterator[tuple[Recorder, Recorder]]:
        """Show one group after the other."""
        number = 0
        while number < self._run.most_fields and self._run.is_true(self._existence(number)):
            self._make(number)
            yield self._shown[number]
            number += 1

    def _existence(self, number: int) -> tuple[object, int]:
        return self._key, min(number, _TOLD_APART)

    def _make(self, number: int) -> None:
        if number == len(self._made):
            name, group = Name(), Properties(self._run, ("full", *self._existence(number)))
            self._made.append((name, group))
            self._shown.append((Recorder(name), Recorder(group)))


class _View(Role):
    """What ``items()`` and the like return: it can be gone through again and again."""

    def __init__(self, groups: GroupsRole, name: str) -> None:
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
    """What was done to a member of a message.

    Attributes:
        member: its name, or the name of the group.
        properties: what it was filled with; ``None`` if it was marked as present.
    """

    __slots__ = ("member", "properties")

    def __init__(self, member: str | Name, properties: Properties | None) -> None:
        self.member = member
        self.properties = properties


class MessageRole(Role):
    """A new message.

    Attributes:
        message: its class.
        calls: what was done to it, in order.
    """

    def __init__(self, message: type[Message]) -> None:
        self.message = message
        self.calls: list[Call] = []

    def is_true(self) -> bool:
        return True

    def attribute(self, name: str) -> Any:
        if name == "SerializeToString":
            return Recorder(Function(self._serialize))
        if name in self.message.DESCRIPTOR.fields_by_name:
            return self.member(name)
        return super().attribute(name)

    def member(self, name: str | Name) -> Recorder:
        """Return what stands for the member of this name."""
        return Recorder(MemberRole(self, name))

    def _serialize(self, *, deterministic: object = False) -> Recorder:
        if type(deterministic) is not bool:
            raise RefusedError("it serializes in a way of its own")
        return Recorder(Bytes(self, deterministic))


class MemberRole(Role):
    """A message within a message."""

    def __init__(self, outer: MessageRole, name: str | Name) -> None:
        self._outer = outer
        self._name = name

    def is_true(self) -> bool:
        return True

    def attribute(self, name: str) -> Any:
        return Recorder(Function(self._mark)) if name == "SetInParent" else super().attribute(name)

    def _mark(self) -> None:
        self._outer.calls.append(Call(self._name, None))

    def fill(self, properties: Properties) -> None:
        self._outer.calls.append(Call(self._name, properties))


class MessageClassRole(Role):
    """A message class, which can be called without arguments."""

    def __init__(self, run: Run, message: type[Message]) -> None:
        self._run = run
        self._message = message
        run.most_fields = max(run.most_fields, len(message.DESCRIPTOR.fields))

    def call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if args or keywords:
            return super().call(args, keywords)
        role = MessageRole(self._message)
        self._run.messages.append(role)
        return Recorder(role)


class Bytes(Role):
    """A serialized message.

    Attributes:
        message: what was serialized.
        deterministic: whether it was asked to be.
        calls: what had been done to it until then.
    """

    def __init__(self, message: MessageRole, deterministic: bool) -> None:
        self.message = message
        self.deterministic = deterministic
        self.calls = tuple(message.calls)
