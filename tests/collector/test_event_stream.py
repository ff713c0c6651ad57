"""Server-sent events, cut anywhere."""

from __future__ import annotations

import pytest

from paltabrain_fast.collector.event_stream import Message, messages

STREAM = (
    b'retry: 1000\n\n: a comment\n\nevent: events\nid: 7\ndata: {"a":\ndata: "\xc3\xbc"}\n\n'
    b"data: plain\r\n\r\nevent: reset\ndata: {}\n\nevent: counts\n\ndata: unfinished"
)
EXPECTED = [
    Message("events", '{"a":\n"ü"}', "7"),
    Message("message", "plain", "7"),
    Message("reset", "{}", "7"),
]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_found_however_they_are_cut(size: int) -> None:
    pieces = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    assert list(messages(pieces)) == EXPECTED
