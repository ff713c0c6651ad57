"""The WSGI middleware: the scope lasts as long as the response, and no request fails for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

from paltabrain_fast import InMemoryTransport
from paltabrain_fast.contrib.wsgi import ContextMiddleware

from ..support.events import TextContext, TextEvent
from ..support.sdk import MakeSdk, Sdk, contexts_of_events

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def start_response(_status: str, _headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
    """Take what a server would send."""


def request(application: Application, path: str = "/") -> Iterable[bytes]:
    environ: dict[str, Any] = {"PATH_INFO": path, "wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    return application(environ, start_response)


class Streaming:
    """A response that tracks when it is begun, made, exhausted and closed."""

    def __init__(self, sdk: Sdk, name: str) -> None:
        self._sdk = sdk
        self._name = name

    def track(self, text: str) -> None:
        self._sdk.track(TextEvent(f"{self._name}: {text}"))

    def __iter__(self) -> Iterator[bytes]:
        for part in "ab":
            self.track(part)
            yield part.encode()
        self.track("end")

    def close(self) -> None:
        self.track("closed")


def test_scope_lasts_until_the_response_is_closed(make_sdk: MakeSdk) -> None:
    """Also if the server makes two responses in turns, and leaves the thread as it was."""
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)

    def application(environ: dict[str, Any], _start_response: object) -> Iterable[bytes]:
        sdk.context.text = environ["PATH_INFO"]
        return Streaming(sdk, environ["PATH_INFO"])

    responses: list[Any] = [request(ContextMiddleware(application, sdk), path) for path in "xy"]
    iterators = [iter(response) for response in responses]
    for part in b"a", b"b":
        assert [next(iterator) for iterator in iterators] == [part, part]
        sdk.track(TextEvent(f"outside {part!r}"))
    assert [list(iterator) for iterator in iterators] == [[], []]
    for response in responses:
        response.close()
    assert sdk.context.text == "context"
    assert contexts_of_events(sdk, transport) == {
        **{f"{path}: {text}": path for path in "xy" for text in ("a", "b", "end", "closed")},
        "outside b'a'": "context",
        "outside b'b'": "context",
    }


def test_response_without_a_close_can_be_closed(make_sdk: MakeSdk) -> None:
    sdk = make_sdk(transport=InMemoryTransport())
    response: Any = request(ContextMiddleware(lambda _environ, _start: iter([b"a"]), sdk))
    assert list(response) == [b"a"]
    response.close()


def test_what_servers_treat_in_their_own_way_stays_what_it_is(make_sdk: MakeSdk) -> None:
    """A list has a length, and a file may be sent by the kernel."""
    sdk = make_sdk(transport=InMemoryTransport())
    with open(__file__, "rb") as file:
        for body in [b"a"], (b"a",), FileWrapper(file):
            assert request(ContextMiddleware(lambda _environ, _start: body, sdk)) is body  # noqa: B023


@pytest.mark.parametrize("where", ["call", "stream"])
def test_exceptions_of_the_application_pass(make_sdk: MakeSdk, where: str) -> None:
    sdk = make_sdk(transport=InMemoryTransport())

    def application(_environ: object, _start_response: object) -> Iterable[bytes]:
        sdk.context.text = "scoped"
        if where == "call":
            raise ZeroDivisionError
        return (1 // part for part in [0])  # type: ignore[misc]

    with pytest.raises(ZeroDivisionError):
        list(request(ContextMiddleware(application, sdk)))
    assert sdk.context.text == "context"


def test_context_is_filled_before_the_application_runs(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport)

    def fill(context: TextContext, environ: dict[str, Any]) -> None:
        context.text = environ["PATH_INFO"]

    def application(_environ: object, _start_response: object) -> Iterable[bytes]:
        sdk.track(TextEvent())
        return [b""]

    request(ContextMiddleware(application, sdk, fill), "/filled")
    assert contexts_of_events(sdk, transport) == {"payload": "/filled"}


def test_request_goes_on_when_its_context_cannot_be_filled(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = make_sdk(transport=InMemoryTransport())

    def fill(context: TextContext, environ: dict[str, Any]) -> None:
        context.text = "half"
        environ["no such thing"]

    def application(_environ: object, _start_response: object) -> Iterable[bytes]:
        return [sdk.context.text.encode()]

    middleware = ContextMiddleware(application, sdk, fill)
    for _ in range(2):
        assert request(middleware) == [b"half"]
    assert sdk.context.text == "context"
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert record.getMessage().startswith(
        f"the context of a request was not filled: KeyError: 'no such thing' in {__file__}:"
    )


def test_what_cannot_fill_a_context_is_refused(make_sdk: MakeSdk) -> None:
    """Nobody would await it, and no context be filled."""

    async def fill(_context: TextContext, _environ: dict[str, Any]) -> None:
        """Do what takes a while."""

    sdk = make_sdk(transport=InMemoryTransport())
    cases: list[tuple[Any, str]] = [(fill, "nobody awaits it"), (5, "callable"), (len, "take a")]
    for wrong, why in cases:
        with pytest.raises(TypeError, match=f"fill must .*{why}"):
            ContextMiddleware(lambda _environ, _start: [], sdk, wrong)


def test_faults_of_contexts_are_told_where_logging_is_not_configured(
    make_sdk: MakeSdk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once in a while, by each middleware; an error may even be one that cannot be printed."""

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def fill(_context: TextContext, _environ: dict[str, Any]) -> None:
        raise UnprintableError

    for _ in range(2):
        sdk = make_sdk(transport=InMemoryTransport())
        sdk.logger = logging.Logger("not configured")
        middleware = ContextMiddleware(lambda _environ, _start: [b"a"], sdk, fill)
        for _ in range(3):
            assert request(middleware) == [b"a"]
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            "paltabrain_fast: WARNING: the context of a request was not filled: UnprintableError in"
            f" {__file__}:"
        )


def test_request_goes_on_when_it_can_have_no_context(
    make_sdk: MakeSdk, caplog: pytest.LogCaptureFixture
) -> None:
    class Single(TextContext):
        def __deepcopy__(self, _memo: object) -> Single:
            return self

    sdk = make_sdk(transport=InMemoryTransport(), context=Single())
    assert request(ContextMiddleware(lambda _environ, _start: [b"a"], sdk)) == [b"a"]
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert record.getMessage().startswith("the request has no context of its own: TypeError: ")


def test_sdk_without_a_context_gets_one_for_each_request(make_sdk: MakeSdk) -> None:
    transport = InMemoryTransport()
    sdk = make_sdk(transport=transport, context=None)

    def application(environ: dict[str, Any], _start_response: object) -> Iterable[bytes]:
        assert sdk.context is None
        sdk.context = TextContext(environ["PATH_INFO"])
        sdk.track(TextEvent(environ["PATH_INFO"]))
        return [b""]

    for path in "xy":
        request(ContextMiddleware(application, sdk), path)
    assert sdk.context is None
    assert contexts_of_events(sdk, transport) == {"x": "x", "y": "y"}
