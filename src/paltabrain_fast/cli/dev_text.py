"""What ``paltabrain-fast dev`` prints: what to put where, what is refused or lost, and counts."""

from __future__ import annotations

import queue
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
from ..schema.model import Schema
from .output import printable

_WAITING: Final = 10_000
"""Notices that wait to be printed, at most, where nobody reads what is printed."""


class NoticePrinter:
    """Prints what is refused, and what SDKs have lost, in a thread of its own.

    So a terminal that takes no text does not stop the collector. Equal lines that wait together
    become one, with their number.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: queue.Queue[Notice | None] = queue.Queue(_WAITING)
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
        try:
            self._waiting.put_nowait(None)
        except queue.Full:  # nobody reads
            return
        self._thread.join(0.5)

    def print_soon(self, notice: Notice) -> None:
        """Have a notice printed; never waits."""
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            return  # it is in the file, and counted

    def _print_all(self) -> None:
        is_over = False
        while not is_over:
            lines: Counter[Notice] = Counter()
            notice: Notice | None = self._waiting.get()
            while True:
                if notice is None:
                    is_over = True
                    break
                lines[notice] += 1
                try:
                    notice = self._waiting.get_nowait()
                except queue.Empty:
                    break
            for (about, reason), count in lines.items():
                times = f" ({count} times)" if count > 1 else ""
                self._console.print(
                    Text.assemble(
                        (f"✗ {printable(about)}", "bold red"), f": {printable(reason)}{times}"
                    )
                )


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
        f"Collecting {len(schema.events)} types of events into {db}, with {key}.\n",
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
