"""Values for properties, good and hostile: whatever they are, they are the same on every path."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from paltabrain_fast import BaseEnum
from paltabrain_fast.schema.model import Kind, Property


class Text(str):
    """Text of a subclass."""

    __slots__ = ()


class Number(int):
    """An integer of a subclass."""


class Items(list[Any]):
    """A list of a subclass."""


class Properties(dict[Any, Any]):
    """A dict of a subclass."""


class Amount(Decimal):
    """A decimal of a subclass, which is written in another way."""

    def __str__(self) -> str:
        return "an amount"


class Moment(datetime):
    """A time of a subclass."""


class Colour(BaseEnum):
    """An enum of the user's own, with an alias."""

    UNKNOWN = 0
    RED = 1
    CRIMSON = 1
    DEEP = -(1 << 63)
    FAR = 1 << 63


class Tenfold(enum.IntEnum):
    """An enum whose members are not their values."""

    def __new__(cls, value: int) -> Tenfold:
        member = int.__new__(cls, value * 10)
        member._value_ = value
        return member

    ONE = 1
    TWO = 2


class Letter(str, enum.Enum):  # noqa: UP042
    """An enum of text."""

    A = "a"


class Plain(enum.Enum):
    """An enum of nothing in particular."""

    ONE = 1


class Bits(enum.Flag):
    """Flags that are no integers."""

    ONE = 1
    TWO = 2


class IntBits(enum.IntFlag):
    """Flags that are integers."""

    ONE = 1
    TWO = 2


class Zone(tzinfo):
    """Says nothing but its offset."""

    def dst(self, _when: datetime | None) -> None:
        return None

    def tzname(self, _when: datetime | None) -> None:
        return None


class RaisingZone(Zone):
    """Has no answer."""

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        raise LookupError("no such zone")


class NoZone(Zone):
    """Makes a time naive after all."""

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        return None


class WrongZone(Zone):
    """Answers with something else, or with too much."""

    def __init__(self, answer: Any = 5) -> None:
        self.answer = answer

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        answer: timedelta | None = self.answer
        return answer


class FoldedZone(Zone):
    """Answers by the fold, as zones with summer time do."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return timedelta(hours=2 if when is not None and when.fold else 1)


class Acting(Zone):
    """A zone that does something whenever it is asked."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        self.act()
        return timedelta(0)


class ActingAmount(Decimal):
    """A decimal that does something whenever it is written."""

    act: Callable[[], object]

    def __str__(self) -> str:
        self.act()
        return "an amount"


class Delta(timedelta):
    """An offset of a subclass."""


class Index:
    """An integer to whoever asks, as a numpy scalar is."""

    def __init__(self, answer: Any = 7) -> None:
        self.answer = answer

    def __index__(self) -> int:
        answer: int = self.answer
        return answer

    def __int__(self) -> int:
        return self.__index__()

    def __float__(self) -> float:
        return float(self.__index__())

    def __bool__(self) -> bool:
        return True


class RaisingIndex:
    """An integer that cannot be had."""

    def __index__(self) -> int:
        raise RuntimeError("no index")

    def __str__(self) -> str:
        raise RuntimeError("no text")


_EDGES = [1 << 63, (1 << 63) - 1, -(1 << 63), -(1 << 63) - 1, 1 << 64, 10**30, -(10**30)]
INTEGERS = [0, 1, -1, 63, 64, -64, -65, 127, 128, 1 << 31, 1 << 32, -(1 << 31), 1 << 62, *_EDGES]
TEXTS = [
    *("", "\0", "a\0b", "é", "ÿ", "Ā", "日本", "\uffff", "\U00010000", "\U0010ffff", "a🎉" * 50),
    *("\ud800", "a\udfff", "\ud83c\udf89", "é\udc80", "x" * 127, "x" * 128, "é" * 64, "日" * 43),
]
DECIMALS = [
    *("NaN", "-NaN", "NaN12", "sNaN", "sNaN7", "Infinity", "-Infinity", "0", "-0", "0E+3", "-0.00"),
    *("1E+5", "1E-7", "1E+999999", "-1.5E-999999", "0.000001", "12345678901234567890.123456789"),
]
ZONES: list[tzinfo | None] = [
    *(None, UTC, UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=23))),
    *(timezone(timedelta(microseconds=-1)), timezone(timedelta(seconds=1, microseconds=999_999))),
    *(RaisingZone(), NoZone(), WrongZone(), WrongZone(timedelta(hours=24)), FoldedZone()),
    *(WrongZone(Delta(hours=3)), WrongZone(timedelta(0)), WrongZone("")),
]
MOMENTS = [
    *(
        datetime.min,
        datetime.max,
        datetime(1970, 1, 1),
        datetime(1969, 12, 31, 23, 59, 59, 999_999),
    ),
    *(
        datetime(1970, 1, 1, microsecond=999),
        datetime(2000, 2, 29, 1, fold=1),
        datetime(1900, 3, 1),
    ),
]
OTHERS: list[Any] = [
    *(Text("text"), Text("é"), Number(5), Number(1 << 70), Amount("1.5"), Moment(2020, 1, 1)),
    *(Colour.RED, Colour.CRIMSON, Colour.DEEP, Colour.FAR, Tenfold.ONE, Tenfold.TWO),
    *(Letter.A, Plain.ONE, Bits.ONE, Bits.ONE | Bits.TWO, IntBits.TWO, IntBits.ONE | IntBits.TWO),
    *(0.0, 1.0, 1.5, float("nan"), float("inf"), 1j, b"", b"bytes", b"\xff", bytearray(b"x")),
    *(
        (),
        (1,),
        ("a",),
        {1},
        frozenset(),
        range(3),
        object(),
        object,
        len,
        Ellipsis,
        memoryview(b"m"),
    ),
    *(Index(), Index(1 << 64), Index("no integer"), Index(True), RaisingIndex(), iter([])),
    *(datetime(2020, 1, 1).date(), datetime(2020, 1, 1).time(), timedelta(1), UTC),
    *(Items(), Items(["a"]), Items([1]), Properties(), Properties(a="b"), Properties(a=1)),
    *([None], [[]], [{}], [["a"]], {"a": None}, {"a": []}, {"a": {}}, {1: "a"}, {None: None}),
    *({"\ud800": "a"}, {Text("a"): "b"}, {b"a": "b"}, {"": ""}, {"a": "b", 1: "c"}, {True: True}),
    *(["a", None], ["a", 1], [1, "a"], [1, True], [True, 1], [1, 1.5], ["a", "\ud800"]),
    *({"a": 1, "b": "c"}, {"a": True, "b": 1}, {"a": 1 << 63, "b": 1}),
]

texts = st.sampled_from(TEXTS) | st.text(st.characters(), max_size=20)
moments = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    st.sampled_from(MOMENTS) | st.datetimes(),
    st.sampled_from(ZONES),
    st.integers(0, 1),
)
_elements: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.DECIMAL: st.sampled_from([Decimal(text) for text in DECIMALS]) | st.decimals(),
    Kind.INTEGER: st.sampled_from(INTEGERS) | st.integers(-(1 << 63), (1 << 63) - 1),
    Kind.STRING: texts,
    Kind.TIMESTAMP: moments,
}


def _contained(prop: Property, elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if prop.is_repeated:
        return st.lists(elements, max_size=4)
    if prop.is_map:
        return st.dictionaries(texts, elements, max_size=4)
    return elements


def element(kind: Kind, module: Any, enum_name: str | None) -> st.SearchStrategy[Any]:
    """A value of this kind, or close to one."""
    if kind is Kind.ENUM:
        return st.sampled_from([*getattr(module, f"Enum{enum_name}"), 0, 5, Colour.RED])
    return _elements[kind]


def hostile_values(prop: Property, module: Any) -> st.SearchStrategy[Any]:
    """Values for a property: mostly such as it expects, sometimes any at all."""
    own = _contained(prop, element(prop.kind, module, prop.enum))
    others = [_contained(prop, elements) for elements in _elements.values()]
    any_at_all = st.one_of(*_elements.values(), st.sampled_from(OTHERS), *others)
    return st.integers(0, 19).flatmap(
        lambda number: st.none() if number < 2 else any_at_all if number == 19 else own
    )


anything: st.SearchStrategy[Any] = st.one_of(
    st.none(), *_elements.values(), st.sampled_from(OTHERS), st.dictionaries(texts, texts)
)
