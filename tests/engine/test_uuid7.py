"""UUIDv7 on both engines: form, order, uniqueness across threads and forks."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from paltabrain_fast._native.uuid7 import uuid_v7 as native
from paltabrain_fast._reference.uuid7 import uuid_v7 as reference

from ..support.programs import run_program

both_engines = pytest.mark.parametrize("uuid_v7", [native, reference], ids=["native", "reference"])


@both_engines
def test_form_is_rfc_9562(uuid_v7: Callable[[], str]) -> None:
    before = time.time_ns() // 1_000_000
    text = uuid_v7()
    after = time.time_ns() // 1_000_000
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)
    assert before <= UUID(text).int >> 80
    if uuid_v7 is native:  # the other one runs ahead of the clock when it is asked often
        assert UUID(text).int >> 80 <= after


@both_engines
def test_increasing(uuid_v7: Callable[[], str]) -> None:
    made = [uuid_v7() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_unique_across_threads() -> None:
    made: list[list[str]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(mine: list[str]) -> None:
        start.wait(30)
        mine.extend(native() for _ in range(50_000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set().union(*made)) == 200_000
    for mine in made:
        assert mine == sorted(mine)


def test_processes_start_from_different_randomness() -> None:
    command = [
        sys.executable,
        "-c",
        "from paltabrain_fast._native.uuid7 import uuid_v7; print(uuid_v7())",
    ]
    made = [
        subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        for _ in range(3)
    ]
    assert len({text[15:] for text in made}) == 3


@pytest.mark.parametrize("fork", ["python", "libc"])
def test_forked_children_share_no_randomness(fork: str) -> None:
    run_program("engine/forked_uuids", fork)


def test_reference_follows_a_clock_that_is_set_back_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """By days; by seconds, it keeps the order. That of the native engine is tested in C."""
    clock = 2_000_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: clock * 1_000_000)
    made = [reference()]
    clock -= 9_000
    made.append(reference())
    assert made == sorted(made)
    clock -= 3 * 86_400_000
    made = [reference() for _ in range(100)]
    assert UUID(made[0]).int >> 80 == clock
    clock += 50  # where it has got to already, as it gives each a millisecond of its own
    made += [reference() for _ in range(100)]
    clock += 1_000
    made.append(reference())
    assert UUID(made[-1]).int >> 80 == clock
    assert made == sorted(set(made))
    clock += 30 * 86_400_000
    made.append(reference())
    assert UUID(made[-1]).int >> 80 == clock
