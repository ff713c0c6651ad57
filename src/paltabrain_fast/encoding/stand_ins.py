"""What stands in for the functions that generated code calls, where they would look at a value."""

from __future__ import annotations

from typing import Any, Final

from .recorders import (
    Bytes,
    Function,
    MemberRole,
    MessageRole,
    Name,
    Properties,
    Recorder,
    RefusedError,
    Size,
    role_of,
)

__all__ = ["BUILTINS", "SET_PROTO"]


def _set_proto(message: Any, properties: Any) -> None:
    if type(message) is not Recorder or not isinstance(member := role_of(message), MemberRole):
        raise RefusedError("it fills what is no member of a message")
    if type(properties) is dict and not properties:
        return  # as if it were not called
    if type(properties) is not Recorder or type(found := role_of(properties)) is not Properties:
        raise RefusedError("it fills a message with something else than the properties")
    member.fill(found)


def _getattr(owner: Any, name: Any, *_default: Any) -> Any:
    # the default is for what is refused here, or for a group of which there is no member: an error
    if type(owner) is not Recorder:
        raise RefusedError("it reads an attribute of something else")
    if type(name) is str:
        return role_of(owner).attribute(name)
    role = role_of(owner)
    if isinstance(role, MessageRole) and type(name) is Recorder:
        named = role_of(name)
        if isinstance(named, Name):
            return role.member(named)
    raise RefusedError("it reads an attribute of a strange name")


def _len(properties: Any) -> Any:
    if type(properties) is not Recorder or not isinstance(role_of(properties), Properties):
        raise RefusedError("it asks for the length of something else")
    return Recorder(Size(role_of(properties)))


def _sorted(values: Any) -> list[Any]:
    found = list(values)
    for value in found:
        name = value[0] if type(value) is tuple and value else value
        if type(name) is not Recorder or not isinstance(role_of(name), Name):
            raise RefusedError("it sorts something else than groups")
    return found  # as the order of groups is any


def _dict(*values: Any, **keywords: Any) -> Any:
    if len(values) == 1 and not keywords and type(values[0]) is Recorder:
        return role_of(values[0]).attribute("copy")()
    return dict(*values, **keywords)


def _bytes(*values: Any) -> Any:
    if not values:
        return b""
    (value,) = values
    if type(value) is Recorder and isinstance(role_of(value), Bytes):
        return value
    raise RefusedError("it makes bytes of something else")


SET_PROTO: Final = Recorder(Function(_set_proto))

BUILTINS: Final[dict[str, object]] = {
    "bytes": Recorder(Function(_bytes)),
    "dict": Recorder(Function(_dict)),
    "getattr": Recorder(Function(_getattr)),
    "iter": Recorder(Function(lambda values: iter(values))),  # of no function, without an end
    "len": Recorder(Function(_len)),
    "sorted": Recorder(Function(_sorted)),
    # these look at recorders by operations that are refused, or come out as a truth test
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
"""The builtins that generated code may use."""
