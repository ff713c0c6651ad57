"""A generated module is read back from its source as the schema that it was made from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings

from paltabrain_fast.schema.compare import differences
from paltabrain_fast.schema.generate import render
from paltabrain_fast.schema.model import Schema
from paltabrain_fast.schema.read_module import ModuleReadError, read_module

from .strategies import schemas

SETTINGS = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(schema=schemas())
def test_what_is_read_is_what_was_written(schema: Schema) -> None:
    assume("{DEPRECATED}" not in repr(schema))  # a description that says so deprecates
    texts = render(schema)
    read = read_module(texts["__init__.py"].encode(), texts["config_v2_pb2.py"].encode())
    assert differences(read.schema, schema, "the schema") == []
    assert differences(schema, read.schema, "the module") == []


@SETTINGS
@given(schema=schemas())
def test_what_is_gone_is_missed(schema: Schema) -> None:
    less = replace(schema, events=schema.events[1:])
    gone = [event.name for event in schema.events[:1]]
    assert [each.text for each in differences(schema, less, "it")] == [
        f"event {name} is not known to it" for name in gone
    ]
    assert [each.text for each in differences(less, schema, "it")] == [
        f"event {name} of it is missing" for name in gone
    ]


@pytest.mark.parametrize(
    ("init", "messages", "words"),
    [
        (b"x = ", b"", "__init__.py is not valid Python"),
        (b"", b"x = b'abc'", "config_v2_pb2.py has no descriptor"),
    ],
)
def test_what_is_no_module(init: bytes, messages: bytes, words: str) -> None:
    with pytest.raises(ModuleReadError, match=words):
        read_module(init, messages)
