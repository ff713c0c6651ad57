"""Symbolic functions: what generated code calls in the sandbox in place of the real functions.

A real ``set_proto()``, ``len()`` or ``getattr()`` would look at the value that it is given. These
accept proxies, and refuse calls that generated code does not need.
"""

from __future__ import annotations

from typing import Any, Final

from .paths import RefusedError
from .symbolic import (
    Proxy,
    SymbolicBytes,
    SymbolicFunction,
    SymbolicGroupName,
    SymbolicLength,
    SymbolicMember,
    SymbolicMessage,
    SymbolicProperties,
    value_of,
)

__all__ = ["BUILTINS", "SET_PROTO"]


def _set_proto(message: Any, properties: Any) -> None:
    if type(message) is not Proxy or not isinstance(member := value_of(message), SymbolicMember):
        raise RefusedError("it fills something else than a member of a message")
    if type(properties) is dict and not properties:
        return  # the real one does nothing, either
    if (
        type(properties) is not Proxy
        or type(found := value_of(properties)) is not SymbolicProperties
    ):
        raise RefusedError("it fills a message with something else than the properties")
    member.fill(found)


def _getattr(owner: Any, name: Any, *_default: Any) -> Any:
    # The default is never returned: unknown attributes are refused here, and a group without a
    # member is an error.
    if type(owner) is not Proxy:
        raise RefusedError("it reads an attribute of something else")
    if type(name) is str:
        return value_of(owner).attribute(name)
    symbolic = value_of(owner)
    if isinstance(symbolic, SymbolicMessage) and type(name) is Proxy:
        named = value_of(name)
        if isinstance(named, SymbolicGroupName):
            return symbolic.member(named)
    raise RefusedError("it computes the name of an attribute")


def _len(properties: Any) -> Any:
    if type(properties) is not Proxy or not isinstance(value_of(properties), SymbolicProperties):
        raise RefusedError("it asks for the length of something else")
    return Proxy(SymbolicLength(value_of(properties)))


def _sorted(values: Any) -> list[Any]:
    found = list(values)
    for value in found:
        name = value[0] if type(value) is tuple and value else value
        if type(name) is not Proxy or not isinstance(value_of(name), SymbolicGroupName):
            raise RefusedError("it sorts something else than groups")
    return found  # as they are: groups may be filled in any order


def _dict(*values: Any, **keywords: Any) -> Any:
    if len(values) == 1 and not keywords and type(values[0]) is Proxy:
        return value_of(values[0]).attribute("copy")()
    return dict(*values, **keywords)


def _bytes(*values: Any) -> Any:
    if not values:
        return b""
    (value,) = values
    if type(value) is Proxy and isinstance(value_of(value), SymbolicBytes):
        return value
    raise RefusedError("it makes bytes of something else")


SET_PROTO: Final = Proxy(SymbolicFunction(_set_proto))

BUILTINS: Final[dict[str, object]] = {
    "bytes": Proxy(SymbolicFunction(_bytes)),
    "dict": Proxy(SymbolicFunction(_dict)),
    "getattr": Proxy(SymbolicFunction(_getattr)),
    # with one argument only: with two, it calls a function, perhaps without end
    "iter": Proxy(SymbolicFunction(lambda values: iter(values))),
    "len": Proxy(SymbolicFunction(_len)),
    "sorted": Proxy(SymbolicFunction(_sorted)),
    # The real ones will do: they use proxies only by operations that are refused or recorded.
    "all": all,
    "any": any,
    "bool": bool,
    "enumerate": enumerate,
    "format": format,
    "int": int,
    "list": list,
    "map": map,
    "repr": repr,
    "str": str,
    "tuple": tuple,
    "zip": zip,
}
"""The builtins that generated code may use, by name."""
