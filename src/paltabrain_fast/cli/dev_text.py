"""What ``paltabrain-fast dev`` prints: what to put where, what is refused or lost, and counts."""

from __future__ import annotations

import shlex
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.text import Text

from ..collector.listening import is_unspecified
from ..collector.notices import Notice
from ..collector.server import Collector
from ..collector.tally import Tally
from ..constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE
from ..encoding.display import counted
from ..schema.model import Schema
from .output import printable

MOST_LINES: Final = 20
"""Lines that are printed at a time, at most."""

_DIFFERENT: Final = 1_000
"""Different notices that wait to be printed, at most; of more, the number is kept."""

_PAUSE_SECONDS: Final = 1.0
"""Seconds between two times: what comes meanwhile is gathered."""


class NoticePrinter:
    """Prints what is refused, and what SDKs have lost, in a thread of its own.

    So a terminal that takes no text does not stop the collector. Equal notices that wait together
    become one line, with their number; of too many different ones, the most frequent are printed.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: Counter[Notice] = Counter()
        self._others = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._print_all, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join(0.5)  # nobody may read

    def print_soon(self, notice: Notice) -> None:
        """Have a notice printed; never waits for the terminal."""
        with self._changed:
            if notice in self._waiting or len(self._waiting) < _DIFFERENT:
                self._waiting[notice] += 1
            else:
                self._others += 1
            self._changed.notify()

    def _print_all(self) -> None:
        is_over = False
        while not is_over:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                is_over = self._is_over
                waiting, self._waiting = self._waiting, Counter()
                others, self._others = self._others, 0
            self._print(waiting, others)
            with self._changed:
                self._changed.wait_for(lambda: self._is_over, _PAUSE_SECONDS)

    def _print(self, notices: Counter[Notice], others: int) -> None:
        is_many = len(notices) > MOST_LINES
        lines = notices.most_common(MOST_LINES) if is_many else list(notices.items())
        for (about, reason), count in lines:
            times = f" ({count:,} times)" if count > 1 else ""
            self._console.print(
                Text.assemble(
                    (f"✗ {printable(about)}", "bold red"), f": {printable(reason)}{times}"
                )
            )
        more = notices.total() - sum(count for _, count in lines) + others
        if more:
            text = f"✗ and {more:,} more; the page shows what was refused"
            self._console.print(Text(text, style="bold red"))


def introduction(
    collector: Collector, schema: Schema, db: Path, hosts: Sequence[str], *, key_source: str | None
) -> Text:
    """Return the text that says what is served, where, and what to put where to use it.

    Args:
        collector: what runs.
        schema: that of the events.
        db: the file.
        hosts: names and addresses by which others reach it.
        key_source: the option or variable that gave the API key; ``None`` if any key will do.
    """
    key = "any API key" if key_source is None else f"the API key of {key_source} only"
    value = "any" if key_source is None else "YOUR-KEY"
    bundle = shlex.quote(str(collector.bundle_file.absolute()))
    reached = "".join(
        f"      {host}:{collector.https_port}  (from other machines and containers)\n"
        for host in hosts
        if not is_unspecified(host)
    )
    return Text.assemble(
        f"Collecting {counted(len(schema.events), 'type')} of events into {db}, with {key}.\n",
        ("Page  ", "bold"),
        f"{collector.http_url}/\n",
        ("HTTP  ", "bold"),
        f"{collector.http_url}\n",
        ("HTTPS ", "bold"),
        f"{collector.hostname}  (with the certificate below)\n",
        reached,
        "\nTo send events here, in code:\n",
        (f'PaltabrainSdk(hostname="{collector.http_url}", api_key="{value}", …)\n', "green"),
        "or, if the code gives neither, in the environment of the application:\n",
        (f"export {HOSTNAME_VARIABLE}={collector.http_url} {API_KEY_VARIABLE}={value}\n", "green"),
        "With HTTPS, also trust its certificate, beside the usual ones:\n",
        (f"export REQUESTS_CA_BUNDLE={bundle}\n", "green"),
        "\nCtrl-C stops.",
    )


def progress(tally: Tally) -> Text:
    """Return the counts in one line."""
    return Text.assemble(
        "events: ",
        (f"{tally.events:,}", "bold green"),
        f", batches: {tally.batches:,}, repeated: {tally.repeats:,}, rejected: ",
        (f"{tally.invalid:,}", "bold red" if tally.invalid else ""),
        f" (for the API key: {tally.unauthorized:,})" if tally.unauthorized else "",
        (
            (f", dropped by SDKs: {tally.dropped_by_sdks:,}", "bold red")
            if tally.dropped_by_sdks
            else ""
        ),
    )
