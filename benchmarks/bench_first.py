"""Measures the first event of a class, in which the class is recognised.

Each round imports the module again, so that its classes are new, and tracks an event of another
class first. What the import itself does is not measured. The baseline is the first call of the
event's own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import examples.config
from tests.schema.packages import imported

from .shapes import undrained_sdk

MODULE = Path(examples.config.__file__).parent
ROUNDS = 50
EVENTS: dict[str, Callable[[Any], Any]] = {
    "no properties": lambda config: config.EventSessionEnd(),
    "string + header": lambda config: config.EventPageOpen(page_id="page-12345").set_parent(
        parent_elements=["main_screen"]
    ),
    "all properties": lambda config: config.EventEverything(flag=True, count=5, label="label"),
}


@pytest.fixture
def fresh() -> Iterator[Callable[[], Any]]:
    """Return a function that imports the module again."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(imported(MODULE))


@pytest.mark.parametrize("shape", EVENTS)
def test_track(benchmark: BenchmarkFixture, fresh: Callable[[], Any], shape: str) -> None:
    benchmark.group = f"first event of a class: {shape}"
    sdk = undrained_sdk()

    def setup() -> Any:
        config = fresh()
        sdk.context = config.Context()
        sdk.track(config.EventSessionStart())
        return (EVENTS[shape](config),), {}

    benchmark.pedantic(sdk.track, setup=setup, rounds=ROUNDS)
    sdk.shutdown()


@pytest.mark.parametrize("shape", EVENTS)
def test_own_methods(benchmark: BenchmarkFixture, fresh: Callable[[], Any], shape: str) -> None:
    benchmark.group = f"first event of a class: {shape}"

    def setup() -> Any:
        config = fresh()
        config.EventSessionStart().serialize_payload()
        return (EVENTS[shape](config),), {}

    def serialize(event: Any) -> None:
        event.serialize_header()
        event.serialize_payload()

    benchmark.pedantic(serialize, setup=setup, rounds=ROUNDS)
