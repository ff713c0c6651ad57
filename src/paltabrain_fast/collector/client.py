"""Client of the collector's HTTP API, for the commands: events, counts, SQL, the stream, reset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from ..transport.bundle import NamedBundle
from .event_stream import Message, messages

__all__ = ["DEFAULT_URL", "ApiError", "CollectorClient", "Filters", "Page", "UnreachableError"]

DEFAULT_URL: Final = "http://localhost:8080"
"""Where ``paltabrain-fast dev`` serves the API, unless it is told otherwise."""

Filters = Sequence[tuple[str, str]]
"""Parameters of the query by which events are chosen; a name may come more than once."""

_CONNECT_SECONDS: Final = 3.0
_ANSWER_SECONDS: Final = 60.0
"""Seconds that an answer may take: a query of somebody's own may be slow."""
_SILENCE_SECONDS: Final = 40.0
"""Seconds without a byte after which a stream is dead: it has a heartbeat every 15 seconds."""


class UnreachableError(Exception):
    """No collector answers at the URL, or what answers is none; the text is one line."""


class ApiError(Exception):
    """The collector refuses a request.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Page:
    """Events, and the id to go on with: as ``before``, or as ``after`` in ascending order."""

    events: list[dict[str, Any]]
    next: int | None


class CollectorClient:
    """Calls the API of one collector. It is no SDK: it neither sends events nor needs a key.

    Proxies of the environment are not used, since the collector is on this machine. By HTTPS, the
    certificates are trusted that ``REQUESTS_CA_BUNDLE`` names, or else the system's.
    """

    def __init__(self, url: str = DEFAULT_URL) -> None:
        """Make a client; nothing is sent.

        Args:
            url: that of HTTP, as ``paltabrain-fast dev`` prints it; ``http://`` may be left out.

        Raises:
            ValueError: it is no such URL.
        """
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        try:
            parsed = urllib3.util.parse_url(self.url)
        except urllib3.exceptions.LocationParseError:
            parsed = None
        if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"{url!r} is no URL of a collector, as {DEFAULT_URL} is one")
        bundle = NamedBundle.find(None).path
        is_directory = bundle is not None and Path(bundle).is_dir()
        self._pool = urllib3.PoolManager(
            retries=False,
            ca_certs=None if is_directory else bundle,
            ca_cert_dir=bundle if is_directory else None,
        )

    def close(self) -> None:
        """Close the connections; the next request opens another."""
        self._pool.clear()

    def health(self) -> dict[str, Any]:
        """Return status, version, schema and file of the collector.

        Raises:
            UnreachableError: there is none.
        """
        answer = self._json("GET", "/api/health")
        if not isinstance(answer, dict) or not answer.keys() >= {"status", "version", "schema"}:
            raise UnreachableError(f"what answers at {self.url} is no collector of paltabrain-fast")
        return answer

    def events(
        self,
        filters: Filters = (),
        *,
        limit: int = 100,
        order: str = "desc",
        before: int | None = None,
        after: int | None = None,
    ) -> Page:
        """Return a page of events, the newest first unless ``order`` is ``"asc"``."""
        bounds = {"before": before, "after": after, "limit": limit, "order": order}
        given = [(name, str(value)) for name, value in bounds.items() if value is not None]
        answer = self._json("GET", f"/api/events?{urlencode([*filters, *given])}")
        return Page(answer["events"], answer["next"])

    def counts(self) -> dict[str, Any]:
        """Return the numbers of events, by type too."""
        return dict(self._json("GET", "/api/counts"))

    def schema(self) -> dict[str, Any]:
        """Return the types of events, and the groups of context and header."""
        return dict(self._json("GET", "/api/schema"))

    def sql(self, query: str) -> dict[str, Any]:
        """Return ``columns`` and ``rows`` of one ``SELECT``.

        Raises:
            ApiError: 400 with DuckDB's reason.
        """
        return dict(self._json("POST", "/api/sql", {"query": query}))

    def reset(self) -> int:
        """Delete all events; return how many there were."""
        return int(self._json("POST", "/api/reset", {})["deleted"])

    @contextmanager
    def stream(
        self, filters: Filters = (), after: int | None = None
    ) -> Iterator[Iterator[Message]]:
        """Open the stream of events that arrive, and close it at the end.

        Args:
            filters: which events.
            after: the id of the last event that is known; ``None`` if only new ones are wanted.

        Raises:
            UnreachableError: there is no collector, or, while it is read, the connection ended.
            ApiError: the collector refuses the filters.
        """
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        path = f"/api/stream?{urlencode(filters)}"
        with self._told():
            answer = self._request("GET", path, headers, _SILENCE_SECONDS)
            try:
                _require_success(answer)
                yield messages(answer.stream(1 << 16))
            finally:
                answer.close()

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Accept": "application/json"}
        with self._told():
            answer = self._request(method, path, headers, _ANSWER_SECONDS, body)
            try:
                _require_success(answer)
                return json.loads(answer.data)
            except ValueError:
                raise UnreachableError(
                    f"what answers at {self.url} is no collector of paltabrain-fast"
                ) from None
            finally:
                answer.release_conn()

    def _request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        seconds: float,
        body: Mapping[str, Any] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        if body is not None:
            headers = headers | {"Content-Type": "application/json"}
        return self._pool.request(
            method,
            self.url + path,
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
            preload_content=False,
            redirect=False,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what urllib3 raises into an ``UnreachableError``."""
        try:
            yield
        except urllib3.exceptions.SSLError as error:
            raise UnreachableError(
                f"no collector answers at {self.url} ({error}; REQUESTS_CA_BUNDLE names what is to"
                " be trusted)"
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"no collector answers at {self.url}") from error


def _require_success(answer: urllib3.BaseHTTPResponse) -> None:
    if answer.status == 200:
        return
    try:
        reason = str(json.loads(answer.data)["error"])
    except (ValueError, LookupError, TypeError):
        reason = f"the collector answers with HTTP status {answer.status}"
    raise ApiError(answer.status, reason)
