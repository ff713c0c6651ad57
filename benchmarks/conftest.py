"""Fixtures of the benchmarks: the engines to compare."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paltabrain_fast._engine.protocol import Engine
from paltabrain_fast._native.engine import NativeEngine
from paltabrain_fast._reference.engine import ReferenceEngine

MakeEngine = Callable[[int], Engine]


@pytest.fixture(params=[NativeEngine, ReferenceEngine], ids=["native", "reference"])
def make_engine(request: pytest.FixtureRequest) -> MakeEngine:
    make: MakeEngine = request.param
    return make
