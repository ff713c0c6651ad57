"""What ``paltabrain-fast run`` says of a command that a signal has ended, and of its events."""

from __future__ import annotations

import signal
import sys

import pytest

from paltabrain_fast.cli.run.arrivals import Arrivals, Expectation, summary
from paltabrain_fast.cli.run.child import Ended

from ..schema.packages import EXAMPLE
from ..support.programs import PROGRAMS
from ..support.scarce import needs
from ..support.sdk import ROOT
from .commands import run

pytestmark = needs("duckdb", "starlette", "uvicorn")

SIGTERM = [
    "  SIGTERM has ended the command: what it had buffered is lost, unless",
    "  flush_on_sigterm=True, or LifespanMiddleware under uvicorn, delivers it"
    " (docs/process-ends.md).",
]
OF_A_PART = "SIGTERM has ended your program, what it had buffered is lost, unless"
SIGKILL = "  SIGKILL has ended the command: what it had buffered is lost (docs/process-ends.md)."
NOTHING = Arrivals({}, 0, 0, [], {})
SOME = Arrivals({"PageOpen": 1}, 0, 0, [], {})


def lines(arrivals: Arrivals, status: int) -> list[str]:
    return list(summary(arrivals, [], Ended(["python", "app.py"], status)))


def test_events_that_are_lost_at_sigterm() -> None:
    """A newcomer sees one of two events, and why."""
    program = PROGRAMS / "cli" / "loses.py"
    done = run("run", "--schema", EXAMPLE, "--", sys.executable, program, ROOT / "examples")
    assert done.stderr.splitlines() == [
        "paltabrain-fast run: 1 event arrived",
        "  PageOpen  1",
        *SIGTERM,
    ]
    assert done.exit_code == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (-signal.SIGTERM, SIGTERM),
        (-signal.SIGKILL, [SIGKILL]),
        (-signal.SIGRTMIN - 1, [SIGKILL.replace("SIGKILL", f"signal {signal.SIGRTMIN + 1:d}")]),
        (-signal.SIGINT, []),  # Python delivers first
        (128 + signal.SIGTERM, [f"  Exit code 143: if {OF_A_PART}", SIGTERM[1]]),
        (128 + signal.SIGINT, []),
        (255, []),
        (1, []),
        (0, []),
    ],
)
def test_something_has_arrived(status: int, told: list[str]) -> None:
    assert lines(SOME, status) == ["1 event arrived", "  PageOpen  1", *told]


@pytest.mark.parametrize(("number", "is_told"), [(1, False), (2, True)])
def test_what_is_expected(number: int, is_told: bool) -> None:
    """If it has arrived, no loss is told: whatever delivers at the signal has done so."""
    told = list(summary(SOME, [Expectation("PageOpen", number)], Ended(["app"], -signal.SIGTERM)))
    assert (SIGTERM[0] in told) is is_told
    assert told[-1].startswith("missing: ") is is_told


def test_nothing_has_arrived_of_a_command_that_a_signal_has_ended() -> None:
    """The signal is told first, and once, and no exit code, which it has not."""
    assert lines(NOTHING, -signal.SIGKILL) == [
        "no event arrived",
        SIGKILL,
        "  If it is not that: an application that gives hostname= in its code is not reached by the"
        " environment:",
        "  leave it out there, so that PALTABRAIN_SDK_HOSTNAME counts.",
    ]


def test_what_was_dropped_and_what_a_signal_took() -> None:
    dropped = Arrivals({}, 0, 0, [], {}, dropped=2)
    assert lines(dropped, -signal.SIGKILL)[1:] == [
        "  dropped by the SDK: 2 events; its warnings say why",
        SIGKILL,
    ]
