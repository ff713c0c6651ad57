"""Says why events were lost, and what a person can do about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Protocol, get_args

from ..constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE
from ..encoding.display import count_text
from ..errors import (
    BatchRejectedError,
    Diagnosis,
    DropReason,
    EventTooLargeError,
    RetriesExhaustedError,
)
from ..options import Options
from ..process.masking import error_text, masked

__all__ = [
    "Ending",
    "by_reason",
    "diagnose",
    "internal_error",
    "not_in_time",
    "too_large",
    "waiting",
]

Ending = Literal["shutdown", "exit"]
"""What ends the work: the option that says how long it may take is named after it."""


class Addressed(Protocol):
    """What a diagnosis needs of the options: where events go, and the key that they go with."""

    @property
    def hostname(self) -> str: ...

    @property
    def api_key(self) -> str: ...


def diagnose(error: Exception, options: Addressed) -> Diagnosis:
    """Diagnose why a batch, or an attempt to send it, has failed.

    Args:
        error: what a transport returned or raised, or what the sender has made of a status.
        options: for the API key, which a text that others wrote may repeat.
    """
    found = getattr(error, "diagnosis", None)
    if isinstance(error, BatchRejectedError):
        found = _refused(error.status, error.reason, options)
    elif isinstance(error, RetriesExhaustedError):
        found = _failing(error.status, error.reason)
    elif not isinstance(found, Diagnosis):  # of a transport of the user's own
        kind = "timeout" if isinstance(error, TimeoutError) else "connection"
        text = error_text(error, options.api_key)
        found = Diagnosis(kind, f"sending failed ({text})", "see sdk.last_request_error")
    return Diagnosis(found.kind, masked(found.cause, options.api_key), found.remedy)


def too_large(error: EventTooLargeError, event_class: str | None = None) -> Diagnosis:
    """Diagnose an event that no batch can hold.

    Args:
        error: for its size, which is known where the class is.
        event_class: name of the event's class; ``None`` if it is not known any more.
    """
    size = "" if error.size is None else f"{error.size} bytes with its context, "
    name = "event" if event_class is None else f"event [{event_class}]"
    return Diagnosis(
        "too_large",
        f"{name} too large ({size}{error.limit} fit into a batch)",
        "make the event or its context smaller",
    )


def not_in_time(what: Ending, fault: Diagnosis | None) -> Diagnosis:
    """Diagnose what is given up at the deadline of a shutdown.

    Args:
        what: whose time is over.
        fault: of the last attempt, if that has failed.
    """
    cause, remedy = f"not delivered before the {what} timeout", f"raise {what}_timeout"
    if fault is not None:
        cause, remedy = f"{cause} ({fault.cause})", f"{remedy}, or {fault.remedy}"
    return Diagnosis("deadline", cause, remedy)


def waiting(
    what: Ending, events: int, batches: int, limit: float | None, fault: Diagnosis | None
) -> str:
    """Say for what a shutdown waits, and how long at most.

    Args:
        what: what waits.
        events: how many events are neither delivered nor given up.
        batches: how many batches are in flight.
        limit: seconds that are left; ``None`` for no limit.
        fault: of the last attempt, if that has failed.
    """
    name = "shutdown()" if what == "shutdown" else "the exit of the process"
    where = " in 1 batch" if batches == 1 else f" in {batches} batches"
    most = "without a limit" if limit is None else f"for at most {math.ceil(limit)} s"
    state = "no answer yet"
    if fault is not None:
        state = f"the last attempt failed: {fault.cause}; {fault.remedy}"
    return f"{name} waits for {count_text(events)}{where}, {most} ({what}_timeout): {state}"


def internal_error(error: BaseException | None = None) -> Diagnosis:
    """Diagnose a fault of the SDK itself."""
    what = "" if error is None else f" ({error_text(error)})"
    return Diagnosis(
        "internal_error",
        f"fault of paltabrain_fast itself{what}",
        "please report it; sdk.last_request_error may say more",
    )


def by_reason(options: Options) -> Mapping[str, Diagnosis]:
    """Return what is said of events that were dropped, where nothing more is known.

    Of what ``before_send`` has dropped, nothing is said: that is no loss.
    """
    others = [f"overflow={name!r}" for name in ("block", "drop_old") if name != options.overflow]
    diagnoses = {
        "queue_full": Diagnosis(
            "queue_full",
            f"buffer full (buffer_bytes={options.buffer_bytes}, overflow={options.overflow!r})",
            f"raise buffer_bytes, or choose {' or '.join(others)}",
        ),
        "already_shutdown": Diagnosis(
            "already_shutdown",
            "tracked after shutdown()",
            "shut down after the last event, or make a new PaltabrainSdk",
        ),
        "reentrant": Diagnosis(
            "reentrant",
            "tracked for a log line of the SDK's own, in one of its threads or in before_send",
            "have the log handler leave out the logger paltabrain_sdk",
        ),
        "internal_error": internal_error(),
        "deadline": not_in_time("shutdown", None),
        "serialization_error": Diagnosis(
            "serialization_error",
            "cannot be serialized",
            "see sdk.last_serialization_error",
        ),
    }
    for reason in get_args(DropReason):
        if reason != "before_send":
            diagnoses.setdefault(reason, Diagnosis(reason, f"dropped ({reason})", "see stats()"))
    return diagnoses


def _refused(status: int, reason: str | None, options: Addressed) -> Diagnosis:
    """Diagnose a status that is not retried."""
    words = f': "{reason}"' if reason else ""
    if status in (401, 403):
        return Diagnosis(
            "key_refused",
            f"API key refused ({status}{words})",
            f"check api_key or {API_KEY_VARIABLE}",
        )
    if 300 <= status < 400:
        return Diagnosis(
            "redirect",
            f"redirect refused ({status}{f' to {reason}' if reason else ''})",
            f"give the final host as hostname or {HOSTNAME_VARIABLE}: no redirect is followed, so"
            " that the API key reaches no other host",
        )
    cause = f"batch refused ({status}{words})"
    if status == 413:
        remedy = "make events smaller: the server takes no such batch, even of one event"
    elif status in (404, 405, 410):
        remedy = f"check hostname or {HOSTNAME_VARIABLE}: this server has no such API"
    elif options.hostname.startswith("http://") and "https" in (reason or "").lower():
        remedy = f"leave out http:// in hostname or {HOSTNAME_VARIABLE}"
    elif status in (400, 422):
        remedy = (
            "if config module and server's schema differ, renew the older one: download the module"
            " again, or publish its schema; paltabrain-fast doctor --module tells which"
        )
    else:
        remedy = "see the log of the server"
    return Diagnosis("refused", cause, remedy)


def _failing(status: int, reason: str | None) -> Diagnosis:
    """Diagnose a status that is retried."""
    words = f': "{reason}"' if reason else ""
    if status == 429:
        return Diagnosis(
            "throttled",
            f"too many requests ({status}{words})",
            "send less at a time: raise flush_interval_ms and flush_buffer_size",
        )
    return Diagnosis(
        "server_error",
        f"server error ({status}{words})",
        "check the server; flush_max_retries and outage_seconds say how long it is tried",
    )
