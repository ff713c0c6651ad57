"""The transcripts of docs/commands.md, run again: each line of output is as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs
from ..support.sdk import ROOT

pytestmark = needs("duckdb", "starlette", "uvicorn")

DEADLINE = 110
PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
KEY = "1237c694a824422a88e2a3c5a90510e3"
PORT = "8443"
"""The port of the page; the collector of the tests has another one."""

_END = "\x1e"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page speaks of: a schema, a module of it, one that is older, and programs."""
    directory = tmp_path_factory.mktemp("project")
    schema = load_schema(EXAMPLE)
    (directory / "schema.yaml").write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    generate(schema, directory / "my_config")
    older = tuple(event for event in schema.events if event.name != "PageOpen")
    old = Schema(schema.context, schema.header, schema.enums, older)
    generate(old, directory / "old_config")
    for name, text in FILES:
        (directory / name).write_text(f"# {name}\n{text}", "utf-8")
    return directory


@pytest.fixture(scope="module")
def collector(project: Path) -> Iterator[tuple[str, Path]]:
    """The port of a server with the schema's module, and the file of its authority."""
    from paltabrain_fast.collector.server import running

    with running(load_schema(EXAMPLE), project / "server.duckdb", api_key=KEY) as collector:
        yield str(collector.https_port), collector.ca_file


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block, and its lines of output."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def matches(expected: list[str], output: list[str]) -> bool:
    """Compare lines; ``…`` is any text in a line, and any lines where it stands alone."""
    parts = [
        r"(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in expected
    ]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in output)) is not None


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0][2:62] for block in BLOCKS])
def test_transcript(block: str, project: Path, collector: tuple[str, Path]) -> None:
    port, ca_file = collector
    asked = commands(block)
    script = "".join(f"{command}\ncode=$?; printf '{_END}'; (exit $code)\n" for command, _ in asked)
    plain = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    done = subprocess.run(
        ["sh", "-c", script.replace(PORT, port)],
        cwd=project,
        env={
            **plain,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PALTABRAIN_SDK_API_KEY": KEY,
            "REQUESTS_CA_BUNDLE": str(ca_file),
            "PYTHONIOENCODING": "utf-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )
    *outputs, _ = done.stdout.replace(port, PORT).split(_END)
    for (command, expected), output in zip(asked, outputs, strict=True):
        assert matches(expected, output.splitlines()), f"$ {command}\n{output}"


def test_page_has_transcripts_of_each_command() -> None:
    text = "".join(BLOCKS)
    for command in ("doctor", "run", "check", "generate"):
        assert f"$ paltabrain-fast {command} " in text
    assert {name for name, _ in FILES} == {"app.py", "service.py"}
