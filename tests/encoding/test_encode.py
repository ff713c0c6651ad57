"""What is encoded natively is what the generated methods serialize: any schema, any values.

``PALTABRAIN_FUZZ_CASES`` is the number of cases, each an event with its context, and a quarter as
many on modules written in other ways; ``make fuzz`` has 100,000 of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from paltabrain_fast._native.contexts import encoded_context
from paltabrain_fast._native.events import encoded_event
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Schema

from ..schema.packages import EXAMPLE, generated, imported
from ..schema.strategies import schemas, values
from ..support.equality import WIDE, Package, draw_case, draw_groups, draw_properties, package
from .rewriting import random_form

CASES = int(os.environ.get("PALTABRAIN_FUZZ_CASES", "1000"))
FUZZING = "PALTABRAIN_FUZZ_CASES" in os.environ
CASES_PER_SCHEMA = 5

check = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


@pytest.fixture(scope="module")
def wide() -> Iterator[Package]:
    with generated(WIDE) as module:
        yield package(module, WIDE)


@pytest.fixture(scope="module")
def example() -> Iterator[Package]:
    with imported(EXAMPLE.parent / "config") as module:
        yield package(module, load_schema(EXAMPLE))


done = 0


def count(cases: int) -> None:
    global done
    done += cases
    if FUZZING and done // 1000 != (done - cases) // 1000:
        print(f"\r{done} cases", end="", file=sys.__stderr__, flush=True)


@settings(check, max_examples=CASES // 2)
@given(data=st.data())
def test_any_values_are_encoded_as_protobuf_does(
    wide: Package, example: Package, data: st.DataObject
) -> None:
    """On classes that were used before."""
    chosen = data.draw(st.sampled_from([wide, example]).map(lambda package: package))
    chosen.check(*draw_case(data.draw, chosen))
    count(1)


@settings(check, max_examples=max(CASES // 2 // CASES_PER_SCHEMA, 1))
@given(schema=schemas().filter(lambda schema: schema.events), data=st.data())
def test_any_schema_is_encoded_as_protobuf_does(schema: Schema, data: st.DataObject) -> None:
    """On classes at their first use."""
    with generated(schema) as module:
        fresh = package(module, schema)
        for _ in range(CASES_PER_SCHEMA):
            fresh.check(*draw_case(data.draw, fresh))
    count(CASES_PER_SCHEMA)


@settings(check, max_examples=max(CASES // 4 // CASES_PER_SCHEMA, 1))
@given(schema=schemas().filter(lambda schema: schema.events), data=st.data())
def test_any_form_is_encoded_as_protobuf_does(schema: Schema, data: st.DataObject) -> None:
    """Whatever the generator's way of writing."""

    def rewrite(source: str) -> str:
        return random_form(source, lambda choices: data.draw(st.sampled_from(choices)))

    with generated(schema, rewrite) as module:
        fresh = package(module, schema)
        for _ in range(CASES_PER_SCHEMA):
            fresh.check(*draw_case(data.draw, fresh))
    count(CASES_PER_SCHEMA)


@settings(check, max_examples=300)
@given(data=st.data())
def test_good_values_are_encoded_natively(wide: Package, data: st.DataObject) -> None:
    event, context = wide.module.EventFirst(), wide.module.Context()
    event._payload = draw_properties(data.draw, WIDE.events[0], wide.module, values)
    event._header = draw_groups(data.draw, WIDE.header, wide.module, values)
    context._context = draw_groups(data.draw, WIDE.context, wide.module, values)
    direct: Any = encoded_event(event), encoded_context(context)
    assert wide.messages(direct[1], *direct[0]) == wide.own(event, context)


@settings(check, max_examples=50)
@given(entries=st.dictionaries(st.text(max_size=3), st.booleans(), max_size=6), data=st.data())
def test_a_context_is_deterministic(
    wide: Package, entries: dict[str, bool], data: st.DataObject
) -> None:
    """Which comes first was no matter: equal contexts are equal bytes."""
    shuffled = dict(data.draw(st.permutations(list(entries.items()))))
    first, second = wide.module.Context(), wide.module.Context()
    first.set_first(boolean_map=entries, string="a").set_second(integer=1)
    second.set_second(integer=1).set_first(string="a", boolean_map=shuffled)
    assert encoded_context(first) == encoded_context(second)
