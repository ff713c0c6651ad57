"""What a test server may do with a request: answers, faults, and how they are chosen."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from paltabrain_fast.sdk_pb2 import Batch


class Fault(StrEnum):
    """What goes wrong with a connection, a request or its answer."""

    RESET = "reset"  # RST in place of an answer
    CLOSE = "close"  # FIN in place of an answer
    SILENCE = "silence"  # no answer, ever
    HALF_HEAD = "half head"  # the answer breaks off within its head
    HALF_BODY = "half body"  # the answer breaks off within its body
    DRIP = "drip"  # the answer comes byte by byte, with a pause after each
    DRIP_BODY = "drip body"  # the same, once the head is out
    ENDLESS_INTERIM = "endless interim"  # interim answers without end, as fast as can be
    ENDLESS_HEAD = "endless head"  # one header line that never ends, as fast as can be
    ENDLESS_BODY = "endless body"  # the same for the body
    CLOSE_AFTER = "close after"  # a whole answer, then the connection is closed unannounced


_WITHOUT_ANSWER = frozenset(
    (
        *(Fault.RESET, Fault.CLOSE, Fault.SILENCE),
        *(Fault.HALF_HEAD, Fault.ENDLESS_INTERIM, Fault.ENDLESS_HEAD),
    )
)


@dataclass(frozen=True)
class Received:
    """One request as it came in; without its body while that is still under way."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def batch(self) -> Batch:
        return Batch.FromString(self.body)


@dataclass(frozen=True)
class Answer:
    """How to answer a request.

    Attributes:
        status: HTTP status.
        headers: beside ``Content-Length``.
        body: of the answer.
        interim: statuses of the interim answers that come before it, whatever goes wrong with it.
        fault: what goes wrong.
        pause: seconds between two bytes of an answer that drips.
        release: the answer waits for it, or until the server stops.
        raw: bytes to send in place of it, after which the connection is closed.
        commit: whether the events count as delivered; if not given: those of a 2xx that gets out.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    interim: Sequence[int] = ()
    fault: Fault | None = None
    pause: float = 0.02
    release: threading.Event | None = None
    commit: bool | None = None
    raw: bytes | None = None

    @property
    def succeeds(self) -> bool:
        """Whether the client may learn that all is well."""
        return 200 <= self.status < 300 and self.fault not in _WITHOUT_ANSWER and self.raw is None

    @property
    def commits(self) -> bool:
        return self.succeeds if self.commit is None else self.commit

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` takes, in another process, where not all of it can go."""
        assert self.release is None
        assert self.raw is None
        return {
            "status": self.status,
            "headers": dict(self.headers),
            "body": self.body.decode("latin-1"),
            "interim": list(self.interim),
            "fault": self.fault,
            "pause": self.pause,
            "commit": self.commit,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Answer:
        fault = Fault(value["fault"]) if value["fault"] else None
        return cls(**value | {"body": value["body"].encode("latin-1"), "fault": fault})


Chooser = Callable[[int, Received], Answer]


def always(answer: Answer) -> Chooser:
    """Answer every request alike."""
    return lambda _count, _request: answer


def in_order(answers: Sequence[Answer]) -> Chooser:
    """Answer the first request with the first one, and so on; the last one goes on for ever."""
    return lambda count, _request: answers[min(count, len(answers) - 1)]


def at_random(shares: Sequence[tuple[float, Answer]], seed: int) -> Chooser:
    """Answer with each for its share of the requests, in an order that the seed decides."""
    generator = random.Random(seed)
    weights, answers = zip(*shares, strict=True)
    return lambda _count, _request: generator.choices(answers, weights)[0]
