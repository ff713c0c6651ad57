"""``python -m tests.soak``: soaks a worker in the faults of a server, and audits both."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from paltabrain_fast.delivery.ledger import Stats

from ..support.answers import Answer, Fault
from ..support.api_process import ApiProcess
from ..support.audit import differences, repeated, unknown
from ..support.event_log import LoggedBatch
from ..support.programs import TOLD
from ..support.sdk import ROOT

FAULTS: Final = [
    Answer(503, {"Retry-After": "0"}),
    Answer(500),
    Answer(429, {"Retry-After": "1"}),
    Answer(413),
    Answer(400),
    Answer(fault=Fault.RESET),
    Answer(fault=Fault.RESET, commit=True),
    Answer(fault=Fault.CLOSE),
    Answer(fault=Fault.SILENCE),
    Answer(fault=Fault.SILENCE, commit=True),
    Answer(fault=Fault.HALF_HEAD, commit=True),
    Answer(fault=Fault.HALF_BODY, body=b"abcd"),
    Answer(fault=Fault.DRIP, body=b"abcd"),
    Answer(fault=Fault.CLOSE_AFTER),
]
LINE_SECONDS: Final = 5.0
WARM_UP_ROUNDS: Final = 3
MAX_GROWTH: Final = 48 << 20
"""Bytes that the worker at rest may have beyond the most of its first rounds."""
MAX_DESCRIPTOR_GROWTH: Final = 10
WORKER_DEADLINE: Final = 180.0
_EVENT: Final = re.compile(r"(r\d+(?:c\d+)?s\d+):(\d+):(\d+)")


class Soak:
    """Follows the worker, changes the faults, and compares the books when all is at rest."""

    def __init__(self, api: ApiProcess, worker: subprocess.Popen[str], seed: int) -> None:
        self._api = api
        self._worker = worker
        self._seed = seed
        self._chance = random.Random(seed)
        self._started = time.monotonic()
        self._said = self._started
        self._rounds = 0
        self._resting: list[tuple[int, int]] = []
        self._in_doubt: list[set[str]] = []  # batches of the last rounds that may come in yet
        self._unfinished: list[set[str]] = []  # children that left no books
        self._faults = 0

    def run(self) -> list[str]:
        """Return what was wrong; nothing, if all was well."""
        assert self._worker.stdout is not None
        for line in self._worker.stdout:
            told = json.loads(line)
            problems: list[str] = []
            if told["say"] == "progress":
                self._change_faults()
                self._print(told["totals"])
            elif told["say"] == "drain":
                self._api.answer(Answer())
                self._api.reset_before_body(0, 0)
                self._go_on()
            elif told["say"] == "rest":
                problems = self._audit(told) + self._measure()
                self._go_on()
            if problems:
                return problems
        code = self._worker.wait(WORKER_DEADLINE)
        return [] if code == 0 else [f"the worker ended with {code}"]

    def _go_on(self) -> None:
        assert self._worker.stdin is not None
        print(file=self._worker.stdin, flush=True)

    def _change_faults(self) -> None:
        chance = self._chance
        if chance.random() < 0.4:
            chosen = chance.sample(FAULTS, chance.randint(1, 5))
            shares = [(chance.random(), answer) for answer in chosen]
            shares.append((chance.choice([0, 0.5, 2, 5]), Answer()))
            self._api.answer_at_random(shares, chance.randrange(2**32))
            self._api.reset_before_body(chance.choice([0, 0, 0.2]), chance.randrange(2**32))
            self._faults += 1

    def _audit(self, told: dict[str, Any]) -> list[str]:
        self._rounds += 1
        received = self._api.report(forget=True).log.batches
        outcomes, problems = told["outcomes"], []
        tracked: dict[str, list[int]] = {}
        answers: dict[str, list[int | None]] = {}
        for books in told["books"]:
            own = books["answers"]
            found = {key: received[key] for key in own if key in received}
            problems += [
                f"{books['name']}: {difference}"
                for difference in differences(Stats(**books["stats"]), own, outcomes, found)
            ]
            answers |= own
            tracked[books["name"]] = books["tracked"]
        in_doubt = {key for key, got in answers.items() if None in got or not got}
        self._in_doubt = [*self._in_doubt[-2:], in_doubt]
        self._unfinished = [*self._unfinished[-2:], set(told["unfinished"])]
        late: set[str] = set().union(*self._in_doubt)
        strange = [key for key in unknown(received, answers) if key not in late]
        problems += [
            f"nobody has sent batch {key}: {received[key].events[:3]}"
            for key in strange
            if not self._is_of_unfinished(received[key])
        ]
        # The halves of a batch whose answer was lost bring its events again, under ids of their
        # own. What a child has split that leaves no books is not known.
        whole = {
            key: batch
            for key, batch in received.items()
            if outcomes.get(key) != ["SPLIT"] and not self._is_of_unfinished(batch)
        }
        problems += [f"more than one batch has brought {event!r}" for event in repeated(whole)]
        for event in {event for batch in received.values() for event in batch.events}:
            found_event = _EVENT.search(event)
            name, thread, number = found_event.groups() if found_event else ("", "0", "0")
            if name in tracked and int(number) >= tracked[name][int(thread)]:
                problems.append(f"nobody has tracked {event!r}")
        return problems[:20]

    def _is_of_unfinished(self, batch: LoggedBatch) -> bool:
        found = _EVENT.search(batch.events[0])
        name = found[1].rpartition("s")[0] if found else ""
        return any(name in names for names in self._unfinished)

    def _measure(self) -> list[str]:
        """Compare the memory and descriptors at rest with those of the first rounds."""
        process = Path(f"/proc/{self._worker.pid}")
        self._resting.append((self._resident_bytes(), len(list((process / "fd").iterdir()))))
        bytes_, descriptors = self._resting[-1]
        first = self._resting[:WARM_UP_ROUNDS]
        problems = []
        if bytes_ > (most := max(b for b, _ in first)) + MAX_GROWTH:
            problems.append(f"{bytes_ >> 20} MiB at rest, after {most >> 20} in the first rounds")
        if descriptors > (most := max(d for _, d in first)) + MAX_DESCRIPTOR_GROWTH:
            problems.append(f"{descriptors} descriptors at rest, {most} in the first rounds")
        return problems

    def _resident_bytes(self) -> int:
        pages = Path(f"/proc/{self._worker.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _print(self, totals: dict[str, int]) -> None:
        now = time.monotonic()
        if now < self._said + LINE_SECONDS:
            return
        self._said = now
        known = Counter(totals)
        parts = [f"{now - self._started:.0f} s, seed {self._seed}, round {self._rounds + 1}:"]
        parts += [f"{count} {name}," for name, count in known.items()]
        parts.append(f"{self._faults} changes of faults, {self._resident_bytes() >> 20} MiB")
        print(" ".join(parts), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--transport", choices=["default", "curl"], default="default")
    parser.add_argument("--engine", choices=["native", "python"], default="native")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory, ApiProcess(Path(directory)) as api:
        environment = os.environ | {
            "REQUESTS_CA_BUNDLE": str(api.ca_file),
            "PALTABRAIN_SDK_ENGINE": arguments.engine,
        }
        with open(Path(directory) / "stderr", "w+") as errors:
            worker = subprocess.Popen(
                [
                    *(sys.executable, "-W", "ignore::DeprecationWarning"),  # forks with threads
                    *("-m", "tests.soak.worker", api.hostname, str(arguments.seed)),
                    *(str(arguments.minutes * 60), arguments.transport, directory),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=environment,
            )
            try:
                problems = Soak(api, worker, arguments.seed).run()
            finally:
                worker.kill()
                worker.wait()
            errors.seek(0)
            # the server refuses and fails on purpose, of which the SDK tells
            if said := "".join(line for line in errors if not line.startswith(TOLD)):
                problems.append(f"on the standard error:\n{said[-8000:]}")
    for problem in problems:
        print(problem)
    print(f"seed {arguments.seed}: {'FAILED' if problems else 'all is well'}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
