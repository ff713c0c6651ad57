"""Records: what ``dataclasses`` makes of a class, without the time that its import takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["record"]

T = TypeVar("T")

_ASSIGNED: Final = {True: "    values[{0!r}] = {0}\n", False: "    self.{0} = {0}\n"}
"""How a constructor sets a field, by whether the record is frozen."""


@dataclass_transform(frozen_default=True)
def record(*, frozen: bool = True, hidden: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Return a decorator that gives a class what a dataclass has; methods of its own stay.

    Its fields are what it annotates, in that order, with the defaults that it gives. To
    ``dataclasses`` it is a dataclass: ``fields()``, ``asdict()`` and ``replace()`` take it.

    Args:
        frozen: whether its objects refuse to be changed, and can be hashed.
        hidden: fields that the ``repr()`` leaves out.
    """

    def make(cls: type[T]) -> type[T]:
        names = tuple(cls.__annotations__)
        methods = {
            "__init__": _init(cls, names, frozen=frozen),
            "__repr__": _repr(tuple(name for name in names if name not in hidden)),
            "__eq__": _eq(names),
            "__hash__": _hash(names) if frozen else None,
        }
        if frozen:
            methods |= _refusals(cls, frozenset(names))
        if sys.version_info >= (3, 13):
            methods["__replace__"] = _replace
        for name, method in methods.items():
            if name not in vars(cls):
                setattr(cls, name, method)
        cls.__match_args__ = names  # type: ignore[attr-defined, misc]
        made = _Made(cls, names, frozen=frozen)
        for name in "__dataclass_fields__", "__dataclass_params__":
            setattr(cls, name, _MadeLate(made, name))
        return cls

    return make


def _init(cls: type, names: tuple[str, ...], *, frozen: bool) -> Any:
    """Compile a constructor, which takes less time at each call than one that loops."""
    defaults = {f"_{name}": vars(cls)[name] for name in names if name in vars(cls)}
    parameters = [f"{name}=_{name}" if f"_{name}" in defaults else name for name in names]
    source = f"def __init__(self, {', '.join(parameters)}):\n"
    if frozen:
        source += "    values = self.__dict__\n"
    source += "".join(_ASSIGNED[frozen].format(name) for name in names)
    if hasattr(cls, "__post_init__"):
        source += "    self.__post_init__()\n"
    exec(source, defaults)  # of names that the package itself has written
    made = defaults["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {**cls.__annotations__, "return": "None"}
    made.__module__ = cls.__module__
    return made


def _repr(names: tuple[str, ...]) -> Any:
    def text(self: object) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return text


def _eq(names: tuple[str, ...]) -> Any:
    def equal(self: object, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in names)

    return equal


def _hash(names: tuple[str, ...]) -> Any:
    def hashed(self: object) -> int:
        return hash(tuple([getattr(self, name) for name in names]))

    return hashed


def _refusals(cls: Any, names: frozenset[str]) -> dict[str, Any]:
    """Refuse what a frozen dataclass refuses: a subclass may set what is no field."""

    def check(self: object, name: str) -> None:
        if type(self) is cls or name in names:
            from dataclasses import FrozenInstanceError

            raise FrozenInstanceError(f"cannot assign or delete {name!r}")

    def set_attribute(self: object, name: str, value: object) -> None:
        check(self, name)
        super(cls, self).__setattr__(name, value)

    def delete_attribute(self: object, name: str) -> None:
        check(self, name)
        super(cls, self).__delattr__(name)

    return {"__setattr__": set_attribute, "__delattr__": delete_attribute}


def _replace(self: Any, /, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(self, **changes)


class _Made:
    """The dataclass that a record would be: made when ``dataclasses`` ask for a part of it."""

    def __init__(self, cls: type, names: tuple[str, ...], *, frozen: bool) -> None:
        self._cls = cls  # which a subclass may have
        self._names = names
        self._frozen = frozen
        self._made: type | None = None

    def get(self) -> type:
        if self._made is None:
            from dataclasses import field, make_dataclass

            types, values = self._cls.__annotations__, vars(self._cls)
            named: list[Any] = [
                (name, types[name], field(default=values[name]) if name in values else field())
                for name in self._names
            ]
            self._made = make_dataclass(self._cls.__name__, named, frozen=self._frozen)
        return self._made


class _MadeLate:
    """An attribute of it."""

    def __init__(self, made: _Made, name: str) -> None:
        self._made = made
        self._name = name

    def __get__(self, _instance: object, _owner: type) -> Any:
        return vars(self._made.get())[self._name]
