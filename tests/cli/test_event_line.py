"""One event as a line: what a person looks for first, and nothing that controls a terminal."""

from __future__ import annotations

from typing import Any

from paltabrain_fast.cli.event_line import event_line

EVENT: dict[str, Any] = {
    "type": "PageOpen",
    "valid": True,
    "status": None,
    "reason": None,
    "field": None,
    "event_ts": "2026-11-24T12:00:01.500Z",
    "received_ts": "2026-11-24T12:00:02.000Z",
    "header": {"parent": {"parent_elements": ["main", "menu"]}},
    "payload": {"page_id": "home", "title": "two words", "count": 7, "empty": ""},
    "context": {"user": {"user_id": "u-1"}},
}


def test_properties_follow_time_and_type() -> None:
    assert event_line(EVENT).plain == (
        '12:00:01.500   PageOpen  page_id=home  title="two words"  count=7  empty=""'
        '  parent.parent_elements=["main", "menu"]  user.user_id=u-1'
    )


def test_what_was_refused_begins_with_why() -> None:
    refused = EVENT | {
        "valid": False,
        "status": 422,
        "reason": "PageOpen has an unknown property 9",
        "field": "payload.9",
        "payload": {"page_id": "home"},
        "header": {},
        "context": {},
    }
    assert event_line(refused).plain == (
        "12:00:02.000 ✗ PageOpen  422 PageOpen has an unknown property 9 (payload.9)  page_id=home"
    )


def test_a_request_without_events_has_no_type() -> None:
    refused = EVENT | {"valid": False, "type": None, "status": 401, "reason": "no key"}
    nothing: dict[str, Any] = {"header": {}, "payload": {}, "context": {}, "event_ts": None}
    assert event_line(refused | nothing).plain == "12:00:02.000 ✗ request  401 no key"


def test_an_event_of_no_known_type_is_an_event() -> None:
    refused = EVENT | {"valid": False, "type": None, "status": 422, "reason": "newer"}
    nothing: dict[str, Any] = {"header": {}, "payload": {}, "context": {}, "event_ts": None}
    line = event_line(refused | nothing | {"batch_event_seq_num": 2})
    assert line.plain == "12:00:02.000 ✗ event  422 newer"


def test_contents_do_not_control_the_terminal() -> None:
    hostile = EVENT | {"payload": {"page_id": "\x1b[2J", "title": "a \x9b1m\nb"}, "header": {}}
    line = event_line(hostile).plain
    assert line.isprintable()
    assert "page_id=\\x1b[2J" in line
