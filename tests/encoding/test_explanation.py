"""``explain()``: what it says of classes that are accelerated, and of those that are not."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import BaseContext, BaseEvent, explain

from ..schema.packages import EXAMPLE, imported
from ..support.events import TextEvent
from ..support.programs import run_program

REASON = (
    "serialize_payload() does not do what a generated one does: it fills the message in another way"
)


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def classes_of(module: Any) -> list[type]:
    bases = (BaseEvent, BaseContext)
    return [
        found
        for name, found in vars(module).items()
        if isinstance(found, type)
        and issubclass(found, bases)
        and found.__module__ == module.__name__
    ]


def test_every_class_of_the_example_is_accelerated(config: Any) -> None:
    concrete = [cls for cls in classes_of(config) if cls is not config.Event]
    assert len(concrete) == 10
    for cls in concrete:
        explanation = explain(cls)
        assert explanation.accelerated
        assert explanation.reason is None
        assert str(explanation) == f"{config.__name__}.{cls.__name__} is accelerated"


def test_a_class_that_is_not_says_why(config: Any) -> None:
    class Own(config.EventPageOpen):  # type: ignore[misc]
        def serialize_payload(self) -> bytes:
            return b""

    explanation = explain(Own)
    assert not explanation.accelerated
    assert explanation.reason == REASON
    assert str(explanation) == (
        f"{__name__}.{Own.__qualname__} is serialized by its own methods, which is slower: {REASON}"
    )


def test_a_class_on_other_base_classes_says_so() -> None:
    class Foreign:
        def serialize_context(self) -> bytes:
            return b""

    assert explain(Foreign).reason == "it is not built on paltabrain_fast's base classes"


@pytest.mark.parametrize("other", [int, object, None, "Event", BaseEvent.__init__])
def test_what_is_no_such_class_is_refused(other: Any) -> None:
    with pytest.raises(TypeError, match="an event or context class is wanted, not"):
        explain(other)


def test_an_explanation_is_frozen(config: Any) -> None:
    with pytest.raises(AttributeError):
        explain(config.Context).accelerated = False  # type: ignore[misc]


def test_the_python_engine_accelerates_nothing() -> None:
    reasons = run_program(
        "engine/reasons", PALTABRAIN_SDK_ENGINE="python", PYTHONPATH=str(EXAMPLE.parent)
    )
    assert reasons == "the engine is pure Python\n" * 2


def test_it_is_public() -> None:
    assert {"explain", "Explanation"} <= set(paltabrain_fast.__all__)


def test_asking_again_and_again_keeps_nothing() -> None:
    explain(TextEvent)
    before = sys.getallocatedblocks()
    for _ in range(2000):
        explain(TextEvent)
    gc.collect()  # without a GIL, what code was executed on is in cycles
    assert sys.getallocatedblocks() - before < 200
