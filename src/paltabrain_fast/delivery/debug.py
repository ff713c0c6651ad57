"""``debug=True``: says what the SDK is, what it is given, and what becomes of it, for a person.

Without that option, each batch is still logged, once, where somebody logs at ``DEBUG``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from .._engine.choice import name as engine_name
from .._engine.choice import slow_reason
from ..encoding.display import Parts, call_text, count_text
from ..errors import DropReason
from ..options import Options
from ..process.log import log_line, write_line
from ..process.masking import masked
from ..transport import SendResult, Transport
from ..transport.deferred import DeferredTransport
from ..transport.urls import base_url
from ..version import __version__
from .batch import Batch
from .decoded import batch_text

__all__ = ["DebugLog"]

_TOLD_ELSEWHERE: Final = ("hostname", "api_key", "instance_id", "session_id", "debug")
_NETWORK: Final = ("urllib3", "pycurl")


class DebugLog:
    """Writes what a person reads while debugging; nothing here raises an ``Exception``.

    Any thread may call it. It writes in the thread of the caller: to the logger where somebody sees
    its lines of ``DEBUG``, or else to ``sys.stderr``.

    Args:
        options: whether to debug at all, and what to say of the SDK; the API key is masked.
        logger: returns what the SDK logs to.
        is_forked: whether this process is a child of the one that said what the SDK is.
    """

    def __init__(
        self, options: Options, logger: Callable[[], logging.Logger], *, is_forked: bool
    ) -> None:
        self._options = options
        self._logger = logger
        self._known: weakref.WeakSet[type] = weakref.WeakSet()
        self._heading = f"in process {os.getpid()}, forked from {os.getppid()}" if is_forked else ""

    def sdk_made(self, transport: Transport, origins: dict[str, str], *, disabled: bool) -> None:
        """Say what the SDK is.

        Args:
            transport: what it sends with.
            origins: where hostname and API key come from.
            disabled: whether it drops all events.
        """
        self._write(lambda: _sdk_text(self._options, transport, origins, disabled=disabled))

    def event_tracked(self, event: Any, context: Any) -> None:
        """Show an event as it will be encoded; first how, if it is the first of its class."""
        if not self._options.debug:
            return
        for cls in type(event), type(context):
            if cls not in self._known and cls is not type(None):
                self._known.add(cls)
                self._write(partial(_speed_text, cls))
        self._write(lambda: _event_text(event, context, self._options.session_id))

    def event_dropped(self, event: Any, reason: DropReason, error: Exception | None = None) -> None:
        """Say why an event is not sent; ``None`` for one that is no longer known."""
        what = "an event" if event is None else type(event).__name__
        self._write(lambda: f"{what} is not sent: {reason}{_cause_text(error)}")

    def batch_sent(self, batch: Batch) -> None:
        """Show a batch that is about to be sent, before its first attempt in full."""
        if batch.attempts > 1:
            self._write(lambda: f"Batch {batch.id}: attempt {batch.attempts}")
        elif self.shows_batches:
            self._write(
                lambda: f"Batch {batch.id}: attempt 1, {batch_text(batch.frame.body)}",
                always=True,
            )

    def batch_answered(self, batch: Batch, result: SendResult, seconds: float) -> None:
        """Say how an attempt has ended."""
        self._write(
            lambda: (
                f"Batch {batch.id}: attempt {batch.attempts}, {_answer_text(result)}"
                f" in {seconds * 1000:.1f} ms"
            )
        )

    def batch_postponed(self, batch: Batch, delay: float) -> None:
        """Say that a batch has another attempt."""
        self._write(lambda: f"Batch {batch.id}: next attempt in {delay * 1000:.0f} ms")

    def batch_settled(self, batch: Batch, status: str, reason: DropReason | None) -> None:
        """Say what became of the events of a batch."""
        outcome = "delivered" if reason is None else f"lost ({reason})"
        self._write(
            lambda: f"Batch {batch.id}: {status}, {count_text(batch.frame.events)} {outcome}"
        )

    @property
    def shows_batches(self) -> bool:
        """Whether there is anything to write of a batch that is sent, which costs something."""
        try:
            return self._options.debug or self._logger().isEnabledFor(logging.DEBUG)
        except Exception:
            return False

    def _write(self, make: Callable[[], str], *, always: bool = False) -> None:
        """Write what ``make`` returns; ``always`` logs it at least, without the option as well."""
        if not (always or self._options.debug):
            return
        with contextlib.suppress(Exception):  # what cannot be shown must not break anything
            text = masked(make(), self._options.api_key)
            if not self._options.debug:
                log_line(logging.DEBUG, "%s", text, to=self._logger())
                return
            heading, self._heading = self._heading, ""
            for line in filter(None, (heading, text)):
                write_line(logging.DEBUG, line, to=self._logger())


def _sdk_text(
    options: Options, transport: Transport, origins: dict[str, str], *, disabled: bool
) -> str:
    import platform  # here, as only who debugs needs it

    from ..transport.environment import proxy_for

    proxy = proxy_for(base_url(options.hostname))
    deferred = transport.name if isinstance(transport, DeferredTransport) else None
    parts = ["protobuf", *(name for name in _NETWORK if name in sys.modules)]
    limits = [
        f"{name}={getattr(options, name)!r}"
        for name in Options.__match_args__
        if name not in _TOLD_ELSEWHERE
    ]
    lines = [
        f"debugging in process {os.getpid()}"
        + (", DISABLED: no event is sent" if disabled else ""),
        f"versions: paltabrain_fast {__version__}, {platform.python_implementation()}"
        f" {platform.python_version()}, {', '.join(map(_version_text, parts))}",
        f"engine: {engine_name}",
        f"hostname: {options.hostname!r} ({origins['hostname']})",
        f"api_key: {origins['api_key']}",
        f"transport: {deferred or type(transport).__name__}",
        f"instance_id: {options.instance_id}, session_id: {options.session_id}",
        f"limits: {', '.join(limits)}",
    ]
    if proxy is not None:
        lines.append(f"proxy: {proxy.url} (set by {proxy.variable})")
    return "\n    ".join(lines)


def _version_text(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes milliseconds

    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:  # as in a frozen application
        return f"{package} of unknown version"


def _speed_text(cls: type) -> str:
    reason = slow_reason(cls)
    return f"{cls.__name__} is " + (
        "accelerated" if reason is None else f"serialized by its own methods: {reason}"
    )


def _answer_text(result: SendResult) -> str:
    if result.status is None:
        return f"no answer{_cause_text(result.error)}"
    asked = "" if result.retry_after is None else f", Retry-After {result.retry_after} s,"
    return f"status {result.status}{asked}"


def _cause_text(error: Exception | None) -> str:
    return "" if error is None else f", {type(error).__name__}: {error}"


def _event_text(event: Any, context: Any, session_id: int | str | None) -> str:
    lines = [
        f"track {call_text(event, lambda: _event_parts(event))}",
        f"in {_context_text(context)}",
        f"session {session_id or 'none'}",
    ]
    return "\n    ".join(lines)


def _event_parts(event: Any) -> Parts:
    found = event.asdict()
    return Parts(found["payload"], header=found["header"])


def _context_text(context: Any) -> str:
    if context is None:
        return "no context"
    return call_text(context, lambda: Parts(groups=context.asdict()))
