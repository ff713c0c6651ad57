"""Asks a collector what has arrived while a command ran, and says it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from ...collector.client import CollectorClient
from ...collector.objects import EVENTS_IN_BATCH, subject
from ...constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE
from ...encoding.display import counted
from .child import Ended

__all__ = ["Arrivals", "Expectation", "arrivals_since", "is_as_expected", "summary", "unknown"]

_EXPECTATION: Final = re.compile(r"(\w+?)(?::([1-9]\d{0,8}))?")
_ALLOW: Final = "paltabrain_allow_send"
_REJECTED: Final = 20
"""How many of the invalid events are shown."""


class Expectation(NamedTuple):
    """That at least so many events of a type arrive."""

    type: str
    number: int

    @classmethod
    def parse(cls, text: str, types: Sequence[str]) -> Expectation:
        """Read ``EventPageOpen:2``; the prefix and the number may be left out.

        Raises:
            ValueError: it is none, or there is no such type.
        """
        match = _EXPECTATION.fullmatch(text)
        if match is None:
            raise ValueError(f"EventX or EventX:n is wanted, with n from 1, not {text!r}")
        name, count = match[1], int(match[2] or 1)
        for known in (name, name.removeprefix("Event")):
            if known in types:
                return cls(known, count)
        close = difflib.get_close_matches(name.removeprefix("Event"), types, n=1)
        hint = f"; did you mean Event{close[0]}?" if close else ""
        raise ValueError(f"the schema has no event {name}{hint}")


class Arrivals(NamedTuple):
    """What has arrived.

    Attributes:
        events: numbers of valid events, by type.
        invalid: number of events and requests that were refused.
        unauthorized: number of requests with a wrong API key, or none.
        rejected: the first of those refused, as the collector describes them.
        invalid_types: numbers of refused events whose type is known, by type.
        dropped: number of events that the SDK says it has dropped itself.
        was_reset: whether the collector has deleted what had arrived, so that these came later.
    """

    events: dict[str, int]
    invalid: int
    unauthorized: int
    rejected: list[dict[str, Any]]
    invalid_types: dict[str, int]
    dropped: int = 0
    was_reset: bool = False


def arrivals_since(client: CollectorClient, before: dict[str, Any]) -> Arrivals:
    """Return what has arrived since the collector's ``counts()`` were ``before``.

    Raises:
        UnreachableError: the collector does not answer.
        ApiError: it refuses to.
    """
    now = client.counts()
    # Batch numbers go on at a reset and a restart. They are lower only in another file.
    is_other = now["last_id"] // EVENTS_IN_BATCH < before["last_id"] // EVENTS_IN_BATCH
    was_reset = is_other or now["resets"] != before["resets"]
    base: dict[str, Any] = before
    if was_reset:
        base = dict.fromkeys(before, 0) | {"by_type": {}}
    invalid, unauthorized, dropped = (
        now[name] - base[name] for name in ("invalid", "unauthorized", "dropped_by_sdks")
    )
    rejected = []
    if invalid > 0:
        after = 0 if is_other else before["last_id"]
        refused = (("valid", "false"),)
        rejected = client.events(refused, order="asc", limit=_REJECTED, after=after).events
    arrived, refused_types = (
        _more(base["by_type"], now["by_type"], each) for each in ("events", "invalid")
    )
    return Arrivals(arrived, invalid, unauthorized, rejected, refused_types, dropped, was_reset)


def _more(before: dict[str, Any], now: dict[str, Any], what: str) -> dict[str, int]:
    """Return how many more there are of each type, for those that there are more of."""
    counts = {name: count[what] - before.get(name, {}).get(what, 0) for name, count in now.items()}
    return {name: count for name, count in sorted(counts.items()) if count > 0}


def summary(arrivals: Arrivals, expected: Sequence[Expectation], ended: Ended) -> Iterator[str]:
    """Yield the lines that say what has arrived, and what was to arrive and has not."""
    total = sum(arrivals.events.values())
    is_nothing = not total and arrivals.invalid <= 0 and arrivals.dropped <= 0
    if is_nothing:
        yield "no event arrived"
        yield from _why_nothing(ended)
    else:
        yield f"{counted(total, 'event')} arrived" + (
            f", and {arrivals.invalid} invalid" if arrivals.invalid > 0 else ""
        )
    width = max(map(len, arrivals.events), default=0)
    for name, count in arrivals.events.items():
        yield f"  {name:<{width}}  {count}"
    for rejected in arrivals.rejected:
        yield f"  invalid: {_rejected(rejected)}"
    if arrivals.invalid > len(arrivals.rejected):
        yield f"  and {arrivals.invalid - len(arrivals.rejected)} more"
    if arrivals.dropped > 0:
        yield f"  dropped by the SDK: {counted(arrivals.dropped, 'event')}; its warnings say why"
    if arrivals.unauthorized > 0:
        yield f"  The collector wants another API key: set {API_KEY_VARIABLE} to its own,"
        yield "  or api_key= where your code gives it."
    if arrivals.was_reset:
        yield "  The collector was reset meanwhile: what had arrived before that does not count."
    unexpected = list(_unexpected(arrivals, expected))
    if not is_nothing and (unexpected or not expected):  # or else all that matters is there
        yield from _loss_at_the_end(ended)
    yield from unexpected


def unknown(error: Exception, expected: Sequence[Expectation]) -> Iterator[str]:
    """Yield the line that says why it is not known what has arrived."""
    yield f"{error}: what arrived is not known" + (", and so --expect fails" if expected else "")


def is_as_expected(arrivals: Arrivals, expected: Sequence[Expectation]) -> bool:
    """Tell whether what was to arrive has arrived, and none of those types was refused."""
    return not list(_unexpected(arrivals, expected))


def _unexpected(arrivals: Arrivals, expected: Sequence[Expectation]) -> Iterator[str]:
    for each in expected:
        arrived = arrivals.events.get(each.type, 0)
        if arrived < each.number:
            yield f"missing: {each.type}: {arrived} arrived, {each.number} expected"
    for name in dict.fromkeys(each.type for each in expected):
        if name in arrivals.invalid_types:
            yield f"invalid: {name}: {arrivals.invalid_types[name]} refused, none may be"


def _why_nothing(ended: Ended) -> Iterator[str]:
    """Yield what may be the reason that nothing has arrived, the likeliest first."""
    reasons = [
        "An application that gives hostname= in its code is not reached by the environment:",
        f"leave it out there, so that {HOSTNAME_VARIABLE} counts.",
        "Or a signal or os._exit() has ended it before it sent what it had tracked"
        " (docs/process-ends.md).",
    ]
    names = [PurePath(each).name for each in ended.command]
    if {"pytest", "py.test"} & set(names) and _ALLOW not in " ".join(names):
        reasons = [f"Tests send nothing unless that is allowed: pytest -o {_ALLOW}=true"]
    first = list(_loss_at_the_end(ended))
    if first:
        reasons = reasons[:2]
    elif ended.code:
        first = [f"  The command has failed, with exit code {ended.code}: look at that first."]
    if first:
        reasons[0] = f"If it is not that: {reasons[0][0].lower()}{reasons[0][1:]}"
    yield from (*first, *(f"  {each}" for each in reasons))


def _loss_at_the_end(ended: Ended) -> Iterator[str]:
    """Yield what a signal that has ended the command, or a part of it, has done to its events."""
    name = ended.signal
    if name in (None, "SIGINT"):  # Python delivers, and ends by SIGINT then
        return
    has_ended = f"{name} has ended the command: "
    if ended.status > 0:
        has_ended = f"Exit code {ended.status}: if {name} has ended your program, "
    where = "(docs/process-ends.md)."
    if name == "SIGTERM":
        yield f"  {has_ended}what it had buffered is lost, unless"
        yield f"  flush_on_sigterm=True, or LifespanMiddleware under uvicorn, delivers it {where}"
    else:
        yield f"  {has_ended}what it had buffered is lost {where}"


def _rejected(event: dict[str, Any]) -> str:
    status = event.get("status")
    about = subject(event)
    what = about if event["type"] or not status else f"{about} ({status})"
    field = f" {event['field']}" if event.get("field") else ""
    text = f"{what}{field}: {event.get('reason') or 'no reason is known'}"
    return text if text.isprintable() else ascii(text)[1:-1]
