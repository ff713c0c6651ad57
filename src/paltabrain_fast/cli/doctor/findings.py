"""What the doctor has looked at, and what it found there."""

from __future__ import annotations

from enum import Enum

from ...errors import Diagnosis
from ...records import record

__all__ = ["Finding", "State", "fault", "note", "skipped", "well"]


class State(Enum):
    """How it is with something that the doctor has looked at."""

    WELL = "ok"
    FAULT = "fault"
    NOTE = "note"
    SKIPPED = "skipped"


@record()
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at, in a word or two; the same in each report.
        state: how it is.
        text: what was found.
        remedy: what to do about it; ``None`` if there is nothing to do.
        details: lines that belong to it, such as one for each class.
    """

    name: str
    state: State
    text: str
    remedy: str | None = None
    details: tuple[str, ...] = ()


def well(name: str, text: str, details: tuple[str, ...] = ()) -> Finding:
    """Return the finding that something is as it should be."""
    return Finding(name, State.WELL, text, None, details)


def fault(name: str, found: Diagnosis, details: tuple[str, ...] = ()) -> Finding:
    """Return the finding of a fault; cause and remedy are those that the SDK tells."""
    text = found.cause.removeprefix(f"{name}: ")
    return Finding(name, State.FAULT, text, found.remedy, details)


def note(name: str, text: str, remedy: str | None = None) -> Finding:
    """Return what is good to know, and no fault."""
    return Finding(name, State.NOTE, text, remedy)


def skipped(name: str, why: str, remedy: str | None = None) -> Finding:
    """Return that something was not looked at."""
    return Finding(name, State.SKIPPED, f"not checked: {why}", remedy)
