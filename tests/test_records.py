"""Public records are dataclasses to all who look: to ``dataclasses``, ``copy`` and ``pickle``."""

from __future__ import annotations

import copy
import pickle
import sys
from dataclasses import FrozenInstanceError, asdict, dataclass, fields, is_dataclass, replace

import pytest

from paltabrain_fast import DeliveryResult, ErrorInfo, Explanation, Request, SendResult, Stats


@dataclass(frozen=True)
class Answer(SendResult):
    """A dataclass of the user's, derived from a record."""

    server: str = ""


class Counted(SendResult):
    """A class of the user's that has an attribute beside the fields."""

    def __init__(self, count: int) -> None:
        super().__init__(200)
        self.count = count


@pytest.mark.parametrize(
    "cls", [DeliveryResult, ErrorInfo, Explanation, Request, SendResult, Stats]
)
def test_record_is_a_dataclass(cls: type) -> None:
    assert is_dataclass(cls)
    assert [field.name for field in fields(cls)] == list(cls.__annotations__)


def test_dataclass_may_be_derived_from_a_record() -> None:
    answer = Answer(200, server="a")
    assert replace(answer, server="b") == Answer(200, server="b") != answer
    assert asdict(answer)["server"] == "a"
    assert pickle.loads(pickle.dumps(answer)) == copy.copy(answer) == answer


def test_frozen_record_refuses_changes_of_its_fields_only() -> None:
    counted = Counted(1)
    counted.count += 1
    assert (counted.count, counted.status) == (2, 200)
    del counted.count
    with pytest.raises(FrozenInstanceError):
        counted.status = 500  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del counted.status
    with pytest.raises(FrozenInstanceError):
        SendResult(200).other = 1  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace() is there from 3.13 on")
def test_copy_replaces_fields() -> None:
    assert copy.replace(SendResult(200), status=500) == SendResult(500)  # type: ignore[attr-defined]
