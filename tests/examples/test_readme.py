"""The table of the examples: it has all of them, with the commands that their docstrings show."""

from __future__ import annotations

import re
import shlex

from ..support.examples import EXAMPLES, commands

OF_THE_DEMO = {"demo.py", "service.py"}


def test_table_has_all_examples_and_their_commands() -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| \[[^]]+\]\(([^)]+)\) \| `([^`]+)` \|", text, re.MULTILINE)
    files = {path.name for path in EXAMPLES.glob("*.py")} - OF_THE_DEMO
    assert {name for name, _ in rows} == files | {"django_shop/__init__.py"}
    for name, command in rows:
        (_, *arguments), *_ = commands(EXAMPLES / name)
        assert shlex.split(command)[1:] == arguments, name
