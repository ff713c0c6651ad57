"""The stream: what arrives, within its limits; resumed where it was; told of counts and resets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from paltabrain_fast.collector import stream as module
from paltabrain_fast.collector.filters import Filter, Page
from paltabrain_fast.collector.objects import EVENTS_IN_BATCH, EventObject
from paltabrain_fast.collector.server import Collector
from paltabrain_fast.collector.tally import Tally

from .batches import PAGE_OPEN, Client, batch, payload

Message = tuple[str, dict[str, Any]]


class _Stream:
    """Reads the messages of a stream over HTTP."""

    def __init__(self, url: str, query: str = "", **headers: str) -> None:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answer = requests.get(
            f"{url}/api/stream?{query}", headers=headers, stream=True, timeout=30
        )
        assert self._answer.status_code == 200, self._answer.text
        assert self._answer.headers["content-type"].startswith("text/event-stream")
        self._messages = self._read()
        assert self.next("counts")  # it watches from now on

    def _read(self) -> Iterator[Message]:
        event, event_id = "", None
        for line in self._answer.iter_lines(chunk_size=None, decode_unicode=True):
            name, _, value = line.partition(": ")
            if name == "event":
                event, event_id = value, None
            elif name == "id":
                event_id = int(value)
            elif name == "data":
                yield event, {**json.loads(value), "id": event_id}

    def next(self, wanted: str) -> dict[str, Any]:
        """Return the next message of this kind."""
        for event, data in self._messages:
            if event == wanted:
                return data
        raise AssertionError(f"the stream ended without {wanted}")

    def close(self) -> None:
        self._answer.close()


Open = Callable[..., _Stream]


@pytest.fixture
def open_stream(client: Client, stack: ExitStack) -> Open:
    def open_stream(query: str = "", **headers: str) -> _Stream:
        return stack.enter_context(closing(_Stream(client.url, query, **headers)))

    return open_stream


def _id(number: int, position: int) -> int:
    return number * EVENTS_IN_BATCH + position


def _ids(message: dict[str, Any]) -> list[int]:
    return [event["id"] for event in message["events"]]


def test_it_tells_of_what_arrives_valid_or_not(client: Client, open_stream: Open) -> None:
    client.post(batch(PAGE_OPEN))
    stream = open_stream()
    client.post(batch(PAGE_OPEN, b""))
    message = stream.next("events")
    assert (_ids(message), message["skipped"]) == ([_id(2, 1), _id(2, 2)], 0)
    assert message["id"] == _id(2, 2)
    assert [event["valid"] for event in message["events"]] == [True, False]
    assert message["events"][0] == client.request("GET", f"/api/events/{_id(2, 1)}").json()


def test_it_goes_on_after_an_id(client: Client, open_stream: Open) -> None:
    for _ in range(3):
        client.post(batch(PAGE_OPEN))
    for stream in (
        open_stream(f"after={_id(1, 1)}"),
        open_stream(Last_Event_ID=str(_id(1, 1))),
        open_stream("after=0", Last_Event_ID=str(_id(1, 1))),  # a browser that connects again
    ):
        assert _ids(stream.next("events")) == [_id(2, 1), _id(3, 1)]


def test_it_tells_of_the_newest_and_how_many_it_skipped(client: Client, open_stream: Open) -> None:
    client.post(batch(*[PAGE_OPEN] * 450))
    message = open_stream("after=0").next("events")
    assert _ids(message) == [_id(1, position) for position in range(251, 451)]
    assert message["skipped"] == 250


def test_it_has_the_filters_of_the_events(client: Client, open_stream: Open) -> None:
    stream = open_stream("type=PageOpen&property=page_id:b&valid=true")
    client.post(batch(PAGE_OPEN, payload(1), payload(2, page_id="b"), b""))
    client.post(batch(PAGE_OPEN))
    client.post(batch(payload(2, page_id="b")))
    seen = _ids(stream.next("events"))
    while len(seen) < 2:
        seen += _ids(stream.next("events"))
    assert seen == [_id(1, 3), _id(3, 1)]


def test_a_wrong_filter_is_refused(client: Client) -> None:
    for query in ("valid=maybe", "after=x", "property=x"):
        assert client.request("GET", f"/api/stream?{query}").status_code == 400


def test_it_tells_of_a_reset_and_goes_on(client: Client, open_stream: Open) -> None:
    client.post(batch(PAGE_OPEN))
    stream = open_stream()
    client.request("POST", "/api/reset")
    stream.next("reset")
    client.post(batch(PAGE_OPEN))
    assert _ids(stream.next("events")) == [_id(2, 1)]


def test_counts_follow(client: Client, open_stream: Open) -> None:
    stream = open_stream()
    client.post(batch(PAGE_OPEN))
    counts = stream.next("counts")
    while not counts["events"]:
        counts = stream.next("counts")
    assert counts["by_type"]["PageOpen"] == {"events": 1, "invalid": 0}


def test_readers_that_come_and_go_leave_nothing(
    start: Callable[..., Collector], stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    collector = start()
    client = stack.enter_context(closing(Client(collector.http_url)))
    for _ in range(5):
        with closing(_Stream(collector.http_url)):
            client.post(batch(PAGE_OPEN))
    with closing(_Stream(collector.http_url, "after=0")) as stream:
        assert len(_ids(stream.next("events"))) == 5
        stack.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


class _FakeClock:
    """Time that passes only while the stream sleeps or waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + 1e-6  # so that it passes whatever is rounded

    async def wait_for(self, waiting: Any, seconds: float) -> None:
        waiting.close()
        await self.sleep(seconds)
        raise TimeoutError


class _FakeStore:
    """A store of which a stream knows the counts alone."""

    def __init__(self) -> None:
        self.tally = Tally()

    def watch(self) -> asyncio.Event:
        return asyncio.Event()

    def unwatch(self, event: asyncio.Event) -> None:
        pass


def _messages(
    monkeypatch: pytest.MonkeyPatch, store: Any, seconds: float
) -> list[tuple[float, str]]:
    """Return what a stream tells in some seconds, and when, by a clock of its own."""
    clock = _FakeClock()
    fake = SimpleNamespace(
        get_running_loop=lambda: clock,
        sleep=clock.sleep,
        wait_for=clock.wait_for,
        Event=asyncio.Event,
    )
    monkeypatch.setattr(module, "asyncio", fake)

    async def find(wanted: Filter, page: Page) -> list[EventObject]:
        del wanted
        store.tally.last_id += 1  # more arrive meanwhile
        return [{"id": store.tally.last_id - 1}] * page.limit

    async def count(wanted: Filter, page: Page) -> int:
        del wanted, page
        return 5_000

    async def read(messages: AsyncIterator[str]) -> list[tuple[float, str]]:
        return [(clock.now, message) async for message in messages]

    stopping = clock.now + seconds
    messages = module.stream(store, find, count, Filter(), 0, lambda: clock.now >= stopping)
    return asyncio.run(read(messages))


def test_it_sends_ten_messages_a_second_with_200_events_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = _FakeStore()
    store.tally.last_id = 7
    told = _messages(monkeypatch, store, 10)
    events = [(when, text) for when, text in told if text.startswith("event: events")]
    assert 90 <= len(events) <= 101
    assert all(b - a > 0.099 for (a, _), (b, _) in pairwise(events))
    document = json.loads(events[0][1].splitlines()[2].removeprefix("data: "))
    assert (len(document["events"]), document["skipped"]) == (200, 4_800)
    counts = [when for when, text in told if text.startswith("event: counts")]
    assert all(b - a > 0.99 for a, b in pairwise(counts))


def test_it_shows_every_15_seconds_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    told = _messages(monkeypatch, _FakeStore(), 61)
    assert [text.partition("\n")[0] for _, text in told[:2]] == ["retry: 1000", "event: counts"]
    assert [round(when - 100) for when, text in told if text.startswith(":")] == [15, 30, 45, 60]
