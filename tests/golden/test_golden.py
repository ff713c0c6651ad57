"""Events are serialized as by the original SDK: 1,500 random ones, on both engines.

Each line of ``events.jsonl.gz`` is an event of ``examples/schema.yaml``, as JSON:

- ``event``: the class;
- ``args``: arguments of the constructor;
- ``header`` and ``context``: setters and their keywords, in order;
- ``context_hex``, ``header_hex``, ``payload_hex``: the bytes of the original SDK, with maps sorted;
- or ``"skipped": true`` if its serialization raises.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import explain

from ..schema.packages import EXAMPLE, imported
from ..support.recorder import Recorder

FACTS = Path(__file__).with_name("events.jsonl.gz")
NATIVE = paltabrain_fast.engine == "native"


@pytest.fixture
def config() -> Iterator[Any]:
    with imported(EXAMPLE.parent / "config") as module:
        yield module


def value_of(config: Any, fact: Any) -> Any:
    """Return the value of JSON: itself, or one of another type from ``{type: value}``."""
    if isinstance(fact, list):
        return [value_of(config, element) for element in fact]
    if not isinstance(fact, dict):
        return fact
    ((kind, found),) = fact.items()
    match kind:
        case "map":
            return {key: value_of(config, value) for key, value in found.items()}
        case "enum":
            enum, name = found
            return getattr(config, enum)[name]
        case "timestamp":
            return datetime.fromisoformat(found)
        case "decimal":
            return Decimal(found)
    return float(found) if kind == "float" else int(found)


def made(config: Any, instance: Any, setters: list[Any]) -> Any:
    for setter, fact in setters:
        properties = {name: value_of(config, value) for name, value in fact.items()}
        assert getattr(instance, setter)(**properties) is instance
    return instance


def facts() -> list[dict[str, Any]]:
    with gzip.open(FACTS, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def in_order(message: Any, data: bytes) -> str:
    found: bytes = message.FromString(data).SerializeToString(deterministic=True)
    return found.hex()


def test_every_event_is_serialized_as_by_the_original(config: Any) -> None:
    """Each event twice: native encoding is verified with the first one and used for the second."""
    recorder = Recorder(config.Context())
    outcomes: Counter[str] = Counter()
    for fact in facts():
        properties = {name: value_of(config, value) for name, value in fact["args"].items()}
        event = made(config, getattr(config, fact["event"])(**properties), fact["header"])
        context = made(config, config.Context(), fact["context"])
        for _ in range(2):
            recorder.track(event, context)
            sent, errors = recorder.sent(), recorder.errors[:]
            recorder.errors.clear()
            if fact.get("skipped"):
                assert (sent, len(errors)) == ([], 1), fact
                outcomes["skipped"] += 1
                continue
            assert not errors, fact
            ((groups, header, payload),) = sent
            assert in_order(config.ContextMessage, groups) == fact["context_hex"], fact
            assert in_order(config.EventHeaderMessage, header) == fact["header_hex"], fact
            assert in_order(config.EventPayloadMessage, payload) == fact["payload_hex"], fact
            outcomes["sent"] += 1
    assert outcomes == {"sent": 2 * 1297, "skipped": 2 * 203}
    for name in {fact["event"] for fact in facts()}:
        assert explain(getattr(config, name)).accelerated is NATIVE
