"""Converts values of the wire to those of a column; refuses what a column cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, Final

from ..encoding.display import counted
from ..schema.model import Enum, Kind, Property

Value = Any
"""Value of a column: bool, int, str, naive UTC datetime, or a list or dict of these.

A decimal is a text with all places of its column.
"""

Convert = Callable[[Any], Value]

MAX_CHARACTERS: Final = 65_536
"""Largest number of characters of a text in the warehouse."""

_EPOCH: Final = datetime(1970, 1, 1)
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def newer(what: str) -> str:
    """Return the reason that something does not fit which a newer module has."""
    return (
        f"the app's module is newer than this schema: {what}; start the collector with the"
        " schema that the module was made from"
    )


def timestamp(unix_ms: int) -> datetime:
    """Convert Unix milliseconds to a naive UTC datetime, exactly.

    Raises:
        ValueError: the instant lies outside the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(milliseconds=unix_ms)
    except OverflowError:
        raise ValueError(f"timestamp {unix_ms} ms is outside the years 1 to 9999") from None


def converter(prop: Property, enums: Mapping[str, Enum]) -> Convert:
    """Return the function that converts a property's value on the wire to that of its column."""
    element = _element_converter(prop, enums)
    if prop.is_repeated:
        if element is _same:
            return lambda values: values[:]
        return lambda values: [element(value) for value in values]
    if prop.is_map:
        return lambda values: {_fitting_key(key): element(value) for key, value in values.items()}
    return element


def _element_converter(prop: Property, enums: Mapping[str, Enum]) -> Convert:
    match prop.kind:
        case Kind.DECIMAL:
            assert prop.precision is not None
            assert prop.scale is not None
            return _decimal_converter(prop.precision, prop.scale)
        case Kind.ENUM:
            assert prop.enum is not None
            return _enum_converter(enums[prop.enum])
        case Kind.STRING:
            return fitting_text
        case Kind.TIMESTAMP:
            return timestamp
        case _:
            return _same


def _same(value: Any) -> Value:
    return value


def fitting_text(text: str) -> str:
    """Return a text.

    Raises:
        ValueError: it is longer than a column holds.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{len(text)} characters do not fit; shorten it to {MAX_CHARACTERS}")
    return text


def _fitting_key(key: str) -> str:
    try:
        return fitting_text(key)
    except ValueError as error:
        raise ValueError(f"a key: {error}") from None


def _decimal_converter(precision: int, scale: int) -> Convert:
    """Return the function that gives a decimal all places of ``DECIMAL(precision, scale)``.

    It never rounds.
    """
    whole = precision - scale
    whole_pattern = f"(0|[1-9][0-9]{{0,{whole - 1}}})" if whole else "0"
    places_pattern = rf"\.[0-9]{{{scale}}}" if scale else ""
    has_all_places = re.compile(f"-?{whole_pattern}{places_pattern}").fullmatch
    exponent = Decimal(1).scaleb(-scale)
    exact = Context(prec=precision, traps=[InvalidOperation, Inexact])

    def convert(text: str) -> str:
        if has_all_places(text):
            return text
        if not _DECIMAL.fullmatch(text):
            raise ValueError(f"{_shortened(text)} is not a finite decimal")
        try:
            return format(Decimal(text).quantize(exponent, context=exact), "f")
        except DecimalException:
            raise ValueError(
                f"{_shortened(text)} does not fit decimal({precision},{scale}) exactly; round it"
                f" to {counted(scale, 'place')}, and keep it below 1E+{precision - scale}"
            ) from None

    return convert


def _enum_converter(enum: Enum) -> Convert:
    names = {0: "UNKNOWN"} | {value.id: value.name for value in enum.values}

    def convert(number: int) -> str:
        try:
            return names[number]
        except KeyError:
            raise ValueError(newer(f"enum {enum.name} has no value {number}")) from None

    return convert


def _shortened(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else text[:limit] + "…")
