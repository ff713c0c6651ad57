"""The OpenAPI document tells the truth: schemathesis asks for what it describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from paltabrain_fast.collector.openapi import openapi_document
from paltabrain_fast.collector.server import running

from .batches import EVENT_TS, PAGE_OPEN, SCHEMA, Client, batch, context, payload

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
_API = schemathesis.openapi.from_dict(openapi_document())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    db = tmp_path_factory.mktemp("openapi") / "events.duckdb"
    with running(SCHEMA, db) as collector, closing(Client(collector.http_url)) as client:
        everything = payload(3, number=2**60, amount="1.5", color=1, moment=EVENT_TS)
        client.post(batch(PAGE_OPEN, everything, b"", context=context(user={"user_id": "u"})))
        client.post(b"\xff")
        yield collector.http_url


# The stream has no end; tests of its own read it.
@_API.exclude(path="/api/stream").parametrize()
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_documented(case: schemathesis.Case[Any], url: str) -> None:
    case.call_and_validate(base_url=url, checks=_CHECKS)


def test_each_route_is_documented() -> None:
    assert set(openapi_document()["paths"]) == {
        "/api/events",
        "/api/events/{id}",
        "/api/rejected",
        "/api/counts",
        "/api/stream",
        "/api/health",
        "/api/schema",
        "/api/reset",
        "/api/sql",
    }


def test_it_is_served(url: str) -> None:
    with closing(Client(url)) as client:
        assert client.request("GET", "/openapi.json").json() == openapi_document()
