"""``PaltabrainSdk``: the public API."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from functools import partial
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
    DEFAULT_FLUSH_PACE_MS,
    DEFAULT_OUTAGE_SECONDS,
    REQUEST_MAX_WORKERS,
    REQUEST_TIMEOUT,
)
from .delivery import diversion
from .delivery.before_send import BeforeSend, BeforeSendHook
from .delivery.callbacks import Callback, check_callback
from .delivery.event_loop import await_without_hiding, call_in_thread, running_loop
from .delivery.ledger import Stats
from .delivery.notify import Reporter
from .delivery.pipeline import Pipeline
from .delivery.results import DeliveryResult
from .encoding.contexts import NO_CONTEXT, checked_context
from .errors import ErrorInfo
from .explanation import recognise_loaded_classes
from .options import Options, Overflow, given_or_set, origin_of_value, session_wire_id, switch
from .process import celery_children, forks, lifetime, signals
from .process.fork_barrier import hold_forks
from .scope import ScopedContext
from .transport import InMemoryTransport, Transport, make_transport

__all__ = ["PaltabrainSdk"]

ContextT = TypeVar("ContextT", bound=SerializableContext)

_DISABLED_VARIABLE: Final = "PALTABRAIN_SDK_DISABLED"
_DEBUG_VARIABLE: Final = "PALTABRAIN_SDK_DEBUG"


class PaltabrainSdk(Attributes, Generic[ContextT]):
    """Tracks typed events and delivers them to PaltaBrain in batches, in the background.

    Use it as a context manager, by ``with`` or, in asyncio, by ``async with``; or call
    ``shutdown()`` in the end. Every method may be called from any thread.

    Args:
        hostname: ``host`` or ``host:port`` of the API, always ``https``, which may be said;
            ``http://`` may be given for a loopback host only. The environment variable
            ``PALTABRAIN_SDK_HOSTNAME`` if not given.
        api_key: key for authentication; ``PALTABRAIN_SDK_API_KEY`` if not given.
        context: ``Context`` object of the config module; events carry its state at ``track()``.
            ``None`` where each ``track()`` is given one. All threads share it, so that a service
            which sets it in each request sends events with the user of another: see
            ``scoped_context()`` for what belongs to one request.
        instance_id: sent with each batch; a new UUIDv7 if not given.
        session_id: an integer or a UUID string; ``0`` and ``""`` are as good as none.
        start_session: make a new UUIDv7 if no ``session_id`` is given.
        flush_buffer_size: flush when this many events are buffered, and ``flush_pace_ms`` have
            passed since the last flush; each at once for 0 or 1.
        flush_interval_ms: flush when this many milliseconds have passed since the last flush; at
            once for 0. Any number is taken for this, ``flush_buffer_size`` and
            ``flush_max_retries``; one that makes no sense means the nearest one that does.
        flush_max_retries: total number of attempts for a batch, at least one is made.
        flush_pace_ms: flush no sooner than so many milliseconds after the last flush because of
            ``flush_buffer_size``, so that a high rate makes fewer and fuller batches; 0: as soon as
            so many events are buffered. What could fill a batch, or half of the buffer, does not
            wait for it, nor do ``flush()``, ``shutdown()`` and the exit. Any number is taken.
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
            for ``"curl"``, the faster of the two that are installed for ``"auto"``. A given one is
            the caller's to close. Its method ``after_fork()``, if it has one, is called in each
            forked child, to forget what belongs to the parent.
        on_error: called with the exception of each failed batch and each skipped event, and an
            ``ErrorInfo``, in a thread of the SDK's own. That thread blocks all signals, and so does
            a program that it starts, unless told otherwise (``signal.pthread_sigmask``). An error
            of an event has its traceback as the text of a note. What it raises is logged; while
            1,000 errors wait for it, no more are told. Not called for what ``shutdown()`` or the
            exit gives up at its deadline, nor for an event that is tracked later, nor any more for
            an SDK that was dropped without ``shutdown()``.
        outage_seconds: for how long events are kept while the server cannot be reached, whatever
            ``flush_max_retries`` says; 0: a batch that finds no server is lost after its attempts.
        before_send: called with each event and the context that it will carry (``None`` if there is
            none), before it is encoded, in the thread that tracks it; by several threads at once.
            Returns the event to send: the same one, changed or not, or another. ``None`` drops it,
            which is counted, and told to nobody. If it raises an ``Exception``, or returns what is
            no event, nothing of the event is sent, not even the error's text; that is counted,
            logged and told to ``on_error``. The context is no copy: other events share it. What
            this SDK is given to track within the call is dropped as ``reentrant``, or it would be
            sent unseen, or never end.
        flush_on_sigterm: deliver what is left, within ``exit_timeout``, when ``SIGTERM`` comes, and
            then end by that signal. Only where it has the system's default handler when the SDK is
            made, in the main thread; or else a warning says why this has no effect. Forked children
            do the same for their own events.
        debug: write for a person what this SDK is and how it is set; each event, as it is encoded,
            in the thread that tracks it; each batch, and what became of it. The lines go to the
            logger if that shows ``DEBUG``, and else to ``sys.stderr``. Long values are cut, the API
            key is not shown. The environment variable ``PALTABRAIN_SDK_DEBUG`` turns it on, too, if
            it is ``1``, ``true``, ``yes`` or ``on``.
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
        flush_pace_ms: float = DEFAULT_FLUSH_PACE_MS,
        buffer_bytes: int = 16 * 1024 * 1024,
        overflow: Overflow = "drop_new",
        block_timeout_ms: int = 1000,
        max_in_flight: int = REQUEST_MAX_WORKERS,
        request_timeout: float = REQUEST_TIMEOUT,
        shutdown_timeout: float | None = None,
        exit_timeout: float = 5.0,
        transport: Transport | Literal["curl", "auto"] | None = None,
        on_error: Callable[[Exception, ErrorInfo], object] | None = None,
        outage_seconds: float = DEFAULT_OUTAGE_SECONDS,
        before_send: BeforeSend | None = None,
        flush_on_sigterm: bool = False,
        debug: bool = False,
        disabled: bool = False,
    ) -> None:
        switched = {name: switch(name) for name in (_DISABLED_VARIABLE, _DEBUG_VARIABLE)}
        disabled = bool(disabled or switched[_DISABLED_VARIABLE])
        origins = {
            "hostname": origin_of_value("hostname", hostname),
            "api_key": origin_of_value("api_key", api_key),
        }
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
            flush_pace_ms=flush_pace_ms,
            buffer_bytes=buffer_bytes,
            overflow=overflow,
            block_timeout_ms=block_timeout_ms,
            max_in_flight=max_in_flight,
            request_timeout=request_timeout,
            shutdown_timeout=shutdown_timeout,
            exit_timeout=exit_timeout,
            outage_seconds=outage_seconds,
            debug=bool(debug or switched[_DEBUG_VARIABLE]),
        )
        if transport not in (None, "curl", "auto") and not isinstance(transport, Transport):
            raise TypeError(
                f"transport must be 'curl', 'auto' or have send() and close(), not {transport!r}"
            )
        if on_error is not None:
            check_callback("on_error", on_error, "an exception and an ErrorInfo")
        if before_send is not None:
            check_callback("before_send", before_send, "an event and its context")
        self._before_send = None if before_send is None else BeforeSendHook(before_send)
        self._context = NO_CONTEXT
        self.context = context  # type: ignore[assignment]
        self._session_wire_id = session_wire_id(session_id)
        self._callback = None if on_error is None else Callback(on_error)
        self._reporter = Reporter(self._callback, self._options)
        # before locks are taken that another thread of the parent held
        forks.reinit_if_forked()
        for name, value in switched.items():
            if value is None:
                ignored.warn_user(
                    f"{name} is neither on nor off, and taken as off: set it to 1 or 0"
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
        self._reporter.debug.sdk_made(transport, origins, disabled=disabled)
        self._start()
        forks.register(self)
        if lifetime.lacks_threads():
            self._reporter.warn(
                "uWSGI runs without threads, so that only flush() with a timeout sends events: give"
                " it the option enable-threads",
                logging.ERROR,
            )
        celery_children.await_end()
        if flush_on_sigterm and not disabled and (why := signals.handle_sigterm()) is not None:
            self._reporter.warn(f"flush_on_sigterm has no effect: {why}")
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

    async def __aenter__(self) -> Self:
        running_loop()  # or else __aexit__ would only find out that it cannot wait
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await await_without_hiding(exc, self.ashutdown())

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

        Never raises an ``Exception``, and never does I/O but with ``debug``. It never waits either,
        but with ``overflow="block"`` for a full buffer, up to ``block_timeout_ms``. An event that
        cannot be serialized is logged and skipped. If the buffer is full, this event is dropped, or
        the oldest ones are (``overflow="drop_old"``). Both are counted in ``stats()``.

        Args:
            event: an event of the config module.
            context: is sent with this event in place of ``sdk.context``; ignored if it is false, as
                ``None`` is.
        """
        self._track(event, context)

    def warm_up(self) -> None:
        """Do now, in this thread, what the first events and batches would take long for.

        That is: to import the libraries of the network, to read the certificates, to recognise all
        event and context classes that are loaded, and to start the thread that frames. It takes a
        tenth of a second, and nothing goes over the network. Without this call the SDK does the
        same by and by, in threads of its own: the first events of a class are serialized by their
        own methods meanwhile, and the first batch leaves a little later.

        Any thread may call it, also again. Forked children keep what was imported and recognised,
        and have a thread and certificates of their own, as without it. A transport of the user's
        own may have a method ``warm_up()``, which is called here.

        Raises:
            FileNotFoundError: the bundle of certificates does not exist any more.
            ValueError: it is a file without a certificate.
        """
        self._reinit_if_forked()
        if self._disabled_by_option:
            return
        if callable(warm_up := getattr(self._transport, "warm_up", None)):
            with hold_forks():
                warm_up()
        recognise_loaded_classes()
        self._event_recorded()  # which starts the thread

    def flush(self, timeout: float | None = None) -> DeliveryResult:
        """Have what is buffered framed into batches and sent.

        The control thread does it: the call waits for it to frame, which takes moments, and no more
        than a second if a logging handler of the user's holds that thread up. Beyond
        ``max_in_flight`` batches, the rest follows as others are settled. In a signal handler or a
        logging handler that interrupts the SDK's own work, the call waits for nothing.

        Args:
            timeout: seconds to wait until all that was tracked before the call is settled:
                delivered or given up. Without it the call does not wait for delivery.

        Returns:
            A result that is true if all of it is settled, and says what was delivered and lost
            during the call, and why.
        """
        self._reinit_if_forked()
        return self._pipeline.flush(timeout)

    def shutdown(self, timeout: float | None = None) -> DeliveryResult:
        """Flush, wait until all is settled, end the threads. Can be called again without harm.

        Args:
            timeout: seconds after which to give up; ``shutdown_timeout`` if not given. What is not
                delivered by then is counted and logged. The threads end within another tenth of a
                second, unless a transport of the user's own holds them.

        Returns:
            A result that is true if everything was settled in time, and says what was delivered and
            lost during the call, and why. Whoever calls this again, or meanwhile, gets the same
            one. It is false, at once, in a signal handler or a logging handler that interrupts the
            SDK's own work: the rest is done at exit, or by the next call.
        """
        self._reinit_if_forked()
        return self._pipeline.shutdown(
            self._options.shutdown_timeout if timeout is None else timeout
        )

    async def aflush(self, timeout: float | None = None) -> DeliveryResult:
        """Do as ``flush()``, and wait in the event loop of asyncio, which goes on meanwhile.

        A thread of the SDK's own makes the call, one for each. If the task is cancelled, the call
        goes on there. Where no thread can be started (uWSGI without threads, the end of the
        interpreter, a system without threads to spare), it is made here, and holds up the loop; a
        warning says so.

        Args:
            timeout: as for ``flush()``.

        Returns:
            What ``flush()`` returns.

        Raises:
            RuntimeError: no loop of asyncio is running, as under trio.
        """
        self._reinit_if_forked()
        return await call_in_thread(partial(self.flush, timeout), self._reporter)

    async def ashutdown(self, timeout: float | None = None) -> DeliveryResult:
        """Do as ``shutdown()``, and wait in the event loop of asyncio, as ``aflush()`` does.

        If the task is cancelled, the shutdown goes on in its thread: within ``timeout`` or
        ``shutdown_timeout``, and at most until the end of the process and ``exit_timeout``.

        Args:
            timeout: as for ``shutdown()``.

        Returns:
            What ``shutdown()`` returns.

        Raises:
            RuntimeError: no loop of asyncio is running, as under trio.
        """
        self._reinit_if_forked()
        return await call_in_thread(partial(self.shutdown, timeout), self._reporter)

    def stats(self) -> Stats:
        """Return one consistent snapshot of what became of all events."""
        self._reinit_if_forked()
        return self._pipeline.stats()

    @property
    def context(self) -> ContextT:
        """The context that events carry unless ``track()`` is given another; assignable.

        Within ``scoped_context()``, it is that of the scope.
        """
        context: Any = self._current_context()
        return None if context is NO_CONTEXT else context  # type: ignore[return-value]

    @context.setter
    def context(self, context: ContextT) -> None:
        checked, scope = checked_context(context), self._current_scope()
        if scope is None:
            self._context = checked
        else:
            scope.context = checked

    def scoped_context(self, context: ContextT | None = None) -> ScopedContext[ContextT]:
        """Return a context manager: within it, this thread or task has a context of its own.

        It yields that context, which is a copy of the one around it. There, ``sdk.context`` is that
        copy, to change or to assign, and ``track()`` takes it for events that it is given no other
        for. Nothing that is changed inside can be seen outside, nor the other way round. An asyncio
        task that is started inside stays in the scope; a new thread does not, unless it runs in a
        copy of ``contextvars.copy_context()``, as with ``asyncio.to_thread``.

        A scope that is left elsewhere than it was entered, as by an async generator that another
        task closes, is over for everybody, tasks that were started in it included. If the class
        overrides ``context``, the scope comes first all the same.

        Args:
            context: what the scope begins with in place of a copy, as it is.

        Raises:
            TypeError: ``context`` is no context. On entry: none was given, and the SDK has none or
                one that cannot be copied.
        """
        if context is not None:
            checked_context(context)
        return ScopedContext(self, context)

    def _start(self, *, is_closed: bool = False) -> None:
        """Make buffer and pipeline, which a fork replaces."""
        has_own_context = type(self).context is not PaltabrainSdk.context
        self._set_up(
            make_engine(self._options.buffer_bytes),
            self._disabled_by_option,
            self._before_send is not None or self._options.debug or has_own_context,
        )
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
        diversion.note(self, self._pipeline)

    def _tell_losses(self) -> None:
        """Tell of all losses so far: the process may end before they are due to be told."""
        self._pipeline.tell_losses()

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
