"""``python -m tests.soak.stress``: all that threads may do to one SDK at once, without a server.

Threads track with contexts of their own, in scopes, and with the SDK's context, while another
replaces and changes that, flushes, asks for statistics, and makes and drops SDKs. Meant for a
free-threaded interpreter. After each round the books are compared with what came in.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import itertools
import random
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, Final

import paltabrain_fast
from paltabrain_fast import PaltabrainSdk, Request, SendResult
from paltabrain_fast.sdk_pb2 import Batch

from ..support.events import TextContext, TextEvent
from ..support.threads import running

ROUND_SECONDS: Final = 10.0
DEADLINE: Final = 120.0
HANG_SECONDS: Final = 300.0
_NAMED: Final = re.compile(rb"<(\w+):(\d+)>")

config: Any = import_module("examples.config")
Sdk = PaltabrainSdk[Any]


class Receiver:
    """A transport that ticks off each event that comes in, and fails now and then."""

    def __init__(self, seed: int) -> None:
        self.seen: defaultdict[str, bytearray] = defaultdict(bytearray)
        self.problems: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def send(self, request: Request) -> SendResult:
        with self._lock:
            if self._chance.random() < 0.02:
                return SendResult(status=503)
            batch = Batch.FromString(request.body)
            for event in batch.events:
                self._tick_off(event.payload, batch.context)
        return SendResult(status=200)

    def close(self) -> None:
        pass

    def _tick_off(self, payload: bytes, context: bytes) -> None:
        if (found := _NAMED.search(payload)) is None:
            self.problems["an event has no name"] += 1
            return
        name, number = found[1].decode(), int(found[2])
        whose = "shared" if name.startswith("shared") else name
        if f"<{whose}:".encode() not in context:
            self.problems[f"the context of an event of {name} is another's"] += 1
        seen = self.seen[name]
        seen.extend(bytes(max(0, number + 1 - len(seen))))
        if seen[number]:
            self.problems[f"an event of {name} came twice"] += 1
        seen[number] = 1


def make_context(name: str, number: int) -> Any:
    """Make one of two kinds: native code encodes the one, the other serializes itself."""
    text = f"<{name}:{number}>"
    return TextContext(text) if number % 5 == 0 else config.Context().set_os(os_name=text)


def make_event(name: str, number: int) -> Any:
    text = f"<{name}:{number}>"
    if number % 7 == 0:
        return TextEvent(text)
    return config.EventPageOpen(page_id=text).set_screen(screen_name="x" * (number % 60))


class Round:
    """One SDK with its threads, from beginning to end."""

    def __init__(self, threads: int, seed: int) -> None:
        self._chance = random.Random(seed)
        self._receiver = Receiver(seed)
        self._stop = threading.Event()
        self._tracked: dict[str, int] = {}
        self._threads = threads
        self._sdk = self._make_sdk(make_context("shared", 0))

    def run(self, seconds: float) -> list[str]:
        """Return what was wrong; nothing, if all was well."""
        kinds = itertools.cycle([self._track_shared, self._track_own, self._track_in_scopes])
        works: list[Callable[[], None]] = [
            partial(kind, number) for number, kind in zip(range(self._threads), kinds, strict=False)
        ]
        with running(*works):
            try:
                self._disturb(time.monotonic() + seconds)
            finally:
                self._stop.set()
        assert self._sdk.shutdown(DEADLINE), self._sdk.stats()
        return self._audit()

    def totals(self) -> Counter[str]:
        stats = self._sdk.stats()
        counts = Counter[str](tracked=sum(self._tracked.values()), delivered=stats.delivered)
        return counts + Counter(retries=stats.retries) + Counter[str](stats.dropped)

    def _make_sdk(self, context: Any) -> Sdk:
        chance = self._chance
        return PaltabrainSdk(
            "localhost",
            "key",
            context,
            transport=self._receiver,
            flush_buffer_size=chance.choice([1, 10, 500]),
            flush_interval_ms=chance.choice([5, 100, 1000]),
            buffer_bytes=chance.choice([1 << 16, 1 << 22]),
            overflow=chance.choice(["drop_new", "drop_old", "block"]),
            block_timeout_ms=200,
            start_session=True,
        )

    def _track_shared(self, thread: int) -> None:
        name = f"shared{thread}"
        for number in itertools.takewhile(lambda _: not self._stop.is_set(), itertools.count()):
            self._sdk.track(make_event(name, number))
            self._tracked[name] = number + 1

    def _track_own(self, thread: int) -> None:
        name = f"own{thread}"
        context = None
        for number in itertools.takewhile(lambda _: not self._stop.is_set(), itertools.count()):
            if context is None or number % 10 == 0:
                context = make_context(name, number)
            self._sdk.track(make_event(name, number), context)
            self._tracked[name] = number + 1

    def _track_in_scopes(self, thread: int) -> None:
        name = f"scope{thread}"
        number = 0
        while not self._stop.is_set():
            with self._sdk.scoped_context(make_context(name, number)) as context:
                for _ in range(number % 20 + 1):
                    self._sdk.track(make_event(name, number))
                    number += 1
                    self._tracked[name] = number
                if not isinstance(context, TextContext):
                    context.set_user(user_id=str(number))

    def _disturb(self, end: float) -> None:
        sdk, chance = self._sdk, self._chance
        for number in itertools.count(1):
            if time.monotonic() > end:
                return
            action = chance.randrange(5)
            if action == 0:
                sdk.context = make_context("shared", number)
            elif action == 1 and not isinstance(context := sdk.context, TextContext):
                for user in range(50):
                    context.set_user(user_id=str(user), is_trial=bool(user % 2))
            elif action == 2:
                sdk.flush(chance.choice([0, 0.01, 0.2]))
            elif action == 3 and number % 4 == 0:
                name = f"dropped{number}"
                other = self._make_sdk(make_context(name, 0))
                for count in range(chance.randrange(100)):
                    other.track(make_event(name, count))
                del other  # whose finalizer delivers
            else:
                stats = sdk.stats()
                total = stats.delivered + stats.dropped_after_acceptance + stats.pending_events
                assert stats.accepted == total, stats

    def _audit(self) -> list[str]:
        stats, receiver = self._sdk.stats(), self._receiver
        problems = [f"{text}: {count} times" for text, count in receiver.problems.items()]
        tracked = sum(self._tracked.values())
        refused = sum(stats.dropped.values()) - stats.dropped_after_acceptance
        if tracked != stats.accepted + refused:
            problems.append(f"{tracked} were tracked: {stats}")
        seen = {name: sum(receiver.seen[name]) for name in self._tracked}
        if sum(seen.values()) != stats.delivered:
            problems.append(f"{seen} came in: {stats}")
        if stats.accepted != stats.delivered + stats.dropped_after_acceptance:
            problems.append(f"the books do not balance: {stats}")
        problems += [
            f"an event of {name} came that nobody has tracked"
            for name, count in self._tracked.items()
            if len(receiver.seen[name]) > count
        ]
        return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.stress")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--threads", type=int, default=8)
    arguments = parser.parse_args()
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"seed {arguments.seed}, {paltabrain_fast.engine} engine, {'a' if has_gil else 'no'} GIL")
    chance, totals = random.Random(arguments.seed), Counter[str]()
    end = time.monotonic() + arguments.minutes * 60
    problems: list[str] = []
    rounds = 0
    while not problems and (left := end - time.monotonic()) > 0:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        this = Round(arguments.threads, chance.randrange(2**32))
        problems = this.run(min(left, ROUND_SECONDS))
        totals += this.totals()
        rounds += 1
        del this
        gc.collect()
        print(f"round {rounds}: {dict(totals)}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    for problem in problems:
        print(problem)
    print(f"seed {arguments.seed}: {'FAILED' if problems else 'all is well'}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
