"""The end of the process: everything begins to end at the same time."""

from __future__ import annotations

from ..support.probe import beginning_of_exit


class Ending:
    """Takes down in which order it is asked for what."""

    def __init__(self, asked: list[str], deadlines: set[float]) -> None:
        self._asked = asked
        self._deadlines = deadlines

    def begin_exit(self) -> None:
        self._asked.append("begin")
        raise RuntimeError  # which costs no other its turn

    def await_start(self, deadline: float) -> None:
        self._asked.append("wait")
        self._deadlines.add(deadline)

    def exit(self, started: float) -> None:
        raise AssertionError(f"too early: {started}")

    def hold_seconds(self) -> float | None:
        raise AssertionError("there is no signal")


def test_nobody_waits_at_exit_before_all_have_begun() -> None:
    asked, deadlines = list[str](), set[float]()
    beginning_of_exit(Ending(asked, deadlines) for _ in range(3))
    assert asked == ["begin"] * 3 + ["wait"] * 3
    assert len(deadlines) == 1, "one SDK after the other may hold up the exit"
