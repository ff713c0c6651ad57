"""Copies: an SDK has none; events and contexts have, and what ``asdict()`` gives is no copy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import paltabrain_fast
from paltabrain_fast import InMemoryTransport, PaltabrainSdk

from .support.events import TextContext, TextEvent
from .support.programs import run_program
from .support.sdk import MakeSdk, Sdk, texts

COPIES: dict[str, Callable[[Any], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": partial(pickle.dumps, protocol=protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@dataclass
class Service:
    """What commonly holds an SDK."""

    sdk: Sdk


class Shared(Service):
    """One that keeps it when it is copied."""

    def __deepcopy__(self, _memo: object) -> Shared:
        return Shared(self.sdk)


@pytest.mark.skipif(paltabrain_fast.engine != "native", reason="this needs both engines")
@pytest.mark.parametrize("engines", [("native", "python"), ("python", "native")])
def test_what_one_engine_has_pickled_the_other_reads(
    engines: tuple[str, str], tmp_path: Path
) -> None:
    """As they meet in a queue, where the extension is not in each image yet."""
    for engine in engines:
        file = str(tmp_path / "pickled")
        run_program("engine/pickled", engine, file, PALTABRAIN_SDK_ENGINE=engine)


@pytest.mark.parametrize("name", COPIES)
def test_an_sdk_is_neither_copied_nor_pickled(make_sdk: MakeSdk, name: str) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)
    sdk.track(TextEvent("before"))
    for value in [sdk] if name == "copy" else [sdk, Service(sdk), {"sdk": sdk}]:
        with pytest.raises(TypeError) as caught:
            COPIES[name](value)
        text = str(caught.value)
        assert text.startswith("a PaltabrainSdk can be neither copied nor pickled")
        assert all(word in text for word in ("process", "hostname", "__deepcopy__"))
        assert "key" not in text.replace("api_key", "")
    sdk.track(TextEvent("after"))
    assert sdk.flush(timeout=30)
    assert texts(transport) == [["before", "after"]]


def test_each_remedy_that_the_error_names_works(make_sdk: MakeSdk) -> None:
    class Own(PaltabrainSdk[Any]):
        def __reduce__(self) -> Any:
            return make_sdk, (self.hostname,)

    sdk = make_sdk(transport=InMemoryTransport())
    assert copy.deepcopy(Shared(sdk)).sdk is sdk
    with pytest.raises(TypeError, match="a Own can be neither"):
        PaltabrainSdk.__reduce__(Own("localhost", "key", TextContext(), disabled=True))
    again = copy.copy(Own("localhost", "key", TextContext(), disabled=True))
    assert again.hostname == "localhost"


@pytest.mark.parametrize("value", [TextEvent("x"), TextContext("x")])
def test_copies(value: TextEvent | TextContext) -> None:
    for clone in copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)):
        assert clone.text == "x"
        assert clone.asdict() == value.asdict()
