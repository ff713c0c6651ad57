"""The process under test: rounds of SDKs, threads, forks and ends at random.

``python -m tests.soak.worker HOSTNAME SEED SECONDS TRANSPORT DIRECTORY`` prints lines of JSON:
``progress``, ``drain`` (the server is to be well), ``rest`` (the books of a round), ``done``. After
``drain`` and ``rest`` it waits for a line. A check that fails is a traceback.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

_endings: list[Any] = []
# before that of the SDK is registered, so that it is called after it
atexit.register(lambda: [end() for end in _endings])

from ..support.audit import OutcomeHandler  # noqa: E402
from .child import ENDS, Child, Will, live  # noqa: E402
from .subject import DEADLINE, Subject, random_options  # noqa: E402


class Worker:
    """Runs the rounds."""

    def __init__(self, hostname: str, seed: int, transport: str, directory: Path) -> None:
        self._hostname = hostname
        self._transport = transport
        self._directory = directory
        self._chance = random.Random(seed)
        self._outcomes = OutcomeHandler()
        self._will = Will()
        _endings.append(self._will.write)
        self._totals: Counter[str] = Counter()
        self._said = 0.0
        self._round = 0

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._run_round(end)
        self._say("done")

    def _run_round(self, end: float) -> None:
        chance = self._chance
        self._round += 1
        subjects = [
            Subject(f"r{self._round}s{number}", self._hostname, self._transport, chance)
            for number in range(chance.randint(1, 4))
        ]
        assert subjects[0].sdk is not None
        logger = subjects[0].sdk.logger
        logger.setLevel("INFO")
        logger.addHandler(self._outcomes)
        children: list[Child] = []
        helpers: list[threading.Thread] = []
        for subject in subjects:
            subject.start(chance.randint(1, 4), chance)
        until = min(end, time.monotonic() + chance.uniform(2, 12))
        while time.monotonic() < until and any(subject.is_tracking for subject in subjects):
            self._act(subjects, children, helpers)
            self._progress(subjects)
            chance.choice(subjects).await_bursts(chance.randint(0, 8))
        for subject in subjects:
            subject.stop()
        self._ask("drain")
        deadline = time.monotonic() + DEADLINE
        for child in children:
            child.reap(deadline)
        for helper in helpers:
            helper.join(DEADLINE)
            assert not helper.is_alive(), "flush() or shutdown() hangs"
        for subject in subjects:
            if subject.sdk is not None and not subject.sdk.is_shutdown:
                assert subject.sdk.flush(DEADLINE), f"{subject.name}: {subject.sdk.stats()}"
                assert subject.sdk.shutdown(DEADLINE)
            gc.collect()
            subject.end()
        logger.removeHandler(self._outcomes)
        self._rest(subjects, children)

    def _act(
        self, subjects: list[Subject], children: list[Child], helpers: list[threading.Thread]
    ) -> None:
        chance = self._chance
        subject = chance.choice(subjects)
        sdk = subject.sdk
        action = chance.choices(
            ["fork", "flush", "options", "context", "shutdown", "drop"], [6, 6, 4, 4, 1, 1]
        )[0]
        if action == "fork" and len(children) < 30:
            self._fork(subjects, children)
        elif sdk is None:
            return
        elif action == "flush":
            timeout = chance.choice([None, 0, chance.uniform(0, 2)])
            helpers.append(threading.Thread(target=sdk.flush, args=(timeout,)))
            helpers[-1].start()
        elif action == "options":
            for name in "flush_buffer_size", "flush_interval_ms", "flush_max_retries":
                setattr(sdk, name, random_options(chance)[name])
        elif action == "context":
            sdk.context.set_user(user_id=str(chance.randrange(10)))
        elif action == "shutdown":
            self._totals["shutdowns"] += 1
            helpers.append(threading.Thread(target=sdk.shutdown, args=(chance.uniform(0, 2),)))
            helpers[-1].start()
        elif action == "drop":
            self._totals["dropped references"] += 1
            subject.drop()

    def _fork(self, subjects: list[Subject], children: list[Child]) -> None:
        chance = self._chance
        self._totals["forks"] += 1
        name, end = f"r{self._round}c{len(children)}", chance.choice(ENDS)
        own = random.Random(chance.randrange(2**32))
        process = os.fork()
        if process == 0:
            try:
                inherited = [subject for subject in subjects if subject.sdk is not None]
                live(name, end, inherited, self._will, self._outcomes, self._directory, own)
            except Exception:
                traceback.print_exc()
                os._exit(1)
        children.append(Child(name, end, process, self._directory))

    def _rest(self, subjects: list[Subject], children: list[Child]) -> None:
        """Hand over the books of a round, when nothing of it is left."""
        for subject in subjects:
            stats = subject.check()
            tracked, refused = sum(subject.tracked), sum(stats.dropped.values())
            refused -= stats.dropped_after_acceptance
            assert tracked == stats.accepted + refused, (
                f"{subject.name} has tracked {tracked}: {stats}"
            )
            self._count(self._totals, subject)
        books: dict[str, Any] = {
            "books": [subject.books() for subject in subjects],
            "outcomes": self._outcomes.outcomes,
        }
        unfinished = [child.name for child in children if not child.path.exists()]
        for child in children:
            if child.path.exists():
                told = json.loads(child.path.read_text())
                books["books"] += told["books"]
                books["outcomes"] |= told["outcomes"]
                child.path.unlink()
        self._outcomes.outcomes = {}
        subjects.clear()
        gc.collect()
        left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
        # which ends when it has told of what was tracked after a shutdown
        left = [name for name in left if name != "paltabrain-teller"]
        assert not left, f"threads are left: {left}"
        self._ask("rest", **books, unfinished=unfinished)

    def _count(self, totals: Counter[str], subject: Subject) -> None:
        stats = subject.stats()
        totals["accepted"] += stats.accepted
        totals["delivered"] += stats.delivered
        totals["in flight"] += stats.batches_in_flight
        totals.update(stats.dropped)

    def _progress(self, subjects: list[Subject]) -> None:
        """Check all books at a moment of full work, and say how things stand."""
        totals = self._totals.copy()
        for subject in subjects:
            subject.check()
            self._count(totals, subject)
        if time.monotonic() > self._said + 0.5:
            self._said = time.monotonic()
            self._say("progress", totals=totals)

    def _say(self, what: str, **more: Any) -> None:
        print(json.dumps({"say": what} | more), flush=True)

    def _ask(self, what: str, **more: Any) -> None:
        self._say(what, **more)
        assert sys.stdin.readline(), "the watcher has gone"


def main() -> None:
    faulthandler.register(signal.SIGUSR1)
    hostname, seed, seconds, transport, directory = sys.argv[1:]
    try:
        Worker(hostname, int(seed), transport, Path(directory)).run(float(seconds))
    except Exception:
        traceback.print_exc()
        os._exit(1)  # without waiting for the threads that track


if __name__ == "__main__":
    main()
