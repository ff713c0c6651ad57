"""Keeps other sites' pages out of the collector: by headers of requests, and of each answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .listening import is_address, is_unspecified

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class Guard:
    """Refuses with 403 what a page of another site may have sent, and sets the headers of answers.

    A browser sends the name of the site in ``Host``, also when that name was made to resolve to
    this machine, and in ``Origin`` that of the page that asks. What a page embeds, such as an
    image, has no ``Origin``, but ``Sec-Fetch-Site``. A link may be followed: what it leads to is
    seen by a person, and not by the page that has it.

    Args:
        app: answers the other requests.
        hosts: names and addresses beside those of loopback.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        named = [host.lower() for host in hosts]
        self._hosts = {*LOCAL_HOSTS, *named}
        self._takes_addresses = any(is_unspecified(host) for host in named)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        reason = self._refusal(Headers(scope=scope))
        if reason is None:
            await self._app(scope, receive, send_with_headers)
            return
        # The body is not read, so that the connection cannot be used again.
        answer = JSONResponse({"error": reason}, 403, headers={"Connection": "close"})
        await answer(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> str | None:
        host = headers.get("host", "")
        name = _hostname(f"//{host}")
        if name is None or not self._is_own(name):
            return (
                f"the Host {host[:100]!r} is not this collector's; start it with"
                f" --host {name or 'NAME'} if that is how clients reach it"
            )
        origin = headers.get("origin")
        if origin is not None:
            parts = origin.partition("://")
            if parts[0] not in ("http", "https") or parts[2].lower() != host.lower():
                return f"the Origin {origin[:100]!r} is another site"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _is_link(headers):
            return f"a page of another site asks for it (Sec-Fetch-Site: {site[:100]})"
        return None

    def _is_own(self, name: str) -> bool:
        return name in self._hosts or (self._takes_addresses and is_address(name))


def _is_link(headers: Headers) -> bool:
    """Tell whether a person goes to it in a window or tab."""
    wanted = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    return all(headers.get(name) == value for name, value in wanted.items())


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is none
    except ValueError:
        return None
    is_bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.hostname if is_bare else None
