"""``paltabrain-fast check`` says nothing of names that may stand for something else, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs

pytestmark = needs("duckdb")

OTHERWISE = [
    "for held in others(): pass",
    "held, other = others()",
    "other = held = others()",
    "held: object",
    "held += others()",
    "if (held := others()): pass",
    "with others() as held: pass",
    "with others() as (held, other): pass",
    "print([held for held in others()])",
    "try: pass\n    except OSError as held: pass",
    "match others():\n        case held: pass",
    "match others():\n        case [_, *held]: pass",
    "match others():\n        case {'a': _, **held}: pass",
    "import held",
    "from others import one as held",
    "def held(): pass",
    "async def held(): pass",
    "class held: pass",
    "print(lambda held: held)",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    generate(load_schema(EXAMPLE), tmp_path / "my_config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(project: Path, source: str) -> list[str]:
    """Return the findings in a source, as line and text."""
    from paltabrain_fast.cli.main import app

    (project / "app.py").write_text(source)
    result = CliRunner().invoke(
        app, ["check", "my_config", "--source", "app.py", "--ignore-unused", "*"]
    )
    assert isinstance(result.exception, SystemExit | None), result.exception
    return [line.removeprefix("app.py:") for line in result.stdout.splitlines()]


@pytest.mark.parametrize("otherwise", ["pass", *OTHERWISE])
@pytest.mark.parametrize(
    ("value", "call", "finding"),
    [
        ("EventPageOpen()", "set_aside()", "EventPageOpen has no set_aside()"),
        ("sdk.context", "set_user()", "the context of the whole process is changed"),
    ],
    ids=["event", "context"],
)
def test_name_that_is_bound_again(
    value: str, call: str, finding: str, otherwise: str, project: Path
) -> None:
    """A finding is for names that hold one thing alone, wherever in the file they are bound."""
    source = (
        f"from my_config import EventPageOpen\nheld = {value}\ndef post():\n    {otherwise}\n"
        f"def get():\n    held.{call}\n"
    )
    (*findings,) = found(project, source)
    if otherwise == "pass":
        assert [finding in each for each in findings] == [True]
    else:
        assert findings == []


@pytest.mark.parametrize(
    ("maker", "lines"),
    [
        ("sdk = PaltabrainSdk(context=Context())", []),
        ("sdk = paltabrain_fast.PaltabrainSdk[Context](context=Context())", []),
        ("sdk = existing()", [4, 7]),
        ("def sdk(): PaltabrainSdk()", [4, 7]),
    ],
)
def test_context_may_be_changed_where_the_sdk_is_made(
    maker: str, lines: list[int], project: Path
) -> None:
    """No request has begun there; in a function within that one, it may have."""
    source = f"""\
def create():
    print("begin")
    {maker}
    sdk.context.set_application(app_id="shop")

    def get(request):
        sdk.context.set_user(user_id="u")

    return get
"""
    findings = found(project, source)
    assert [int(each.split(":")[0]) for each in findings] == (lines or [7])
