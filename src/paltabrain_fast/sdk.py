"""``PaltabrainSdk``: the public API."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Generic, Literal, NoReturn, Self, TypeVar

from ._engine.choice import direct, make_engine, uuid_v7
from ._engine.protocol import SerializableContext, SerializableEvent
from .compat import ignored
from .compat.attributes import Attributes
from .constant import (
    DEFAULT_FLUSH_BUFFER_SIZE,
    DEFAULT_FLUSH_INTERVAL_MS,
    DEFAULT_FLUSH_MAX_RETRIES,
    DEFAULT_OUTAGE_SECONDS,
    REQUEST_MAX_WORKERS,
    REQUEST_TIMEOUT,
)
from .delivery.callbacks import Callback, check_callback
from .delivery.ledger import Stats
from .delivery.notify import Reporter
from .delivery.pipeline import Pipeline
from .encoding.contexts import NO_CONTEXT, OwnContext, checked_context
from .errors import ErrorInfo
from .options import Options, Overflow, given_or_set, session_wire_id, switch
from .process import forks, lifetime
from .process.fork_barrier import hold_forks
from .transport import InMemoryTransport, Transport, make_transport

__all__ = ["PaltabrainSdk"]

ContextT = TypeVar("ContextT", bound=SerializableContext)

BeforeSend = Callable[[Any, Any], Any]
"""The type of ``before_send``: takes event and context, returns the event to send, or ``None``."""

_DISABLED_VARIABLE: Final = "PALTABRAIN_SDK_DISABLED"


class PaltabrainSdk(Attributes, Generic[ContextT]):
    """Tracks typed events and delivers them to PaltaBrain in batches, in the background.

    Use it as a context manager, or call ``shutdown()`` in the end. Every method may be called from
    any thread.

    Args:
        hostname: ``host`` or ``host:port`` of the API, always ``https``, which may be said;
            ``http://`` may be given for a loopback host only. The environment variable
            ``PALTABRAIN_SDK_HOSTNAME`` if not given.
        api_key: key for authentication; ``PALTABRAIN_SDK_API_KEY`` if not given.
        context: ``Context`` object of the config module; events carry its state at ``track()``.
            ``None`` where each ``track()`` is given one.
        instance_id: sent with each batch; a new UUIDv7 if not given.
        session_id: an integer or a UUID string; ``0`` and ``""`` are as good as none.
        start_session: make a new UUIDv7 if no ``session_id`` is given.
        flush_buffer_size: flush when this many events are buffered; each at once for 0.
        flush_interval_ms: flush when this many milliseconds have passed since the last flush; at
            once for 0. Any number is taken for this, ``flush_buffer_size`` and
            ``flush_max_retries``; one that makes no sense means the nearest one that does.
        flush_max_retries: total number of attempts for a batch, at least one is made.
        buffer_bytes: bytes that buffered events and their contexts may use. Once events
            pile up, the process keeps them (64 MiB of them at most) in memory.
        overflow: what happens to an event when the buffer is full. ``"drop_new"``: it is dropped
            and counted; ``"drop_old"``: the oldest events are, to make room for it; ``"block"``:
            ``track()`` waits for room, for ``block_timeout_ms`` at most.
        block_timeout_ms: how long an event may wait for room before it is dropped after all.
        max_in_flight: how many batches may exist outside the buffer; beyond that the buffer fills.
        request_timeout: seconds for one attempt: to connect, to send, to read the answer.
        shutdown_timeout: seconds that ``shutdown()`` waits if it is not told; ``None``: no limit.
        exit_timeout: seconds to deliver what is left when the interpreter exits without
            ``shutdown()``.
        transport: what makes the requests; ``HttpsTransport()`` if not given, ``CurlTransport()``
            for ``"curl"``. A given one is the caller's to close. Its method ``after_fork()``, if it
            has one, is called in each forked child, to forget what belongs to the parent.
        on_error: called with the exception of each failed batch and each skipped event, and an
            ``ErrorInfo``, in a thread of the SDK's own. That thread blocks all signals, and so does
            a program that it starts, unless told otherwise (``signal.pthread_sigmask``). An error
            of an event has its traceback as the text of a note. What it raises is logged; while
            1,000 errors wait for it, no more are told. Not called for what ``shutdown()`` or the
            exit gives up at its deadline, nor for an event that is tracked later, nor any more for
            an SDK that was dropped without ``shutdown()``.
        outage_seconds: for how long events are kept while the server cannot be reached, whatever
            ``flush_max_retries`` says; 0: a batch that finds no server is lost after its attempts.
        before_send: called with each event and its context before it is encoded, in the thread that
            tracks it. Returns the event to send, the same one or another; ``None`` drops it. If it
            raises, nothing of the event is sent.
        flush_on_sigterm: deliver what is left when the process is told to end by ``SIGTERM`` and
            nobody handles that, within ``exit_timeout``; the signal then takes its course.
        debug: write each event and each batch to ``stderr`` as a person reads them; so does the
            environment variable ``PALTABRAIN_SDK_DEBUG``.
        disabled: start no thread, touch no network, drop every event without a trace; so does the
            environment variable ``PALTABRAIN_SDK_DISABLED`` if it is ``1``, ``true``, ``yes`` or
            ``on``. Neither hostname nor key is needed then.

    Raises:
        TypeError: an option has the wrong type.
        ValueError: an option is out of range. The error names the option and the value, never the
            API key.
    """

    def __init__(
        self,
        hostname: str | None = None,
        api_key: str | None = None,
        context: ContextT | None = ...,  # type: ignore[assignment]  # which is refused
        instance_id: str | None = None,
        session_id: int | str | None = None,
        start_session: bool = False,
        flush_buffer_size: float = DEFAULT_FLUSH_BUFFER_SIZE,
        flush_interval_ms: float = DEFAULT_FLUSH_INTERVAL_MS,
        flush_max_retries: float = DEFAULT_FLUSH_MAX_RETRIES,
        *,
        buffer_bytes: int = 16 * 1024 * 1024,
        overflow: Overflow = "drop_new",
        block_timeout_ms: int = 1000,
        max_in_flight: int = REQUEST_MAX_WORKERS,
        request_timeout: float = REQUEST_TIMEOUT,
        shutdown_timeout: float | None = None,
        exit_timeout: float = 5.0,
        transport: Transport | Literal["curl"] | None = None,
        on_error: Callable[[Exception, ErrorInfo], object] | None = None,
        outage_seconds: float = DEFAULT_OUTAGE_SECONDS,
        before_send: BeforeSend | None = None,
        flush_on_sigterm: bool = False,
        debug: bool = False,
        disabled: bool = False,
    ) -> None:
        switched = switch(_DISABLED_VARIABLE)
        disabled = bool(disabled or switched)
        self._session_is_generated = bool(start_session) and session_wire_id(session_id) is None
        if self._session_is_generated:
            session_id = uuid_v7()
        self._options = Options(
            hostname=given_or_set("hostname", hostname, disabled=disabled),
            api_key=given_or_set("api_key", api_key, disabled=disabled),
            instance_id=instance_id or uuid_v7(),
            session_id=session_id,
            flush_buffer_size=flush_buffer_size,
            flush_interval_ms=flush_interval_ms,
            flush_max_retries=flush_max_retries,
            buffer_bytes=buffer_bytes,
            overflow=overflow,
            block_timeout_ms=block_timeout_ms,
            max_in_flight=max_in_flight,
            request_timeout=request_timeout,
            shutdown_timeout=shutdown_timeout,
            exit_timeout=exit_timeout,
            outage_seconds=outage_seconds,
        )
        if transport not in (None, "curl") and not isinstance(transport, Transport):
            raise TypeError(
                f"transport must be 'curl' or have send() and close(), not {transport!r}"
            )
        if on_error is not None:
            check_callback(on_error)
        self.context = context  # type: ignore[assignment]
        if type(self).context is not PaltabrainSdk.context:
            self._context = OwnContext(self)
        self._session_wire_id = session_wire_id(session_id)
        self._callback = None if on_error is None else Callback(on_error)
        self._reporter = Reporter(self._callback, self._options)
        # before locks are taken that another thread of the parent held
        forks.reinit_if_forked()
        if switched is None:
            ignored.warn_user(
                f"{_DISABLED_VARIABLE} is neither on nor off, and taken as off: set it to 1 or 0"
            )
        ignored.warn_of_overrides(type(self), Attributes)
        if disabled:
            transport = InMemoryTransport()
        self._disabled_by_option = disabled
        self._owns_transport = transport is None or isinstance(transport, str)
        if transport is None or isinstance(transport, str):
            with hold_forks():
                transport = make_transport(transport)
        self._transport = transport
        self._start()
        forks.register(self)
        if lifetime.lacks_threads():
            self._reporter.log(
                logging.ERROR,
                "uWSGI runs without threads, so that only flush() with a timeout sends events: give"
                " it the option enable-threads",
            )
        if self._engine.forked:  # by a signal handler, before it was registered
            self._reinit_after_fork()
        self._known_classes: set[type] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} can be neither copied nor pickled: it has threads, a buffer"
            " and connections of its own. Share the one object among threads and copies; in another"
            " process make one, from hostname and api_key; keep it out of the state of an object"
            " that is copied or pickled, by __getstate__ or __deepcopy__"
        )

    @direct
    def track(self, event: SerializableEvent, context: SerializableContext | None = None) -> None:
        """Buffer an event, as it is now, to be delivered in the background.

        Never raises an ``Exception`` and never does I/O. It never waits either, but with
        ``overflow="block"`` for a full buffer, up to ``block_timeout_ms``. An event that cannot be
        serialized is logged and skipped. One that does not fit into the buffer is dropped, unless
        older ones are in favour of it (``overflow="drop_old"``). Both are counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: is sent with this event in place of ``sdk.context``; ignored if it is false, as
                ``None`` is.
        """
        self._track(event, context)

    def flush(self, timeout: float | None = None) -> bool:
        """Have what is buffered framed into batches and sent.

        The control thread does it: the call waits for it to frame, which takes moments, and no more
        than a second if a logging handler of the user's holds that thread up. Beyond
        ``max_in_flight`` batches, the rest follows as others are settled. In a signal handler or a
        logging handler that interrupts the SDK's own work, the call waits for nothing.

        Args:
            timeout: seconds to wait until all that was tracked before the call is settled:
                delivered or given up. Without it the call does not wait for delivery.

        Returns:
            Whether all of it is settled.
        """
        self._reinit_if_forked()
        return self._pipeline.flush(timeout)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, wait until all is settled, end the threads. Can be called again without harm.

        Args:
            timeout: seconds after which to give up; ``shutdown_timeout`` if not given. What is not
                delivered by then is counted and logged. The threads end within another tenth of a
                second, unless a transport of the user's own holds them.

        Returns:
            Whether everything was settled in time. ``False`` at once in a signal handler or a
            logging handler that interrupts the SDK's own work: the rest is done at exit, or by the
            next call.
        """
        self._reinit_if_forked()
        return self._pipeline.shutdown(
            self._options.shutdown_timeout if timeout is None else timeout
        )

    def stats(self) -> Stats:
        """Return one consistent snapshot of what became of all events."""
        self._reinit_if_forked()
        return self._pipeline.stats()

    @property
    def context(self) -> ContextT:
        """The context that events carry unless ``track()`` is given another; assignable."""
        context: Any = self._context
        return None if context is NO_CONTEXT else context  # type: ignore[return-value]

    @context.setter
    def context(self, context: ContextT) -> None:
        self._context = checked_context(context)

    def _start(self, *, is_closed: bool = False) -> None:
        """Make buffer and pipeline, which a fork replaces."""
        self._set_up(make_engine(self._options.buffer_bytes), self._disabled_by_option)
        self._pipeline = Pipeline(
            self._engine,
            self._options,
            self._transport,
            self._reporter,
            owns_transport=self._owns_transport,
            is_closed=is_closed,
        )
        self._finalizer = weakref.finalize(self, self._pipeline.release)
        self._finalizer.atexit = False  # type: ignore[misc,unused-ignore]

    def _reinit_after_fork(self) -> None:
        """Replace buffer and pipeline in a forked child; see ``process.forks``."""
        predecessor = self._pipeline
        self._finalizer.detach()
        if self._session_is_generated:
            self.session_id = uuid_v7()
            self._session_is_generated = True
        self._reporter = Reporter(self._callback, self._options, self._reporter)
        try:
            self._start(is_closed=predecessor.is_shutdown)
        finally:
            predecessor.abandon()
        if callable(after_fork := getattr(self._transport, "after_fork", None)):
            try:
                after_fork()
            except Exception as error:
                self._reporter.log(
                    logging.WARNING, "the transport cannot be used in a forked process: %r", error
                )
