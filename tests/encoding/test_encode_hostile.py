"""Values that run code while they are encoded, that are hardly what they seem, or hardly fit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import pytest

from paltabrain_fast import InMemoryTransport, PaltabrainSdk, explain
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Group, Kind, Property, Schema

from ..schema.packages import EXAMPLE, generated, imported
from ..support.equality import ROUNDS, Package, package
from ..support.hostile import Acting, RaisingIndex


@pytest.fixture
def example() -> Iterator[Package]:
    with imported(EXAMPLE.parent / "config") as module:
        yield package(module, load_schema(EXAMPLE))


def everything(example: Package, **properties: Any) -> Any:
    return example.module.EventEverything(**properties)


def warm(example: Package) -> None:
    """Prove what the tests below use, so that they meet the native encoding."""
    module = example.module
    event = everything(
        example,
        happened_ts=datetime(2020, 1, 1, tzinfo=Acting(list)),
        moments=[datetime(2020, 1, 1, tzinfo=Acting(list))],
        moment_by_name={"a": datetime(2020, 1, 1, tzinfo=Acting(list))},
        themes=[module.EnumTheme.DARK],
        theme=module.EnumTheme.DARK,
        labels=["a"],
        label="a",
        count=1,
        amounts=[Decimal(1)],
    ).set_screen(screen_name="a", theme=module.EnumTheme.AUTO)
    event.set_parent(parent_elements=["a"])
    for _ in range(2):
        example.check(event, module.Context().set_identify(first_seen_ts=datetime(2020, 1, 1)))


def clutter() -> list[datetime]:
    """Takes the memory of a time that has just been given back."""
    return [datetime(1999, 1, 1) for _ in range(1000)]


def sent_payload(example: Package, event: Any) -> Any:
    """What is sent of the event, parsed."""
    example.recorder.track(event)
    assert not example.recorder.errors
    (sent,) = example.recorder.sent()
    return example.messages(*sent)[2].event_100  # type: ignore[index]


def test_a_value_that_is_removed_while_it_is_encoded_is_sent(example: Package) -> None:
    warm(example)
    kept: list[Any] = []

    def act() -> None:
        for container in (event._payload["moments"], event._payload, event._header):
            container.clear()
        kept.append(clutter())

    moment = datetime(2021, 2, 3, 4, 5, 6)
    event = everything(example, moments=[moment.replace(tzinfo=Acting(act))], label="x" * 9)
    event.set_parent(parent_elements=["y" * 9])
    del moment
    found = sent_payload(example, event)
    assert list(found.moments) == [1612325106000]
    assert found.label == "x" * 9
    assert len(kept) == 1


def test_nothing_is_read_that_was_given_back() -> None:
    """The test above, where freed memory is overwritten."""
    test = f"{__file__}::{test_a_value_that_is_removed_while_it_is_encoded_is_sent.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env={**os.environ, "PYTHONMALLOC": "debug"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_list_that_grows_or_shrinks_while_it_is_encoded_harms_nothing(example: Package) -> None:
    warm(example)

    def act() -> None:
        actions.pop()()

    for change in (
        lambda items: items.clear(),
        lambda items: items.append(datetime(2020, 1, 1)),
        lambda items: items.extend([None] * 100),
        lambda items: items.insert(0, "text"),
    ):
        event = everything(
            example, moments=[datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=Acting(act))]
        )
        items = event._payload["moments"]
        actions: list[Any] = [list] * 8 + [lambda change=change, items=items: change(items)]
        example.recorder.track(event)
        example.recorder.errors.clear()
        for sent in example.recorder.sent():
            example.messages(*sent)
    assert explain(example.module.EventEverything).accelerated


def test_an_event_that_changes_itself_while_it_is_encoded_harms_nothing(example: Package) -> None:
    warm(example)

    def act() -> None:
        event._payload = {"count": 5}
        event._header = {}
        event._payload["count"] = 6
        event.__dict__.clear()

    event = everything(example, happened_ts=datetime(2020, 1, 1, tzinfo=Acting(act)), count=1)
    event.set_parent(parent_elements=["a"] * 50)
    found = sent_payload(example, event)
    assert (found.count, found.happened_ts) == (1, 1577836800000)
    assert event.asdict() == {"header": {}, "payload": {"count": 6}}


def test_a_value_may_track_events_while_it_is_encoded(example: Package) -> None:
    warm(example)
    depth = 0

    def act() -> None:
        nonlocal depth
        depth += 1
        if depth < 5:
            example.recorder.track(event)

    event = everything(example, happened_ts=datetime(2020, 1, 1, tzinfo=Acting(act)), count=1)
    example.recorder.track(event)
    assert not example.recorder.errors
    sent = example.recorder.sent()
    assert len(sent) == 5
    assert len({payload for _, _, payload in sent}) == 1


def test_what_is_no_exception_passes_through_track(example: Package) -> None:
    warm(example)

    def act() -> None:
        raise KeyboardInterrupt

    moment = datetime(2020, 1, 1, tzinfo=Acting(act))
    module = example.module
    for event, context in (
        (everything(example, happened_ts=moment), module.Context()),
        (everything(example, moments=[moment]), module.Context()),
        (everything(example), module.Context().set_identify(first_seen_ts=moment)),
    ):
        with pytest.raises(KeyboardInterrupt):
            example.recorder.track(event, context)
    assert not example.recorder.sent()
    assert not example.recorder.errors


def test_a_value_that_raises_is_reported_with_its_own_exception(example: Package) -> None:
    warm(example)

    class RefusalError(Exception):
        pass

    refusal = RefusalError("not today")

    def act() -> None:
        raise refusal

    example.recorder.track(
        everything(example, happened_ts=datetime(2020, 1, 1, tzinfo=Acting(act)))
    )
    assert example.recorder.errors == [refusal]
    assert example.recorder.errors[0] is refusal
    example.recorder.errors.clear()
    assert not example.recorder.sent()


@pytest.mark.parametrize("capitals", [0, 1])
def test_decimals_are_written_as_the_decimal_context_says(example: Package, capitals: int) -> None:
    event = everything(example, price=Decimal("1E+5"), amounts=[Decimal("1E-10")])
    with localcontext() as context:
        context.capitals = capitals
        context.prec = 2
        example.check(event, example.module.Context())


def test_a_cached_context_is_no_longer_so_when_decimals_are_written_otherwise() -> None:
    group = Group(
        "Money", 1, properties=(Property("amount", 1, Kind.DECIMAL, precision=9, scale=2),)
    )
    schema = Schema((group,), (), (), (Group("Nothing", 1, properties=()),))
    with generated(schema) as module:
        fresh = package(module, schema)
        context = module.Context().set_money(amount=Decimal("1E+5"))
        for capitals in (1, 0, 1, 0):
            with localcontext() as decimals:
                decimals.capitals = capitals
                fresh.check(module.EventNothing(), context)


def test_text_of_every_width_up_to_what_fits(example: Package) -> None:
    for letter in ("a", "é", "日", "🎉"):
        for length in (
            0,
            1,
            15,
            16,
            17,
            62,
            63,
            64,
            127,
            128,
            511,
            512,
            8000,
            8192,
            16384,
            100_000,
        ):
            example.check(everything(example, label=letter * length), example.module.Context())
            context = example.module.Context().set_os(os_name=letter * length)
            example.check(example.module.EventPageOpen(page_id=letter), context)


@pytest.mark.parametrize("group", ["header", "context"])
def test_an_event_around_the_size_of_the_scratch_memory(example: Package, group: str) -> None:
    """Whatever is written last may find no room."""
    for length in range(8100, 8230):
        event, context = (
            everything(example, label="x" * (length - 100), flag=True),
            example.module.Context(),
        )
        if group == "header":
            event.set_screen(screen_name="y" * 60).set_parent(parent_elements=["z", "é"])
        else:
            context.set_os(os_name="y" * length)
        example.check(event, context)


@pytest.mark.parametrize("length", [524_000, 524_250, 524_288, 600_000, 5_000_000])
def test_an_event_that_is_too_large_is_refused_or_sent_as_the_reference_would(
    example: Package, length: int
) -> None:
    event = everything(example, label="x" * length)
    for _ in range(2):
        example.recorder.track(event)
        sent = example.recorder.sent()
        assert len(sent) + len(example.recorder.refused) <= 1
        if sent:
            assert sent[0][2] == event.serialize_payload()
        example.recorder.refused.clear()
    assert not example.recorder.errors


def test_the_sdk_sends_and_reports_the_same(
    example: Package, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way, on both paths, a bad event between two good ones."""
    module, transport = example.module, InMemoryTransport()
    context = module.Context().set_os(os_name="é")
    sdk = PaltabrainSdk[Any](
        "localhost", "key", context, flush_interval_ms=3_600_000, transport=transport
    )
    bad = everything(example, count=RaisingIndex())
    good = everything(example, count=5, labels=["a", "日"], theme=module.EnumTheme.DARK)
    with pytest.raises(Exception) as own:  # noqa: PT011
        bad.serialize_payload()
    with sdk:
        for _ in range(ROUNDS):
            for event in (good, bad, good):
                sdk.track(event)
            error = sdk.last_serialization_error
            assert (type(error), str(error)) == (own.type, str(own.value))
    sent = [event for batch in transport.batches for event in batch.events]
    assert [batch.context for batch in transport.batches] == [context.serialize_context()]
    assert [event.payload for event in sent] == [good.serialize_payload()] * 2 * ROUNDS
    assert sdk.stats().dropped == {"serialization_error": ROUNDS}
    line = "Event [EventEverything] was skipped due to serialization error"
    assert caplog.messages.count(line) == 1
    counts = [text for text in caplog.messages if f": {ROUNDS} events lost; " in text]
    assert ["EventEverything" in text for text in counts] == [True]
