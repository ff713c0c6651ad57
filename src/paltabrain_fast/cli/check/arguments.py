"""Checks the constants and conversions that a tracking call is given against the schema's types."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

from ...schema.model import Kind, Property

__all__ = ["wrong_constants"]

_NAMES: Final = {
    Kind.BOOLEAN: "bool",
    Kind.DECIMAL: "Decimal",
    Kind.INTEGER: "int",
    Kind.STRING: "str",
    Kind.TIMESTAMP: "datetime",
}

_TAKEN: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.BOOLEAN: (bool, int),
    Kind.DECIMAL: (str, bytes),
    Kind.ENUM: (int,),
    Kind.INTEGER: (int,),
    Kind.STRING: (str, bytes),
    Kind.TIMESTAMP: (int,),
}
"""Types of constants that the SDK encodes; an event with another one is not sent."""

_CONVERSIONS: Final = {kind.__name__: kind for kind in (bool, float, int, str)}
"""Types of calls such as ``float(text)``."""

EnumOf = Callable[[ast.expr], str | None]
"""Returns the name of the enum whose member an expression is; ``None`` if it is none."""


def wrong_constants(
    prop: Property, value: ast.expr, enum_of: EnumOf
) -> Iterator[tuple[ast.expr, str]]:
    """Yield the constants in an argument that the SDK cannot encode, and what is wrong with each.

    Args:
        prop: the property that the argument is for.
        value: the argument; what it holds beside constants is not looked at.
        enum_of: tells which members of enums there are.
    """
    match value:
        case ast.Constant(value=None):
            return
        case ast.List(elts=elements) if prop.is_repeated:
            values = elements
        case ast.Dict(keys=keys, values=values) if prop.is_map:
            for key in keys:
                if isinstance(key, ast.Constant) and not isinstance(key.value, str):
                    yield key, f"takes a dict whose keys are str, not {_shown(key)}"
        case _ if prop.is_repeated or prop.is_map:
            if _kind_of(value) is not None or enum_of(value) is not None:
                wanted = "a list" if prop.is_repeated else "a dict"
                if not isinstance(value, ast.ListComp if prop.is_repeated else ast.DictComp):
                    yield value, f"takes {wanted} of {_name(prop)}, not {_shown(value)}"
            return
        case _:
            values = [value]
    for each in values:
        if not _is_taken(prop, each, enum_of):
            yield each, f"takes {_name(prop)}, not {_shown(each)}"


def _name(prop: Property) -> str:
    return f"Enum{prop.enum}" if prop.enum else _NAMES[prop.kind]


def _is_taken(prop: Property, value: ast.expr, enum_of: EnumOf) -> bool:
    enum = enum_of(value)
    if enum is not None:
        if prop.kind is Kind.ENUM:
            return enum == prop.enum
        return int in _TAKEN[prop.kind]
    kind = _kind_of(value)
    if kind is None:
        return True
    if kind is bool and prop.kind is not Kind.BOOLEAN:
        return False
    return issubclass(kind, _TAKEN[prop.kind])


def _kind_of(value: ast.expr) -> type | None:
    """Return the type of a constant or conversion; ``None`` if it is none, or of any type."""
    match value:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=constant):
            return type(constant)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=constant)):
            return type(constant)
        case ast.JoinedStr():
            return str
        case ast.Call(func=ast.Name(id=name)):
            return _CONVERSIONS.get(name)
        case ast.List() | ast.ListComp():
            return list
        case ast.Tuple():
            return tuple
        case ast.Set() | ast.SetComp():
            return set
        case ast.Dict() | ast.DictComp():
            return dict
    return None


def _shown(value: ast.expr) -> str:
    """Return type and text of a constant; a call such as ``float(text)`` says its type itself."""
    kind = _kind_of(value)
    text = ast.unparse(value)
    text = text if len(text) <= 40 else f"{text[:37]}..."
    return text if kind is None or isinstance(value, ast.Call) else f"{kind.__name__} {text}"
