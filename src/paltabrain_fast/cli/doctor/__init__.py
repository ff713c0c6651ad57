"""``paltabrain-fast doctor``: finds out why events do not arrive; needs no extra."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from ...constant import API_KEY_VARIABLE, HOSTNAME_VARIABLE
from ...encoding.display import counted
from ..parser import OneLineParser, parse_known_options
from .config_module import module_findings
from .findings import Finding, State
from .network import Network
from .process import process_findings

__all__ = ["OPTIONS", "main"]

OPTIONS: Final = ("--hostname", "--api-key", "--module", "--json", "--help")

_SIGNS: Final = {State.WELL: "✓", State.FAULT: "✗", State.NOTE: "·", State.SKIPPED: "–"}
_PLAIN_SIGNS: Final = {State.WELL: "+", State.FAULT: "x", State.NOTE: ".", State.SKIPPED: "-"}
"""For terminals that do not have the others."""

_DETAILS: Final = 20
"""How many details are shown of a finding; JSON has all."""


def main(argv: list[str] | None = None) -> int:
    """Look at everything that keeps events from arriving, and print what was found.

    Args:
        argv: the command-line arguments, ``sys.argv[1:]`` if not given.

    Returns:
        The exit code: 0 if there is no fault, else 1.

    Raises:
        SystemExit: with code 2 after a usage error, 0 after ``--help``.
    """
    arguments = parse_known_options(_parser(), argv, surplus="an argument too many")
    try:
        code = _report(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("paltabrain-fast doctor: interrupted", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or else the exit fails
        return 1
    return code


def _report(arguments: argparse.Namespace) -> int:
    findings = []
    for _, group in groupby(_findings(arguments), key=_line):
        several = list(group)
        findings += several
        if not arguments.json:
            _print(", ".join(finding.name for finding in several), several[0])
    faults = sum(finding.state is State.FAULT for finding in findings)
    if arguments.json:
        print(json.dumps(_as_json(findings), indent=2, ensure_ascii=False))
    else:
        print(f"\n{_summary(findings, faults)}")
    return 1 if faults else 0


def _summary(findings: list[Finding], faults: int) -> str:
    if faults:
        return f"{counted(faults, 'fault')} found."
    left_out = ", ".join(each.name for each in findings if each.state is State.SKIPPED)
    return f"No fault found; not checked: {left_out}." if left_out else "No fault found."


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="paltabrain-fast doctor",
        description="Find out why events do not arrive: looks at the way to the server, the API"
        " key, the config module, the engine, and how processes end. Nothing is tracked or sent.",
        epilog="Exit codes: 0 no fault, 1 faults found, 2 wrong usage.",
    )
    parser.add_argument(
        "--hostname",
        help=f"'host' or 'host:port' of the API (default: ${HOSTNAME_VARIABLE})",
    )
    parser.add_argument(
        "--api-key",
        help=f"API key (default: ${API_KEY_VARIABLE}, which other users cannot see)",
    )
    parser.add_argument(
        "--module", metavar="NAME", help="config module to import, by the name that you import"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    yield from process_findings()
    hostname, hostname_from = _given("--hostname", arguments.hostname, HOSTNAME_VARIABLE)
    key, key_from = _given("--api-key", arguments.api_key, API_KEY_VARIABLE)
    network = Network(hostname, hostname_from, key, key_from)
    yield from network.findings()
    yield from module_findings(arguments.module, network.module, key or "")


def _given(option: str, value: str | None, variable: str) -> tuple[str | None, str]:
    """Return a value, and what has given it."""
    if value is not None:
        return value, option
    return os.environ.get(variable) or None, variable


def _line(finding: Finding) -> object:
    """Return what findings have in common that are shown in one line."""
    return finding if finding.state is not State.SKIPPED else (finding.text, finding.remedy)


def _print(name: str, finding: Finding) -> None:
    signs = _SIGNS if _can_write("".join(_SIGNS.values())) else _PLAIN_SIGNS
    print(_printable(f"{signs[finding.state]} {name}: {finding.text}"))
    if finding.state is not State.WELL:
        for detail in finding.details[:_DETAILS]:
            print(_printable(f"    {detail}"))
        if len(finding.details) > _DETAILS:
            print(f"    and {len(finding.details) - _DETAILS} more; --json has all")
    if finding.remedy:
        print(_printable(f"  → {finding.remedy}" if _can_write("→") else f"  {finding.remedy}"))
    sys.stdout.flush()


def _printable(line: str) -> str:
    return line if _can_write(line) else line.encode("ascii", "backslashreplace").decode()


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return False
    return True


def _as_json(findings: list[Finding]) -> dict[str, object]:
    return {
        "ok": not any(finding.state is State.FAULT for finding in findings),
        "findings": [
            {
                "name": finding.name,
                "state": finding.state.value,
                "text": finding.text,
                "remedy": finding.remedy,
                "details": list(finding.details),
            }
            for finding in findings
        ],
    }
