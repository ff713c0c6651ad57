"""Replays the fuzzer's corpus: native encoding gives the same bytes as protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.equality import Package
from .cases import check, packages

CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(scope="module")
def candidates() -> Iterator[list[Package]]:
    with packages() as found:
        yield found


def test_the_corpus_is_encoded_as_protobuf_does(candidates: list[Package]) -> None:
    inputs = sorted(CORPUS.iterdir())
    assert inputs
    for path in inputs:
        try:
            check(candidates, path.read_bytes())
        except Exception as error:
            error.add_note(f"input {path.name}")
            raise
