"""UUIDv7 as text: ours beside the packages ``uuid_utils`` and ``uuid6``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import uuid6
import uuid_utils
from pytest_benchmark.fixture import BenchmarkFixture

from paltabrain_fast._native.uuid7 import uuid_v7

MAKERS: dict[str, Callable[[], str]] = {
    "native": uuid_v7,
    "uuid_utils": lambda: str(uuid_utils.uuid7()),
    "uuid6": lambda: str(uuid6.uuid7()),
}


@pytest.mark.benchmark(group="uuid_v7")
@pytest.mark.parametrize("maker", MAKERS)
def test_uuid_v7(benchmark: BenchmarkFixture, maker: str) -> None:
    make = MAKERS[maker]

    def thousand() -> None:
        for _ in range(1000):
            make()

    benchmark(thousand)
