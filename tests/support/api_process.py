"""The API server as a process of its own, which ends when its standard input closes.

``python -m tests.support.api_process DIRECTORY [--plain]`` prints a line of JSON, its hostname and
the CA file to trust, then answers commands, a line of JSON each: ``{"do": "answer", "answers":
[...]}`` (in order; the last one goes on for ever), ``{"do": "random", "shares": [[share, answer],
...], "seed": 1}``, ``{"do": "refuse", "share": 0.1, "seed": 1}``,
``{"do": "report", "forget": false}``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .answers import Answer, Fault, at_random, in_order
from .api_server import ApiServer
from .certificates import make_certificates
from .event_log import EventLog

_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Report:
    """What the server has seen so far."""

    log: EventLog
    requests: int
    connections: int
    handshakes: int


class ApiProcess:
    """Starts the process and speaks to it; a context manager.

    Attributes:
        hostname: what a client connects to, with ``http://`` if plain.
        ca_file: what a client must trust.
    """

    def __init__(self, directory: Path, *, plain: bool = False) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(directory), *(["--plain"] if plain else [])],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = self._answered()
        self.hostname: str = started["hostname"]
        self.ca_file = Path(started["ca_file"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def answer(self, *answers: Answer) -> None:
        """Answer the requests from now on in this order; the last one goes on for ever."""
        self._ask(do="answer", answers=[answer.to_json() for answer in answers])

    def answer_at_random(self, shares: Sequence[tuple[float, Answer]], seed: int) -> None:
        """Answer with each for its share of the requests."""
        self._ask(do="random", seed=seed, shares=[(share, a.to_json()) for share, a in shares])

    def reset_before_body(self, share: float, seed: int) -> None:
        """Reset the connections of this share of the requests before their bodies are read."""
        self._ask(do="refuse", share=share, seed=seed)

    def report(self, *, forget: bool = False) -> Report:
        """Return what the server has seen so far, and has it begin a new log if told to."""
        told = self._ask(do="report", forget=forget)
        return Report(**told | {"log": EventLog.from_json(told["log"])})

    def _ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._answered()

    def _answered(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the server has ended with {self._process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _obey(server: ApiServer, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "report":
        return {
            "log": server.log.to_json(forget=command["forget"]),
            "requests": server.received,
            "connections": server.connections,
            "handshakes": server.handshakes,
        }
    start = server.received
    if command["do"] == "answer":
        choose = in_order([Answer.from_json(answer) for answer in command["answers"]])
        server.answer = lambda count, request: choose(count - start, request)
    elif command["do"] == "refuse":
        chance = random.Random(command["seed"])
        server.refuse = lambda _count, _request: (
            Fault.RESET if chance.random() < command["share"] else None
        )
    else:
        shares = [(share, Answer.from_json(answer)) for share, answer in command["shares"]]
        server.answer = at_random(shares, command["seed"])
    return {}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    ca_file, context = make_certificates(arguments.directory)
    server = ApiServer(None if arguments.plain else context, keep_requests=False)
    with server.serving():
        scheme = "http://" if arguments.plain else ""
        hello = {"hostname": scheme + server.hostname, "ca_file": str(ca_file)}
        print(json.dumps(hello), flush=True)
        for line in sys.stdin:
            print(json.dumps(_obey(server, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
