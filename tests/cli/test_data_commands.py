"""What docs/data-commands.md shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from paltabrain_fast.collector.server import running

from ..support.sdk import ROOT
from .commands import run
from .stored import SCHEMA, refused_batch, store

PAGE = ROOT / "docs" / "data-commands.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ paltabrain-fast (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)

PAGES_SCHEMA = """
context:
  User:
    id: 1
    properties:
      user_id: {id: 1, type: string}
event:
  PageOpen:
    id: 1
    description: A page was opened.
    properties:
      page_id: {id: 1, type: string}
      tags: {id: 2, type: string, is_repeated: true}
      price: {id: 3, type: decimal, decimal: {precision: 18, scale: 2}}
"""

STEPS = [step for block in _BLOCK.findall(PAGE.read_text("utf-8")) for step in _STEP.findall(block)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a collector with the events that the document shows."""
    file = tmp_path_factory.mktemp("documented") / "events.duckdb"
    store(file, refused_batch())
    with running(SCHEMA, file) as collector:
        yield collector.http_url


def normalized(text: str, url: str) -> str:
    """Return a text without what differs from run to run: when events arrived, and the port."""
    text = re.sub(r'("received_ts": ")[^"]*', r"\1", text.replace(url, "http://localhost:8080"))
    return re.sub(r"^[\d:.]{12}(?= ✗)", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("line", "shown"), STEPS, ids=[line[:40] for line, _ in STEPS])
def test_the_document_shows_what_a_command_prints(
    line: str, shown: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pages.yaml").write_text(PAGES_SCHEMA)
    arguments = shlex.split(line)
    if arguments[0] == "tail" and "--no-follow" not in arguments:
        arguments.append("--no-follow")
    if not {"--url", "--db", "--schema"} & set(arguments):
        arguments += ["--url", url]
    done = run(*arguments)
    assert normalized(done.stdout + done.stderr, url) == normalized(shown, url)


def test_every_command_and_each_of_its_options_is_documented() -> None:
    text = PAGE.read_text("utf-8")
    for command in ("tail", "sql", "export", "ddl", "reset"):
        options = set(re.findall(r" (--[a-z]+(?:-[a-z]+)*)", run(command, "--help").stdout))
        assert len(options) > 2
        assert not {each for each in options - {"--help", "--follow"} if each not in text}
