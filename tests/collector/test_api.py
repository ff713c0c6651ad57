"""The HTTP API: which events it finds, in which order, as what; counts, reset, the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from paltabrain_fast.collector.objects import EVENTS_IN_BATCH
from paltabrain_fast.collector.server import running
from paltabrain_fast.version import __version__

from .batches import (
    EVENT_TS,
    PAGE_OPEN,
    SCHEMA,
    Client,
    batch,
    context,
    dropping,
    header,
    payload,
)

_NEWER = b"\x12\x03\x98\x06\x01"  # PageOpen with a property 99


def _get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.request("GET", path)
    assert answer.status_code == status, answer.text
    return answer.json()


def _ids(client: Client, query: str) -> list[int]:
    return [event["id"] for event in _get(client, f"/api/events?{query}")["events"]]


def _id(number: int, position: int) -> int:
    return number * EVENTS_IN_BATCH + position


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a collector with some events, which no test changes."""
    db = tmp_path_factory.mktemp("filled") / "events.duckdb"
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        _fill(client)
        yield client


def _fill(client: Client) -> None:
    """Send two batches and a request; one event and the request are refused."""
    user = context(user={"user_id": "u1"}, os={"name": "Plan 9"})
    message = batch(PAGE_OPEN, _NEWER, payload(2, page_id="Other"), context=user)
    message.events[0].header = header(parent={"elements": ["left", "right"]})
    assert client.post(message).status_code == 200
    everything = payload(
        *(3,),
        flag=True,
        amount="1.50",
        color=-2,
        number=2**53 + 1,
        moment=EVENT_TS,
        label_array=["a", "b:c"],
        number_array=[47, 11],
        number_map={"x": 5},
    )
    message = batch(everything)
    message.common.instance_id = "second"
    assert client.post(message).status_code == 200
    assert client.post(b"\xff").status_code == 400


def test_an_event_is_shown_in_the_types_of_the_schema(filled: Client) -> None:
    event = _get(filled, f"/api/events/{_id(2, 1)}")
    assert event.pop("received_ts") > "2026-01-01T00:00:00.000Z"
    assert event.pop("batch_id")
    assert event == {
        "id": _id(2, 1),
        "type": "Everything",
        "valid": True,
        "status": None,
        "reason": None,
        "field": None,
        "event_ts": "2023-11-14T22:13:20.123Z",
        "client_upload_ts": None,
        "instance_id": "second",
        "batch_event_seq_num": 1,
        "session_id": 7,
        "session_event_seq_num": 1,
        "sdk_name": None,
        "sdk_version": None,
        "table": "f_everything",
        "header": {},
        "payload": {
            "flag": True,
            "amount": "1.500000000000000000",
            "color": "BLUE",
            "number": "9007199254740993",
            "moment": "2023-11-14T22:13:20.123Z",
            "label_array": ["a", "b:c"],
            "number_array": [47, 11],
            "number_map": {"x": 5},
        },
        "context": {},
    }


def test_a_refused_event_tells_field_and_reason_and_what_could_be_decoded(filled: Client) -> None:
    event = _get(filled, f"/api/events/{_id(1, 2)}")
    assert (event["type"], event["valid"], event["status"]) == ("PageOpen", False, 422)
    assert event["field"] == "payload.99"
    assert event["reason"].startswith(
        "the app's module is newer than this schema: PageOpen has an unknown property 99"
    )
    assert event["context"] == {"user": {"user_id": "u1"}, "os": {"name": "Plan 9"}}
    assert (event["batch_event_seq_num"], event["session_event_seq_num"]) == (2, 2)
    request = _get(filled, f"/api/events/{_id(3, 0)}")
    assert (request["type"], request["valid"], request["status"]) == (None, False, 400)
    assert request["reason"] == "the body is not a serialized Batch"


_ALL = (_id(3, 0), _id(2, 1), _id(1, 3), _id(1, 2), _id(1, 1))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", _ALL),
        ("order=asc", _ALL[::-1]),
        ("type=PageOpen", _ALL[2:]),
        ("type=PageOpen&type=Everything", _ALL[1:]),
        ("valid=true", (_id(2, 1), _id(1, 3), _id(1, 1))),
        ("valid=false", (_id(3, 0), _id(1, 2))),
        ("type=PageOpen&valid=false", (_id(1, 2),)),
        ("instance=second", (_id(2, 1),)),
        ("instance=instance", (_id(1, 3), _id(1, 2), _id(1, 1))),
        ("property=page_id:Other", (_id(1, 3),)),
        ("property=page_id:other", ()),
        ("property=missing:1", ()),
        ("property=flag:true", (_id(2, 1),)),
        ("property=number:9007199254740993", (_id(2, 1),)),
        ("property=color:BLUE&property=flag:true", (_id(2, 1),)),
        ("property=color:BLUE&property=flag:false", ()),
        ("property=moment:2023-11-14T22:13:20.123Z", (_id(2, 1),)),
        ("property=label_array:b:c", (_id(2, 1),)),
        ("property=number_map:5", (_id(2, 1),)),
        ("context=user.user_id:u1", (_id(1, 3), _id(1, 2), _id(1, 1))),
        ("context=os.name:u1", ()),
        ("context=user.user_id:u1&valid=true&limit=1", (_id(1, 3),)),
        ("header=parent.elements:right", (_id(1, 1),)),
        ("q=OTHER", (_id(1, 3),)),
        ("q=plan 9", (_id(1, 3), _id(1, 2), _id(1, 1))),
        ("q=unknown property", (_id(1, 2),)),
        ("q=everything", (_id(2, 1),)),
        ("q=22:13:20.123Z&valid=true&type=Everything", (_id(2, 1),)),
        ("q=T22:13:20&type=Everything", (_id(2, 1),)),
        ("q=90071992547409", (_id(2, 1),)),
        ("q=1.50", (_id(2, 1),)),
        ("q=1.50x", ()),
        ("q=47, 11", (_id(2, 1),)),
        ("q=TRU", (_id(2, 1),)),
        ("q=b:c", (_id(2, 1),)),
        ("q='; DROP TABLE collector.batch; --", ()),
        ("q=%00", ()),
        (f"before={_id(2, 1)}", _ALL[2:]),
        (f"after={_id(1, 2)}", _ALL[:3]),
        (f"after={_id(1, 1)}&before={_id(2, 0)}&order=asc", (_id(1, 2), _id(1, 3))),
        ("before=0", ()),
        (f"after={2**63 - 1}", ()),
        (f"before={2**63 - 1}&limit=2", _ALL[:2]),
    ],
)
def test_filters(filled: Client, query: str, expected: tuple[int, ...]) -> None:
    assert _ids(filled, query) == list(expected)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [3, 400])
def test_pages_have_each_event_once_in_order(client: Client, order: str, limit: int) -> None:
    """With more batches than are read at once."""
    for number in range(20):
        client.post(batch(*[PAGE_OPEN] * (number % 5), *[b""] * (number % 2)))
    seen: list[int] = []
    bound, position = "", {"asc": "after", "desc": "before"}[order]
    while True:
        page = _get(client, f"/api/events?order={order}&limit={limit}{bound}")
        seen += [event["id"] for event in page["events"]]
        assert len(page["events"]) <= limit
        if page["next"] is None:
            break
        assert page["next"] == seen[-1]
        bound = f"&{position}={page['next']}"
    assert seen == sorted(seen, reverse=order == "desc")
    assert len(set(seen)) == len(seen) == 20 * 2 + 10


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limt=1", "limt: is no parameter; there are type, valid, instance, q, property, "),
        ("type=PageOpn", "type: there is no PageOpn; did you mean PageOpen?"),
        ("type=1", "type: there is no 1; there are Empty, PageOpen, Everything, Price"),
        ("limit=0", "limit: takes 1 to 1000"),
        ("limit=1001", "limit: takes 1 to 1000"),
        ("limit=-1", "limit: takes an integer"),
        ("before=x", "before: takes an integer"),
        (f"after={2**63}", "after: takes an integer"),
        ("order=up", "order: takes desc or asc"),
        ("valid=maybe", "valid: takes true or false"),
        ("property=page_id", "property: takes a property and its value, such as page_id:abc"),
        ("context=user_id:u1", "context: takes a property and its value, such as user.user_id:u1"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_it_takes(
    client: Client, query: str, error: str
) -> None:
    for path in ("/api/events", "/api/rejected"):
        assert error in _get(client, f"{path}?{query}", 400)["error"]


@pytest.mark.parametrize("name", ["7", "x", "-1", str(2**63), "9" * 5_000])
def test_an_unknown_event_is_404(client: Client, name: str) -> None:
    assert "there is no event" in _get(client, f"/api/events/{name}", 404)["error"]


def test_rejected_is_what_is_not_valid(filled: Client) -> None:
    assert _get(filled, "/api/rejected") == _get(filled, "/api/events?valid=false")


def test_counts(client: Client) -> None:
    _fill(client)
    message = batch(PAGE_OPEN)
    for _ in range(2):
        client.post(message)
    with closing(Client(client.url, api_key="")) as stranger:
        stranger.post(message)
    counts = _get(client, "/api/counts")
    rates = counts.pop("rates")
    assert counts == {
        "events": 4,
        "invalid": 3,
        "batches": 3,
        "repeats": 1,
        "unauthorized": 1,
        "dropped_by_sdks": 0,
        "by_type": {
            "Empty": {"events": 0, "invalid": 0},
            "PageOpen": {"events": 3, "invalid": 1},
            "Everything": {"events": 1, "invalid": 0},
            "Price": {"events": 0, "invalid": 0},
        },
        "instances": ["instance", "second"],
        "last_id": _id(5, 0),
        "resets": 0,
    }
    assert rates["seconds"] == 60
    assert {name: (len(of), sum(of)) for name, of in rates["by_type"].items()} == {
        "PageOpen": (60, 3),
        "Everything": (60, 1),
    }


def test_what_sdks_have_dropped_is_added_up_once_and_forgotten_by_a_reset(client: Client) -> None:
    first = dropping("one", 3)
    for message in (first, first, dropping("two", 2), dropping("two", -7), batch(PAGE_OPEN)):
        assert client.post(message).status_code == 200
    assert _get(client, "/api/counts")["dropped_by_sdks"] == 5
    # Its SDK hears that it was not taken, and sends the report again.
    refused = dropping("one", 4)
    refused.context = b"\xff"
    assert client.post(refused).status_code == 422
    assert _get(client, "/api/counts")["dropped_by_sdks"] == 5
    client.post_json("/api/reset", None)
    assert _get(client, "/api/counts")["dropped_by_sdks"] == 0


def test_events_counts_and_ids_survive_a_restart(db: Path) -> None:
    found = []
    for start in range(2):
        with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
            if not start:
                client.post(batch(PAGE_OPEN, _NEWER))
                client.post(b"\xff")
                client.post(dropping("instance", 3))
                with closing(Client(client.url, api_key="")) as stranger:
                    stranger.post(batch(PAGE_OPEN))
            counts = _get(client, "/api/counts")
            del counts["rates"]
            found.append((counts, _get(client, "/api/events")))
    assert found[0] == found[1]
    assert (found[0][0]["unauthorized"], found[0][0]["dropped_by_sdks"]) == (1, 3)
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        client.post(batch(PAGE_OPEN))
        assert _ids(client, "limit=1") == [_id(5, 1)]


def test_a_reset_deletes_everything_and_ids_go_on_also_after_a_restart(db: Path) -> None:
    message = batch(PAGE_OPEN, _NEWER)
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        client.post(message)
        client.post(b"\xff")
        assert client.request("POST", "/api/reset").json() == {"deleted": 3}
        assert _ids(client, "") == []
        counts = _get(client, "/api/counts")
        assert (counts["events"], counts["invalid"], counts["instances"]) == (0, 0, [])
        assert client.request("POST", "/api/reset").json() == {"deleted": 0}
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        assert client.post(message).json()["status"] == "stored"
        assert _ids(client, "") == [_id(3, 2), _id(3, 1)]
        assert _get(client, "/api/counts")["resets"] == 2


def test_all_events_bad_is_a_refusal_that_the_client_does_not_repeat(client: Client) -> None:
    answer = client.post(batch(_NEWER, _NEWER))
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("event 1 of 2 (PageOpen): the app's module is newer")
    assert _get(client, "/api/counts")["batches"] == 0
    assert _ids(client, "") == [_id(1, 2), _id(1, 1)]


def test_strict_refuses_the_batch_as_a_whole(db: Path) -> None:
    with (
        running(SCHEMA, db, strict=True) as collector,
        closing(Client(collector.http_url)) as client,
    ):
        assert client.post(batch(PAGE_OPEN, _NEWER)).status_code == 422
        (event,) = _get(client, "/api/events")["events"]
        assert (event["id"], event["type"], event["field"]) == (_id(1, 0), None, "payload.99")
        assert event["reason"].startswith("event 2 of 2 (PageOpen): the app's module is newer")
        assert event["instance_id"] == "instance"


def test_health_and_schema(client: Client, db: Path) -> None:
    health = {"status": "ok", "version": __version__, "schema": "", "db": str(db)}
    assert _get(client, "/api/health") == health
    schema = _get(client, "/api/schema")
    assert [event["name"] for event in schema["events"]] == [
        "Empty",
        "PageOpen",
        "Everything",
        "Price",
    ]
    assert schema["events"][1] == {
        "name": "PageOpen",
        "description": "",
        "table": "f_page_open",
        "deprecated": False,
        "properties": [
            {
                "name": "page_id",
                "kind": "string",
                "repeated": False,
                "map": False,
                "enum": None,
                "precision": None,
                "scale": None,
                "description": "",
            }
        ],
    }
    assert [group["name"] for group in schema["context"]] == ["user", "os", "app"]
    assert [group["name"] for group in schema["header"]] == ["parent"]
    assert schema["enums"] == {"Color": ["UNKNOWN", "RED", "BLUE"]}


def test_the_root_is_the_page_for_a_browser_and_json_for_others(client: Client) -> None:
    answer = client.request("GET", "/", Accept="text/html,application/xhtml+xml")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")
    assert set(client.request("GET", "/").json()) == {"batches", "rejected", "events"}
    assert client.request("GET", "/page/index.html").text == answer.text
    for path in ("/page/missing.js", "/page/../app.py", "/page/%2e%2e/app.py", "/page"):
        assert client.request("GET", path).status_code == 404
