"""What a collector tells at once, for a terminal: what it refuses, and what SDKs have lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..encoding.display import counted
from .decode import SdkReport
from .errors import RefusedError
from .objects import EventObject, subject

__all__ = ["Notice", "OnNotice", "of_refused", "of_report", "of_turned_away"]


class Notice(NamedTuple):
    """One line: what it is about, and why."""

    about: str
    reason: str


OnNotice = Callable[[Notice], None]


def of_refused(event: EventObject) -> Notice:
    """Return the notice of an event, or a whole request, that was refused and is kept."""
    field = f" {event['field']}" if event["field"] else ""
    return Notice(f"{event['status']} {subject(event)}{field}", event["reason"])


def of_turned_away(error: RefusedError) -> Notice:
    """Return the notice of a request that was refused, and brought nothing to keep."""
    return Notice(f"{error.status} request", error.reason)


def of_report(report: SdkReport) -> Notice:
    """Return the notice of what an SDK has lost before it could send it."""
    about = f"{counted(report.dropped, 'event')} dropped by the SDK {report.instance_id}"
    return Notice(about, "; ".join(report.errors) or "the log of the application says why")
