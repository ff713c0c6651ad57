"""``sdk.scoped_context()``: a context that belongs to one thread or task, for a while."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import gc
import os
import threading
import traceback
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

import pytest

from paltabrain_fast import BaseContext, InMemoryTransport, PaltabrainSdk
from paltabrain_fast.scope import ScopedContext

from .schema.packages import EXAMPLE, imported
from .support.api_server import ApiServer
from .support.events import TextContext, TextEvent
from .support.interruption import everywhere
from .support.programs import run_program
from .support.sdk import MakeSdk, contexts_of_events
from .support.threads import running


class Groups(BaseContext):
    """A context whose bytes are its groups."""

    def serialize_context(self) -> bytes:
        return repr({name: dict(group) for name, group in self._context.items()}).encode()


class Foreign:
    """A context on the base classes of another package: nothing of ours is in it."""

    def __init__(self) -> None:
        self._context: dict[str, dict[str, Any]] = {}

    def serialize_context(self) -> bytes:
        return repr(self._context).encode()


def test_events_in_a_scope_carry_its_context(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    own = TextContext("own")
    sdk = make_sdk(transport=transport, context=own)
    sdk.track(TextEvent("before"))
    with sdk.scoped_context() as context:
        assert isinstance(context, TextContext)
        assert sdk.context is context
        sdk.track(TextEvent("first"))
        context.text = "scoped"
        sdk.track(TextEvent("second"))
        sdk.track(TextEvent("third"), None)
        sdk.track(TextEvent("false"), False)  # type: ignore[arg-type]
        sdk.track(TextEvent("given"), TextContext("given"))
        own.text = "own, changed"
        sdk.track(TextEvent("fourth"))
    assert sdk.context is own
    sdk.track(TextEvent("after"))
    assert contexts_of_events(sdk, transport) == {
        "before": "own",
        "first": "own",
        **dict.fromkeys(["second", "third", "false", "fourth"], "scoped"),
        "given": "given",
        "after": "own, changed",
    }


def test_an_assignment_within_a_scope_ends_with_it(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    own = TextContext("own")
    sdk = make_sdk(transport=transport, context=own)
    with sdk.scoped_context():
        sdk.context = TextContext("assigned")
        sdk.track(TextEvent("in"))
        with pytest.raises(TypeError, match="must be a Context object"):
            sdk.context = 5
    assert sdk.context is own
    sdk.track(TextEvent("out"))
    assert contexts_of_events(sdk, transport) == {"in": "assigned", "out": "own"}


def test_scopes_may_be_nested(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"))
    with sdk.scoped_context() as outer:
        outer.text = "outer"
        with sdk.scoped_context() as inner:
            assert inner.text == "outer"
            inner.text = "inner"
            sdk.track(TextEvent("1"))
        with contextlib.suppress(ZeroDivisionError), sdk.scoped_context() as failing:
            failing.text = "failing"
            sdk.track(TextEvent("2"))
            raise ZeroDivisionError
        sdk.track(TextEvent("3"))
    assert contexts_of_events(sdk, transport) == {"1": "inner", "2": "failing", "3": "outer"}


def test_exceptions_pass(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    with pytest.raises(ZeroDivisionError), sdk.scoped_context():
        1 // 0  # noqa: B018
    assert sdk.context.text == "context"


def test_interruption_leaves_no_scope_behind(make_sdk: MakeSdk) -> None:
    """As by a signal handler that raises; what goes on in this thread belongs to nobody's request.

    Only where ``__exit__()`` is about to begin, nothing of it can help.
    """

    def raise_in_handler() -> NoReturn:
        raise InterruptedError

    sdk = make_sdk(transport=InMemoryTransport(), context=TextContext("own"))
    left = []
    for interruption in everywhere(raise_in_handler, least=10):
        with sdk.scoped_context(TextContext("around")) as around:
            try:
                with interruption:
                    scope = sdk.scoped_context(TextContext("scoped"))
                    with scope:
                        sdk.track(TextEvent())
            except InterruptedError as error:
                frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
                if sdk.context is not around:
                    left.append(frames)
    assert all(frames[1].f_code is ScopedContext.__exit__.__code__ for frames in left), left
    assert len(left) <= 1


def test_a_given_context_is_taken_as_it_is(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=None)
    with pytest.raises(TypeError, match=r"no context .* sdk\.scoped_context\(Context\(\)\)"):
        sdk.scoped_context().__enter__()
    for wrong in TextContext, 5, ...:
        with pytest.raises(TypeError, match="must be"):
            sdk.scoped_context(wrong)
    given = TextContext("given")
    with sdk.scoped_context(given) as context:
        assert context is given
        sdk.track(TextEvent("in"))
        with sdk.scoped_context() as inner:
            assert (inner is given, inner.text) == (False, "given")
    assert sdk.context is None
    sdk.track(TextEvent("lost"))
    assert contexts_of_events(sdk, transport) == {"in": "given"}
    assert sdk.stats().dropped == {"serialization_error": 1}


def test_a_scope_is_entered_once(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    scope = sdk.scoped_context()
    with scope as context:
        with pytest.raises(RuntimeError, match="entered once"):
            scope.__enter__()
        assert sdk.context is context
    scope.__exit__(None, None, None)
    assert sdk.context.text == "context"


@pytest.mark.parametrize("make", [Groups, Foreign])
def test_no_change_leaks_out_of_a_scope(make_sdk: MakeSdk, make: Callable[[], Any]) -> None:
    own = make()
    own._context["user"] = {"id": "own", "tags": ["a"], "by_name": {"a": 1}}
    sdk = make_sdk(transport=InMemoryTransport(), context=own)
    before = copy.deepcopy(own._context)
    with sdk.scoped_context() as context:
        groups = context._context
        assert (type(context), groups) == (type(own), before)
        groups["user"]["id"] = "scoped"
        groups["user"]["tags"].append("b")
        groups["user"]["by_name"]["b"] = 2
        groups["other"] = {"x": 1}
    assert own._context == before


def test_context_may_change_while_it_is_copied(make_sdk: MakeSdk) -> None:
    """As another thread may change it; this one does so in the midst of the copy."""

    class Changing:
        def __deepcopy__(self, _memo: object) -> str:
            own._context["user"]["later"] = own._context["other"]["later"] = 1
            return "copied"

    own = Groups()
    own._context["user"] = {"first": Changing(), "last": 2}
    sdk = make_sdk(transport=InMemoryTransport(), context=own)
    with sdk.scoped_context() as context:
        assert context._context == {"user": {"first": "copied", "last": 2}}


def test_what_cannot_be_copied_is_told(make_sdk: MakeSdk) -> None:
    class Locked(TextContext):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    class Single(TextContext):
        def __deepcopy__(self, _memo: object) -> Single:
            return self

    for own, why in (Locked(), "pickle"), (Single(), "the same object"):
        sdk = make_sdk(transport=InMemoryTransport(), context=own)
        with pytest.raises(TypeError, match=rf"{why}.*sdk\.scoped_context\({type(own).__name__}"):
            sdk.scoped_context().__enter__()
        assert sdk.context is own
        with sdk.scoped_context(TextContext("given")) as context:
            assert sdk.context is context


def test_threads_have_their_own_scopes(make_sdk: MakeSdk) -> None:
    """And what one of them changes while another one enters a scope harms nobody."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=Groups())
    all_in = threading.Barrier(4)

    def work(name: str) -> None:
        for turn in range(50):
            with sdk.scoped_context() as context:
                context._context["user"]["id"] = name
                all_in.wait(30)
                sdk.track(TextEvent(f"{name} {turn}"))

    with running(*(lambda name=str(n): work(name) for n in range(4))):
        sdk.track(TextEvent("own"))
        for number in range(2_000):
            sdk.context._context[f"group {number % 7}"][f"{number}"] = 1
            if number % 7 == 6:
                sdk.context._context.clear()
    came = contexts_of_events(sdk, transport)
    assert came.pop("own") in ("{}", repr({"group 0": {"0": 1}}))
    assert len(came) == 200
    assert all(f"'id': '{text.split()[0]}'" in context for text, context in came.items())


def test_tasks_inherit_the_scope_they_are_started_in(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"))

    async def later(left: asyncio.Event) -> None:
        await left.wait()
        sdk.track(TextEvent("later"))

    async def assign() -> None:
        sdk.context = TextContext("assigned in a task")

    async def main() -> None:
        left = asyncio.Event()
        with sdk.scoped_context() as context:
            context.text = "scoped"
            task = asyncio.create_task(later(left))
            await asyncio.to_thread(sdk.track, TextEvent("in a thread"))
            thread = threading.Thread(
                target=contextvars.copy_context().run, args=(sdk.track, TextEvent("by hand"))
            )
            thread.start()
            await asyncio.to_thread(thread.join)
            await asyncio.create_task(assign())
            sdk.track(TextEvent("in"))
        left.set()
        await task
        sdk.track(TextEvent("out"))

    asyncio.run(main())
    assert contexts_of_events(sdk, transport) == {
        **dict.fromkeys(["in a thread", "by hand"], "scoped"),
        **dict.fromkeys(["in", "later"], "assigned in a task"),
        "out": "own",
    }


def test_concurrent_tasks_have_their_own_scopes(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"))

    async def work(name: str, all_in: asyncio.Barrier) -> None:
        with sdk.scoped_context():
            sdk.context.text = name
            await all_in.wait()
            sdk.track(TextEvent(name))

    async def main() -> None:
        all_in = asyncio.Barrier(50)
        await asyncio.gather(*(work(str(number), all_in) for number in range(50)))

    asyncio.run(main())
    assert contexts_of_events(sdk, transport) == {str(number): str(number) for number in range(50)}


def test_a_scope_left_in_another_task_is_over(make_sdk: MakeSdk) -> None:
    """As that of an async generator that somebody else closes; then the one around it counts."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=TextContext("own"))

    async def parts() -> AsyncIterator[None]:
        with sdk.scoped_context() as context:
            context.text = "generator"
            sdk.track(TextEvent("generator"))
            yield

    async def leave_elsewhere(around: str) -> None:
        generator: Any = parts()
        await anext(generator)
        assert sdk.context.text == "generator"  # a generator shares the context of its caller
        await asyncio.create_task(generator.aclose())
        sdk.track(TextEvent(around))
        assert sdk.context.text == around
        sdk.context = TextContext("assigned")
        with sdk.scoped_context() as context:
            assert context.text == "assigned"
        sdk.context = TextContext(around)

    async def main() -> None:
        await leave_elsewhere("own")
        with sdk.scoped_context() as context:
            context.text = "outer"
            await leave_elsewhere("outer")
        assert sdk.context.text == "own"

    asyncio.run(main())
    came = contexts_of_events(sdk, transport)
    assert came == {name: name for name in ("generator", "own", "outer")}


def test_a_scope_left_where_nobody_is_in_one_is_over(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport(), context=TextContext("own"))
    scope, elsewhere = sdk.scoped_context(), contextvars.copy_context()
    elsewhere.run(scope.__enter__).text = "elsewhere"
    assert (sdk.context.text, elsewhere.run(lambda: sdk.context.text)) == ("own", "elsewhere")
    scope.__exit__(None, None, None)
    assert elsewhere.run(lambda: sdk.context.text) == "own"


def test_scopes_left_in_the_wrong_order(make_sdk: MakeSdk) -> None:
    """As those of two generators that take turns."""
    sdk = make_sdk(transport=InMemoryTransport(), context=TextContext("own"))

    def steps(name: str) -> Iterator[None]:
        with sdk.scoped_context() as context:
            context.text = name
            yield

    first, second = steps("first"), steps("second")
    next(first)
    next(second)
    assert sdk.context.text == "second"
    first.close()  # type: ignore[attr-defined]
    assert sdk.context.text == "second"
    second.close()  # type: ignore[attr-defined]
    assert sdk.context.text == "own"


def test_each_sdk_has_scopes_of_its_own(make_sdk: MakeSdk) -> None:
    one = make_sdk(transport=InMemoryTransport(), context=TextContext("one"))
    two = make_sdk(transport=InMemoryTransport(), context=TextContext("two"))
    with one.scoped_context() as of_one:
        assert two.context.text == "two"
        with two.scoped_context() as of_two:
            assert (one.context, two.context) == (of_one, of_two)
    assert (one.context.text, two.context.text) == ("one", "two")


def test_a_scope_comes_before_the_context_of_a_subclass() -> None:
    class Own(PaltabrainSdk[Any]):
        text = "own"

        @property
        def context(self) -> Any:
            return TextContext(self.text)

        @context.setter
        def context(self, context: Any) -> None:
            self.text = context.text

    transport = InMemoryTransport()
    with Own("host", "key", TextContext("given"), transport=transport) as sdk:
        sdk.track(TextEvent("before"))
        with sdk.scoped_context() as context:
            assert context.text == "given"
            context.text = "scoped"
            sdk.track(TextEvent("in"))
        sdk.context = TextContext("assigned")
        sdk.track(TextEvent("after"))
        assert contexts_of_events(sdk, transport) == {
            "before": "given",
            "in": "scoped",
            "after": "assigned",
        }


def test_disabled_sdk_has_scopes(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(disabled=True)
    with sdk.scoped_context() as context:
        context.text = "scoped"
        assert sdk.context is context
        sdk.track(TextEvent())
    assert sdk.context.text == "context"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_stays_in_the_scope(api: ApiServer) -> None:
    run_program("fork/in_a_scope", api.hostname)
    came = [(batch.context, event.payload) for batch in api.batches for event in batch.events]
    assert came == [(b"scoped", b"child"), (b"scoped", b"parent")]


def test_a_scope_keeps_neither_sdk_nor_context() -> None:
    sdk = PaltabrainSdk("host", "key", TextContext(), transport=InMemoryTransport())
    with sdk.scoped_context() as context:
        sdk.track(TextEvent())
    references = weakref.ref(sdk), weakref.ref(context)
    del sdk, context
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_bytes_of_a_generated_context_follow_each_change_in_a_scope(make_sdk: MakeSdk) -> None:
    """They are kept from event to event, and those of the copy are not those of the original."""
    with imported(EXAMPLE.parent / "config") as config:
        own = config.Context().set_os(os_name="a").set_identify(experiments={"x": "A"})
        transport = InMemoryTransport()
        sdk = make_sdk(transport=transport, context=own, max_in_flight=1)
        wanted = Counter[bytes]()

        def track() -> None:
            for _ in range(3):
                wanted[sdk.context.serialize_context()] += 1
                sdk.track(config.EventPageOpen())

        for name in "bcd":
            track()
            with sdk.scoped_context() as context:
                wanted[sdk.context.serialize_context()] += 1
                sdk.track(config.EventPageOpen())
                context.set_os(os_name=name)
                track()
                context.set_identify(experiments={"x": name})
                track()
        assert sdk.flush(timeout=30)
        sent = [(batch.context, len(batch.events)) for batch in transport.batches]
        assert sent == list(wanted.items())
